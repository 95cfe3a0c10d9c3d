"""The options about data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated

import typer

from downslope.cli.options.names import NORMALIZATIONS, SHAPES, joined
from downslope.cli.options.readers import reader

_option = partial(typer.Option, rich_help_panel="Data")
_SHARE = reader(float, "a share of the rows from 0 to below 1")


@dataclass(frozen=True)
class ReadingOptions:
    """How the text of a file is read."""

    separator: Annotated[
        str | None,
        _option(
            metavar="MARK",
            help="What stands between the cells of a text file: one character, or comma, semicolon, tab, pipe, space.",
            show_default="looked for",
        ),
    ] = None
    decimal: Annotated[
        str | None,
        _option(
            metavar="MARK", help="The decimal mark of a text file: point or comma.", show_default="as its numbers show"
        ),
    ] = None
    thousands: Annotated[
        str | None,
        _option(
            metavar="MARK",
            help="What stands between thousands: point, comma, space, apostrophe, underscore, or none.",
            show_default="as its numbers show",
        ),
    ] = None
    encoding: Annotated[
        str | None,
        _option(metavar="NAME", help="The encoding of a text file, such as cp1252.", show_default="utf-8"),
    ] = None
    missing: Annotated[
        list[str] | None,
        _option(
            metavar="WORD",
            help="Read this word as a missing cell, in place of NA, None, ? and the like; may be repeated.",
        ),
    ] = None


@dataclass(frozen=True)
class ColumnOptions:
    """What the columns of a source are."""

    target: Annotated[
        str | None,
        _option(
            metavar="COLUMN",
            help="The column to learn; needed for files. For .npy its number (-1: the last), for .npz an array's name.",
        ),
    ] = None
    task: Annotated[
        str | None,
        _option(
            metavar="TASK",
            help="classification or regression; inferred from the target if not given, and printed.",
        ),
    ] = None
    numeric: Annotated[
        list[str] | None,
        _option(metavar="COLUMN", help="Read this column as numbers; may be repeated."),
    ] = None
    categorical: Annotated[
        list[str] | None,
        _option(
            metavar="COLUMN",
            help="Read this column as categories, one-hot, even if it looks like numbers; may be repeated.",
        ),
    ] = None
    exclude: Annotated[
        list[str] | None,
        _option(metavar="NAMES", help="Columns to leave out, as a,b."),
    ] = None
    only: Annotated[
        list[str] | None,
        _option(metavar="NAMES", help="The only columns to learn from, as a,b."),
    ] = None
    keep: Annotated[
        list[str] | None,
        _option(
            metavar="NAMES",
            help="Learn from these even if they only count the rows or name them.",
        ),
    ] = None
    drop_missing_target: Annotated[
        bool,
        _option("--drop-missing-target", help="Leave out rows without a target."),
    ] = False
    shape: Annotated[
        str | None,
        _option(
            metavar="SHAPE",
            help="What a row of numbers is: an image, HEIGHTxWIDTHxCHANNELS, such as 28x28x1, or a sequence, "
            "LENGTHxCHANNELS, such as 40x1. Columns then count by their order.",
            show_default=f"as in the file; {joined(SHAPES.values(), 'and')} for convolutions on "
            f"{joined(SHAPES, 'and')}",
        ),
    ] = None


@dataclass(frozen=True)
class DataOptions(ReadingOptions, ColumnOptions):
    """How the rows of a source are read."""


@dataclass(frozen=True)
class PreparationOptions:
    """How rows are normalized, and which are held out."""

    normalize: Annotated[
        str,
        _option(
            metavar="HOW",
            help=f"Inputs: {', '.join(f'{name} ({words})' for name, words in NORMALIZATIONS.items())} or none; "
            "statistics of the training rows. Unless none, targets of a regression are standardized too (but for "
            "losses with a range of their own), which is undone in predictions, rmse, mae and r2.",
        ),
    ] = "standard"
    validation: Annotated[
        float,
        _option(
            parser=_SHARE,
            metavar="SHARE",
            help="Share of the rows that decides when to stop and which epoch to keep; 0 for none.",
        ),
    ] = 0.2
    test: Annotated[
        float,
        _option(
            parser=_SHARE,
            metavar="SHARE",
            help="Share of the rows kept aside to judge the result by; 0 for none.",
        ),
    ] = 0.2
