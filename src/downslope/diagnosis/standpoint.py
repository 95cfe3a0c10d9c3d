"""A point on a loss surface, with measurements there that are made once, when first needed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from downslope.core import LossSurface, PyTree, SettingError, all_finite, tree_norm, tree_size
from downslope.curvature import (
    ConditionNumber,
    Eigenpairs,
    NoiseScale,
    condition_number,
    eigenvalues,
    noise_scale,
)
from downslope.diagnosis.announcements import Announce
from downslope.diagnosis.measurements import Point, Reach, WayOut, reach_of, way_out_of

MOST_PRODUCTS, FEWEST_PRODUCTS = 200, 30
"""Products with the Hessian that eigenvalues may take: the fewer, the larger the network."""

WORK = 4e10
"""Parameters × rows × products is about so much at most: some seconds on a processor of two cores."""

EACH_END = 3
"""Eigenvalues wanted at each end of the spectrum."""

TOLERANCE = 1e-3
"""Their residuals, as a share of `max|λ|`."""

NOISE_BATCHES = 128
"""The noise scale is measured on so many batches at most."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Standpoint:
    """A point on a loss surface. Every measurement is cached, and its cost bounded.

    Attributes:
        surface: the loss.
        params: the point.
        seed: of all that is drawn.
        progress: called with a few words on each measurement before it is made.
    """

    surface: LossSurface
    params: PyTree
    seed: int = 0
    progress: Announce | None = None

    @cached_property
    def loss(self) -> float:
        """The loss at the point."""
        return float(self.surface.value(self.params))

    @cached_property
    def gradient(self) -> PyTree:
        """The gradient over all rows of the surface."""
        return self.surface.gradient(self.params)

    @cached_property
    def gradient_norm(self) -> float:
        """Its length."""
        return float(np.asarray(tree_norm(self.gradient)))

    @cached_property
    def finite(self) -> bool:
        """Whether parameters, loss and gradient are all finite, so that there is something to measure."""
        return all_finite(self.params) and bool(np.isfinite(self.loss)) and bool(np.isfinite(self.gradient_norm))

    @cached_property
    def size(self) -> int:
        """How many parameters there are."""
        return tree_size(self.params)

    @property
    def rows(self) -> int:
        """How many rows the loss is over; 1 where that is not known."""
        return 1

    @property
    def products(self) -> int:
        """How many products with the Hessian one measurement may take."""
        return int(np.clip(WORK / (self.size * self.rows), FEWEST_PRODUCTS, MOST_PRODUCTS))

    @cached_property
    def eigenvalues(self) -> Eigenpairs:
        """The outermost eigenvalues of the Hessian at both ends, the largest first, with vectors and residuals."""
        self.announce("eigenvalues of the Hessian")
        return eigenvalues(
            self.surface,
            self.params,
            k=EACH_END,
            which="both",
            tol=TOLERANCE,
            max_hvps=self.products,
            key=self.seed,
        )

    @property
    def sharpness(self) -> float:
        """The largest eigenvalue, `λ_max`."""
        return float(self.eigenvalues.values[0])

    @cached_property
    def condition(self) -> ConditionNumber:
        """The condition number, over the resolved eigenvalues."""
        self.announce("condition number")
        return condition_number(self.surface, self.params, tol=TOLERANCE / 10, max_hvps=self.products, key=self.seed)

    @cached_property
    def noise(self) -> NoiseScale | None:
        """The gradient noise scale; None where the surface is no plain mean over rows, or has too few of them."""
        self.announce("gradient noise")
        try:
            return noise_scale(
                self.surface,  # pyright: ignore[reportArgumentType]
                self.params,
                max_batches=NOISE_BATCHES,
                key=self.seed,
            )
        except SettingError:
            return None

    @cached_property
    def point(self) -> Point:
        """The loss as a function of the displacement from the point."""
        return Point(self.surface, self.params)

    @cached_property
    def reach(self) -> Reach:
        """By how much the loss falls within reach of the point, by the gradient and with the curvature known."""
        self.announce("what can be gained within reach")
        return reach_of(self.point, products=self.products)

    @cached_property
    def way_out(self) -> WayOut | None:
        """The way out along the most negative eigenvector; None where no negative curvature is certified."""
        return way_out_of(self.point, self.eigenvalues)

    def announce(self, work: str) -> None:
        """Announce the next measurement or training."""
        if self.progress is not None:
            self.progress(work)
