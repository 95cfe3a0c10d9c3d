"""The settings of measuring the loss surface during training."""

from __future__ import annotations

from dataclasses import dataclass

from downslope.core import check_integer, check_number
from downslope.training.problem.part import SUBSET_ROWS


@dataclass(frozen=True)
class Track:
    """Curvature and noise to measure while training; they go to `run.tracking`, which says what each number means.

    Tracking does not change the result, bitwise. How many steps a budget allows depends on the clock, so what is
    measured is kept beside the history, not in it.

    Attributes:
        curvature_every: measure before the first step and before every so many over the whole run; None for the first
            step of each epoch.
        budget: the share of the training's time that measuring may take, above 0 and below 1; steps that are due while
            it is used up are skipped. None measures at every step that is due. The first measurement, which compiles,
            is always made; its time does not count and is reported as `setup_seconds`.
        rows: measure on at most so many training rows, always the same; if all of 2,000 or fewer, those of
            `train_loss`. Eigenvalues of few rows overestimate those of all.
        tol: the residual allowed to the largest eigenvalue, as a share of it; the error of the value itself is about
            the square.
        max_hvps: at most so many products with the Hessian for each eigenvalue.

    Raises:
        SettingError: a number is out of bounds.

    Example:
        >>> import downslope as ds
        >>> often = ds.Track(curvature_every=4, budget=None)
        >>> run = ds.train(ds.mlp([8], outputs=3), ds.load("iris"), epochs=4, track=often, progress=False)
        >>> run.tracking.steps.tolist()
        [0, 4, 8, 12, 16]
    """

    curvature_every: int | None = None
    budget: float | None = 0.10
    rows: int = SUBSET_ROWS
    tol: float = 1e-2
    max_hvps: int = 32

    def __post_init__(self) -> None:
        if self.curvature_every is not None:
            check_integer("curvature_every", self.curvature_every)
        if self.budget is not None:
            advice = "It is a share of the training's time; None is no limit."
            check_number("budget", self.budget, above=0, below=1, advice=advice)
        check_integer("rows", self.rows)
        check_number("tol", self.tol, above=0)
        check_integer("max_hvps", self.max_hvps, at_least=2)
