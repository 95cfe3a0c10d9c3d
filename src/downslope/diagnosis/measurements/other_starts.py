"""Where descents from other starts end: the evidence that a minimum is a local one, or as good as others find.

Nothing measured at a point tells whether there is a lower minimum elsewhere. So other starts are trained the same way,
all at once as one population, and their ends compared with the run's. The work is counted, never timed, so that the
answer is the same on every machine.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from downslope.core import Advice, LossSurface, Message, PyTree, fold, generator
from downslope.data import Dataset
from downslope.diagnosis.announcements import Announce
from downslope.diagnosis.measurements.point import Point, Vector
from downslope.networks import Sequential, forward_flops, sites_of, with_initializer
from downslope.training import Part, Problem, Progress, Recipe, Run, sweep

MOST, FEWEST = 8, 4
"""So many other starts are compared with, or down to so many where more would be too much work. One start in four that
ends lower is missed by four with a chance of 0.32, by eight with 0.1."""

WORK = 3e11
"""They may take so many multiplications in all: about a minute on two cores."""

A_STEP = 1e5
"""A step of one member costs at least as much as so many multiplications."""

PASSES = 3
"""Forward, and backward to the parameters and to the input."""

SHARE = 0.1
"""Ends that differ by less of what the best of them gains over one answer for all rows are as good as each other."""

JUMPS = 2.0
"""Nor do they differ where it is no more than so many times the jumps of the loss from epoch to epoch."""

DESCENTS, GRADIENTS = 64, 5000
"""Descents of a bare surface are so many, and take about so many gradients in all."""

DESCENT_STEPS = 500
"""One of them makes so many steps at most."""

NEAREST = 0.01
"""Half of them begin around the point, at this share of half the box or farther."""

EXACT = 1e-5
"""Ends of descents of a bare surface that differ by no more than this share of the loss, or of what the lowest tenth of
them begins above the best end, may be the same bottom: that much is rounding in float32."""


@dataclass(frozen=True)
class OtherStarts:
    """The ends of descents from other starts, beside that of the run.

    Attributes:
        own: the loss where the run ended.
        losses: where each other start ended, on the same rows; infinite for one that diverged. `(starts,)`
        constant: the loss that counts as nothing learned: that of one answer for all rows; on a bare surface the
            median loss of the starts.
        margin: losses that differ by less are as good as each other.
        how: what the starts have in common with the run, in words.
    """

    own: float
    losses: Float[np.ndarray, " starts"]
    constant: float
    margin: float
    how: str

    def __len__(self) -> int:
        return len(self.losses)

    @property
    def lower(self) -> int:
        """How many ended lower than the run, by more than the margin."""
        return int(np.sum(self.losses < self.own - self.margin))

    @property
    def best(self) -> float:
        """The lowest loss known, the run's own among them."""
        return float(min(self.own, np.min(self.losses, initial=np.inf)))

    @property
    def gap(self) -> float:
        """By how much the run ended above the lowest loss known."""
        return self.own - self.best

    @property
    def missed(self) -> float:
        """The gap as a share of what the best start gained: how bad the run is, compared with the best known.

        0 is as good as the best, 1 as bad as nothing learned.
        """
        gained = max(self.constant, self.own) - self.best
        return self.gap / gained if gained > 0 else 0.0

    @property
    def beaten(self) -> bool:
        """Whether other starts end lower, by more than the margin."""
        return self.lower > 0

    @property
    def chance(self) -> tuple[float, float]:
        """The 95 % interval of the chance that a further start ends lower (Wilson's)."""
        n, share = len(self), self.lower / max(len(self), 1)
        z2 = 1.96**2 / max(n, 1)
        center, half = share + z2 / 2, 1.96 * math.sqrt(share * (1 - share) / max(n, 1) + z2 / (4 * max(n, 1)))
        return max(0.0, (center - half) / (1 + z2)), min(1.0, (center + half) / (1 + z2))

    @property
    def statement(self) -> str:
        """The comparison in a sentence or two."""
        low, high = (f"{100 * end:.0f}" for end in self.chance)
        starts = f"of {len(self)} other starts, {self.how},"
        if not self.beaten:
            nearest = f"the lowest of them ends at {float(np.min(self.losses)):.4g}" if len(self) else "there is none"
            return (
                f"{starts} none ends lower by more than {self.margin:.2g}: {nearest}, this one at {self.own:.4g} (95 % "
                f"sure that at most {high} % of all such starts do)."
            )
        return (
            f"{starts} {self.lower} end{'s' if self.lower == 1 else ''} lower, the best at {self.best:.4g} against "
            f"{self.own:.4g} here (95 % sure that {low} to {high} % of all such starts do). Compared with the "
            f"best known, {100 * self.missed:.0f} % of what can be gained is missed."
        )


def compare_starts(
    recipe: Recipe,
    epochs: int,
    part: Part,
    *,
    own: float,
    constant: float,
    jumps: float,
    earlier: Sequence[float],
    starts: int | None,
    bars: str | bool | Progress,
    announce: Announce,
) -> OtherStarts | Message:
    """Return where other starts of a training end, trained the same way; or the reason why there are none.

    A run's own restarts count first; only what is missing is trained.

    Args:
        recipe: of the training.
        epochs: how many it made.
        part: the rows on which losses are compared.
        own: the training's loss on them.
        constant: that of one answer for all of them.
        jumps: of the training's loss from epoch to epoch.
        earlier: where its own restarts ended, if it had some.
        starts: how many to compare with; None for as many as the bounded work allows.
        bars: how the training shows its progress, as for `ds.train`.
        announce: is told what will be trained.
    """
    count = MOST if starts is None else starts
    missing = max(count - len(earlier), 0)
    cost = multiplications(recipe.problem(), epochs)
    if starts is None and missing:
        affordable = int(WORK // cost)
        if len(earlier) + affordable < FEWEST:
            return Message(
                f"Other starts were not trained for comparison: {FEWEST} of them would take "
                f"{FEWEST * cost:.2g} multiplications, more than {WORK:.2g}.",
                Advice("train them all the same", starts=MOST),
            )
        missing = min(missing, affordable)
    if missing:
        announce(f"training from {missing} other starts, {epochs:,} epochs each, {missing * cost:.1g} multiplications")
    trained = [] if not missing else _trained_ends(recipe, epochs, part, missing, bars)
    losses = np.array([*earlier, *trained], float)
    if not len(losses):
        return Message("Other starts were not trained for comparison, as was asked.")
    gained = constant - min(own, float(np.min(losses)))
    how = f"trained the same way for {epochs:,} epoch{'s' if epochs > 1 else ''}"
    return OtherStarts(own, losses, constant, max(SHARE * gained, JUMPS * jumps), how)


def own_restarts(run: Run) -> list[float]:
    """Return the last training loss of each of a run's own other starts."""
    restarts = run.restarts
    if restarts is None or "train_loss" not in restarts.histories:
        return []
    ends = []
    for index in range(len(restarts)):
        losses = restarts.histories["train_loss"][:, index]
        finite = losses[np.isfinite(losses)]
        diverged = restarts.stop_reasons[index] == "diverged" or not len(finite)
        if index != restarts.best:
            ends.append(np.inf if diverged else float(finite[-1]))
    return ends


def multiplications(problem: Problem, epochs: int) -> float:
    """Return about how many multiplications so many epochs of a training take."""
    a_row = 0.0
    for site in sites_of(problem.net.layers, problem.preprocessing.input_shape):
        flops = forward_flops(site.layer, site.input_shape)
        a_row += site.parameters if flops is None else flops / 2
    rows, steps = len(problem.train), problem.batches.steps
    return epochs * max(PASSES * a_row * rows, A_STEP * steps)


def _trained_ends(recipe: Recipe, epochs: int, part: Part, count: int, bars: str | bool | Progress) -> list[float]:
    """Return the loss where each of some other starts ends, as one population; infinite for one that diverged."""
    net, seed = recipe.net, recipe.settings.seed
    data, validation = held_out_apart(recipe)
    if _starts_alike(net, recipe):
        net = with_initializer(net, "auto")  # all starts of this initializer are the same
    settings = {**recipe.settings, "epochs": epochs, "early_stopping": None, "validation": validation}
    settings |= {"start": None, "metrics": ()}
    del settings["seed"]
    seeds = [int(fold(seed, "other start", number)[0]) for number in range(count)]
    ended = sweep(net, data, seed=seeds, progress=bars, **settings).runs
    if len(ended) < count or any(other.stop_reason == "interrupted" for other in ended):
        raise KeyboardInterrupt
    return [_end(other, part) for other in ended]


def held_out_apart(recipe: Recipe) -> tuple[Dataset, Dataset | float]:
    """Return the rows to learn from and those held out by the recipe's own seed, so that other seeds have the same."""
    share = recipe.settings.validation
    if isinstance(share, Dataset) or not share:
        return recipe.data, share
    split = recipe.data.split(validation=share, seed=recipe.settings.seed)
    return split.train, share if split.validation is None else split.validation


def _starts_alike(net: Sequential, recipe: Recipe) -> bool:
    """Return whether the initializers draw nothing: weights of any two seeds are the same."""
    shape = recipe.problem().preprocessing.input_shape
    first, second = (net.init(seed, shape).params for seed in (0, 1))
    return all(np.array_equal(a["weight"], b["weight"]) for a, b in zip(first, second, strict=True) if "weight" in a)


def _end(run: Run, part: Part) -> float:
    """Return a run's loss at its last variables over some rows; infinite if it diverged."""
    if run.stop_reason == "diverged":
        return float("inf")
    loss = float(replace(run, variables=run.last, training_rows=part).surface().value(run.last.params))
    return loss if np.isfinite(loss) else float("inf")


def compare_descents(
    surface: LossSurface, params: PyTree, region: tuple[PyTree, PyTree], *, starts: int | None, seed: int
) -> OtherStarts:
    """Return where descents of a bare surface end that begin at other points of a box, beside one from the point.

    Half of them begin anywhere in the box, the others around the point, at distances from a hundredth of the box to all
    of it, since a lower minimum may be next door.

    Args:
        surface: the loss.
        params: the point that they are compared with; it is descended from, too, for it may not be at the bottom yet.
        region: the lowest and the highest of each parameter; the descents stay between them.
        starts: how many; None for 64, or as many as a fixed number of gradients allows, but 4 or more.
        seed: of the points.
    """
    point, count = Point(surface, params), DESCENTS if starts is None else starts
    low, high = (np.broadcast_to(end, point.theta.shape) - point.theta for end in region)
    own, spent = _bottom(point, np.zeros(point.size), np.minimum(low, 0), np.maximum(high, 0))
    losses, begun = [], []
    for number in range(count):
        if starts is None and number >= FEWEST and spent >= GRADIENTS:
            break
        start = _start(generator(seed, "other start", number), low, high, near=number % 2 == 1)
        begun.append(point.loss(start))
        loss, steps = _bottom(point, start, low, high)
        losses.append(loss)
        spent += steps
    begun = [loss for loss in begun if np.isfinite(loss)] or [own]
    constant, low_start = (float(np.quantile(begun, share)) for share in (0.5, 0.1))
    best = float(np.min(losses, initial=own))
    margin = EXACT * max(abs(own), abs(best), low_start - best)
    return OtherStarts(own, np.array(losses, float), constant, margin, "descending from points around")


def _start(random: np.random.Generator, low: Vector, high: Vector, *, near: bool) -> Vector:
    """Return a point of a box: one near 0, at any distance from a hundredth of the box on, or one anywhere."""
    if not near:
        return random.uniform(low, high)
    direction = random.standard_normal(len(low))
    direction *= NEAREST ** random.uniform() / np.linalg.norm(direction)
    return np.clip(direction * (high - low) / 2, low, high)


def _bottom(point: Point, start: Vector, low: Vector, high: Vector) -> tuple[float, int]:
    """Return the loss where a descent by L-BFGS ends that stays in a box, and how many gradients it took.

    The loss is infinite where it is not a number.
    """
    from scipy.optimize import minimize

    def value_and_slope(d: np.ndarray) -> tuple[float, np.ndarray]:
        return point.loss(d), point.gradient(d)

    options = {"maxiter": DESCENT_STEPS, "ftol": 1e-15, "gtol": 1e-10}
    bounds = list(zip(low, high, strict=True))
    with np.errstate(all="ignore"):
        end = minimize(value_and_slope, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    return (float(end.fun) if np.isfinite(end.fun) else float("inf")), int(end.nfev)
