"""How much a run learned of the learnable, and how much more short trials with a change learn.

`Learned` is the scale on which findings are judged. Three losses span it: that of one answer for all rows (`constant`),
what was reached (`reached`), and the lowest that anything is known to reach from these rows (`known`): a linear model,
the run itself, and short trials. The loss measured is the lowest validation loss where there are validation rows, else
the last training loss.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from downslope.diagnosis.case import Case
from downslope.diagnosis.finding import Change
from downslope.diagnosis.kinds import Kind
from downslope.diagnosis.measurements import Scale
from downslope.diagnosis.remedies.trials import Trials, rate_trials, short_training
from downslope.diagnosis.remedies.variants import wider
from downslope.training import one_answer_loss

FITTED, MOSTLY_FITTED = 0.99, 0.9
"""A run that learned so much of what perfect answers to its rows would gain has learned them: nothing is tried to
descend further. Nine tenths are a descent that did its work in spite of all obstacles."""

HALF = 0.5
"""A run that learned less than half of the learnable is crippled, and its findings `"severe"`. A
cause is convincing if undoing it brings back half of what is missing, or more."""

LITTLE = 0.25
"""Or less than this, even if it still learns: from a quarter on, as many epochs more could bring half."""

CLEAR = 0.1
"""A fix is worth a warning if it gains a tenth of the learnable, and more than starts and rows differ; or"""

HALVED, NEGLIGIBLE = 0.5, 0.01
"""if it halves what is left, and that by more than a hundredth of what perfect answers gain, below which nobody
looks."""

SURE = 2.0
"""What is held out differs from what is learned from by chance: so many standard errors do not count."""


@dataclass(frozen=True, eq=False)
class Learned:
    """The progress of a run, and the losses of short trials with a change.

    Attributes:
        case: the run.
        verdict: where it stands, by name.
        verifying: whether fixes will be verified, so that what only trainings can tell is worth proposing.
        tried: the loss that each change reached so far, by the code of the finding that proposes it.
        spreads: by how much its starts differed.
    """

    case: Case
    verdict: str = ""
    verifying: bool = False
    tried: dict[str, float] = field(default_factory=dict)
    spreads: dict[str, float] = field(default_factory=dict)

    @cached_property
    def diverged(self) -> bool:
        """Whether the run ended with a loss that is not finite."""
        return self.case.run is not None and self.case.run.stop_reason == "diverged"

    @cached_property
    def scale(self) -> Scale:
        """The scale of the loss on the rows that a run is judged by: those held out, else those learned from."""
        return self.case.scale if self.case.held_out is None else self.case.held_out.scale

    @property
    def constant(self) -> float:
        """The loss of one answer for all rows, on the rows that a run is judged by."""
        return self.scale.constant

    @cached_property
    def trained(self) -> float:
        """The last training loss; that of one answer for all rows if the run diverged."""
        losses = self.case.losses[np.isfinite(self.case.losses)]
        return self.case.scale.constant if self.diverged or not len(losses) else float(losses[-1])

    @cached_property
    def reached(self) -> float:
        """The lowest validation loss, or without validation rows the last training loss."""
        held_out = self.case.history.get("validation_loss", np.empty(0))
        held_out = held_out[np.isfinite(held_out)]
        if self.diverged:
            return self.constant
        return float(held_out.min()) if len(held_out) else self.trained

    @cached_property
    def fitted(self) -> bool:
        """Whether the training rows have been learned: then nothing is wrong with the descent."""
        return not self.diverged and self.case.scale.learned(self.trained) >= FITTED

    @property
    def mostly_fitted(self) -> bool:
        """Whether most of the training rows have been learned: obstacles to it were overcome."""
        return not self.diverged and self.case.scale.learned(self.trained) >= MOSTLY_FITTED

    @property
    def linear(self) -> float | None:
        """The loss of a linear model on normalized inputs; None where it cannot be fitted cheaply."""
        return self.scale.linear

    @cached_property
    def rates(self) -> Trials | None:
        """Short trainings at other rates; None if the rows have been learned, or the optimizer shows no rate."""
        if self.fitted:
            return None
        self.case.announce("short trainings at other learning rates")
        trials = rate_trials(self.case)
        if trials is not None:
            kind = Kind.RATE_TOO_LARGE if trials.best < trials.own else Kind.RATE_TOO_SMALL
            self.tried[kind.code], self.spreads[kind.code] = trials.lowest, trials.spread
        return trials

    @cached_property
    def wider(self) -> float | None:
        """The loss of a short training of a wider network; None if the rows are learned, or there is none."""
        net = None if self.mostly_fitted else wider(self.case.recipe.net)
        return None if net is None else self.attempt(Kind.UNDERFIT.code, {"net": net, "start": None})

    @cached_property
    def known(self) -> float:
        """The lowest loss known to be reachable."""
        losses = [self.reached, self.linear, self.wider, None if self.rates is None else self.rates.lowest]
        return min(loss for loss in losses if loss is not None and np.isfinite(loss))

    @property
    def learnable(self) -> float:
        """By how much the lowest loss known to be reachable is below that of one answer for all rows."""
        return self.constant - self.known

    @property
    def chance(self) -> float:
        """What losses on the rows held out differ by, for they are few."""
        return SURE * self.scale.error

    @cached_property
    def crippled(self) -> bool:
        """Whether the run learned less than half of the learnable, and not for want of epochs.

        A run that would come to half in as many epochs more, at the pace of the last ones, was only too short.
        """
        if self.mostly_fitted:
            return False
        learned, worth = self.constant - self.reached, self.learnable > max(NEGLIGIBLE * self.scale.width, self.chance)
        if self.diverged or learned < LITTLE * self.learnable:
            return self.diverged or worth
        trend = self.case.trend
        more = trend.fall / (trend.epochs - 1) * len(self.case.losses) if trend is not None and trend.resolved else 0.0
        return worth and learned + max(more, 0.0) < HALF * self.learnable

    def attempt(self, code: str, change: Change) -> float:
        """Return the loss of a short training with a change, in units of the run's own loss; infinite if it diverges.

        Args:
            code: of the finding that proposes the change.
            change: settings of `ds.train`, and `"net"`.
        """
        if code not in self.tried:
            self.case.announce(f"short trainings with the remedy for: {code.replace('_', ' ')}")
            attempt, problem = short_training(self.case, change)
            loss, spread = attempt
            if "normalize_targets" in change:  # other units: compare shares of the loss of one answer
                factor = self.constant / one_answer_loss(problem, problem.subset)
                loss, spread = loss * factor, spread * factor
            self.tried[code], self.spreads[code] = loss, spread
        return self.tried[code]

    def cure(self, loss: float) -> float:
        """Return the share of the missing gain that a fix with this loss brings back."""
        missing = self.reached - self._lowest(loss)
        return (self.reached - loss) / missing if missing > 0 and np.isfinite(loss) else 0.0

    def tried_cure(self, code: str) -> float | None:
        """Return how much the change of a finding brings back; None if it was not tried."""
        return self.cure(self.tried[code]) if code in self.tried else None

    def severity(self, code: str) -> str | None:
        """Return how severe it is to be without the fix of a finding; None if it was not tried, or is no clear gain."""
        loss = self.tried.get(code)
        if loss is None or not np.isfinite(loss):
            return None
        gain = self.reached - loss
        if self.crippled and self.cure(loss) >= HALF:
            return "severe"
        chance = max(self.spreads.get(code, 0.0), self.chance)
        clear = gain > max(CLEAR * (self.constant - self._lowest(loss)), chance)
        left = self.reached - self.scale.floor
        halved = gain > HALVED * left and gain > max(NEGLIGIBLE * self.scale.width, chance)
        return "warning" if gain > 0 and (clear or halved or self.diverged) else None

    def _lowest(self, loss: float) -> float:
        """Return the lowest loss that is known by now to be reachable, this one among them."""
        return min(self.known, loss, *self.tried.values())
