"""What the cells of a column of text are, counted block by block."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from downslope.data.blocks import BLOCK_NUMBERS
from downslope.data.files.file_table import FileTable
from downslope.data.files.reading import MISSING
from downslope.data.tables import LONG, first_inexact
from downslope.data.text import Marks, Numeral, numeral_of

if TYPE_CHECKING:
    from polars import DataFrame, Series

    Mask = np.ndarray

NUMERIC_SHARE = 0.95
LISTED = 10
"""At most so many cells, or words, of a column are kept to be listed."""

THOUSAND = 1000
"""From here on numbers have marks between thousands, where they have any."""

BOOLEANS = ("true", "false")

STRAYS = 1000
"""Cells that are no numbers whose distinct texts are kept."""

OPEN_POINT, OPEN_COMMA = r"^[+-]?[1-9][0-9]{0,2}\.[0-9]{3}$", r"^[+-]?[1-9][0-9]{0,2},[0-9]{3}$"
COMMA_NUMBER = r"^[+-]?[0-9]*,[0-9]+(?:[eE][+-]?[0-9]+)?$"
NEARLY_NUMBER = r"^[^\p{L}]*[0-9][^\p{L}]*(?:[eE][+-]?[0-9]+)?[^\p{L}]*$"


@dataclass(frozen=True)
class Cell:
    """A cell as an example.

    Attributes:
        text: what is in it.
        row: counted from 0.
        line: of the file, counted from 1; None where it has no lines.
        file: its name.
    """

    text: str
    row: int
    line: int | None
    file: str

    @property
    def position(self) -> str:
        """Its row in words."""
        line = "" if self.line is None else f", line {self.line} of {self.file!r}"
        return f"row {self.row} (counting from 0{line})"

    @property
    def short_position(self) -> str:
        """Its row in words, where the file was named before."""
        return f"row {self.row}" + ("" if self.line is None else f" (line {self.line})")


@dataclass(frozen=True)
class Survey:
    """How many cells of a column of text are of which kind, and the first of some kinds.

    Attributes:
        rows: how many there are.
        filled: how many are filled.
        numbers: how many of these are numbers.
        whole: how many are whole numbers of 64 bits, whatever the decimal mark.
        long: how many are whole numbers of more than 64 bits.
        open_points: how many are whole where a comma is the decimal mark, and have decimals where a point is.
        open_commas: the other way round.
        ungrouped: how many whole numbers of at least 1,000 have no mark between thousands.
        ungroupable: how many are smaller than 1,000.
        booleans: how many are true or false.
        point: the first that is a number only where a point is the decimal mark.
        comma: the first where a comma is.
        open_point: the first of `open_points`.
        open_comma: the first of `open_commas`.
        inexact: the first whole number that no float is equal to.
        bare: the first number without a unit.
        spelled: the first number whose minus sign is another than a hyphen before it.
        groups: the marks between thousands, and the first number with each.
        units: the units of numbers, and the first number with each.
        words: how often which word stands for a missing cell; empty cells are not counted.
        unlisted: how often which usual word for a missing cell stands for itself, as the user listed others.
        strays: the first cells that are no numbers.
        stray_words: their first texts.
    """

    rows: int = 0
    filled: int = 0
    numbers: int = 0
    whole: int = 0
    long: int = 0
    open_points: int = 0
    open_commas: int = 0
    ungrouped: int = 0
    ungroupable: int = 0
    booleans: int = 0
    point: Cell | None = None
    comma: Cell | None = None
    open_point: Cell | None = None
    open_comma: Cell | None = None
    inexact: Cell | None = None
    bare: Cell | None = None
    spelled: Cell | None = None
    groups: Mapping[str, Cell] = field(default_factory=dict)
    units: Mapping[str, Cell] = field(default_factory=dict)
    words: Mapping[str, int] = field(default_factory=dict)
    unlisted: Mapping[str, int] = field(default_factory=dict)
    strays: tuple[Cell, ...] = ()
    stray_words: tuple[str, ...] = ()

    def __add__(self, later: Survey) -> Survey:
        """Return the survey of both together."""
        if later is NOTHING:
            return self
        others = vars(later)
        return Survey(**{name: _joined(mine, others[name]) for name, mine in vars(self).items()})

    def is_numeric(self, *, declared: bool = False) -> bool:
        """Return whether the column is one of numbers: declared so, or at least 95 % of its filled cells are numbers.

        Whole numbers that no float is equal to are names rather than amounts, unless declared.
        """
        return declared or (self.numbers >= NUMERIC_SHARE * self.filled and not self.is_identifier)

    @property
    def is_identifier(self) -> bool:
        """Whether the numbers are whole, and floats do not tell all of them from their neighbors."""
        return self.inexact is not None and self.whole + self.long == self.numbers

    def kind(self, decimal: str, *, declared: bool) -> str:
        """Return the kind of the column: `"whole"`, `"float"`, `"boolean"` or `"text"`.

        Args:
            decimal: the decimal mark.
            declared: whether the column is declared numeric.
        """
        if self.is_numeric(declared=declared):
            whole = self.whole + (self.open_commas if decimal == "." else self.open_points)
            return "whole" if 0 < whole == self.filled and self.inexact is None else "float"
        return "boolean" if self.booleans == self.filled else "text"


NOTHING = Survey()
"""The survey of no cells."""


def survey_of(cells: TextCells, block: FileTable) -> Survey:
    """Return the survey of a block of a column of text that may hold numbers."""
    return survey_of_labels(cells, block) + _survey_of_cells(cells, block)


def survey_of_labels(cells: TextCells, block: FileTable) -> Survey:
    """Return the survey of a block of a column that is text, whatever is in it."""
    rows, filled = len(cells.cells), cells.cells.count()
    if block.lines is None:
        return Survey(rows=rows, filled=filled)
    return Survey(rows=rows, filled=filled, words=_words(cells), unlisted=_unlisted(cells))


def survey_of_typed(column: Series, block: FileTable) -> Survey:
    """Return the survey of a block of a column to which its file gives a type."""
    rows, filled = len(column), len(column) - column.null_count()
    if column.dtype.is_float():
        filled -= int(np.isnan(column.to_numpy()).sum())
    if not column.dtype.is_integer():
        return Survey(rows, filled)
    return Survey(rows, filled, filled, filled, inexact=_first_inexact(column, column, block))


@dataclass(frozen=True)
class TextCells:
    """The cells of a column of text.

    Attributes:
        texts: without outer blanks.
        cells: the same, null where a word stands for a missing one.
        whole: as whole numbers, null where polars takes them for none.
        floats: likewise as floats.
        filled: which cells are not missing.
        has_digits: whether some cell has a digit.
        has_usual: whether some cell is a usual word for a missing one.
        dotted: which cells have a point, where some are floats.
        open_points: which of these may have it between thousands.
    """

    texts: Series
    cells: Series
    whole: Series
    floats: Series
    filled: Series
    has_digits: bool
    has_usual: bool
    dotted: Series | None
    open_points: Series | None


def text_cells(columns: Sequence[Series], words: tuple[str, ...]) -> Iterator[TextCells]:
    """Yield the cells of columns of text, worked out for many columns at a time: a call takes longer than its work."""
    import polars as pl

    for group in _groups(columns):
        texts, cells = _filled_cells(group, words)
        whole = cells.select(pl.all().cast(pl.Int64, strict=False))
        floats = cells.select(pl.all().cast(pl.Float64, strict=False))
        filled = cells.select(pl.all().is_not_null())
        has_digits = cells.select(pl.all().str.contains("[0-9]").any()).row(0)
        has_usual = (
            cells.select(pl.all().is_in(list(MISSING)).any()).row(0) if words != MISSING else [False] * len(group)
        )
        numbers = cells[[column.name for column in floats if column.null_count() < len(column)]]
        dotted = numbers.select(pl.all().str.contains(".", literal=True).fill_null(value=False))
        open_points = numbers.select(pl.all().str.contains(OPEN_POINT).fill_null(value=False))
        pointed = set(dotted.columns)
        for number, column in enumerate(group):
            name = str(number)
            yield TextCells(
                texts[name],
                cells[name].alias(column.name),
                whole[name],
                floats[name],
                filled[name],
                has_digits[number],
                has_usual[number],
                dotted[name] if name in pointed else None,
                open_points[name] if name in pointed else None,
            )


def filled_cells(columns: Sequence[Series], words: tuple[str, ...]) -> Iterator[Series]:
    """Yield columns of text without outer blanks, null where a word stands for a missing cell."""
    for group in _groups(columns):
        _, cells = _filled_cells(group, words)
        yield from (named.alias(column.name) for named, column in zip(cells, group, strict=True))


def _groups(columns: Sequence[Series]) -> Iterator[Sequence[Series]]:
    """Yield columns in groups that do not take much memory."""
    width = max(1, BLOCK_NUMBERS // max(1, len(columns[0]))) if columns else 1
    return (columns[start : start + width] for start in range(0, len(columns), width))


def _filled_cells(columns: Sequence[Series], words: tuple[str, ...]) -> tuple[DataFrame, DataFrame]:
    """Return text without outer blanks, and the same with null for words for missing cells, columns named by number."""
    import polars as pl

    table = pl.DataFrame([column.alias(str(number)) for number, column in enumerate(columns)])
    texts = table.select(pl.all().str.strip_chars())
    names = map(pl.col, texts.columns)
    known = pl.lit(pl.Series(list(words), dtype=pl.String)).implode()
    cells = texts.select([pl.when(name.is_in(known)).then(None).otherwise(name).name.keep() for name in names])
    return texts, cells


def numerals_of(texts: Iterable[str], marks: Marks) -> dict[str, Numeral]:
    """Return the numbers among texts."""
    return {text: numeral for text in texts if (numeral := numeral_of(text, marks)) is not None}


def _joined(first: Any, later: Any) -> Any:
    """Return one field of two surveys together."""
    match first, later:
        case int(), int():
            return first + later
        case tuple(), tuple():
            return tuple(dict.fromkeys(first + later))[:LISTED]
        case dict(), dict():
            is_count = any(isinstance(entry, int) for entry in (*first.values(), *later.values()))
            sums = {key: first.get(key, 0) + later.get(key, 0) for key in (*first, *later)} if is_count else {}
            return sums or later | first
    return later if first is None else first


def _words(column: TextCells) -> dict[str, int]:
    """Return how often which word stands for a missing cell."""
    if column.texts.null_count() == column.cells.null_count():
        return {}
    import polars as pl

    counts = Counter(column.texts.filter(pl.Series(~column.filled.to_numpy())).to_list())
    return {word: count for word, count in counts.most_common() if word}


def _unlisted(column: TextCells) -> dict[str, int]:
    """Return how often which usual word for a missing cell stands for itself."""
    if not column.has_usual:
        return {}
    words = column.cells.filter(column.cells.is_in(list(MISSING)).fill_null(value=False))
    return dict(Counter(words.to_list()).most_common())


def survey_of_numbers(column: Series, block: FileTable) -> Survey:
    """Return the survey of a column that a library has read as numbers, without gaps and none too long."""
    rows, first = len(column), _cell(str(column[0]), 0, block)
    if column.dtype.is_float():
        row, text = block.evidence.get(column.name, (0, ""))
        example = _cell(text, row, block) if text else None
        point, comma = (example, None) if block.decimal == "." else (None, example)
        return Survey(rows, rows, rows, point=point, comma=comma, bare=first)
    large = int((np.abs(column.to_numpy()) >= THOUSAND).sum())
    return Survey(rows, rows, rows, rows, ungrouped=large, ungroupable=rows - large, bare=first)


def _survey_of_cells(column: TextCells, block: FileTable) -> Survey:
    """Return what filled cells of text are."""
    cells, whole = column.cells, column.whole
    if not column.has_digits and column.floats.null_count() == len(cells):
        return _survey_of_strays(cells, column.filled.to_numpy(), block)
    values = whole.to_numpy().astype(np.float64)  # NaN where there is none; that it rounds does not matter here
    is_whole = ~np.isnan(values)
    large, counts = int((np.abs(values) >= THOUSAND).sum()), int(is_whole.sum())
    survey = Survey(
        whole=counts,
        numbers=counts,
        ungrouped=large,
        ungroupable=counts - large,
        inexact=_first_inexact(whole, cells, block),
        bare=_first(is_whole, cells, block),
    )
    rest = ~is_whole
    if cells.null_count():
        rest &= column.filled.to_numpy()
    if not rest.any():
        return survey
    plain, point_survey = _points(column, rest, block)
    commas, comma_survey = _commas(cells, rest & ~plain, block)
    return survey + point_survey + comma_survey + _others(cells, rest & ~plain & ~commas, block)


def _points(column: TextCells, rest: Mask, block: FileTable) -> tuple[Mask, Survey]:
    """Return which cells are numbers as Python writes them, and their survey."""
    cells, marks = column.cells, block.reading.marks
    plain = rest & ~np.isnan(column.floats.to_numpy())
    if column.dotted is None or column.open_points is None or not plain.any():
        return plain, NOTHING
    dotted = plain & column.dotted.to_numpy()
    if not marks.allow(".", ""):
        plain, dotted = plain & ~dotted, dotted & False
    is_open = dotted & column.open_points.to_numpy() if marks.allow(",", ".") else dotted & False
    long, inexact = _long(cells, plain & ~dotted, block)
    survey = Survey(
        numbers=int(plain.sum()),
        long=long,
        open_points=int(is_open.sum()),
        point=_first(dotted & ~is_open, cells, block),
        open_point=_first(is_open, cells, block),
        inexact=inexact,
        bare=_first(plain, cells, block),
    )
    return plain, survey


def _long(cells: Series, undotted: Mask, block: FileTable) -> tuple[int, Cell | None]:
    """Return how many cells are whole numbers of more than 64 bits, and the first that no float is equal to."""
    if not undotted.any():
        return 0, None
    rows = np.flatnonzero(undotted & _matches(cells, "^[+-]?[0-9]+$"))
    first = next((row for row in rows.tolist() if int(cells[row]) != int(float(cells[row]))), None)
    return len(rows), None if first is None else _cell(cells[first], first, block)


def _commas(cells: Series, rest: Mask, block: FileTable) -> tuple[Mask, Survey]:
    """Return which cells are numbers with one comma, and their survey."""
    marks = block.reading.marks
    if not marks.allow(",", "") or not rest.any():
        return rest & False, NOTHING
    commas = rest & _matches(cells, COMMA_NUMBER)
    is_open = commas & _matches(cells, OPEN_COMMA) if marks.allow(".", ",") and commas.any() else commas & False
    survey = Survey(
        numbers=int(commas.sum()),
        open_commas=int(is_open.sum()),
        comma=_first(commas & ~is_open, cells, block),
        open_comma=_first(is_open, cells, block),
        bare=_first(commas, cells, block),
    )
    return commas, survey


def _others(cells: Series, rest: Mask, block: FileTable) -> Survey:
    """Return the survey of cells that are numbers in another dress, or none."""
    import polars as pl

    if not rest.any():
        return NOTHING
    candidates = cells.filter(pl.Series(rest & _matches(cells, NEARLY_NUMBER)))
    numerals = numerals_of(candidates.unique(maintain_order=True), block.reading.marks)
    dressed, survey = rest & False, NOTHING
    if numerals:
        dressed = rest & cells.is_in(list(numerals)).fill_null(value=False).to_numpy()
        survey = _survey_of_dressed(cells, pl.Series(dressed), numerals, block)
    return survey + _survey_of_strays(cells, rest & ~dressed, block)


def _survey_of_strays(cells: Series, strays: Mask, block: FileTable) -> Survey:
    """Return the survey of cells that are no numbers."""
    import polars as pl

    rows = np.flatnonzero(strays)
    if not len(rows):
        return NOTHING
    texts = cells.filter(pl.Series(strays))
    is_boolean = str(texts[0]).lower() in BOOLEANS
    return Survey(
        booleans=int(texts.str.to_lowercase().is_in(BOOLEANS).sum()) if is_boolean else 0,
        strays=tuple(_cell(cells[row], row, block) for row in rows[:LISTED].tolist()),
        stray_words=tuple(dict.fromkeys(texts[:STRAYS].to_list()))[:LISTED],
    )


def _survey_of_dressed(cells: Series, dressed: Series, numerals: dict[str, Numeral], block: FileTable) -> Survey:
    """Return the survey of numbers in another dress, which are in the order in which they first come."""
    counts: dict[str, int] = dict(cells.filter(dressed).value_counts().rows())
    wholes = {text: int(numeral.point or numeral.comma or "") for text, numeral in numerals.items() if numeral.whole}

    def position(text: str) -> Cell:
        return _cell(text, int((cells == text).fill_null(value=False).to_numpy().argmax()), block)

    def first(test: Callable[[str, Numeral], bool]) -> Cell | None:
        text = next((text for text, numeral in numerals.items() if test(text, numeral)), None)
        return None if text is None else position(text)

    def total(test: Callable[[str, Numeral], bool]) -> int:
        return sum(counts[text] for text, numeral in numerals.items() if test(text, numeral))

    groups = {numeral.group: text for text, numeral in reversed(numerals.items()) if numeral.group}
    units = {numeral.unit: text for text, numeral in reversed(numerals.items()) if numeral.unit}
    return Survey(
        numbers=int(dressed.sum()),
        whole=total(lambda text, _: text in wholes and abs(wholes[text]) < LONG),
        long=total(lambda text, _: text in wholes and abs(wholes[text]) >= LONG),
        open_points=total(lambda text, numeral: numeral.is_open and "," not in text),
        open_commas=total(lambda text, numeral: numeral.is_open and "," in text),
        point=first(lambda _, numeral: numeral.comma is None),
        comma=first(lambda _, numeral: numeral.point is None),
        open_point=first(lambda text, numeral: numeral.is_open and "," not in text),
        open_comma=first(lambda text, numeral: numeral.is_open and "," in text),
        inexact=first(lambda text, _: text in wholes and wholes[text] != int(float(wholes[text]))),
        bare=first(lambda _, numeral: not numeral.unit),
        spelled=first(lambda _, numeral: numeral.spelled),
        groups={group: position(groups[group]) for group in sorted(groups)},
        units={unit: position(units[unit]) for unit in sorted(units)},
    )


def _cell(text: str, row: int, block: FileTable) -> Cell:
    """Return a cell of a block as an example."""
    line = None if block.lines is None else int(block.lines[row])
    return Cell(text, block.before + row, line, block.file)


def _matches(cells: Series, pattern: str) -> Mask:
    """Return which cells match a pattern; missing ones do not."""
    matches = cells.str.contains(pattern)
    return (matches.fill_null(value=False) if matches.null_count() else matches).to_numpy()


def _first(mask: Mask, cells: Series, block: FileTable) -> Cell | None:
    """Return the first cell of a mask."""
    row = int(mask.argmax()) if len(mask) else 0
    return _cell(str(cells[row]), row, block) if len(mask) and mask[row] else None


def _first_inexact(whole: Series, cells: Series, block: FileTable) -> Cell | None:
    """Return the first whole number of 64 bits that no float is equal to."""
    row = first_inexact(whole)
    return None if row is None else _cell(str(cells[row]), row, block)
