"""How the numbers of a file are written: what all its columns together say about its decimal mark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from downslope.core import Advice, DataError, Message
from downslope.data.files.reading import Reading
from downslope.data.files.surveys import Cell, Survey
from downslope.data.text import PERCENT, Marks, numeral_of

MARK_NAMES = {".": "point", ",": "comma", " ": "blank", "'": "apostrophe", "_": "underscore"}


@dataclass(frozen=True)
class Notation:
    """The decimal mark of a file.

    Attributes:
        decimal: a point or a comma.
        is_shown: whether the numbers of the file depend on it.
    """

    decimal: str = "."
    is_shown: bool = False


def notation_of(
    surveys: Mapping[str, Survey], names: Sequence[str], file: str, reading: Reading, like: Reading
) -> Notation:
    """Return the decimal mark of a file, from the columns of numbers.

    Numbers that can be read in one way only decide for all others. Where there are none, `1,048` between commas has a
    comma between its thousands, and a point is the decimal mark, with two exceptions in which it is left to the user:
    between semicolons or tabs a comma can be either, and so can a point between semicolons, or anywhere where each
    number with a point has three digits behind it while none without is 1,000 or more. A file that is to be read like
    another with the same separator has that file's decimal mark; if that is a comma, and the separator another, the
    user decides, too.

    Args:
        surveys: of the columns of numbers, by name; those that are not read are evidence, too.
        names: the columns that are read.
        file: its name, for messages.
        reading: what is known of the file.
        like: what was seen in the file that this one is to be read like.

    Raises:
        DataError: numbers that contradict each other, or can be read in two ways.
    """
    point, comma = _first(surveys, "point"), _first(surveys, "comma")
    if reading.marks.decimal is not None:
        return Notation(reading.marks.decimal, is_shown=True)
    if point and comma:
        raise _contradiction(point, comma)
    if point or comma:
        return Notation("." if point else ",", is_shown=True)
    read = set(names)
    chosen = {name: survey for name, survey in surveys.items() if name in read}
    open_point, open_comma = _first(chosen, "open_point"), _first(chosen, "open_comma")
    example = open_point or open_comma
    if example is None:
        return Notation()
    if like.decimal is not None and like.separator == reading.separator:
        return Notation(like.decimal, is_shown=True)
    if like.decimal == ",":
        raise _undecided(example)
    if open_point and open_comma:
        raise _contradiction(open_point, open_comma)
    if open_comma and reading.separator != ",":
        raise _undecided(open_comma)
    if open_point and (reading.separator == ";" or (suspect := _grouped_column(chosen))):
        raise _undecided(open_point if reading.separator == ";" else suspect)
    return Notation(".", is_shown=True)


def notation_notes(surveys: Mapping[str, Survey], notation: Notation, file: str) -> list[Message]:
    """Return sentences on numbers in another dress.

    Args:
        surveys: of the columns of numbers that are read, by name.
        notation: of the file.
        file: its name.
    """
    notes = []
    marks = _mark_examples(surveys, notation)
    if marks:
        notes.append(Message(f"Numbers of {file!r} were read so: {_listed(marks)}."))
    units = [f"{name!r} ({', '.join(survey.units)})" for name, survey in surveys.items() if survey.units]
    if units:
        notes.append(Message(f"Signs of currencies and percent were dropped, 12% is 12: {_listed(units)}."))
    return notes


def check_units(surveys: Mapping[str, Survey]) -> None:
    """Refuse columns that mix units.

    Args:
        surveys: of the columns of numbers that are read, by name.

    Raises:
        DataError: one has amounts in two currencies, or numbers with and without a percent sign.
    """
    for name, survey in surveys.items():
        cells = [*survey.units.values(), *([survey.bare] if survey.bare and PERCENT in survey.units else [])]
        if len(cells) > 1:
            raise DataError(
                f"Column {name!r} must have one unit, got {cells[0].text!r} in {cells[0].position}, and "
                f"{cells[1].text!r} in {cells[1].position}.",
                Advice("write all its numbers in the same unit"),
                Advice("read it as text", categorical=[name]),
            )


def _mark_examples(surveys: Mapping[str, Survey], notation: Notation) -> list[str]:
    """Return for each kind of dress a number, and what it was read as."""
    kinds: dict[str, tuple[str, Cell]] = {}
    for name, survey in surveys.items():
        grouped = survey.open_comma if notation.decimal == "." else survey.open_point
        kinds |= {f"group {mark}": (name, cell) for mark, cell in survey.groups.items() if f"group {mark}" not in kinds}
        examples = {"group": grouped, "minus": survey.spelled, "comma": survey.comma}
        kinds |= {kind: (name, cell) for kind, cell in examples.items() if cell and kind not in kinds}
    texts = {}
    for name, cell in kinds.values():
        numeral = numeral_of(cell.text, Marks(notation.decimal))
        text = None if numeral is None else numeral.text(notation.decimal)
        texts[cell.text] = f"{cell.text!r} in {name!r} as {text}"
    return list(texts.values())


def _first(surveys: Mapping[str, Survey], kind: str) -> tuple[str, Cell] | None:
    """Return the first cell of a kind, with its column."""
    return next(((name, cell) for name, survey in surveys.items() if (cell := getattr(survey, kind))), None)


def _grouped_column(surveys: Mapping[str, Survey]) -> tuple[str, Cell] | None:
    """Return a cell of a column whose points may stand between thousands.

    Each of its numbers with a point has three digits behind it, and none without a point is 1,000 or more, as if all
    of these had one.
    """
    columns = {
        name: survey
        for name, survey in surveys.items()
        if survey.open_point and survey.ungroupable and not survey.ungrouped
    }
    return _first(columns, "open_point")


def _undecided(example: tuple[str, Cell]) -> DataError:
    """Return the error for a number that can be read in two ways."""
    name, cell = example
    numeral = numeral_of(cell.text)
    values = ("", "") if numeral is None else (numeral.point, numeral.comma)
    return DataError(
        f"{cell.text!r} in column {name!r}, {cell.position}, may be {values[0]} or {values[1]}, and no other number of "
        "the file says which.",
        Advice("choose the point as the decimal mark", decimal="."),
        Advice("the comma", decimal=","),
    )


def _contradiction(first: tuple[str, Cell], second: tuple[str, Cell]) -> DataError:
    """Return the error for two numbers that cannot have the same decimal mark."""
    texts = [f"{cell.text!r} in column {name!r}, {cell.position}" for name, cell in (first, second)]
    return DataError(
        f"The numbers of a file must have one decimal mark, got {texts[0]}, and {texts[1]}.",
        Advice("choose the point", decimal="."),
        Advice("choose the comma", decimal=","),
        Advice("read a column as text", categorical=[second[0]]),
    )


def _listed(items: Sequence[str], limit: int = 8) -> str:
    """Return up to `limit` items, and how many more there are."""
    return ", ".join(items[:limit]) + (f" and {len(items) - limit} more" if len(items) > limit else "")
