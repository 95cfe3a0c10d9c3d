"""The options that are settings of a training as they stand."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal

import typer

from downslope.cli.options.readers import reader

_option = partial(typer.Option, rich_help_panel="Descent")
_COUNT = reader(int, "a whole number, 1 or more")
ALL_ROWS = sys.maxsize
PATIENCE = 10


EpochsOption = Annotated[
    int,
    _option(parser=_COUNT, metavar="NUMBER", help="Passes over the training rows, at most."),
]


@dataclass(frozen=True)
class TrainingOptions:
    """Settings of a training, as `downslope.cli.prepare` makes them `TrainingSettings`."""

    batch_size: Annotated[
        int | Literal["auto"],
        _option(
            parser=reader(int, "a whole number of rows, 'all' or 'auto'", all=ALL_ROWS, auto="auto"),
            metavar="ROWS",
            help="Rows a step, 1 or more, or all; auto: find the size that gets there soonest on this machine.",
        ),
    ] = 32
    order: Annotated[
        str,
        _option(
            metavar="ORDER",
            help="shuffle (anew each epoch), shuffle_once, sequential, replacement, or blocks: a shuffle that reads "
            "neighbouring rows together, for data on disk larger than memory.",
        ),
    ] = "shuffle"
    drop_last: Annotated[
        bool,
        _option(
            "--drop-last",
            help="Leave out the last batch of an epoch where it has fewer rows than the others. A single row, of "
            "which batch norm learns nothing, is left out anyway where the size of batches was not given.",
        ),
    ] = False
    epochs: EpochsOption = 50
    early_stopping: Annotated[
        int | None,
        _option(
            parser=reader(int, "a whole number, 0 or more"),
            metavar="EPOCHS",
            help="Stop after so many epochs without a lower validation loss; 0: off.",
            show_default=f"{PATIENCE}; off without validation",
        ),
    ] = None
    early_stopping_metric: Annotated[
        str,
        _option(
            metavar="NAME",
            help="What early stopping and the choice of the epoch to keep go by, on the validation rows: loss, "
            "accuracy, balanced_accuracy, f1, auc; rmse, mae, r2.",
        ),
    ] = "loss"
    min_delta: Annotated[
        float,
        _option(
            parser=reader(float, "a number of at least 0"),
            metavar="NUMBER",
            help="By how much more than this that must get better for an epoch to count for early stopping.",
        ),
    ] = 0.0


BatchSizeOption = Annotated[
    int,
    _option(
        parser=reader(int, "a whole number of rows or 'all'", all=ALL_ROWS),
        metavar="ROWS",
        help="Rows a step, 1 or more, or all.",
    ),
]
RestartsOption = Annotated[
    int,
    _option(
        parser=_COUNT,
        metavar="NUMBER",
        help="Starting weights to try, all at once; the one that ends lowest is kept, and the spread printed.",
    ),
]
SeedOption = Annotated[
    int,
    _option(
        parser=reader(int, "a whole number, 0 or more"),
        metavar="NUMBER",
        help="Decides the split, the starting weights and the order of rows.",
    ),
]
