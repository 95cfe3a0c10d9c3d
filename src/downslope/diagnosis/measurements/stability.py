"""The learning rate from which a run's optimizer is unstable at its last parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from downslope.core import Key, LossSurface, SettingError
from downslope.curvature import Eigenpairs, preconditioned_sharpness
from downslope.optimizers import Optimizer
from downslope.schedules import Schedule
from downslope.training import Run, edge_of

TOLERANCE = 0.01
"""The residual allowed to the preconditioned sharpness, as a share: a rate needs no more digits."""


CERTAIN = 0.05
"""A sharpness whose residual is a larger share of the largest magnitude in the spectrum says nothing of the limit."""


def is_certain(pairs: Eigenpairs) -> bool:
    """Return whether the largest eigenvalue is known well enough to set a limit to the rate."""
    return bool(pairs.residuals[0] <= CERTAIN * pairs.scale)


@dataclass(frozen=True)
class Stability:
    """How far a learning rate is from the one that is unstable.

    Attributes:
        limit: the rate from which the loss grows along the direction of largest curvature; infinite where the loss
            does not curve upward.
        learning_rate: the run's rate.
        sharpness: the largest eigenvalue of the Hessian, or of the preconditioned one.
        preconditioned: whether it is that of `P⁻¹H`, `P = √v + ε` what the optimizer divided its last step by.
    """

    limit: float
    learning_rate: float
    sharpness: float
    preconditioned: bool

    @property
    def share(self) -> float:
        """The rate as a share of the limit: 1 at the edge of stability."""
        return self.learning_rate / self.limit


def number_of(optimizer: Optimizer, name: str, step: int) -> float | None:
    """Return one of an optimizer's numbers at a step; None if it has none of that name."""
    value = optimizer.hyperparams.get(name)
    if value is None:
        return None
    return float(value(step)) if isinstance(value, Schedule) else float(value)


def stability_of(
    run: Run,
    optimizer: Optimizer,
    surface: LossSurface,
    sharpness: Callable[[], float],
    *,
    learning_rate: float,
    max_hvps: int,
    key: Key,
) -> Stability | None:
    """Return the stability of a run where it ended; None where the edge is not known, or the sharpness.

    Args:
        run: with the state of its optimizer.
        optimizer: the run's.
        surface: the loss.
        sharpness: measures the largest eigenvalue of the Hessian at the run's last parameters.
        learning_rate: the current rate.
        max_hvps: products with the Hessian, at most.
        key: of a random start.
    """
    edge = None if run.optimizer_state is None else edge_of(optimizer, run.optimizer_state)
    if edge is None or learning_rate <= 0:
        return None
    if edge.preconditioner is None:
        largest = sharpness()
    else:
        settings = {"tol": TOLERANCE, "max_hvps": max_hvps, "key": key}
        try:
            pairs = preconditioned_sharpness(surface, run.last.params, edge.preconditioner, **settings)
        except SettingError:  # dead units have no gradients, and without `eps` nothing to divide by
            return None
        largest = float(pairs.values[0])
        if not is_certain(pairs):
            return None
    limit = learning_rate * edge.limit / largest if largest > 0 and edge.limit > 0 else float("inf")
    return Stability(limit, learning_rate, largest, edge.preconditioner is not None)
