"""The options about the loss."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated

import typer

from downslope.cli.options.names import LOSSES_FOR_CLASSES as _CLASSES
from downslope.cli.options.names import LOSSES_FOR_NUMBERS as _NUMBERS
from downslope.cli.options.readers import reader

_option = partial(typer.Option, rich_help_panel="Descent")


@dataclass(frozen=True)
class LossOptions:
    """The loss, and how much classes count in it."""

    loss: Annotated[
        str,
        _option(
            metavar="NAME",
            help=f"auto ({_CLASSES[0]} for classes, {_NUMBERS[0]} for numbers), {', '.join(_CLASSES[1:])}; "
            f"{', '.join(_NUMBERS[1:])} (counts).",
        ),
    ] = "auto"
    label_smoothing: Annotated[
        float,
        _option(
            parser=reader(float, "a share from 0 to below 1"),
            metavar="SHARE",
            help="Share of the certainty to spread over all classes, for cross_entropy; 0.1 is usual.",
        ),
    ] = 0.0
    quantile_level: Annotated[
        float | None,
        _option(
            parser=reader(float, "a share between 0 and 1"),
            metavar="SHARE",
            help="The share of the targets that is to lie below the answer, for quantile.",
            show_default="0.5",
        ),
    ] = None
    class_weight: Annotated[
        list[str] | None,
        _option(
            metavar="WEIGHT",
            help="How much classes count: balanced (rare ones as much as frequent ones), or LABEL=NUMBER, which may be "
            "repeated.",
            show_default="1 each",
        ),
    ] = None


@dataclass(frozen=True)
class PlainLossOptions(LossOptions):
    """The loss alone."""

    label_smoothing: float = 0.0
    quantile_level: float | None = None
    class_weight: list[str] | None = None
