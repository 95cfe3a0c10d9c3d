"""What a check of gradients found, comparison by comparison."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

SMALL = 1e-8
"""Added to the size of what is compared, so that rounding around a gradient of zero is no difference."""


@dataclass(frozen=True)
class Comparison:
    """One gradient, derived by hand and by a judge.

    Attributes:
        layer: the name of the layer's class, or of the loss, or `"network"`.
        place: the layer's place in the network, from 0; None for the loss and for the network as a whole.
        quantity: what the gradient is with respect to: a parameter's path such as `"weight"`, `"input"`, `"output"`, or
            `"directions"`: slopes of the loss along random directions through all parameters.
        against: the judge, `"jax.vjp"` or `"finite differences"`.
        error: `max|a − b| / (max|b| + small)`, with `a` derived by hand and `b` the judge's. NaN or infinite where one
            of them is; infinite where they cannot be compared.
        where: where the largest difference is, and both numbers there; or why they cannot be compared.
    """

    layer: str
    place: int | None
    quantity: str
    against: str
    error: float
    where: str


def compare(a: object, b: object, *, small: float = SMALL) -> tuple[float, str]:
    """Return `max|a − b| / (max|b| + small)`, and where the largest difference is in words.

    Example:
        >>> compare([1.0, 2.0], [1.0, 4.0])
        (0.5, 'at [1]: 2 instead of 4')
    """
    ours, judge = np.asarray(a), np.asarray(b)
    if ours.shape != judge.shape:
        return math.inf, f"shape {ours.shape} instead of {judge.shape}"
    if not judge.size:
        return 0.0, ""
    with np.errstate(invalid="ignore"):
        difference = np.abs(ours - judge)
        error = float(np.max(difference) / (np.max(np.abs(judge)) + small))
    entry = np.unravel_index(np.argmax(difference), difference.shape)  # argmax finds a NaN first
    prefix = f"at [{', '.join(map(str, entry))}]: " if entry else ""
    return error, f"{prefix}{ours[entry]:.6g} instead of {judge[entry]:.6g}"


@dataclass(frozen=True)
class GradientReport:
    """All comparisons of a check. Printed, it is a table that says where gradients differ.

    Attributes:
        rows: the comparisons, layer by layer, then the loss, then the network.
        tolerance: the largest error that passes.
    """

    rows: tuple[Comparison, ...]
    tolerance: float

    @property
    def passed(self) -> bool:
        """Whether all gradients agree."""
        return not self.failures

    @property
    def failures(self) -> tuple[Comparison, ...]:
        """The comparisons that differ by more than the tolerance; NaN differs from everything."""
        return tuple(row for row in self.rows if not row.error <= self.tolerance)

    @property
    def worst(self) -> Comparison:
        """The comparison with the largest error."""
        return max(self.rows, key=lambda row: math.inf if math.isnan(row.error) else row.error)

    def __str__(self) -> str:
        """Return the comparisons as a table, with a verdict below."""
        cells = [("place", "layer", "gradient of", "against", "error", "")]
        for row in self.rows:
            place = "" if row.place is None else str(row.place)
            where = "" if row.error <= self.tolerance else f"DIFFERS {row.where}"
            cells.append((place, row.layer, row.quantity, row.against, f"{row.error:.1e}", where))
        widths = [max(len(line[column]) for line in cells) for column in range(5)]
        lines = ["  ".join([*map(str.ljust, line, widths), line[5]]).rstrip() for line in cells]
        return "\n".join([*lines, self._verdict()])

    def _verdict(self) -> str:
        """Return the result as one sentence."""
        count = len(self.rows)
        if self.passed:
            return f"All {count} comparisons agree to {self.tolerance:g}; the largest error is {self.worst.error:.1e}."
        names = dict.fromkeys(
            row.layer if row.place is None else f"{row.layer} at place {row.place}" for row in self.failures
        )
        return (
            f"{len(self.failures)} of {count} comparisons differ by more than {self.tolerance:g}: {', '.join(names)}."
        )
