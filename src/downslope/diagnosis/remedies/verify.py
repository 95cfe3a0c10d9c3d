"""Whether a proposed fix helps: short trainings with and without it, from the same starts, over several seeds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from downslope.core import Message, Values, check_integer
from downslope.data import Dataset
from downslope.diagnosis.case import Case
from downslope.diagnosis.finding import Change, Finding
from downslope.diagnosis.measurements import recalls_on
from downslope.diagnosis.remedies.trials import reached_loss, shortened
from downslope.diagnosis.remedies.variants import difference
from downslope.networks import Sequential
from downslope.training import Problem, Recipe, Run, constant_predictor_loss, sweep

SEEDS = 3
"""Starts and orders of rows that a fix is tried with."""


@dataclass(frozen=True, eq=False)
class Trial:
    """Losses of short trainings with and without a fix, seed by seed, all else equal.

    Attributes:
        code: of the finding whose fix it is.
        change: the settings that were changed, in words.
        measured: `"validation loss"`, the lowest, where there are validation rows, else `"training loss"`, the last.
            With targets in other units it is a share of the loss of always answering the mean. Where classes are
            weighted, whose loss is another one, it is the share of a class that is missed, the mean over classes.
        epochs: how long each training was.
        seeds: of the trainings.
        without: what was reached as it was, `(seeds,)`; infinite where it diverged.
        with_fix: what was reached with the fix.
    """

    code: str
    change: str
    measured: str
    epochs: int
    seeds: tuple[int, ...]
    without: Float[np.ndarray, " seeds"]
    with_fix: Float[np.ndarray, " seeds"]

    @property
    def gains(self) -> Float[np.ndarray, " seeds"]:
        """The relative gain of each seed, `1 − with / without`; 1 where only the fix converged."""
        with np.errstate(invalid="ignore", divide="ignore"):
            shares = 1 - self.with_fix / self.without
        shares = np.where(np.isinf(self.without), 1.0, shares)
        return np.where(np.isinf(self.with_fix), -np.inf, np.nan_to_num(shares, nan=0.0, neginf=-np.inf))

    @property
    def gain(self) -> float:
        """The median gain."""
        return float(np.median(self.gains))

    @property
    def better(self) -> int:
        """For how many seeds the loss is lower with the fix."""
        return int(np.sum(self.with_fix < self.without))

    @property
    def helps(self) -> bool:
        """Whether the loss is lower for more than half of the seeds."""
        return 2 * self.better > len(self.seeds)

    def as_json(self) -> dict[str, object]:
        """Return the trial as plain data; None stands for a training that diverged."""
        losses = {name: [_finite(loss) for loss in getattr(self, name)] for name in ("without", "with_fix")}
        plain = {"code": self.code, "change": self.change, "measured": self.measured, "epochs": self.epochs}
        return {**plain, "seeds": list(self.seeds), **losses, "gain": _finite(self.gain), "helps": self.helps}

    @property
    def message(self) -> Message:
        """The change, whether it helps, and by how much."""
        low, high = _loss_text(float(np.median(self.without))), _loss_text(float(np.median(self.with_fix)))
        verdict = "helps" if self.helps else "does not help"
        return Message(
            self.change,
            f"{verdict}: {self.measured} {low} without, {high} with it, after {self.epochs} epochs "
            f"(median of {len(self.seeds)} seeds; lower for {self.better}).",
        )

    def __str__(self) -> str:
        return str(self.message)


def verify_fixes(case: Case, findings: Iterable[Finding], *, seeds: int = SEEDS) -> tuple[Trial, ...]:
    """Return a trial for every finding whose fix is a setting.

    Every training is short: as many epochs as the run has, or as some seconds allow. Seeds are that of the run and
    those that follow it; with and without the fix a seed has the same starting weights, where the fix leaves the
    network's weights alone, and the same order of rows.

    Args:
        case: the run.
        findings: whose fixes to try.
        seeds: how many seeds, 1 or more.
    """
    check_integer("seeds", seeds)
    recipe, first = case.recipe, case.recipe.settings.seed
    chosen = tuple(range(first, first + seeds))
    known: dict[int, np.ndarray] = {}
    trials = []
    for finding in findings:
        if not finding.change:
            continue
        case.announce(f"{seeds} short trainings with and without the fix of {finding.code.replace('_', ' ')}")
        plain, fixed = _shortened_pair(case, recipe, finding.change)
        epochs, held_out = plain.settings.epochs, plain.settings.holds_out
        rows = "validation" if held_out else "training"
        if "class_weight" in finding.change:
            without, with_fix = _misses(plain, chosen), _misses(fixed, chosen)
            measured = f"share of a class that is missed in {rows}"
            trials.append(
                Trial(finding.code, in_words(finding.change, recipe.net), measured, epochs, chosen, without, with_fix)
            )
            continue
        if epochs not in known:
            known[epochs] = _losses(plain, chosen)
        without, with_fix = known[epochs], _losses(fixed, chosen)
        other_units = "normalize_targets" in finding.change
        if other_units:
            without, with_fix = without / _constant_loss(plain.problem()), with_fix / _constant_loss(fixed.problem())
        measured = f"{rows} loss"
        if other_units:
            measured = f"{measured}, as a share of that of the mean,"
        trials.append(
            Trial(finding.code, in_words(finding.change, recipe.net), measured, epochs, chosen, without, with_fix)
        )
    return tuple(trials)


def in_words(change: Change, net: Sequential) -> Message:
    """Return changed settings of `ds.train` as they are written; another network by how it differs from `net`.

    Example:
        >>> import downslope as ds
        >>> net = ds.mlp([8], outputs=1)
        >>> in_words({"normalize": "standard", "start": None}, net)
        "normalize='standard'"
        >>> in_words({"net": ds.mlp([16], outputs=1), "start": None}, net)
        'a network with hidden layers of 16'
    """
    others = {name: value for name, value in change.items() if name not in ("net", "start")}
    other = change.get("net")
    network = [f"a network with {difference(net, other)}"] if isinstance(other, Sequential) else []
    start = [Values({"start": change["start"]})] if change.get("start") is not None else []
    pieces = [*network, *([Values(others)] if others else []), *start]
    return Message(*(part for index, piece in enumerate(pieces) for part in ((",", piece) if index else (piece,))))


def _shortened_pair(case: Case, recipe: Recipe, change: Change) -> tuple[Recipe, Recipe]:
    """Return the recipes without and with a change: equally many epochs, short enough for both."""
    plain, fixed = (shortened(case, changed, members=SEEDS) for changed in (recipe, recipe.changed(change)))
    if "epochs" in change:
        return plain, fixed
    epochs = {"epochs": min(plain.settings.epochs, fixed.settings.epochs)}
    return plain.changed(epochs), fixed.changed(epochs)


def _losses(recipe: Recipe, seeds: tuple[int, ...]) -> np.ndarray:
    """Return the loss that a recipe reaches with each seed."""
    return np.array([reached_loss(run) for run in _runs(recipe, seeds)])


def _misses(recipe: Recipe, seeds: tuple[int, ...]) -> np.ndarray:
    """Return the mean share of a class that is missed, with each seed; infinite where it diverged."""
    return np.array([_missed(run, recipe, seed) for run, seed in zip(_runs(recipe, seeds), seeds, strict=True)])


def _missed(run: Run, recipe: Recipe, seed: int) -> float:
    """Return the mean share of a class that a run misses, among the rows held out, or among all if none were."""
    if run.stop_reason == "diverged":
        return float("inf")
    share = recipe.settings.validation
    held_out = share if isinstance(share, Dataset) else recipe.data.split(validation=share, seed=seed).validation
    return 1 - recalls_on(run, recipe.data if held_out is None else held_out, "").balanced


def _runs(recipe: Recipe, seeds: tuple[int, ...]) -> tuple[Run, ...]:
    """Return a recipe's runs with each seed."""
    settings = {name: value for name, value in recipe.settings.items() if name != "seed"}
    return tuple(sweep(recipe.net, recipe.data, seed=list(seeds), progress=False, **settings).runs)


def _constant_loss(problem: Problem) -> float:
    """Return the loss of one answer for all rows."""
    outputs = problem.net.output_shape(problem.preprocessing.input_shape)[-1]
    return constant_predictor_loss(problem.loss, problem.subset, outputs)


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _loss_text(loss: float) -> str:
    return f"{loss:.4g}" if np.isfinite(loss) else "diverged"
