"""The line that shows on a terminal while a table is read or prepared."""

import io
import sys
from threading import Event

import pytest

import downslope as ds
from downslope.core import _working, working
from downslope.data.files import reader


class Terminal(io.StringIO):
    """A stream that tells when some words were written to it."""

    def __init__(self, *, words="", is_terminal=True):
        super().__init__()
        self.words, self.is_terminal, self.seen = words, is_terminal, Event()

    def isatty(self):
        return self.is_terminal

    def write(self, text):
        count = super().write(text)
        if self.words in self.getvalue():
            self.seen.set()
        return count


@pytest.fixture
def at_once(monkeypatch):
    monkeypatch.setattr(_working, "SILENT", 0.0)
    monkeypatch.setattr(_working, "BETWEEN", 0.01)


def test_what_is_being_done_shows_with_its_time(monkeypatch, at_once):
    monkeypatch.setattr(sys, "stderr", terminal := Terminal(words="Reading 'a[b].csv', 0 s"))
    with working("auto", "Reading 'a[b].csv'"):
        assert terminal.seen.wait(30)


@pytest.mark.parametrize(("progress", "is_terminal"), [("auto", False), ("lines", True), (False, True)])
def test_nothing_shows_elsewhere(progress, is_terminal, monkeypatch, at_once):
    monkeypatch.setattr(sys, "stderr", terminal := Terminal(is_terminal=is_terminal))
    with working(progress, "Reading"):
        pass
    assert terminal.getvalue() == ""


def test_short_work_shows_nothing(monkeypatch):
    monkeypatch.setattr(_working, "SILENT", 1e6)
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    with pytest.raises(KeyboardInterrupt), working("auto", "Reading"):
        raise KeyboardInterrupt
    assert terminal.getvalue() == ""


def test_reading_a_table_and_preparing_its_rows_show(tmp_path, monkeypatch, at_once):
    (tmp_path / "table.csv").write_text("a,y\n" + "".join(f"{i / 4},{i / 2}\n" for i in range(20)))
    monkeypatch.setattr(sys, "stderr", terminal := Terminal(words="Reading 'table.csv'"))
    read_table = reader._read_table
    waited = []

    def read_slowly(*arguments):
        waited.append(terminal.seen.wait(30))
        return read_table(*arguments)

    monkeypatch.setattr(reader, "_read_table", read_slowly)
    data = ds.read(tmp_path / "table.csv", target="y")
    assert waited == [True]
    assert len(data) == 20
