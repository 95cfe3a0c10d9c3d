"""Terminals of any encoding, closed, full and unread streams, names that steer: no command loses its work by them."""

import io
import json
import os
import signal
import subprocess
import sys

import pytest

import downslope as ds
from downslope.cli import streams
from downslope.cli.output import print_json, print_rows
from downslope.core import DataError, Message, printable

TRAIN = ("train", "iris", "--epochs", "2", "--network", "2", "--store", "run")
ESCAPES = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202e\u2028"


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    """Run where files may be written."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(tmp_path):
    """A run whose classes and columns have names that no plain terminal knows, and that would steer one."""
    rows = [f"{a},{b},{('naïve κ', '<b>値</b>' + ESCAPES[:4])[a > b]}" for a in range(6) for b in range(6)]
    (tmp_path / "table.csv").write_text("\n".join([f"größe{ESCAPES[:4]},λ,label", *rows]), encoding="utf-8")
    data = ds.read("table.csv", target="label")
    ds.train(ds.mlp([2], outputs=2), data, epochs=1, validation=0.2, store="run", progress=False)
    return "run"


def command(*words, shell="", **environment):
    """Run a command in a process of its own, with redirections."""
    line = f'"$0" -m downslope "$@" {shell}'
    return subprocess.run(
        ["bash", "-c", line, sys.executable, *words],
        capture_output=True,
        env=os.environ | {"JAX_ENABLE_X64": "1"} | environment,  # as these tests are run
        timeout=300,
        check=False,
    )


def test_f11_characters_that_an_encoding_lacks_are_spelled():
    text = "κ = λ₁/λₙ → 3 ± 0.1 × η, |g|² ≤ ∞ ─ █ … naïve “値”"
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors=streams.HANDLER)
    streams.open_streams()
    stream.write(text)
    stream.flush()
    assert stream.buffer.getvalue().decode() == (
        'kappa = lambda1/lambdan -> 3 +- 0.1 x eta, |g|^2 <= inf - # ... naive "\\u5024"'
    )
    assert (
        text.encode("cp1252", streams.HANDLER).decode("cp1252").startswith("kappa = lambda1/lambdan -> 3 ± 0.1 × eta")
    )
    assert "\udcff".encode("utf-8", streams.HANDLER) == b"\\udcff"


@pytest.mark.slow
@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "cp1252"},
        {"PYTHONIOENCODING": "cp437:strict"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
    ids=str,
)
def test_f11_every_command_speaks_in_every_encoding(run, environment):
    for words in (
        ("evaluate", run, "table.csv"),
        ("spectrum", run),
        ("data",),
        ("--help",),
    ):
        done = command(*words, **environment)
        assert done.returncode == 0, done.stderr
        assert b"Sorry" not in done.stderr
    told = json.loads(command("evaluate", run, "table.csv", "--json", **environment).stdout)
    assert told
    done = command("predict", run, "table.csv", "--output", "out.csv", **environment)
    assert done.returncode == 0, done.stderr
    with open("out.csv", encoding="utf-8") as file:
        assert "naïve κ" in file.read()
    done = command("predict", run, "table.csv", **environment)
    assert (done.returncode, b"spelled in others" in done.stderr) == (0, True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shell", "code"),
    [
        (">&-", 0),
        ("2>&-", 0),
        (">&- 2>&-", 0),
        ("<&- >&- 2>&-", 0),
        ("> /dev/full", 1),
        ("2> /dev/full", 0),
        ("2>&1 | head -1; exit ${PIPESTATUS[0]}", 1),
        ("2> >(head -1)", 0),
    ],
)
def test_f11_closed_full_and_unread_streams_lose_no_work(shell, code):
    done = command(*TRAIN, shell=shell)
    assert b"Traceback" not in done.stdout + done.stderr
    assert b"Exception ignored" not in done.stdout + done.stderr
    assert done.returncode == code
    assert ds.open_run("run").epochs == 2
    if "/dev/full" in shell and code:
        assert done.stderr.endswith(b"Standard output cannot be written: No space left on device.\n")


@pytest.mark.slow
def test_f11_a_closed_stream_is_not_given_to_files():
    """Else a library that writes to standard error would write into the run."""
    script = (
        "import os, sys\nfrom downslope.cli.streams import open_streams\nopen_streams()\n"
        "file = open('kept', 'w')\nassert file.fileno() > 2\nos.write(2, b'noise')\nprint('said')\n"
    )
    done = subprocess.run(["bash", "-c", '"$0" -c "$1" <&- >&- 2>&-', sys.executable, script], check=False, timeout=60)
    assert done.returncode == 0
    with open("kept") as file:
        assert file.read() == ""


INTERRUPTED_TWICE = """
import importlib, os, signal, sys
entry = importlib.import_module("downslope.cli.main")
original = entry.run
def run(arguments):
    code = original(arguments)
    os.kill(os.getpid(), signal.SIGINT)
    return code
entry.run = run
sys.argv = ["downslope", "--version"]
import atexit
atexit.register(lambda: os.kill(os.getpid(), signal.SIGINT))
entry.main()
"""


@pytest.mark.skipif(os.name != "posix", reason="signals as on POSIX")
def test_f11_ctrl_c_at_the_very_end_of_a_command_is_no_traceback():
    done = subprocess.run([sys.executable, "-c", INTERRUPTED_TWICE], capture_output=True, timeout=100, check=False)
    assert (done.returncode, done.stderr) == (128 + signal.SIGINT, b"")


def test_f11_what_steers_a_terminal_is_escaped_where_it_is_shown():
    assert printable(ESCAPES) == r"\x1b[2J\x1b]0;owned\x07\x9b31m\u202e\u2028"
    assert printable("a\tb\nnaïve 値 👩‍💻 שלום") == "a\tb\nnaïve 値 👩‍💻 שלום"
    assert "\x1b" not in str(Message("The file", ESCAPES, "is not there."))
    assert "\x1b" not in str(DataError(f"There is no file {ESCAPES}."))


@pytest.mark.parametrize(
    "words", [(ESCAPES,), ("train", ESCAPES), ("train", "iris", f"--{ESCAPES}"), ("predict", ESCAPES, "x")]
)
def test_f11_what_a_user_typed_is_said_without_steering(cli, words):
    code, out, err = cli(*words)
    assert (code, out) == (2, "")
    assert err.strip().isprintable()
    assert "Sorry" not in err


def test_f11_names_in_json_are_exact_and_escaped(capsys):
    print_json({"label": ESCAPES + "naïve\udcff"})
    out = capsys.readouterr().out
    assert out.strip().isprintable()
    assert "naïve" in out
    assert json.loads(out) == {"label": ESCAPES + "naïve\udcff"}


def test_f11_rows_are_exact_in_a_pipe_and_escaped_on_a_terminal(capsys, monkeypatch):
    print_rows(f"prediction\n{ESCAPES}\n")
    assert capsys.readouterr().out == f"prediction\n{ESCAPES}\n"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    print_rows(f"prediction\n{ESCAPES}\n")
    assert capsys.readouterr().out == f"prediction\n{printable(ESCAPES)}\n"


@pytest.mark.slow
def test_f11_labels_of_a_run_do_not_steer(run, cli):
    for words in (
        ("evaluate", run, "table.csv"),
        ("spectrum", run),
        ("compare", run, run),
    ):
        _, out, err = cli(*words)
        assert "\x1b" not in out + err


@pytest.mark.parametrize(
    "network",
    [
        "dense1000000000000",
        *(pytest.param(n, marks=pytest.mark.slow) for n in ("10000000,10000000", "9" * 20, "conv9999999999-dense2")),
    ],
)
def test_f11_a_network_that_no_memory_holds_is_one_sentence_with_its_size(cli, network):
    code, out, err = cli("train", "digits", "--network", network, "--store", "run")
    assert (code, out) == (1, "")
    assert len(err.splitlines()) == 1
    assert "iB of memory, and this machine has" in err


def test_f11_python_is_told_so_too():
    with pytest.raises(ds.OutOfMemoryError, match=r"A weight of shape \(4, 1000000000000\) needs 29\.1 TiB") as caught:
        ds.train(ds.Sequential([ds.Dense(10**12), ds.Dense(1)]), ds.Dataset([[0.0] * 4], [0.0]))
    assert isinstance(caught.value, MemoryError)
