"""The options about the optimizer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal

import typer

from downslope.cli.options.names import DECAYING, OPTIMIZERS, SCHEDULES, WITH_L2, WITH_MOMENTUM, joined, usual_rates
from downslope.cli.options.readers import reader

_option = partial(typer.Option, rich_help_panel="Descent")


@dataclass(frozen=True)
class OptimizerOptions:
    """The optimizer, as `parse.optimizer.optimizer_of` takes it."""

    optimizer: Annotated[
        str,
        _option(metavar="NAME", help=f"{joined(OPTIMIZERS, 'or')}."),
    ] = "adam"
    learning_rate: Annotated[
        float | Literal["auto"] | None,
        _option(
            parser=reader(float, "a number above 0 or 'auto'", auto="auto"),
            metavar="NUMBER",
            help="The size of steps; auto: find one first, as downslope find-lr does.",
            show_default=usual_rates(),
        ),
    ] = None
    momentum: Annotated[
        float | None,
        _option(
            parser=reader(float, "a number from 0 to below 1"),
            metavar="NUMBER",
            help=f"For {joined(WITH_MOMENTUM, 'and')}, 0 to below 1; 0.9 is usual.",
        ),
    ] = None
    weight_decay: Annotated[
        float | None,
        _option(
            parser=reader(float, "a number of at least 0"),
            metavar="NUMBER",
            help=f"Pull weights towards 0: in the gradient (L2) for {joined(WITH_L2, 'and')}, else decoupled, times "
            "the learning rate.",
            show_default="; ".join(["none", *(f"{decay:g} for {name}" for name, decay in DECAYING.items())]),
        ),
    ] = None
    spare_biases: Annotated[
        bool,
        _option("--spare-biases", help="Pull neither biases towards 0, nor scales and shifts of norms."),
    ] = False
    clip: Annotated[
        float | None,
        _option(
            parser=reader(float, "a number above 0"),
            metavar="NORM",
            help="Shorten gradients to this norm, taken over all parameters together.",
            show_default="off",
        ),
    ] = None
    schedule: Annotated[
        str,
        _option(
            metavar="SCHEDULE",
            help="How the learning rate changes: " + ", ".join(SCHEDULES).replace("[", "\\[") + ". EVERY, PERIOD and "
            "STEPS count steps, PATIENCE epochs; cosine and one-cycle last for all epochs.",
        ),
    ] = "constant"


PlainLearningRateOption = Annotated[
    float | None,
    _option(
        parser=reader(float, "a number above 0"),
        metavar="NUMBER",
        help="The size of steps.",
        show_default=usual_rates(),
    ),
]
