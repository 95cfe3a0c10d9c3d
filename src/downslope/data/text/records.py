"""The records of a text table: where each begins, on which line, and how many cells it has.

A quotation mark opens a quoted cell only at the start of a cell (after blanks, perhaps); within it, two stand for one,
and line feeds and separators are text. Anywhere else it is text itself, as in `5" pipe`. Every step is linear in the
length of the text, whatever is in it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

import numpy as np

NEWLINE, QUOTE, BLANK = (ord(mark) for mark in '\n" ')


@dataclass(frozen=True)
class Records:
    """The records of a text that are not blank.

    Attributes:
        content: the text, without blank lines, and quoted as other readers expect.
        lines: the line that each starts in, counted from 1.
        widths: how many cells each has.
        broken_line: the line in which a cell opens that nothing closes, or only a quotation mark amid text in another
            line; None without.
    """

    content: bytes
    lines: range | np.ndarray
    widths: np.ndarray | int
    broken_line: int | None = None

    def __len__(self) -> int:
        return len(self.lines)


@dataclass(frozen=True)
class Quoted:
    """The quoted cells of a text.

    Attributes:
        starts: where each opens, or, as two quotation marks in it stand for one, opens again.
        ends: behind where each closes.
        regular: whether the quotation marks are all at the ends of cells, or doubled within quoted ones.
        is_open: whether nothing closes the last.
    """

    starts: np.ndarray
    ends: np.ndarray
    regular: bool = True
    is_open: bool = False

    def outside(self, positions: np.ndarray) -> np.ndarray:
        """Return those of sorted positions that are in no quoted cell."""
        if not len(self.starts):
            return positions
        before = np.searchsorted(self.starts, positions, side="right") - 1
        return positions[(before < 0) | (positions >= self.ends[before])]

    def broken_start(self, content: bytes, mark: bytes) -> int | None:
        """Return where the first cell opens that nothing closes, or only a quotation mark amid text in another line."""
        if self.regular:
            return None
        text = np.frombuffer(content, np.uint8)
        behind = np.where(self.ends == len(text), NEWLINE, text[np.minimum(self.ends, len(text) - 1)])
        for index in np.flatnonzero(~np.isin(behind, [mark[0], NEWLINE, BLANK])):
            if b"\n" in content[self.starts[index] : self.ends[index]]:
                return int(self.starts[index])
        return int(self.starts[-1]) if self.is_open else None

    def odd_marks(self, text: np.ndarray, mark: int) -> np.ndarray:
        """Return the positions of quotation marks that other readers take for something else.

        They are within cells that are not quoted, or open a quoted cell with text around its quotation marks.
        """
        before = np.where(self.starts == 0, NEWLINE, text[self.starts - 1])
        behind = np.where(self.ends == len(text), NEWLINE, text[np.minimum(self.ends, len(text) - 1)])
        odd = (before != mark) & (before != NEWLINE) | (behind != mark) & (behind != NEWLINE)
        return np.sort(np.append(self.outside(np.flatnonzero(text == QUOTE)), self.starts[odd]))


def records_of(content: bytes, separator: str) -> Records:
    """Return the records of a text.

    Args:
        content: complete records in UTF-8, lines ended by a line feed.
        separator: what stands between cells, one character of ASCII.
    """
    mark = separator.encode()
    plain = b'"' not in content and b"\n\n" not in content and not content.startswith(b"\n")
    if plain and (records := _plain_records(content, mark)) is not None:
        return records
    text = np.frombuffer(content, np.uint8)
    quoted = quoted_cells(content, mark)
    breaks = np.flatnonzero(text == NEWLINE)
    ends = quoted.outside(breaks)
    if not content.endswith(b"\n") or (len(ends) and ends[-1] != len(content) - 1) or not len(ends):
        ends = np.append(ends, len(content))
    starts = np.concatenate([[0], ends[:-1] + 1])
    lines = np.searchsorted(breaks, starts) + 1
    marks = quoted.outside(np.flatnonzero(text == mark[0]))
    widths = np.searchsorted(marks, ends) - np.searchsorted(marks, starts) + 1
    filled = _filled(content, starts, ends, widths)
    starts, ends = starts[filled], ends[filled]
    broken = quoted.broken_start(content, mark)
    broken_line = None if broken is None else int(np.searchsorted(breaks, broken) + 1)
    if not (quoted.regular and filled.all()):
        marks = np.array([], np.int64) if quoted.regular else quoted.odd_marks(text, mark[0])
        odd = np.unique(np.searchsorted(starts, marks, side="right") - 1)
        content = _clean(content, starts, ends, odd, mark)
    return Records(content, lines[filled], widths[filled], broken_line)


def complete_end(content: bytes, separator: str) -> tuple[int, bool]:
    """Return the end of the last record that is complete, and whether a quoted cell is open at the end of the text."""
    if b'"' not in content:
        return content.rfind(b"\n") + 1, False
    quoted = quoted_cells(content, separator.encode())
    stop = int(quoted.starts[-1]) if quoted.is_open else len(content)
    breaks = np.flatnonzero(np.frombuffer(content, np.uint8)[:stop] == NEWLINE)
    ends = quoted.outside(breaks)
    return (int(ends[-1]) + 1 if len(ends) else 0), quoted.is_open


def cells_of(record: str, separator: str) -> list[str]:
    """Return the cells of one record.

    Example:
        >>> cells_of('5" pipe,"a, b", "c"', ",")
        ['5" pipe', 'a, b', 'c']
    """
    pattern, cells, position = _cell_pattern(separator), [], 0
    while position <= len(record):
        match = pattern.match(record, position)
        quoted, rest, plain = match.groups("") if match else ("", "", record[position:])
        cells.append(quoted.replace('""', '"') + rest.rstrip(" ") if match and match[1] is not None else plain)
        position = match.end() + 1 if match else len(record) + 1
    return cells


def quoted_cells(content: bytes, mark: bytes) -> Quoted:
    """Return the quoted cells of a text."""
    text = np.frombuffer(content, np.uint8)
    quotes = np.flatnonzero(text == QUOTE)
    if len(quotes) % 2 == 0 and _are_regular(text, quotes, mark[0]):
        return Quoted(quotes[::2], quotes[1::2] + 1)
    opening, closing = _quote_patterns(mark)
    starts, ends, position = [], [], 0
    while match := opening.search(content, position):
        starts.append(match.end() - 1)
        close = closing.match(content, match.end())
        position = len(content) if close is None else close.end()
        ends.append(position)
        if close is None:
            return Quoted(np.array(starts), np.array(ends), regular=False, is_open=True)
    return Quoted(np.array(starts, np.int64), np.array(ends, np.int64), regular=False)


def _plain_records(content: bytes, mark: bytes) -> Records | None:
    """Return the records of a text without quotation marks, a line each; None where one may be blank or shorter."""
    count = content.count(b"\n") + (not content.endswith(b"\n"))
    header_end = content.find(b"\n")
    width = content.count(mark, 0, header_end if header_end >= 0 else len(content)) + 1
    marks = np.count_nonzero(np.frombuffer(content, np.uint8) == mark[0])  # faster than `bytes.count` of frequent marks
    if width == 1 or marks != (width - 1) * count:
        return None
    return Records(content, range(1, count + 1), width)


def _are_regular(text: np.ndarray, quotes: np.ndarray, mark: int) -> bool:
    """Return whether quotation marks open at the start of a cell and close at its end, taken in pairs."""
    opens, closes = quotes[::2], quotes[1::2]
    before = text[opens - 1]
    before[opens == 0] = NEWLINE
    behind = text[np.minimum(closes + 1, len(text) - 1)]
    behind[closes == len(text) - 1] = NEWLINE
    return all(bool(((near == mark) | (near == NEWLINE) | (near == QUOTE)).all()) for near in (before, behind))


def _filled(content: bytes, starts: np.ndarray, ends: np.ndarray, widths: np.ndarray) -> np.ndarray:
    """Return which records are not blank: those of several cells, or with text."""
    filled = ends > starts
    for index in np.flatnonzero(filled & (widths == 1)):
        filled[index] = bool(content[starts[index] : ends[index]].strip())
    return filled


def _clean(content: bytes, starts: np.ndarray, ends: np.ndarray, odd: np.ndarray, mark: bytes) -> bytes:
    """Return records as one text, the odd ones quoted anew; runs of others are copied whole."""
    if not len(starts):
        return b""
    turns = np.concatenate([[0], starts[1:] != ends[:-1] + 1]) != 0  # a blank record was before
    turns[odd] = True
    turns[odd[odd < len(starts) - 1] + 1] = True
    firsts = np.flatnonzero(np.concatenate([[True], turns[1:]]))
    lasts = np.append(firsts[1:], len(starts)) - 1
    is_odd = np.isin(firsts, odd)
    runs = zip(starts[firsts].tolist(), ends[lasts].tolist(), is_odd.tolist(), strict=True)
    return b"\n".join(_requoted(content[start:end], mark) if odd else content[start:end] for start, end, odd in runs)


def _requoted(record: bytes, mark: bytes) -> bytes:
    """Return a record with every cell between quotation marks."""
    cells = cells_of(record.decode(), mark.decode())
    return mark.join(b'"' + cell.replace('"', '""').encode() + b'"' for cell in cells)


@cache
def _quote_patterns(mark: bytes) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    """Return the patterns of a quotation mark that opens a cell, and of what follows up to the one that closes it."""
    return re.compile(rb'(?:\A|[\n%b]) *"' % re.escape(mark)), re.compile(rb'[^"]*(?:""[^"]*)*"')


@cache
def _cell_pattern(separator: str) -> re.Pattern[str]:
    """Return the pattern of a cell: quoted, with text behind it perhaps, or plain."""
    mark = re.escape(separator)
    return re.compile(rf' *"([^"]*(?:""[^"]*)*)"([^{mark}]*)|([^{mark}]*)')
