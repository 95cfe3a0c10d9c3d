"""How a text file is to be read: its separator, its numbers, its encoding, its words for missing cells."""

from __future__ import annotations

import codecs
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from downslope.core import Setting, SettingError
from downslope.data.text import DECIMALS, THOUSANDS, Marks

MISSING = ("", "NA", "N/A", "n/a", "na", "#N/A", "<NA>", "NaN", "nan", "NAN", "null", "NULL", "Null", "None", "?")
"""The cells that are missing, unless a user names others; empty ones always are."""

SEPARATORS = (",", ";", "\t", "|")
"""What is looked for between cells, unless a user names another mark."""

_WORDS = {
    "comma": ",",
    "semicolon": ";",
    "tab": "\t",
    "\\t": "\t",
    "pipe": "|",
    "space": " ",
    "blank": " ",
    "point": ".",
    "dot": ".",
    "apostrophe": "'",
    "underscore": "_",
    "none": "",
}


@dataclass(frozen=True)
class Reading:
    """What a user says of a text file, or what was seen in it; None for what is open.

    Attributes:
        separator: what stands between cells.
        decimal: the decimal mark.
        thousands: the mark between thousands; `""` for none.
        encoding: of the text.
        missing: the words that stand for missing cells.
    """

    separator: str | None = None
    decimal: str | None = None
    thousands: str | None = None
    encoding: str | None = None
    missing: tuple[str, ...] | None = None

    @property
    def marks(self) -> Marks:
        """The marks in numbers, as far as they are known; a mark between thousands is not the decimal one."""
        other = {",": ".", ".": ","}.get(self.thousands or "")
        return Marks(self.decimal or other, self.thousands)

    @property
    def missing_words(self) -> tuple[str, ...]:
        """The words that stand for missing cells."""
        return MISSING if self.missing is None else ("", *self.missing)

    @classmethod
    def of_arguments(cls, arguments: Mapping[str, Any]) -> Reading:
        """Return the reading in the arguments of `read`, among others; earlier versions had none."""
        marks = {entry.name: arguments.get(entry.name) for entry in fields(cls) if entry.name != "missing"}
        missing = arguments.get("missing")
        return cls(**marks, missing=None if missing is None else tuple(missing))

    def as_arguments(self) -> dict[str, Any]:
        """Return it as arguments of `read`, as plain data."""
        return asdict(self) | {"missing": None if self.missing is None else list(self.missing)}


OPEN = Reading()
"""Nothing is known of the text."""


def checked_reading(
    separator: str | None,
    decimal: str | None,
    thousands: str | None,
    encoding: str | None,
    missing: str | Sequence[str] | None,
) -> Reading:
    """Return the reading that a user asks for; marks may be named in words, such as `"comma"`.

    Raises:
        SettingError: a mark, an encoding or a word that cannot be.
    """
    separator, decimal, thousands = (
        _WORDS.get(mark, mark) if mark else mark for mark in (separator, decimal, thousands)
    )
    if separator is not None and (len(separator) != 1 or not separator.isascii() or separator in '\n\r"'):
        raise SettingError(
            Setting("separator"),
            f'must be one character between cells, such as "," or ";" or "tab", got {separator!r}.',
        )
    if decimal is not None and decimal not in DECIMALS:
        raise SettingError(Setting("decimal"), f'must be "." or ",", got {decimal!r}.')
    if thousands and thousands not in THOUSANDS:
        marks = " ".join(THOUSANDS).replace("   ", " space ")
        raise SettingError(Setting("thousands"), f'must be one of {marks}, or "none", got {thousands!r}.')
    if thousands and thousands == decimal:
        raise SettingError(
            Setting("thousands"), "must be another mark than", Setting("decimal"), f", got {decimal!r} for both."
        )
    words = (missing,) if isinstance(missing, str) else None if missing is None else tuple(missing)
    return Reading(separator, decimal, thousands, _checked_encoding(encoding), words)


def _checked_encoding(encoding: str | None) -> str | None:
    """Return an encoding that is known.

    Raises:
        SettingError: it is not.
    """
    if encoding is None:
        return None
    try:
        "".encode(encoding)
        codecs.getincrementaldecoder(encoding)
    except (LookupError, ValueError):
        raise SettingError(
            Setting("encoding"), f'must be the name of an encoding, such as "utf-8" or "cp1252", got {encoding!r}.'
        ) from None
    return encoding
