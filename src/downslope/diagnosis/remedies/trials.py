"""Short trainings with a change, from the same seed, and how much a run learned of the learnable beside them.

`Learned` is the scale on which findings are judged. Three losses span it: that of one answer for all rows (`constant`),
what was reached (`reached`), and the lowest that anything is known to reach from these rows (`known`): a linear model,
the run itself, and short trials. The loss measured is the lowest validation loss where there are validation rows, else
the last training loss.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from jaxtyping import Float

from downslope.core import UnknownNameError, tree_size
from downslope.diagnosis.case import Case
from downslope.diagnosis.finding import Change
from downslope.diagnosis.kinds import Kind
from downslope.diagnosis.measurements import linear_loss
from downslope.diagnosis.remedies.variants import wider
from downslope.losses import Loss
from downslope.schedules import Schedule
from downslope.training import Part, Problem, Recipe, Run, constant_predictor_loss, sweep, train

FACTORS = (1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0, 1000.0)
"""Rates are tried in powers of ten around the run's own."""

WORK, MOST_STEPS = 1e10, 1000
"""A trial may take so many parameters × rows × steps, and no more steps than this: some seconds on two cores."""

FEWEST_STEPS = 50


@dataclass(frozen=True)
class Trials:
    """Losses of short trainings at several rates.

    Attributes:
        own: the run's first rate.
        rates: the learning rates, in rising order.
        losses: the lowest validation loss of each, or without validation rows the last training loss; infinite for one
            that diverged.
        steps: how many steps each made.
    """

    own: float
    rates: Float[np.ndarray, " rates"]
    losses: Float[np.ndarray, " rates"]
    steps: int

    @property
    def lowest(self) -> float:
        """The lowest loss."""
        return float(np.min(self.losses))

    @property
    def best(self) -> float:
        """The rate that reached it."""
        return float(self.rates[int(np.argmin(self.losses))])

    def __str__(self) -> str:
        """Return the losses by rate."""
        texts = ("diverges" if np.isinf(loss) else f"{loss:.3g}" for loss in self.losses)
        return ", ".join(f"{rate:.3g}: {loss}" for rate, loss in zip(self.rates, texts, strict=True))


def rate_trials(case: Case) -> Trials | None:
    """Return short trainings at other rates, from the run's own start; None if the optimizer shows no rate."""
    first = case.history.get("learning_rate", np.empty(0))
    rate = float(first[0]) if len(first) else None
    number = case.problem.optimizer.hyperparams.get("learning_rate")
    if rate is None and number is not None:
        rate = float(number(0) if isinstance(number, Schedule) else number)
    if not rate:
        return None
    rates = [float(f"{rate * factor:.6g}") for factor in FACTORS]  # the history holds 0.01 as 0.00999999977648
    settings = shortened(case, case.recipe, members=len(rates)).settings
    try:
        trainings = sweep(case.recipe.net, case.recipe.data, learning_rate=rates, progress=False, **settings)
    except UnknownNameError:  # a transformation of others, whose rate is inside of it
        return None
    losses = np.array([reached_loss(run) for run in trainings.runs])
    steps = settings.epochs * case.problem.batches.steps
    return Trials(rate, np.array(rates), losses, steps) if np.isfinite(losses).any() else None


def short_training(case: Case, change: Change) -> tuple[float, Problem]:
    """Return the loss of a short training with a change, infinite if it diverges, and the problem it solved."""
    recipe = shortened(case, case.recipe.changed(change), members=1)
    run = train(recipe.net, recipe.data, progress=False, **recipe.settings)
    return reached_loss(run), recipe.problem()


def shortened(case: Case, recipe: Recipe, *, members: int) -> Recipe:
    """Return a recipe for as many epochs as a trial may take, and no more than the run was to make."""
    rows = len(case.problem.train)
    size = min(rows, recipe.settings.first_batch_size)
    a_step = tree_size(case.problem.start.params) * size * members
    steps = int(np.clip(WORK / a_step, FEWEST_STEPS, MOST_STEPS))
    epochs = max(1, min(recipe.settings.epochs, steps // -(-rows // size)))
    return recipe.changed({"epochs": epochs, "metrics": (), "early_stopping": None})


def reached_loss(run: Run) -> float:
    """Return the lowest validation loss, or the last training loss; infinite where it diverged."""
    losses = run.history.get("validation_loss", run.history.get("train_loss", np.empty(0))[-1:])
    finite = losses[np.isfinite(losses)]
    return float(finite.min()) if len(finite) and run.stop_reason != "diverged" else float("inf")


FITTED, MOSTLY_FITTED = 0.01, 0.1
"""A run whose training loss is below a hundredth of the loss of one answer has learned its rows: nothing is tried to
descend further. Below a tenth the descent did its work in spite of all obstacles."""

HALF = 0.5
"""A run that learned less than half of the learnable is crippled, and its findings `"severe"`. A
cause is convincing if undoing it brings back half of what is missing, or more."""

LITTLE = 0.25
"""Or less than this, even if it still learns: from a quarter on, as many epochs more could bring half."""

CLEAR, BY_CHANCE = 0.1, 0.05
"""A fix is worth a warning if it gains a tenth of the learnable, and a twentieth of the loss of one answer, which
short trainings from other starts may differ by; or"""

HALVED, NEGLIGIBLE = 0.5, 0.01
"""if it halves the loss, and that by more than a hundredth of the loss of one answer, below which nobody looks."""


@dataclass(frozen=True, eq=False)
class Learned:
    """The progress of a run, and the losses of short trials with a change.

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
    def constant(self) -> float:
        """The loss of one answer for all rows."""
        return self.case.constant_predictor_loss

    @cached_property
    def trained(self) -> float:
        """The last training loss; that of one answer for all rows if the run diverged."""
        losses = self.case.losses[np.isfinite(self.case.losses)]
        return self.constant if self.diverged or not len(losses) else float(losses[-1])

    @cached_property
    def reached(self) -> float:
        """The lowest validation loss, or without validation rows the last training loss."""
        held_out = self.case.history.get("validation_loss", np.empty(0))
        held_out = held_out[np.isfinite(held_out)]
        return self.trained if self.diverged or not len(held_out) else float(held_out.min())

    @cached_property
    def fitted(self) -> bool:
        """Whether the training rows have been learned: then nothing is wrong with the descent."""
        return not self.diverged and self.trained <= FITTED * self.constant

    @property
    def mostly_fitted(self) -> bool:
        """Whether most of the training rows have been learned: obstacles to it were overcome."""
        return not self.diverged and self.trained <= MOSTLY_FITTED * self.constant

    @cached_property
    def linear(self) -> float | None:
        """The loss of a linear model on normalized inputs; None where it cannot be fitted cheaply."""
        problem = self.case.problem
        judged = self.case.part if problem.validation is None else problem.validation
        return None if self.case.part is None or judged is None else linear_loss(problem.loss, self.case.part, judged)

    @cached_property
    def rates(self) -> Trials | None:
        """Short trainings at other rates; None if the rows have been learned, or the optimizer shows no rate."""
        if self.fitted:
            return None
        self.case.announce("short trainings at other learning rates")
        trials = rate_trials(self.case)
        if trials is not None:
            kind = Kind.RATE_TOO_LARGE if trials.best < trials.own else Kind.RATE_TOO_SMALL
            self.tried[kind.code] = trials.lowest
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

    @cached_property
    def crippled(self) -> bool:
        """Whether the run learned less than half of the learnable, and not for want of epochs.

        A run that would come to half in as many epochs more, at the pace of the last ones, was only too short.
        """
        if self.mostly_fitted:
            return False
        learnable, learned = self.constant - self.known, self.constant - self.reached
        if self.diverged or learned < LITTLE * learnable:
            return self.diverged or learnable > CLEAR * abs(self.constant)
        trend = self.case.trend
        more = trend.fall / (trend.epochs - 1) * len(self.case.losses) if trend is not None and trend.resolved else 0.0
        return learnable > CLEAR * abs(self.constant) and learned + max(more, 0.0) < HALF * learnable

    def attempt(self, code: str, change: Change) -> float:
        """Return the loss of a short training with a change, in units of the run's own loss; infinite if it diverges.

        Args:
            code: of the finding that proposes the change.
            change: settings of `ds.train`, and `"net"`.
        """
        if code not in self.tried:
            self.case.announce(f"a short training with the remedy for: {code.replace('_', ' ')}")
            loss, problem = short_training(self.case, change)
            if "normalize_targets" in change:  # other units: compare shares of the loss of one answer
                loss *= self.constant / _constant_loss(problem.loss, problem.subset)
            self.tried[code] = loss
        return self.tried[code]

    def cure(self, loss: float) -> float:
        """Return the share of the missing gain that a fix with this loss brings back."""
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
        clear = gain > max(CLEAR * (self.constant - self._lowest(loss)), BY_CHANCE * abs(self.constant))
        halved = loss < HALVED * self.reached and gain > NEGLIGIBLE * abs(self.constant)
        return "warning" if gain > 0 and (clear or halved or self.diverged) else None

    def _lowest(self, loss: float) -> float:
        """Return the lowest loss that is known by now to be reachable, this one among them."""
        return min(self.known, loss, *self.tried.values())


def _constant_loss(loss: Loss, part: Part) -> float:
    """Return the loss of one answer for all rows."""
    t = np.asarray(part.t)
    return constant_predictor_loss(loss, part, t.shape[1] if t.ndim > 1 else 1)
