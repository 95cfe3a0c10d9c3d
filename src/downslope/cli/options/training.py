"""The options about the descent, which several commands share."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from downslope.cli.options.arguments import reader
from downslope.cli.parse.schedule import NOTATIONS

_PANEL = "Descent"
_COUNT = reader(int, "a whole number, 1 or more")
ALL_ROWS = sys.maxsize
PATIENCE = 10

LossOption = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="auto (cross_entropy for classes, squared_error for numbers), binary_cross_entropy, hinge, "
        "perceptron; mean_squared_error, sum_squared_error, huber, poisson (counts).",
        rich_help_panel=_PANEL,
    ),
]
LabelSmoothingOption = Annotated[
    float,
    typer.Option(
        parser=reader(float, "a share from 0 to below 1"),
        metavar="SHARE",
        help="Share of the certainty to spread over all classes, for cross_entropy; 0.1 is usual.",
        rich_help_panel=_PANEL,
    ),
]
ClassWeightOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="WEIGHT",
        help="How much classes count: balanced (rare ones as much as frequent ones), or LABEL=NUMBER, which may be "
        "repeated.",
        show_default="1 each",
        rich_help_panel=_PANEL,
    ),
]
OptimizerOption = Annotated[
    str,
    typer.Option(metavar="NAME", help="adam, adamw, nadam, rmsprop, adagrad, adadelta or sgd.", rich_help_panel=_PANEL),
]
LearningRateOption = Annotated[
    float | None,
    typer.Option(
        parser=reader(float, "a number above 0"),
        metavar="NUMBER",
        help="The size of steps.",
        show_default="0.001; 0.01 for sgd and adagrad, 1 for adadelta",
        rich_help_panel=_PANEL,
    ),
]
AutoLearningRateOption = Annotated[
    Any,
    typer.Option(
        parser=reader(float, "a number above 0 or 'auto'", auto="auto"),
        metavar="NUMBER",
        help="The size of steps; auto: find one first, as downslope find-lr does.",
        show_default="0.001; 0.01 for sgd and adagrad, 1 for adadelta",
        rich_help_panel=_PANEL,
    ),
]
MomentumOption = Annotated[
    float | None,
    typer.Option(
        parser=reader(float, "a number from 0 to below 1"),
        metavar="NUMBER",
        help="For sgd and rmsprop, 0 to below 1; 0.9 is usual.",
        rich_help_panel=_PANEL,
    ),
]
WeightDecayOption = Annotated[
    float | None,
    typer.Option(
        parser=reader(float, "a number of at least 0"),
        metavar="NUMBER",
        help="Pull weights towards 0: in the gradient (L2) for sgd, else decoupled, times the learning rate.",
        show_default="none; 0.01 for adamw",
        rich_help_panel=_PANEL,
    ),
]
ClipOption = Annotated[
    float | None,
    typer.Option(
        parser=reader(float, "a number above 0"),
        metavar="NORM",
        help="Shorten gradients to this norm, taken over all parameters together.",
        show_default="off",
        rich_help_panel=_PANEL,
    ),
]
ScheduleOption = Annotated[
    str,
    typer.Option(
        metavar="SCHEDULE",
        help="How the learning rate changes: " + ", ".join(NOTATIONS).replace("[", "\\[") + ". EVERY, PERIOD and "
        "STEPS count steps, PATIENCE epochs; cosine and one-cycle last for all epochs.",
        rich_help_panel=_PANEL,
    ),
]
BatchSizeOption = Annotated[
    int,
    typer.Option(
        parser=reader(int, "a whole number of rows or 'all'", all=ALL_ROWS),
        metavar="ROWS",
        help="Rows a step, 1 or more, or all.",
        rich_help_panel=_PANEL,
    ),
]
AutoBatchSizeOption = Annotated[
    Any,
    typer.Option(
        parser=reader(int, "a whole number of rows, 'all' or 'auto'", all=ALL_ROWS, auto="auto"),
        metavar="ROWS",
        help="Rows a step, 1 or more, or all; auto: find the size that gets there soonest on this machine.",
        rich_help_panel=_PANEL,
    ),
]
OrderOption = Annotated[
    str,
    typer.Option(
        metavar="ORDER",
        help="shuffle (anew each epoch), shuffle_once, sequential, replacement, or blocks: a shuffle that reads "
        "neighbouring rows together, for data on disk larger than memory.",
        rich_help_panel=_PANEL,
    ),
]
EpochsOption = Annotated[
    int,
    typer.Option(
        parser=_COUNT, metavar="NUMBER", help="Passes over the training rows, at most.", rich_help_panel=_PANEL
    ),
]
EarlyStoppingOption = Annotated[
    int | None,
    typer.Option(
        parser=reader(int, "a whole number, 0 or more"),
        metavar="EPOCHS",
        help="Stop after so many epochs without a lower validation loss; 0: off.",
        show_default=f"{PATIENCE}; off without validation",
        rich_help_panel=_PANEL,
    ),
]
RestartsOption = Annotated[
    int,
    typer.Option(
        parser=_COUNT,
        metavar="NUMBER",
        help="Starting weights to try, all at once; the one that ends lowest is kept, and the spread printed.",
        rich_help_panel=_PANEL,
    ),
]
SeedOption = Annotated[
    int,
    typer.Option(
        parser=reader(int, "a whole number, 0 or more"),
        metavar="NUMBER",
        help="Decides the split, the starting weights and the order of rows.",
        rich_help_panel=_PANEL,
    ),
]


def steps_of(rows: int, batch_size: int, epochs: int) -> int:
    """Return how many steps the whole training makes."""
    from downslope.core import check_integer

    return check_integer("epochs", epochs) * -(-rows // check_integer("batch_size", batch_size))
