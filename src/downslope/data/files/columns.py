"""The kinds of the columns of a file: numbers, booleans or text."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from downslope.core import Advice, Message, Setting
from downslope.data.files.file_table import FileTable
from downslope.data.files.notation import Notation, check_units, notation_notes, notation_of
from downslope.data.files.reading import OPEN, Reading, checked_reading
from downslope.data.files.strays import stray_error
from downslope.data.files.surveys import (
    Survey,
    filled_cells,
    numerals_of,
    survey_of,
    survey_of_labels,
    survey_of_numbers,
    survey_of_typed,
    text_cells,
)
from downslope.data.tables import as_table

if TYPE_CHECKING:
    from polars import DataFrame, Series


@dataclass(frozen=True)
class ColumnKind:
    """The kind of a column.

    Attributes:
        kind: `"text"`, `"boolean"`, `"whole"` or `"float"`, or `"typed"` where the file gives a type.
        gaps: whether cells are missing.
    """

    kind: str
    gaps: bool


@dataclass(frozen=True)
class TextFacts:
    """How the text of a file was read.

    Attributes:
        reading: what was seen of it, or a user says; open is what the file does not depend on.
        notes: sentences for the user.
        units: the currency or percent sign of each column of numbers; `""` for none.
    """

    reading: Reading = OPEN
    notes: tuple[Message, ...] = ()
    units: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        notes = [note.as_json() for note in self.notes]
        return {"reading": self.reading.as_arguments(), "notes": notes, "units": dict(self.units)}


@dataclass(frozen=True)
class TableKinds:
    """The kinds of the columns of a file.

    Attributes:
        columns: by name.
        decimal: the decimal mark.
        text: how the text of the file was read.
    """

    columns: Mapping[str, ColumnKind]
    decimal: str
    text: TextFacts


def facts_of(file: Path) -> TextFacts:
    """Return what `TextFacts.as_json` was written to a file."""
    facts = json.loads(file.read_text(encoding="utf-8"))
    notes = tuple(map(Message.from_json, facts["notes"]))
    return TextFacts(checked_reading(**facts["reading"]), notes, facts["units"])


def column_kinds(
    blocks: Iterable[FileTable], names: Sequence[str], *, numeric: Sequence[str], categorical: Sequence[str]
) -> TableKinds:
    """Return the kinds of columns.

    Columns of text from a file without types get the kind of most of their cells, see `Survey.kind`; columns with a
    type keep it, but for whole numbers that floats do not tell from their neighbors, which become text. `numeric` and
    `categorical` go before.

    Args:
        blocks: the rows of the file, block by block.
        names: of the columns.
        numeric: those to read as numbers.
        categorical: those to read as text.

    Raises:
        DataError: cells that are no numbers in numeric columns, or numbers that can be read in two ways.
    """
    surveyed = _surveyed(blocks, names, set(numeric), set(categorical))
    block, numbers = surveyed.block, surveyed.numbers
    notation = notation_of(numbers, names, block.file, block.reading, block.like)
    chosen = {name: numbers[name] for name in names if name in numbers}
    if any(survey.strays for survey in chosen.values()):
        raise stray_error(chosen, block.file, surveyed.words)
    check_units(chosen)
    kinds = {name: surveyed.kind(name, notation.decimal) for name in names}
    texts = {name: surveyed.surveys[name] for name in names if kinds[name].kind == "text"}
    notes = (*notation_notes(chosen, notation, block.file), *_text_notes(texts, block.reading))
    units = {name: next(iter(survey.units), "") for name, survey in chosen.items()}
    return TableKinds(kinds, notation.decimal, TextFacts(_reading_of(block.reading, notation, chosen), notes, units))


def as_kinds(text: FileTable, kinds: TableKinds) -> DataFrame:
    """Return columns as their kinds, null where a cell is missing."""
    import polars as pl

    kind_of = {name: column.kind for name, column in kinds.columns.items()}
    texts = [text.table[name].cast(pl.String) for name in kind_of if _is_read(text.table[name], kind_of[name], text)]
    cells = {column.name: column for column in filled_cells(texts, text.reading.missing_words)}
    columns = [_as_kind(cells.get(name, text.table[name]), kind, text, kinds.decimal) for name, kind in kind_of.items()]
    return as_table(pl.DataFrame(columns))


def _is_read(column: Series, kind: str, text: FileTable) -> bool:
    """Return whether the cells of a column are text in which words stand for missing cells."""
    import polars as pl

    if kind == "text":
        return text.lines is not None
    return kind == "boolean" or (kind != "typed" and column.dtype == pl.String)


@dataclass(frozen=True)
class Surveyed:
    """What all blocks of a file hold.

    Attributes:
        block: the last of them.
        declared: the columns declared numeric.
        labels: those declared categorical.
        typed: those to which the file gives a type.
        surveys: of all columns, by name.
    """

    block: FileTable
    declared: Set[str]
    labels: Set[str]
    typed: set[str] = field(default_factory=set)
    surveys: dict[str, Survey] = field(default_factory=dict)

    @property
    def numbers(self) -> dict[str, Survey]:
        """The surveys of the columns of text that hold numbers."""
        return {
            name: survey
            for name, survey in self.surveys.items()
            if name not in self.typed | self.labels and survey.is_numeric(declared=name in self.declared)
        }

    @property
    def words(self) -> tuple[str, ...]:
        """The words that stand for missing cells in this file."""
        return tuple(dict.fromkeys(word for survey in self.surveys.values() for word in survey.words))

    def kind(self, name: str, decimal: str) -> ColumnKind:
        """Return the kind of a column."""
        survey = self.surveys[name]
        gaps = survey.filled < survey.rows
        if name in self.labels:
            return ColumnKind("text", gaps=False)
        if name in self.typed:
            long = "float" if name in self.declared else "text"
            return ColumnKind(long if survey.is_identifier else "typed", gaps)
        return ColumnKind(survey.kind(decimal, declared=name in self.declared), gaps)


def _surveyed(blocks: Iterable[FileTable], names: Sequence[str], numeric: Set[str], categorical: Set[str]) -> Surveyed:
    """Return what blocks of rows hold; columns of text that are not read are evidence of how numbers are written."""
    import polars as pl

    whole: Surveyed | None = None
    for block in blocks:
        whole = Surveyed(block, numeric, categorical) if whole is None else replace(whole, block=block)
        columns = [block.table[name] for name in (names if block.lines is None else block.table.columns)]
        typed = [column for column in columns if _has_type(column, block, numeric, categorical)]
        whole.typed.update(column.name for column in typed)
        texts = [column for column in columns if column.name not in whole.typed and _is_text(column, categorical)]
        surveys = {column.name: survey_of_typed(column, block) for column in typed}
        cells = text_cells([column.cast(pl.String) for column in texts], block.reading.missing_words)
        for text in cells:
            survey = survey_of_labels if text.cells.name in categorical else survey_of
            surveys[text.cells.name] = survey(text, block)
        for column in columns:
            name = column.name
            survey = surveys[name] if name in surveys else survey_of_numbers(column, block)
            whole.surveys[name] = whole.surveys[name] + survey if name in whole.surveys else survey
    if whole is None:
        raise AssertionError
    return whole


def _is_text(column: Series, categorical: Set[str]) -> bool:
    """Return whether a column of a text file is still text, or to be."""
    import polars as pl

    return column.dtype == pl.String or column.name in categorical


def _has_type(column: Series, block: FileTable, numeric: Set[str], categorical: Set[str]) -> bool:
    """Return whether a file gives a column its type, and no user another."""
    import polars as pl

    name, is_text = column.name, column.dtype == pl.String
    return block.lines is None and name not in categorical and not (name in numeric and is_text)


def _reading_of(reading: Reading, notation: Notation, surveys: Mapping[str, Survey]) -> Reading:
    """Return how the text of a file was read; open is what it does not depend on."""
    groups = [group for survey in surveys.values() for group in survey.groups]
    is_open = "open_comma" if notation.decimal == "." else "open_point"
    other = "," if notation.decimal == "." else "."
    groups += [other for survey in surveys.values() if getattr(survey, is_open)]
    return replace(
        reading,
        decimal=notation.decimal if notation.is_shown else reading.decimal,
        thousands=groups[0] if reading.thousands is None and len(set(groups)) == 1 else reading.thousands,
    )


def _text_notes(surveys: Mapping[str, Survey], reading: Reading) -> list[Message]:
    """Return sentences on text that looks like something else.

    Args:
        surveys: of the columns of text that are read.
        reading: of the file.
    """
    names = [f"{name!r} ({survey.inexact.text})" for name, survey in surveys.items() if survey.inexact]
    counts = [_counted(name, survey.words) for name, survey in surveys.items() if survey.words]
    unlisted = {name: survey.unlisted for name, survey in surveys.items() if survey.unlisted}
    notes = []
    if names:
        notes.append(
            Message(
                f"Read as text, being whole numbers too long for floats: {', '.join(names)}; to round them, set",
                Setting("numeric"),
                ".",
            )
        )
    if counts and reading.missing is None:
        words = f"Read as missing in columns of text: {', '.join(counts)}. If these are labels, name other words with"
        notes.append(Message(words, Setting("missing"), "."))
    if unlisted:
        listed = ", ".join(_counted(name, words) for name, words in unlisted.items())
        more = dict.fromkeys(word for words in unlisted.values() for word in words)
        advice = Advice("if they are missing, list them, too:", missing=[*(reading.missing or ()), *more])
        notes.append(Message(f"Words that often stand for missing cells were read as text: {listed}.", advice))
    return notes


def _counted(name: str, words: Mapping[str, int]) -> str:
    """Return the name of a column, and how often words are in it."""
    return f"{name!r} ({', '.join(f'{count:,} {word!r}' for word, count in words.items())})"


def _as_kind(column: Series, kind: str, text: FileTable, decimal: str) -> Series:
    """Return a column, text as `filled_cells` gives it, as its kind, with the decimal mark of its file."""
    import polars as pl

    if kind == "typed" or (kind in ("whole", "float") and column.dtype != pl.String):
        return column if kind != "float" else column.cast(pl.Float64)
    cells = column.cast(pl.String)
    if kind in ("text", "boolean"):
        return cells if kind == "text" else (cells.str.to_lowercase() == "true").alias(cells.name)
    return _numbers(cells, kind == "whole", text, decimal)


def _numbers(cells: Series, whole: bool, text: FileTable, decimal: str) -> Series:
    """Return cells as numbers, those in another dress one by one."""
    import polars as pl

    dtype = pl.Int64 if whole else pl.Float64
    plain = cells
    if decimal == ",":
        pointed = cells.str.contains(".", literal=True)
        plain = pl.select(
            pl.when(pointed).then(None).otherwise(cells.str.replace(",", ".", literal=True)).alias(cells.name)
        ).to_series()
    numbers = plain.cast(dtype, strict=False)
    if numbers.null_count() == cells.null_count():
        return numbers
    rest = numbers.is_null() & cells.is_not_null()
    if not rest.any():
        return numbers
    marks = replace(text.reading.marks, decimal=decimal)
    numerals = numerals_of(cells.filter(rest).unique(), marks)
    values = {cell: numeral.text(decimal) for cell, numeral in numerals.items()}
    dressed = cells.replace_strict(list(values), list(values.values()), default=None, return_dtype=pl.String)
    return numbers.fill_null(dressed.cast(dtype, strict=False)).alias(cells.name)
