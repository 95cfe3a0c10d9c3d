"""How the text of an option is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import typer

Number = TypeVar("Number", int, float)
Word = TypeVar("Word")


class Unreadable(typer.BadParameter):
    """The text of an option that cannot be read; the message goes on behind the option's name."""


def reader(
    kind: Callable[[str | float | int], Number], expected: str, **words: Word
) -> Callable[[str | float | int], Number | Word]:
    """Return the function that reads an option's text, or refuses it in our words.

    Args:
        kind: `int` or `float`.
        expected: what it should be, as in "a number above 0".
        words: words that stand for a value.

    Example:
        >>> reader(int, "a whole number of rows or 'all'", all=99)("all")
        99
    """

    def read(text: str | float | int) -> Number | Word:  # defaults are read, too
        if isinstance(text, str) and text in words:
            return words[text]
        try:
            return kind(text)
        except ValueError:
            raise Unreadable(f"must be {expected}, got {text!r}.") from None

    return read
