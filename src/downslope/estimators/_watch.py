"""The observer of an estimator's fit: patience, the adaptive rate, scikit-learn's callbacks, printed lines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

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
    fitted: Callable[[Moment], dict[str, object]]
    verbose: bool
    ended: str = ""

    def __call__(self, moment: Moment) -> Stop | Change | None:
        """Return whether the fit stops after this pass, or goes on with another rate."""
        if self.verbose:
            print(f"Iteration {moment.epoch}, {_losses_text(moment)}")  # noqa: T201
        stopped = self.task.pass_ended(lambda: self.fitted(moment))
        change = self._rate_change(moment)
        if stopped and not self.ended:
            self.ended = "callback"
        return Stop() if self.ended else change

    def _rate_change(self, moment: Moment) -> Change | None:
        """Return another rate, or note that the fit has converged."""
        if not self.patience.exhausted_by(moment.values[self.watched]):
            return None
        rate = moment.hyperparams.get("learning_rate", 0.0)
        if not self.adaptive or rate <= SMALLEST_RATE:
            self.ended = "converged"
            return None
        self.patience.renewed()
        return Change(learning_rate=rate / 5)


def _losses_text(moment: Moment) -> str:
    """Return the losses of an epoch for a line of print."""
    names = [name for name in ("batch_loss", "validation_loss") if name in moment.values]
    return ", ".join(f"{name.replace('_', ' ')} {moment.values[name]:.6g}" for name in names)
