"""The names in help texts, here because help imports nothing that computes; a test compares them with the tables."""

from __future__ import annotations

from collections.abc import Iterable

OPTIMIZERS = {
    "adam": 0.001,
    "adamw": 0.001,
    "nadam": 0.001,
    "rmsprop": 0.001,
    "adagrad": 0.01,
    "adadelta": 1,
    "sgd": 0.01,
}
"""Each optimizer and its usual rate."""

WITH_MOMENTUM = ("sgd", "rmsprop")
"""Optimizers with a number called momentum."""

WITH_L2 = ("sgd",)
"""Optimizers whose own weight decay is in the gradient."""

DECAYING = {"adamw": 0.01}
"""Optimizers that decay weights unless they are told not to, and by how much."""

ACTIVATIONS = (
    "relu", "leaky_relu", "tanh", "scaled_tanh", "sigmoid", "softplus", "elu", "gelu", "silu", "identity",
)  # fmt: skip

SCALED_INITIALIZERS = ("lecun", "fan_out", "glorot", "he")
"""Initializers that come as `_normal` and as `_uniform`."""

INITIALIZERS = ("zeros", "orthogonal")
"""The others."""

WITH_NUMBER = {"constant": "C", "normal": "S", "uniform": "S"}
"""Initializers that take a number."""

SCHEDULES = (
    "constant",
    "step:FACTOR:EVERY",
    "exponential:RATE[:EVERY]",
    "inverse:RATE[:POWER]",
    "cosine[:END]",
    "one-cycle",
    "cyclic:LOW:PERIOD[:MODE]",
    "plateau:FACTOR:PATIENCE",
    "warmup:STEPS[+SCHEDULE]",
)
"""The notations of schedules."""

NORMALIZATIONS = {"standard": "mean 0, deviation 1", "minmax": "0 to 1", "symmetric": "-1 to 1"}
SHAPES = {"digits": "8x8x1", "mnist1d": "40x1"}
"""Data sets whose flat rows are images or sequences."""

CLASSICS = ("bowl", "ravine", "saddle", "two_minima", "plateau", "rosenbrock", "himmelblau", "beale")
NORMS = ("batch", "layer")
LOSSES_FOR_CLASSES = ("cross_entropy", "binary_cross_entropy", "hinge", "perceptron")
LOSSES_FOR_NUMBERS = (
    "squared_error", "mean_squared_error", "sum_squared_error", "absolute_error", "quantile", "huber", "poisson",
)  # fmt: skip


def joined(names: Iterable[str], last: str) -> str:
    """Return names as a list in words.

    Example:
        >>> joined(["sgd", "adam", "adamw"], "or")
        'sgd, adam or adamw'
    """
    *before, end = names
    return f"{', '.join(before)} {last} {end}" if before else end


def usual_rates() -> str:
    """Return the usual rates in words, the one of the first optimizer first.

    Example:
        >>> usual_rates()
        '0.001; 0.01 for adagrad and sgd, 1 for adadelta'
    """
    takers = {rate: [name for name in OPTIMIZERS if OPTIMIZERS[name] == rate] for rate in OPTIMIZERS.values()}
    first, *others = takers
    return f"{first:g}; " + ", ".join(f"{rate:g} for {joined(takers[rate], 'and')}" for rate in others)
