"""What the page offers, as the tables have it, and the fields of the wire that follow from it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from downslope.core import Limits, Range
from downslope.data import available
from downslope.landscape import surfaces
from downslope.layers import activation_names, initializers
from downslope.networks import norm_names
from downslope.optimizers import OPTIMIZERS, Hyperparam
from downslope.schedules import SCHEDULES


def _offered_numbers() -> dict[str, Hyperparam]:
    """Return the numbers of optimizers that controls offer, each as in the first optimizer that takes it."""
    numbers: dict[str, Hyperparam] = {}
    for facts in OPTIMIZERS.values():
        for number in facts.hyperparams:
            if number.facts.range is not None:
                numbers.setdefault(number.name, number)
    return numbers


SETS = tuple(info for info in available() if info.task == "classification" and "path" not in info.arguments)
"""Data sets of classes that need no files."""

DATA_SETS = tuple(info.name for info in SETS)

CLASSICS = tuple(surfaces.NAMES)
ACTIVATIONS = activation_names()
INITIALIZERS = ("auto", *initializers.names(aliases=False))
NORMS = norm_names()
DIRECTIONS = {
    "filter": "random, by filter",
    "pca": "PCA of a path",
    "eigen": "Hessian eigenvectors",
    "axes": "the two parameters",
}
"""The directions of a plane, in words."""

SIZES = (9, 17, 25, 33, 41, 51, 65, 81, 101, 129)
"""Points of a plane along a side."""

KINDS_OF_SCHEDULES = {name: facts for name, facts in SCHEDULES.items() if not facts.observes}
"""Schedules that go by the step: descents have no epochs with a validation loss."""

NUMBERS = _offered_numbers()
CHOICES = tuple(dict.fromkeys(choice for facts in OPTIMIZERS.values() for choice in facts.choices))
"""The yes-or-no choices of optimizers."""

BEYOND = 1000
"""Of a number without an upper limit the wire takes so many times the largest value that a control offers."""

_SIGNS = {"above": "gt", "at_least": "ge", "below": "lt", "at_most": "le"}


def number_field(range: Range, limits: Limits) -> object:
    """Return the type of a number on the wire: within its limits, finite, and nowhere near what could overflow."""
    bounds: dict[str, Any] = {_SIGNS[name]: bound for name, bound in limits.items()}
    if not {"below", "at_most"} & limits.keys():
        bounds["le"] = BEYOND * range.high
    if range.integer:
        rounded: dict[str, Any] = {sign: int(bound) for sign, bound in bounds.items()}
        return Annotated[int, Field(**rounded)]
    return Annotated[float, Field(**bounds, allow_inf_nan=False)]
