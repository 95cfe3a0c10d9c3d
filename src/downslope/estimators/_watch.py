"""Who looks on while an estimator is fitted: patience, the adaptive rate, scikit-learn's callbacks, what is printed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from downslope.estimators._callbacks import FitTask
from downslope.estimators._patience import Patience
from downslope.training import Change, Moment, Stop

SMALLEST_RATE = 1e-6
"""An adaptive rate that has come so low is not lowered again."""


@dataclass
class Watch:
    """An observer of `ds.train`.

    Attributes:
        patience: when it has run out, the fit ends, or the rate is lowered.
        watched: the loss it is about: `"batch_loss"` or `"validation_loss"`.
        adaptive: whether the rate is lowered to a fifth first, until it is at most 1e-6.
        task: the fit, as callbacks see it.
        fitted: returns the attributes of an estimator whose fit had ended at a moment.
        verbose: whether to print a line for each pass.
        ended: why it ended the fit: `"converged"` or `"callback"`; empty while it has not.
    """

    patience: Patience
    watched: str
    adaptive: bool
    task: FitTask
    fitted: Callable[[Moment], dict[str, Any]]
    verbose: bool
    ended: str = ""

    def __call__(self, moment: Moment) -> Stop | Change | None:
        """Return what is to become of the fit after this pass."""
        if self.verbose:
            losses = ", ".join(f"{name.replace('_', ' ')} {moment.values[name]:.6g}" for name in self._shown(moment))
            print(f"Iteration {moment.epoch}, {losses}")  # noqa: T201
        stopped = self.task.pass_ended(lambda: self.fitted(moment))
        wish = self._patience_says(moment)
        if stopped and not self.ended:
            self.ended = "callback"
        return Stop() if self.ended else wish

    def _patience_says(self, moment: Moment) -> Change | None:
        """Return another rate, or note that the fit has converged."""
        if not self.patience.exhausted_by(moment.values[self.watched]):
            return None
        rate = moment.hyperparams.get("learning_rate", 0.0)
        if not self.adaptive or rate <= SMALLEST_RATE:
            self.ended = "converged"
            return None
        self.patience.renewed()
        return Change(learning_rate=rate / 5)

    def _shown(self, moment: Moment) -> list[str]:
        """Return the names of the losses to print."""
        return [name for name in ("batch_loss", "validation_loss") if name in moment.values]
