"""What tests of several files share."""

import pytest

from downslope.cli import _cache, _main
from spoken import advice_in, false_words


@pytest.fixture
def command_line(capsys, monkeypatch):
    """Run a command in this process; return its exit code, stdout and stderr, which name only what is there."""
    monkeypatch.setattr(_cache, "keep_compiled_code", lambda: None)

    def run(*words):
        capsys.readouterr()
        words = [str(word) for word in words]
        code = _main.run(words)
        captured = capsys.readouterr()
        said = f"{advice_in(captured.out) if '--json' in words else captured.out}\n{captured.err}"
        assert not false_words(words[0] if words else "", said), said
        return code, captured.out, captured.err

    return run


@pytest.fixture
def cli(command_line, tmp_path, monkeypatch):
    """Run a command in an empty folder; return its exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    return command_line
