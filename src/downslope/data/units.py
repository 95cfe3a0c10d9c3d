"""The units of columns of numbers that were text, and numbers of other text read as those were written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from downslope.core import Advice, DataError
from downslope.data.text import PERCENT, Numeral, numeral_of

if TYPE_CHECKING:
    from polars import Series


@dataclass(frozen=True)
class Writing:
    """How text wrote the numbers of a column.

    Attributes:
        unit: a currency or percent sign; `""` for none.
        decimal: the decimal mark; None where nothing depended on it.
    """

    unit: str = ""
    decimal: str | None = None


def signs_of(units: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """Return the units of those columns that have one."""
    return {name: units[name] for name in names if units.get(name)}


def check_unit(subject: str, before: str, now: str | None) -> None:
    """Refuse numbers in another unit than in training: with or without percent, or another currency.

    Args:
        subject: what holds them, as the beginning of a sentence.
        before: the sign in training; `""` for none.
        now: the sign now; None where numbers have a type and no sign.

    Raises:
        DataError: the units differ.
    """
    if now is None or now == before or (PERCENT not in (before, now) and not (before and now)):
        return
    if before == PERCENT:
        expected, got = "with percent signs, where 12% was read as 12", now or "none, so that they may be shares"
    else:
        expected, got = f"in {before}" if before else "without percent signs", now
    raise DataError(
        f"{subject} must have its numbers as in training, {expected}, got {got}.",
        Advice("write them as they were"),
        Advice("train again"),
    )


def are_shares(numbers: np.ndarray) -> bool:
    """Return whether numbers, NaN where one is missing, are not all 0 and none is above 1."""
    sizes = np.abs(numbers[~np.isnan(numbers)])
    return bool(sizes.any() and (sizes <= 1).all())


def written_numbers(cells: Series, writing: Writing) -> Series:
    """Return text as numbers, null where a cell is none, or may be two.

    Cells that are numbers in one way only show what the marks in the others mean. Where none does, they are as Python
    writes numbers, unless training had decimal commas: a frame may come from anywhere.

    Args:
        cells: a column of text, with its name.
        writing: how training wrote the numbers.

    Raises:
        DataError: another unit than in training.
    """
    import polars as pl

    texts = cells.str.strip_chars()
    numerals = {text: numeral_of(text) for text in texts.drop_nulls().unique(maintain_order=True)}
    for numeral in filter(None, numerals.values()):
        check_unit(f"Column {cells.name!r}", writing.unit, numeral.unit)
    decimal = _decimal(filter(None, numerals.values()), writing.decimal)
    values = {text: _value(text, numeral, decimal) for text, numeral in numerals.items()}
    return texts.replace_strict(list(values), list(values.values()), default=None, return_dtype=pl.Float64)


def _decimal(numerals: Iterable[Numeral], before: str | None) -> str | None:
    """Return the decimal mark that numbers show, or else that of training; None if it had none.

    Where only training shows a comma it is `""`: the numbers that it would change are open.
    """
    marks = {"." if numeral.comma is None else "," for numeral in numerals if None in (numeral.point, numeral.comma)}
    if marks:
        return "," if marks == {","} else "."
    return {None: None, ".": ".", ",": ""}[before]


def _value(text: str, numeral: Numeral | None, decimal: str | None) -> float | None:
    """Return the number that a text is; None if it is none, or may be two."""
    if numeral is None:
        return _float(text)
    if numeral.is_open and (decimal == "" or (decimal is None and "," in text)):
        return None
    written = numeral.text(decimal or ".")
    return None if written is None else float(written)


def _float(text: str) -> float | None:
    """Return what Python takes for a number, such as `nan`; None if it is none."""
    try:
        return float(text)
    except ValueError:
        return None
