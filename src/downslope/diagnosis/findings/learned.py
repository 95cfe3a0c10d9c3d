"""How much a run learned, of what is known to be learnable: the scale on which findings are judged.

Three losses span it: that of one answer for all rows (`trivial`), what was reached (`reached`), and the lowest that
anything is known to reach from these rows (`known`): a linear model, the run itself, and short trials. What is measured
is the lowest validation loss where there are validation rows, else the last training loss.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from downslope.diagnosis.case import Case
from downslope.diagnosis.kinds import Kind
from downslope.diagnosis.measurements import linear_loss, trivial_loss
from downslope.diagnosis.remedies import Trials, rate_trials, short_training, wider
from downslope.training import Part

FITTED, MOSTLY_FITTED = 0.01, 0.1
"""A run whose training loss is below a hundredth of the trivial loss has learned its rows: nothing is tried to descend
further. Below a tenth the descent did its work, whatever stood in its way."""

HALF = 0.5
"""A run that learned less than half of what is known to be learnable is crippled: that is what `"severe"` means. A
cause is convincing if undoing it brings back half of what is missing, or more."""

LITTLE = 0.25
"""Or less than this, whatever it still learns: from a quarter on, as many epochs more could bring half."""

CLEAR, BY_CHANCE = 0.1, 0.05
"""A fix is worth a warning if it gains a tenth of what is learnable, and a twentieth of the trivial loss, which short
trainings from other starts may differ by; or"""

HALVED, NEGLIGIBLE = 0.5, 0.01
"""if it halves the loss, and that by more than a hundredth of the trivial loss, below which nobody looks."""


@dataclass(frozen=True, eq=False)
class Learned:
    """What a run learned, of what can be; and what short trials with a change reached.

    Attributes:
        case: the run.
        tried: the loss that each change reached so far, by the code of the finding that proposes it.
    """

    case: Case
    tried: dict[str, float] = field(default_factory=dict)

    @cached_property
    def diverged(self) -> bool:
        """Whether the run ended with a loss that is not finite."""
        return self.case.run is not None and self.case.run.stop_reason == "diverged"

    @property
    def trivial(self) -> float:
        """The loss of one answer for all rows."""
        return self.case.trivial_loss

    @cached_property
    def trained(self) -> float:
        """The last training loss; that of one answer for all rows if the run diverged."""
        losses = self.case.losses[np.isfinite(self.case.losses)]
        return self.trivial if self.diverged or not len(losses) else float(losses[-1])

    @cached_property
    def reached(self) -> float:
        """The lowest validation loss, or without validation rows the last training loss."""
        held_out = self.case.history.get("validation_loss", np.empty(0))
        held_out = held_out[np.isfinite(held_out)]
        return self.trained if self.diverged or not len(held_out) else float(held_out.min())

    @cached_property
    def fitted(self) -> bool:
        """Whether the training rows have been learned: then nothing is wrong with the descent."""
        return not self.diverged and self.trained <= FITTED * self.trivial

    @property
    def mostly_fitted(self) -> bool:
        """Whether most of the training rows have been learned: what stood in the way of it was overcome."""
        return not self.diverged and self.trained <= MOSTLY_FITTED * self.trivial

    @cached_property
    def linear(self) -> float | None:
        """What a linear model reaches on normalized inputs; None where it cannot be fitted cheaply."""
        problem = self.case.problem
        judged = self.case.part if problem.validation is None else problem.validation
        return None if self.case.part is None or judged is None else linear_loss(problem.loss, self.case.part, judged)

    @cached_property
    def rates(self) -> Trials | None:
        """Short trainings at other rates; None if the rows have been learned, or the optimizer shows no rate."""
        if self.fitted:
            return None
        self._tell("short trainings at other learning rates")
        found = rate_trials(self.case)
        if found is not None:
            kind = Kind.RATE_TOO_LARGE if found.best < found.own else Kind.RATE_TOO_SMALL
            self.tried[kind.code] = found.lowest
        return found

    @cached_property
    def wider(self) -> float | None:
        """What a short training of a wider network reaches; None if the rows have been learned, or there is none."""
        net = None if self.mostly_fitted else wider(self.case.recipe.net)
        return None if net is None else self.attempt(Kind.UNDERFIT.code, {"net": net, "start": None})

    @cached_property
    def known(self) -> float:
        """The lowest loss known to be reachable."""
        found = [self.reached, self.linear, self.wider, None if self.rates is None else self.rates.lowest]
        return min(loss for loss in found if loss is not None and np.isfinite(loss))

    @cached_property
    def crippled(self) -> bool:
        """Whether the run learned less than half of what is known to be learnable, and not for want of epochs.

        A run that would come to half in as many epochs more, at the pace of the last ones, was only too short.
        """
        if self.mostly_fitted:
            return False
        learnable, learned = self.trivial - self.known, self.trivial - self.reached
        if self.diverged or learned < LITTLE * learnable:
            return self.diverged or learnable > CLEAR * abs(self.trivial)
        trend = self.case.trend
        more = trend.fall / (trend.epochs - 1) * len(self.case.losses) if trend is not None and trend.resolved else 0.0
        return learnable > CLEAR * abs(self.trivial) and learned + max(more, 0.0) < HALF * learnable

    def attempt(self, code: str, change: Mapping[str, Any]) -> float:
        """Return what a short training with a change reaches, in units of the run's own loss; infinite if it diverges.

        Args:
            code: of the finding that proposes the change.
            change: settings of `ds.train`, and `"net"`.
        """
        if code not in self.tried:
            self._tell(f"a short training with the remedy for: {code.replace('_', ' ')}")
            loss, problem = short_training(self.case, change)
            if "normalize_targets" in change:  # other units: compare shares of the trivial loss
                loss *= self.trivial / _trivial(problem.loss, problem.subset)
            self.tried[code] = loss
        return self.tried[code]

    def cure(self, loss: float) -> float:
        """Return how much of what is missing a fix brings back that reaches this loss: 1 is all."""
        missing = self.reached - self._lowest(loss)
        return (self.reached - loss) / missing if missing > 0 and np.isfinite(loss) else 0.0

    def tried_cure(self, code: str) -> float | None:
        """Return how much the change of a finding brings back; None if it was not tried."""
        return self.cure(self.tried[code]) if code in self.tried else None

    def severity(self, loss: float | None) -> str | None:
        """Return how severe it is to be without a fix that reaches this loss; None if it makes no difference."""
        if loss is None or not np.isfinite(loss):
            return None
        gain = self.reached - loss
        if self.crippled and self.cure(loss) >= HALF:
            return "severe"
        clear = gain > max(CLEAR * (self.trivial - self._lowest(loss)), BY_CHANCE * abs(self.trivial))
        halved = loss < HALVED * self.reached and gain > NEGLIGIBLE * abs(self.trivial)
        return "warning" if gain > 0 and (clear or halved or self.diverged) else None

    def _lowest(self, loss: float) -> float:
        """Return the lowest loss that is known by now to be reachable, this one among them."""
        return min(self.known, loss, *self.tried.values())

    def _tell(self, what: str) -> None:
        if self.case.tell is not None:
            self.case.tell(what)


def _trivial(loss: Any, part: Part) -> float:
    t = np.asarray(part.t)
    return trivial_loss(loss, part, t.shape[1] if t.ndim > 1 else 1)
