"""How the text of an option is read, and what commands of every kind take."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer


class Unreadable(typer.BadParameter):
    """The text of an option that cannot be read; the message goes on behind the option's name."""


def reader(kind: Callable[[str], Any], expected: str, **words: Any) -> Callable[[Any], Any]:
    """Return the function that reads an option's text, or refuses it in our words.

    Args:
        kind: `int` or `float`.
        expected: what it should be, as in "a number above 0".
        words: words that stand for a value.

    Example:
        >>> reader(int, "a whole number of rows or 'all'", all=99)("all")
        99
    """

    def read(text: Any) -> Any:
        if text in words:
            return words[text]
        try:
            return kind(text)
        except ValueError:
            raise Unreadable(f"must be {expected}, got {text!r}.") from None

    return read


SourceArgument = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE",
        help="A file (.csv .tsv .parquet .npy .npz) or the name of a data set, see downslope data.",
        show_default=False,
    ),
]
RunArgument = Annotated[
    Path, typer.Argument(metavar="RUN", help="The folder of a run, as downslope train made it.", show_default=False)
]
FileArgument = Annotated[
    str,
    typer.Argument(
        metavar="FILE",
        help="A file with the columns of the training data, in any order, others ignored; or a data set's name.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
