"""Whether a proposed fix helps: short trainings with and without it, from the same starts, over several seeds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
from jaxtyping import Float

from downslope.core import Message, check_integer
from downslope.data import Dataset
from downslope.diagnosis.case import Case
from downslope.diagnosis.finding import Change, Finding, by_severity
from downslope.diagnosis.kinds import facts_of
from downslope.diagnosis.measurements import recalls_on
from downslope.diagnosis.remedies.pasted import in_words
from downslope.diagnosis.remedies.trials import reached_loss, shortened
from downslope.optimizers import as_optimizer
from downslope.schedules import Schedule
from downslope.training import Recipe, Run, one_answer_loss, sweep, train

SEEDS = 12
"""Starts, orders of rows and rows held out that a fix is tried with: fewer would tell only large gains from luck."""

CHOSEN_BY, CHOOSING = 6, 1000
"""One of several fixes of a sort is chosen by so many other seeds, that far from those to verify with."""

VERIFY_WORK = 1e12
"""A verified training may take so many parameters × rows × steps over all seeds: about a minute on two cores."""

SURE, NEGLIGIBLE = 0.975, 0.01
"""A gain counts if its 95 % interval leaves out 0, and from a hundredth of what was learned or is left to learn on."""

SET_ASIDE = 0.2
"""The share of the rows that a fix is judged by: others than those that choose which variables are kept."""

REFUTED = "None that was tried: see below."
"""The fix of a finding whose own makes it worse."""

WITHOUT_EFFECT = ("early_stopping",)
"""Changes that make no difference where the lowest validation loss is what is compared."""


@dataclass(frozen=True, eq=False)
class Trial:
    """Losses of trainings with and without a fix, seed by seed, all else equal.

    Attributes:
        code: of the finding whose fix it is.
        change: the settings that were changed, as they are written.
        measured: `"test loss"`, that of the variables kept, on a fifth of the rows set aside, other rows for every
            seed; or, for a run that held out no rows, `"training loss"`, the last. With targets in other units it is a
            share of the loss of always answering the mean. Where classes are weighted, whose loss is another one, it is
            the share of a class that is missed, the mean over classes.
        epochs: how long each training was without the fix, and with it.
        seeds: of the trainings.
        without: what was reached as it was, `(seeds,)`; infinite where it diverged.
        with_fix: what was reached with the fix.
        constant: what one answer for all rows reaches, for a scale.
        floor: the lowest loss that any outputs could have.
    """

    code: str
    change: str
    measured: str
    epochs: tuple[int, int]
    seeds: tuple[int, ...]
    without: Float[np.ndarray, " seeds"]
    with_fix: Float[np.ndarray, " seeds"]
    constant: float
    floor: float = 0.0

    @property
    def gains(self) -> Float[np.ndarray, " seeds"]:
        """By how much the fix lowers the loss of each seed; infinite where only the fix converged."""
        with np.errstate(invalid="ignore"):
            differences = self.without - self.with_fix
        return np.where(np.isinf(self.with_fix), np.where(np.isinf(self.without), 0.0, -np.inf), differences)

    @property
    def gain(self) -> float:
        """The median gain, as a share of what the lowest of all these losses gains over one answer for all rows."""
        lowest = float(np.min([self.without, self.with_fix]))
        learnable = max(self.constant, float(np.median(self.without))) - lowest
        median = float(np.median(self.gains))
        if not np.isfinite(median):
            return float(np.sign(median))
        return median / learnable if np.isfinite(learnable) and learnable > 0 else 0.0

    @property
    def better(self) -> int:
        """For how many seeds the loss is lower with the fix."""
        return int(np.sum(self.gains > 0))

    @property
    def error(self) -> float:
        """Half the 95 % interval of the mean gain over seeds and the rows they set aside (Student's).

        NaN for a single seed; 0 where one side diverged.
        """
        finite = self.gains[np.isfinite(self.gains)]
        if len(self.gains) < 2:
            return float("nan")
        if len(finite) < 2:
            return 0.0
        return _interval(finite)

    @property
    def helps(self) -> bool | None:
        """Whether the loss is lower with the fix by more than seeds and rows differ; None if that cannot be told.

        One seed tells nothing.
        """
        if len(self.seeds) < 2:
            return None
        if not np.isfinite(self.gains).all():
            return float(np.median(self.gains)) > 0
        mean, lowest = float(self.gains.mean()), float(np.median(np.minimum(self.without, self.with_fix)))
        unit = min(lowest - self.floor, max(self.constant - lowest, 0.0))
        if abs(mean) <= self.error or abs(mean) < NEGLIGIBLE * unit:
            return None
        return mean > 0

    def as_json(self) -> dict[str, object]:
        """Return the trial as plain data; None stands for a training that diverged."""
        losses = {name: [_finite(loss) for loss in getattr(self, name)] for name in ("without", "with_fix")}
        plain = {"code": self.code, "change": self.change, "measured": self.measured, "epochs": list(self.epochs)}
        gains = {"gain": _finite(self.gain), "error": _finite(self.error), "helps": self.helps}
        return {**plain, "seeds": list(self.seeds), **losses, **gains}

    @property
    def message(self) -> Message:
        """The change, whether it helps, and by how much."""
        verdict = {True: "helps", False: "makes it worse", None: "makes no difference that these seeds can tell"}
        if len(self.seeds) < 2:
            verdict[None] = "may help or not, which one seed cannot tell"
        low, high = (_loss_text(float(np.median(losses)), self.error) for losses in (self.without, self.with_fix))
        before, after = self.epochs
        epochs = f"after {before} epochs" if before == after else f"after {before} and {after} epochs"
        gain = f"; the gain is {float(self.gains.mean()):.2g} ± {self.error:.1g}, 95 %" if self.error > 0 else ""
        return Message(
            self.change,
            f"{verdict[self.helps]}: {self.measured} {low} without, {high} with it, {epochs} "
            f"(median of {len(self.seeds)} seeds; lower for {self.better}{gain}).",
        )

    def __str__(self) -> str:
        return str(self.message)


def verify_fixes(case: Case, findings: Iterable[Finding], *, seeds: int = SEEDS) -> tuple[Trial, ...]:
    """Return a trial for every change that a finding proposes and that makes a difference to a training.

    Trainings are as long as the run's where the work allows, else as long as it does; a schedule is always tried over
    its real length; a run that kept the best of several starts is compared with as many. A seed has the same starting
    weights with and without the fix, where the fix leaves the network's weights alone, the same order of rows, and the
    same rows set aside and held out. None of these seeds is the run's own, by which fixes were chosen.

    Args:
        case: the run.
        findings: whose fixes to try.
        seeds: how many seeds, 1 or more.
    """
    check_integer("seeds", seeds)
    known: dict[tuple[int, bool], np.ndarray] = {}
    trials = []
    for finding in findings:
        changes = [*([finding.change] if finding.change else []), *finding.alternatives]
        if facts_of(finding).one_of and len(changes) > 1:
            changes = [_best_of(case, finding.code, changes)]
        for change in changes:
            tried = {name: value for name, value in change.items() if name not in WITHOUT_EFFECT}
            if not tried:
                continue
            case.announce(f"{seeds} trainings with and without the fix of {finding.code.replace('_', ' ')}")
            trials.append(_trial(case, finding.code, tried, seeds, known))
    return tuple(trials)


def _best_of(case: Case, code: str, changes: Sequence[Change]) -> Change:
    """Return the change with the surest gain in a first try, by seeds and rows that are not those to verify with."""
    case.announce(f"trainings with each of {len(changes)} fixes of {code.replace('_', ' ')}, to choose one to verify")
    seeds = tuple(case.recipe.settings.seed + CHOOSING + number for number in range(CHOSEN_BY))
    known: dict[int, np.ndarray] = {}
    gains = []
    for change in changes:
        plain, fixed = _pair(case, change, CHOSEN_BY)
        if plain.epochs not in known:
            known[plain.epochs] = plain.reached(seeds)
        with np.errstate(invalid="ignore"):
            gains.append(known[plain.epochs] - fixed.reached(seeds))
    sure = [np.mean(gain) - _interval(gain) for gain in gains]
    return changes[int(np.argmax(np.nan_to_num(sure, nan=-np.inf)))]


def as_verified(findings: Iterable[Finding], trials: Sequence[Trial]) -> tuple[Finding, ...]:
    """Return findings as their verified fixes leave them.

    Those whose fixes only make it worse are notes that say so. Where one of several of a sort helps, that is the fix.
    """
    return by_severity(
        _as_verified(finding, [trial for trial in trials if trial.code == finding.code]) for finding in findings
    )


def _as_verified(finding: Finding, trials: Sequence[Trial]) -> Finding:
    """Return a finding as the trials of its fixes leave it."""
    helps = [trial.helps for trial in trials]
    if facts_of(finding).one_of and True in helps:
        fix = Message("Train with", trials[helps.index(True)].change, ".")
        return replace(finding, severity="warning", fix=fix)
    if False in helps and True not in helps:
        return replace(finding, severity="note", fix=REFUTED)
    return finding


def _trial(case: Case, code: str, change: Change, seeds: int, known: dict[tuple[int, bool], np.ndarray]) -> Trial:
    """Return the trial of a change; `known` keeps what is reached without any, by epochs and what is measured."""
    first = case.recipe.settings.seed + 1
    chosen = tuple(range(first, first + seeds))
    plain, fixed = _pair(case, change, seeds)
    by_class = "class_weight" in change
    if (plain.epochs, by_class) not in known:
        known[plain.epochs, by_class] = plain.reached(chosen, by_class=by_class)
    without, with_fix = known[plain.epochs, by_class], fixed.reached(chosen, by_class=by_class)
    constant, floor = case.scale.constant, case.scale.floor
    rows = "test" if plain.recipe.settings.holds_out else "training"
    measured = f"{rows} loss"
    if by_class:
        constant, floor = 1 - 1 / len(case.problem.preprocessing.class_labels), 0.0
        measured = f"share of a class missed in {rows}"
    if "normalize_targets" in change:
        scale = one_answer_loss(plain.recipe.problem())
        without, with_fix = without / scale, with_fix / one_answer_loss(fixed.recipe.problem())
        constant, floor, measured = 1.0, floor / scale, f"{measured}, as a share of that of the mean,"
    return Trial(
        code=code,
        change=in_words(change, case.recipe.net, case.steps),
        measured=measured,
        epochs=(plain.epochs, fixed.epochs),
        seeds=chosen,
        without=without,
        with_fix=with_fix,
        constant=constant,
        floor=floor,
    )


@dataclass(frozen=True)
class Arm:
    """One side of a trial: what is trained with each seed.

    Attributes:
        recipe: of the training.
        restarts: how many starts a training has, of which it keeps the best.
    """

    recipe: Recipe
    restarts: int

    @property
    def epochs(self) -> int:
        """How long a training is."""
        return self.recipe.settings.epochs

    def changed(self, change: Change) -> Arm:
        """Return the arm with a change."""
        settings, restarts = dict(change), self.restarts
        if "restarts" in settings:  # an argument of `train` that is no setting of a recipe
            restarts = cast("int", settings.pop("restarts"))
        return Arm(self.recipe.changed(settings), restarts)

    def reached(self, seeds: Sequence[int], *, by_class: bool = False) -> Float[np.ndarray, " seeds"]:
        """Return what is reached with each seed: a loss, or the mean share of a class missed; infinite if it diverged.

        Rows set aside are what it is judged by if the recipe holds out rows itself, else those it learns from.

        Args:
            seeds: of rows set aside, rows held out, starting weights and orders of rows.
            by_class: whether classes count alike.
        """
        recipe = self.recipe
        if recipe.settings.holds_out or by_class:
            return np.array([self._judged(seed, by_class=by_class) for seed in seeds])
        if self.restarts > 1:
            return np.array([reached_loss(self._run(recipe.data, seed)) for seed in seeds])
        settings = {name: value for name, value in recipe.settings.items() if name != "seed"}
        runs = sweep(recipe.net, recipe.data, seed=list(seeds), progress=False, **settings).runs  # one population
        return np.array([reached_loss(run) for run in runs])

    def _judged(self, seed: int, *, by_class: bool) -> float:
        """Return what is reached with one seed, on rows set aside."""
        learned_from = judged_by = self.recipe.data
        if self.recipe.settings.holds_out:
            parts = self.recipe.data.split(test=SET_ASIDE, seed=seed)
            learned_from, judged_by = parts.train, parts.test or self.recipe.data
        run = self._run(learned_from, seed)
        if run.stop_reason == "diverged":
            return float("inf")
        return 1 - recalls_on(run, judged_by, "").balanced if by_class else run.evaluate(judged_by)["loss"]

    def _run(self, data: Dataset, seed: int) -> Run:
        """Return a training with one seed."""
        settings = self.recipe.settings.for_other_rows() | {"seed": seed}
        return train(self.recipe.net, data, **settings, restarts=self.restarts, progress=False)


def _pair(case: Case, change: Change, seeds: int) -> tuple[Arm, Arm]:
    """Return what is trained without and with a change, on the same rows.

    Both make the run's own epochs, unless that is too much work for a trial: then both are cut to what it allows, but
    for schedules, whose shape the number of steps decides, and for more epochs, which are what is tried. Schedules make
    up by more epochs for the steps that rows set aside do not make.
    """
    restarts = 1 if case.run is None or case.run.restarts is None else len(case.run.restarts)
    settings = {"metrics": (), "early_stopping": None} | ({"start": None} if restarts > 1 else {})
    plain = Arm(case.recipe.changed(settings), restarts)
    fixed = plain.changed(change)
    if "epochs" in change:
        return plain, fixed
    if _scheduled(plain.recipe) or _scheduled(fixed.recipe):
        more = 1 / (1 - SET_ASIDE) if case.recipe.settings.holds_out else 1.0
        epochs = math.ceil(more * case.recipe.settings.epochs)
    else:
        epochs = min(
            shortened(case, arm.recipe, members=seeds * arm.restarts, work=VERIFY_WORK).settings.epochs
            for arm in (plain, fixed)
        )
    return plain.changed({"epochs": epochs}), fixed.changed({"epochs": epochs})


def _scheduled(recipe: Recipe) -> bool:
    """Return whether a number of the optimizer follows a schedule."""
    return any(isinstance(number, Schedule) for number in as_optimizer(recipe.settings.optimizer).hyperparams.values())


def _interval(gains: Float[np.ndarray, " seeds"]) -> float:
    """Return half the 95 % interval of the mean of some gains (Student's)."""
    from scipy.stats import t as student

    with np.errstate(invalid="ignore"):  # of trainings that diverged
        return float(student.ppf(SURE, len(gains) - 1) * np.std(gains, ddof=1) / math.sqrt(len(gains)))


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _loss_text(loss: float, error: float) -> str:
    """Return a loss in as many digits as its error leaves any sense."""
    if not np.isfinite(loss):
        return "diverged"
    digits = 4 if not error > 0 or not loss else int(np.clip(np.ceil(np.log10(abs(loss) / error)) + 1, 2, 6))
    return f"{loss:.{digits}g}"
