"""Nothing that a user can type, point at or run out of ends in "Sorry, this should not have happened"."""

import os
import random
import subprocess
import sys

import pytest

from downslope.cli.app import command

VALUES = [
    "", " ", "-1", "0", "nan", "inf", "-inf", "1e400", "9" * 30, "1e-320", "0x10", "١٢", "½", "値", "a" * 5000, "-x",
    "--", "/", ".", "..", "/dev/null", "/dev/full", "/proc/self/mem", "/proc/nowhere/x", "nowhere/x.png", "folder",
    "file.csv", "empty.csv", "binary.csv", "dangling", "x.png", "1,2", "1..2", ",,", ":", "a=b", "=", "\x1b[2J",
    "\udcff", "{}", "$x_{", "%s%n", "true", "none", "all", "auto",
]  # fmt: skip

BASES = {
    "train": ["file.csv", "--target", "y", "--epochs", "1", "--network", "2", "--overwrite", "--store", "new"],
    "resume": ["run"],
    "predict": ["run", "file.csv"],
    "evaluate": ["run", "file.csv"],
    "compare": ["run", "run"],
    "sweep": ["file.csv", "--target", "y", "--epochs", "1", "--network", "2"],
    "spectrum": ["run", "--count", "1"],
    "data": [],
    "export": ["run"],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory, run_command):
    """A folder with files of every kind, and a run."""
    here = tmp_path_factory.mktemp("fuzz")
    (here / "file.csv").write_text("a,b,y\n" + "".join(f"{i},{i * i},{i % 3}.5\n" for i in range(20)))
    (here / "empty.csv").write_text("")
    (here / "binary.csv").write_bytes(bytes(range(256)))
    (here / "folder").mkdir()
    (here / "dangling").symlink_to("nowhere")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(here)
        base = BASES["train"]
        assert run_command(["train", *base[:-1], "run"]) == 0
    return here


def questions(count, seed):
    """Return commands with an option or an argument that is strange, the same for the same seed."""
    random_ = random.Random(seed)  # noqa: S311  (no secret)
    commands = command().commands
    for _ in range(count):
        verb = random_.choice(sorted(BASES))
        words, value = list(BASES[verb]), random_.choice(VALUES)
        options = [option for option in commands[verb].params if option.opts[0].startswith("--")]
        if options and (random_.random() < 0.7 or not words):
            option = random_.choice(options)
            words += [option.opts[0]] if getattr(option, "is_flag", False) else [option.opts[0], value]
        elif words:
            words[random_.randrange(len(words))] = value
        yield [verb, *words]


@pytest.mark.slow
def test_f11_nothing_that_can_be_typed_is_unexpected(folder, command_line, monkeypatch, tmp_path):
    monkeypatch.chdir(folder)
    unexpected = []
    for words in questions(120, seed=14):
        code, out, err = command_line(*words)
        if (
            "Sorry" in err
            or code not in (0, 1, 2, 75)
            or "\x1b" in out + err
            or (code == 2 and len(err.splitlines()) > 3)
        ):
            unexpected.append((words, code, err[-300:]))
    assert unexpected == []


FULL = """
import resource, sys
from downslope.cli import main
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
main(sys.argv[2:])
"""


@pytest.mark.slow
@pytest.mark.parametrize("limit", [0, 100, 3000])
@pytest.mark.parametrize(
    "words",
    [
        ("predict", "run", "file.csv", "--output", "out.csv"),
        ("export", "run", "--output", "out.safetensors"),
        ("compare", "run", "run", "--figure", "out.png"),
        ("train", "file.csv", "--target", "y", "--epochs", "1", "--network", "2", "--store", "other", "--overwrite"),
    ],
    ids=" ".join,
)
def test_f11_a_full_disk_is_one_sentence(folder, tmp_path, words, limit):
    environment = os.environ | {"JAX_COMPILATION_CACHE_DIR": str(tmp_path), "MPLCONFIGDIR": str(tmp_path)}
    process = [sys.executable, "-c", FULL, str(limit), *words]
    done = subprocess.run(
        process, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode in (0, 1, 2)
    assert "Sorry" not in done.stderr
    assert "Traceback" not in done.stderr
