"""The options about data, which several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from downslope.cli.options.arguments import reader

_PANEL = "Data"
_SHARE = reader(float, "a share of the rows from 0 to below 1")

TargetOption = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN",
        help="The column to learn; needed for files. For .npy its number (-1: the last), for .npz an array's name.",
        rich_help_panel=_PANEL,
    ),
]
TaskOption = Annotated[
    str | None,
    typer.Option(
        metavar="TASK",
        help="classification or regression; inferred from the target if not given, and printed.",
        rich_help_panel=_PANEL,
    ),
]
NumericOption = Annotated[
    list[str] | None,
    typer.Option(metavar="COLUMN", help="Read this column as numbers; may be repeated.", rich_help_panel=_PANEL),
]
CategoricalOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="COLUMN",
        help="Read this column as categories, one-hot, even if it looks like numbers; may be repeated.",
        rich_help_panel=_PANEL,
    ),
]
ShapeOption = Annotated[
    str | None,
    typer.Option(
        metavar="SHAPE",
        help="What a row of numbers is: an image, HEIGHTxWIDTHxCHANNELS, such as 28x28x1, or a sequence, "
        "LENGTHxCHANNELS, such as 40x1. Columns then count by their order.",
        show_default="as in the file; 8x8x1 and 40x1 for convolutions on digits and mnist1d",
        rich_help_panel=_PANEL,
    ),
]
NormalizeOption = Annotated[
    str,
    typer.Option(
        metavar="HOW",
        help="Inputs: standard (mean 0, deviation 1), minmax (0 to 1), symmetric (-1 to 1) or none; statistics of "
        "the training rows. Unless none, targets of a regression are standardized too (but for losses with a range "
        "of their own), which is undone in predictions, rmse, mae and r2.",
        rich_help_panel=_PANEL,
    ),
]
ValidationOption = Annotated[
    float,
    typer.Option(
        parser=_SHARE,
        metavar="SHARE",
        help="Share of the rows that decides when to stop and which epoch to keep; 0 for none.",
        rich_help_panel=_PANEL,
    ),
]
TestOption = Annotated[
    float,
    typer.Option(
        parser=_SHARE,
        metavar="SHARE",
        help="Share of the rows kept aside to judge the result by; 0 for none.",
        rich_help_panel=_PANEL,
    ),
]
