"""`downslope explore`: what it serves, what it says, and how it ends."""

import _thread
import io
import os
import re
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from urllib.request import urlopen

import pytest

import downslope as ds
from downslope.explorer import Serving, listening
from explorer_page import SocketPage

ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)/#[\w-]{43}")


class Text(io.StringIO):
    """What a command prints, and whether it has said that it serves."""

    def __init__(self):
        super().__init__()
        self.serves = threading.Event()

    def write(self, text):
        written = super().write(text)
        if "Ctrl-C ends it." in self.getvalue():
            self.serves.set()
        return written


@pytest.fixture
def ctrl_c():
    """Let Ctrl-C be heard, which a process in the background ignores."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def cli(run_command, monkeypatch, tmp_path, ctrl_c):
    """Run a command; return its exit code, what a visitor met, and stderr. The visitor ends it as Ctrl-C does."""
    monkeypatch.chdir(tmp_path)

    def explore(*words, browser=lambda url: True):
        opened, out, err, opens, ended = [], Text(), Text(), threading.Event(), threading.Event()

        def open_browser(url):
            opens.set()
            opened.append(url)
            return browser(url)

        monkeypatch.setattr("webbrowser.open", open_browser)

        def visit():
            while not err.serves.wait(0.02):
                if ended.is_set():
                    return None
            try:
                if "--no-browser" not in words:
                    assert opens.wait(60)
                for thread in threading.enumerate():
                    if thread.name == "downslope explorer browser":
                        thread.join()
                with SocketPage(Serving(out.getvalue().strip())) as page:
                    page.say("hello", version=1)
                    return page.until("hello"), out.getvalue().strip(), opened
            finally:
                _thread.interrupt_main()

        with ThreadPoolExecutor() as threads, redirect_stdout(out), redirect_stderr(err):
            visitor = threads.submit(visit)
            code = run_command(["explore", *words])
            ended.set()
        return code, visitor.result(), err.getvalue()

    return explore


@pytest.mark.parametrize(
    ("words", "opens"),
    [
        ((), {"kind": "classic", "name": "ravine"}),
        (("two-minima",), {"kind": "classic", "name": "two_minima"}),
        (("old_faithful",), {"kind": "line"}),
        (("digits",), {"kind": "network", "data": "digits"}),
    ],
    ids=str,
)
def test_it_serves_what_was_named_prints_the_address_and_opens_it(cli, words, opens):
    code, (told, out, opened), err = cli(*words)
    assert code == 0
    assert opens.items() <= told["opens"].items()
    assert ADDRESS.fullmatch(out)
    assert opened == [out]
    assert err == "Ctrl-C ends it.\n"


def test_a_run_is_opened_from_its_folder(cli, tmp_path):
    ds.train(ds.mlp([2], outputs=3), ds.load("iris"), epochs=1, store=tmp_path / "small", progress=False)
    code, (told, _, opened), _ = cli("small", "--no-browser")
    assert (code, told["has_run"], told["title"], opened) == (0, True, "small", [])
    assert told["opens"] == {"kind": "run"}


def test_without_a_browser_it_says_so(cli):
    code, _, err = cli(browser=lambda url: False)
    assert code == 0
    assert "No browser could be opened" in err


REFUSED = {
    "an unknown name": (("digit",), 2, "Did you mean digits?"),
    "a name like nothing": (("qqqq",), 2, "Known: bowl, ravine"),
    "a folder that is no run": ((".",), 2, "run"),
    "a port that is a word": (("--port", "http"), 2, "--port must be a port, 0 to 65535, got 'http'."),
    "a port that cannot be": (("--port", "70000"), 2, "--port must be"),
    "more than one": (("ravine", "bowl"), 2, ""),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_is_one_clear_sentence(cli, name):
    words, expected, text = REFUSED[name]
    code, seen, err = cli(*words)
    assert (code, seen) == (expected, None)
    assert text in err
    assert err.startswith("downslope: ")
    assert err.count("\n") == 1


def test_a_port_that_is_taken_is_refused(cli):
    taken = listening(0)
    port = taken.getsockname()[1]
    code, seen, err = cli("--port", port)
    taken.close()
    assert (code, seen) == (2, None)
    assert f"--port must be one that is free on this machine, got {port}" in err


def test_a_damaged_run_is_refused(cli, tmp_path):
    ds.train(ds.mlp([2], outputs=3), ds.load("iris"), epochs=1, store=tmp_path / "small", progress=False)
    for file in (tmp_path / "small").rglob("*.safetensors"):
        file.write_bytes(file.read_bytes()[:-9])
    code, seen, err = cli("small")
    assert (code, seen) == (1, None)
    assert err.count("\n") == 1


@pytest.mark.slow
def test_ctrl_c_ends_it_cleanly_while_a_page_is_at_work():
    words = [sys.executable, "-m", "downslope", "explore", "--no-browser"]
    # importing jax has set in this process what XLA logs
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    url = process.stdout.readline().strip()
    assert ADDRESS.fullmatch(url)
    assert urlopen(url).status == 200  # noqa: S310  (our own)
    with SocketPage(Serving(url)) as page:
        # this reads a table, by polars, which takes hold of SIGINT when it is imported
        page.say("open", run=1, subject={"kind": "line"}, plane={"size": 9})
        page.until("surface")
        page.say("open", run=2, subject={"kind": "network", "data": "moons", "epochs": 200})
        page.until("status", where=lambda one: one["run"] == 2)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert (out, err) == ("", "Ctrl-C ends it.\n")
