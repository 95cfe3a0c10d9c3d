"""Find a learning rate: a range test, short trainings to confirm it, and the limit that curvature sets."""

from __future__ import annotations

from typing import Any

import numpy as np

from downslope.core import Advice, Message, Setting, SettingError, check_integer, check_number, working
from downslope.data import Dataset
from downslope.networks import Sequential
from downslope.optimizers import Optimizer, as_optimizer
from downslope.training.engine.causes import extreme_cause
from downslope.training.engine.progress import Progress, ProgressPart, open_progress, progress_style
from downslope.training.finders.learning_rate.range_test import range_test
from downslope.training.finders.learning_rate.result import (
    CurvatureLine,
    FoundLearningRate,
    RangeTest,
    RateSuggestion,
    RateTrials,
)
from downslope.training.finders.learning_rate.stability_line import curvature_line
from downslope.training.finders.learning_rate.trials import merge, rate_trials
from downslope.training.problem.problem import Problem, prepare
from downslope.training.settings import TrainingSettings

BELOW_BLOW_UP = 1e-3
"""Short trainings try rates down to this share of the rate at which the range test blew up."""
CLOSE = 0.02
"""Of rates that miss so small a share of what is learnable, the smallest is suggested."""
MARGIN = 0.99
"""How far below a limit is safe."""
CLEARLY = 0.25
"""Rates are added while the lowest or highest tried does not miss so large a share of what is learnable."""
MOST_EXTENSIONS = 12
"""How many times three rates are added, at most: a range that was far off is left so."""
HALF = 0.5
"""The rate stays within the range given, unless less than half of what is learnable can be learned there."""


def find_learning_rate(
    net: Sequential,
    data: Dataset,
    *,
    low: float | int = 1e-8,
    high: float | int = 10.0,
    steps: int = 200,
    curvature: bool = True,
    progress: str | bool | Progress = "auto",
    **settings: Any,
) -> FoundLearningRate:
    """Return a learning rate that suits a network, its data and an optimizer, with what speaks for it.

    Three looks, all with the optimizer, the batches and the start that `ds.train` has with the same settings:

    1. A *range test*: one training whose rate grows by a fixed factor each step, until the loss blows up. A quick
       picture, by powers of ten.
    2. *Short trainings* at rates of 1, 2 and 5 times powers of ten, from a thousandth of where the range test blew up,
       all at once, each from three starts. The lowest loss decides, of those that miss at most 2 % of what is learnable
       the smallest rate. What is learnable is the difference between the lowest loss and that of one answer for all
       rows. While the lowest or highest rate tried is not clearly worse, or nothing fell, more are added.
    3. The *curvature line*: the largest eigenvalue `λ` of the Hessian at the start, and the rate from which on the
       optimizer overshoots along it: `2/λ` for gradient descent, `(2 + 2μ)/λ` with momentum; for Adam and others that
       divide by the size of gradients, `λ` of the Hessian so divided.

    Nothing of the user's is touched, and a training afterwards is the same, bit for bit. The same settings give
    the same rate. Ctrl-C during the short trainings ends them, and they are judged as they stand.

    Args:
        net: the network.
        data: rows with targets.
        low: the first rate of the range test.
        high: its last rate, and the highest that is suggested, unless hardly anything is learned up to it.
        steps: of the range test, and of each short training, which makes whole epochs of at least so many. Where an
            epoch has more steps, both learn from a fixed draw of as many rows as these steps take.
        curvature: whether to measure the curvature line.
        progress: as for `ds.train`; the range test counts as an epoch.
        **settings: of `ds.train`. The optimizer's rate does not matter, and may be `"auto"`; of a schedule, take the
            shape, and the rate found as its highest. Validation rows judge the short trainings, without any their
            training loss does. `epochs`, `early_stopping` and `metrics` change nothing, so that
            `**run.recipe.settings` can be given.

    Returns:
        `.suggestion`, `.reason`, `.suggestions`, `.optimizer` (with the rate), `.range_test`, `.trials`, `.curvature`;
        `.table()`; printed, all of it in words.

    Raises:
        UnknownNameError: there is no setting of that name.
        SettingError: a setting that cannot be; an optimizer that shows no rate; no rate with which the loss stays a
            number.

    Example:
        >>> import downslope as ds
        >>> from downslope.training import find_learning_rate
        >>> net, data = ds.mlp([8], outputs=3), ds.load("iris")
        >>> settings = {"normalize": "standard", "seed": 1}
        >>> found = find_learning_rate(net, data, optimizer=ds.sgd("auto"), **settings, progress=False)
        >>> 0.05 <= found.suggestion <= 5, list(found.suggestions)
        (True, ['best', 'steepest', 'tenth', 'stability'])
        >>> run = ds.train(net, data, optimizer=found.optimizer, epochs=10, **settings, progress=False)
        >>> bool(run.history["train_loss"][-1] < 0.5)
        True

    References:
        Smith, "Cyclical learning rates for training neural networks" (2017), section 3.3: the range test.
        Cohen et al., "Gradient descent on neural networks typically occurs at the edge of stability" (2021), and
        "Adaptive gradient methods at the edge of stability" (2022): the limits.
    """
    low, high = check_number("low", low, above=0), check_number("high", high, above=0)
    if high < 10 * low:
        raise SettingError(Setting("high"), "must be ten times", Setting("low"), f"or more, got {low:g} to {high:g}.")
    steps = check_integer("steps", steps, at_least=20, advice="The rate grows over so many steps.")
    own = TrainingSettings.of(settings)
    searched, notes = _searchable(own.optimizer)
    with working(progress_style(progress), "Preparing the rows"):
        problem = prepare(net, data, own.for_trial(searched)).limited_to(steps)
    bar = open_progress(progress, 1 + -(-steps // problem.batches.steps), purpose="looking for a rate")
    try:
        tested = range_test(problem, low=low, high=high, steps=steps)
        bar.epoch(1, {})
        fresh = own.start is None
        trials = _run_trials(problem, tested, high=high, steps=steps, fresh=fresh, progress=ProgressPart(bar, 1))
    finally:
        bar.close()
    line, reasons = _measure_curvature_line(problem) if curvature and not trials.interrupted else (None, ())
    suggestions = _suggestions(tested, trials, line, high=high)
    if trials.interrupted:
        notes += ("Interrupted: the short trainings are judged as they stood.",)
    return FoundLearningRate(
        suggestions=suggestions,
        range_test=tested,
        trials=trials,
        curvature=line,
        optimizer=searched.replace(learning_rate=suggestions["best"].rate),
        batch_size=problem.batches.batch_size,
        notes=notes + reasons,
    )


def _searchable(optimizer: Any) -> tuple[Optimizer, tuple[str, ...]]:
    """Return the optimizer with a constant rate, and what to know if it had a schedule.

    Raises:
        SettingError: it shows no rate.
    """
    ours = as_optimizer(optimizer)
    if "learning_rate" not in ours.hyperparams:
        raise SettingError(
            Setting("optimizer"),
            f"must show its learning rate to have it found, got {ours!r}.",
            Advice("use one of ours", code="ds.sgd, ds.adam, …"),
            Advice("try rates of your own by {}", code="ds.race"),
        )
    if not callable(ours.hyperparams["learning_rate"]):
        return ours.replace(learning_rate=1.0), ()
    note = "The schedule was left out: this is a constant rate. Let the schedule's highest be this one."
    return ours.replace(learning_rate=1.0), (note,)


def _run_trials(
    problem: Problem, tested: RangeTest, *, high: float, steps: int, fresh: bool, progress: Progress
) -> RateTrials:
    """Return short trainings below where the range test blew up, further until both ends are clearly worse.

    Raises:
        SettingError: all diverged.
    """
    top = tested.blow_up or high
    arguments = {"steps": steps, "fresh": fresh, "progress": progress}
    trials = rate_trials(problem, _round_rates(BELOW_BLOW_UP * top, top), **arguments)
    for _ in range(MOST_EXTENSIONS):
        more = _next_rates(trials)
        if not more or trials.interrupted:
            break
        trials = merge(trials, rate_trials(problem, more, **arguments))
    if trials.best is None:
        cause = extreme_cause(problem)
        why = (Advice("start from smaller weights"),) if cause is None else (cause.text, cause.remedy)
        raise SettingError(
            f"All rates from {trials.rates[0]:g} on make the loss infinite within {trials.steps} steps.",
            *why,
            setting="optimizer",
        )
    return trials


def _next_rates(trials: RateTrials) -> list[float]:
    """Return the next three rates below or above those tried, where the end of these is not clearly worse."""
    low, top = float(trials.rates[0]), float(trials.rates[-1])
    below = _round_rates(low / 10, low)[:-1]
    above = _round_rates(top, 10 * top)[1:] if np.isfinite(trials.losses[-1]) else []
    if trials.best is None:
        return below
    if not trials.resolved:
        return above  # nothing fell: these rates are too low
    worse = trials.shares_missed > CLEARLY
    if not worse[0]:
        return below
    return [] if worse[-1] else above


def _round_rates(low: float, high: float) -> list[float]:
    """Return the numbers from `low` to `high` that are 1, 2 or 5 times a power of ten, up to rounding.

    Example:
        >>> _round_rates(0.01, 0.2)
        [0.01, 0.02, 0.05, 0.1, 0.2]
    """
    powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    rates = [float(f"{first}e{power}") for power in powers for first in (1, 2, 5)]
    return [rate for rate in rates if low * (1 - 1e-9) <= rate <= high * (1 + 1e-9)]


def _measure_curvature_line(problem: Problem) -> tuple[CurvatureLine | None, tuple[str, ...]]:
    """Return the curvature line, or the reason for its absence."""
    try:
        return curvature_line(problem), ()
    except SettingError as error:
        return None, (Message("There is no curvature line:", error.message),)


def _suggestions(
    tested: RangeTest, trials: RateTrials, line: CurvatureLine | None, *, high: float
) -> dict[str, RateSuggestion]:
    """Return all suggestions by name, the confirmed one first."""
    suggestions = {
        "best": _confirmed(trials, high),
        "steepest": RateSuggestion(tested.steepest, "There the range test's loss fell fastest."),
        "tenth": RateSuggestion(tested.lowest / 10, "A tenth of where the range test's loss was lowest."),
    }
    if line is not None and line.converged and np.isfinite(line.limit):
        why = f"Half of {line.limit:.3g}, less 1 %: from there on curvature makes steps at the start overshoot."
        suggestions["stability"] = RateSuggestion(MARGIN * line.limit / 2, why)
    return suggestions


def _confirmed(trials: RateTrials, high: float) -> RateSuggestion:
    """Return the rate that the short trainings confirm: within the range given, unless little is learned there."""
    missed, allowed = trials.shares_missed, trials.rates <= high * (1 + 1e-9)
    within = bool(allowed.any()) and float(missed[allowed].min()) < HALF
    if within:
        missed = np.where(allowed, missed, np.inf)
    lowest = int(np.argmin(missed))
    index = int(np.argmax(missed <= missed[lowest] + CLOSE))
    rate, loss = float(trials.rates[index]), float(trials.losses[index])
    if not trials.resolved:
        return RateSuggestion(
            rate,
            f"Nothing speaks for it: none of {len(trials.rates)} rates from {trials.rates[0]:g} to "
            f"{trials.rates[-1]:g} lowered the {trials.measured} within {trials.steps} steps by more than three starts "
            f"differ: from {float(trials.untrained.mean()):.6g} to {loss:.6g}; one answer for all rows has "
            f"{trials.constant:.6g}.",
        )
    texts = [trials.text(value) for value in trials.losses]
    close = ", the lowest"
    if index != lowest:
        close = f", close to the lowest ({trials.rates[lowest]:g}: {texts[lowest]})"
    elif lowest != trials.best_index:
        close = f", the lowest up to {high:g}; higher rates learn more ({trials.best:g}: {texts[trials.best_index]})"
    beyond = f" Up to {high:g} hardly anything is learned in so many steps." if rate > high * (1 + 1e-9) else ""
    return RateSuggestion(
        rate,
        f"Of {len(trials.rates)} rates from {trials.rates[0]:g} to {trials.rates[-1]:g}, each trained for "
        f"{trials.steps} steps from three starts, it reached a {trials.measured} of {texts[index]}{close}.{beyond}",
    )
