"""A value that falls when the validation loss stops falling."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jax.tree_util import register_dataclass

from downslope.core import Number, check_integer, check_number
from downslope.schedules._facts import ScheduleFacts
from downslope.schedules._schedule import Schedule, floats, rendered_as


def reduce_on_plateau(
    start: Number,
    factor: Number,
    patience: Number,
    *,
    threshold: Number = 1e-4,
    cooldown: Number = 0,
    minimum: Number = 0.0,
) -> ReduceOnPlateau:
    """Return the value that is multiplied by `factor` when more than `patience` epochs brought no better loss.

    It looks at the validation loss at epoch ends, through `observe`, instead of at the step. An epoch is better when
    its loss is below the best so far by more than `threshold · |best|`; after a reduction, `cooldown` epochs are not
    counted.
    While reductions keep coming, `ηₜ` falls like a step decay, to `minimum`: nothing is promised about `Σ ηₜ = ∞` or
    `ηₜ → 0`, which depend on the losses, and `Σ ηₜ² < ∞` only follows if the plateaus last a bounded time.

    The same as torch's `ReduceLROnPlateau(mode="min", threshold_mode="rel")` where losses are positive, except that
    torch skips reductions of less than its `eps = 1e-8`, and ours are all made. Torch compares with
    `(1 − threshold) · best`, which lies above a negative best: there it takes losses that rise slowly for better ones.

    Args:
        start: the first value, 0 or more.
        factor: what a reduction multiplies by, above 0 and below 1.
        patience: how many epochs without a better loss are borne, 0 or more.
        threshold: the improvement that counts, as a share of the size of the best loss, 0 or more and below 1; torch's
            default.
        cooldown: epochs after a reduction that are not counted, 0 or more.
        minimum: the value that is not gone below, 0 or more.

    Raises:
        SettingError: a setting is out of bounds.

    Example:
        >>> rate = reduce_on_plateau(0.1, factor=0.5, patience=1)
        >>> for loss in [1.0, 0.8, 0.8, 0.8]:
        ...     rate = rate.observe(loss)
        >>> float(rate(0))
        0.05
    """
    start = check_number("start", start, at_least=0.0)
    return ReduceOnPlateau(
        start,
        check_number("factor", factor, above=0.0, below=1.0),
        check_integer("patience", patience, at_least=0),
        check_number("threshold", threshold, at_least=0.0, below=1.0),
        check_integer("cooldown", cooldown, at_least=0),
        check_number("minimum", minimum, at_least=0.0),
        value=start,
    )


def observe(schedule: Schedule, loss: Number) -> Schedule:
    """Return the schedule after it has seen the validation loss of an epoch; the same one if it does not listen."""
    return schedule.observe(loss) if hasattr(schedule, "observe") else schedule  # pyright: ignore[reportAttributeAccessIssue]


def listens(schedule: Schedule) -> bool:
    """Return whether a schedule, or one within it, goes by the losses that it is shown."""
    within = [part for part in getattr(schedule, "__dict__", {}).values() if isinstance(part, Schedule)]
    return any(map(listens, within)) if within else hasattr(schedule, "observe")


REDUCE_ON_PLATEAU = ScheduleFacts(
    reduce_on_plateau,
    notation="plateau:FACTOR:PATIENCE",
    rates={"start": 1.0},
    observes=True,
)


@register_dataclass
@dataclass(frozen=True)
class ReduceOnPlateau:
    """The settings of `reduce_on_plateau`, and what it has seen so far.

    Attributes:
        value: the present value.
        best: the best loss so far.
        bad_epochs: epochs since then, or since the last reduction.
        cooldown_left: epochs that will still not be counted.
    """

    start: Number
    factor: Number
    patience: Number
    threshold: Number
    cooldown: Number
    minimum: Number
    value: Number
    best: Number = float("inf")
    bad_epochs: Number = 0
    cooldown_left: Number = 0

    def __call__(self, step: Number) -> Number:
        """Return the present value, whatever the step."""
        xp, t, value = floats(step, self.value)
        return xp.full_like(t, value)

    def observe(self, loss: Number) -> ReduceOnPlateau:
        """Return the schedule after the validation loss of one more epoch. Runs on the host."""
        loss, value, best = float(loss), float(self.value), float(self.best)
        better = loss < best * (1 - float(np.copysign(self.threshold, best)))
        cooling = int(self.cooldown_left) > 0
        bad_epochs = 0 if better or cooling else int(self.bad_epochs) + 1
        cooldown_left = int(self.cooldown_left) - cooling
        if bad_epochs > int(self.patience):
            reduced = max(value * float(self.factor), float(self.minimum))
            value, bad_epochs, cooldown_left = min(value, reduced), 0, int(self.cooldown)
        return replace(
            self,
            value=_typed_as(self.value, value),
            best=_typed_as(self.best, loss if better else best),
            bad_epochs=_typed_as(self.bad_epochs, bad_epochs),
            cooldown_left=_typed_as(self.cooldown_left, cooldown_left),
        )

    def rendered(self) -> dict[str, object]:
        """Return the call that makes this schedule again, as it was before it saw any loss."""
        return rendered_as(
            "reduce_on_plateau",
            start=self.start,
            factor=self.factor,
            patience=self.patience,
            threshold=self.threshold,
            cooldown=self.cooldown,
            minimum=self.minimum,
        )


def _typed_as(old: Number, new: float | int) -> Number:
    """Return the new number as an array of the old one's type, or as it is where the old one is Python's."""
    dtype = getattr(old, "dtype", None)
    return new if dtype is None else np.asarray(new, dtype)
