"""What tests of several files share."""

import io
import sys

import pytest

from downslope.cli.main import run
from spoken import advice_in, false_words


@pytest.fixture(scope="session")
def run_command(request):
    """Return the function that runs a command in this process; compiled code stays where the tests keep theirs."""
    compiled = str(request.config.cache.mkdir("compiled"))

    def run_here(words):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("JAX_COMPILATION_CACHE_DIR", compiled)
            return run([str(word) for word in words])

    return run_here


@pytest.fixture
def command_line(capsys, run_command):
    """Run a command in this process; return its exit code, stdout and stderr, which name only what is there."""

    def run_and_read(*words):
        capsys.readouterr()
        code = run_command(words)
        captured = capsys.readouterr()
        printed = f"{advice_in(captured.out) if '--json' in words else captured.out}\n{captured.err}"
        assert not false_words(str(words[0]) if words else "", printed), printed
        return code, captured.out, captured.err

    return run_and_read


@pytest.fixture
def ctrl_c_at(monkeypatch):
    """Return the function that has Ctrl-C arrive while a command writes a text to stderr, once."""

    def interrupt_at(text):
        left = [text]

        class Interrupted(io.TextIOBase):
            def write(self, written):
                if left and left[0] in written:
                    left.clear()
                    raise KeyboardInterrupt
                return stderr.write(written)

        stderr = sys.stderr
        monkeypatch.setattr(sys, "stderr", Interrupted())

    return interrupt_at


@pytest.fixture
def cli(command_line, tmp_path, monkeypatch):
    """Run a command in an empty folder; return its exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    return command_line
