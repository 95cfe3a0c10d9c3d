"""Find a batch size: by the noise of gradients, the time of steps, and what else depends on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from downslope.core import (
    Advice,
    Function,
    LossSurface,
    Message,
    PyTree,
    Setting,
    SettingError,
    Variables,
    check_integer,
    check_number,
)
from downslope.curvature import CurvatureNoise, NoiseScale, curvature_noise, eigenvalues, noise_scale
from downslope.data import Dataset
from downslope.efficiency import MEMORY_LIMIT, Deadline
from downslope.networks import Sequential, forward_flops, sites_of
from downslope.optimizers import Optimizer, as_optimizer, facts_of, sgd
from downslope.training.engine.progress import Progress, open_progress
from downslope.training.engine.state import TrainingState, begin_training
from downslope.training.finders.batch_size.costs import batch_costs
from downslope.training.finders.batch_size.outlook import batch_outlooks
from downslope.training.finders.batch_size.result import BatchTrainings, FoundBatchSize, usable_noise_scale
from downslope.training.finders.batch_size.trials import batch_trainings
from downslope.training.finders.learning_rate.stability_line import (
    mixes_rows,
    rows_for_curvature,
    training_mode_surface,
)
from downslope.training.loop import NoCheckpoints, train_loop
from downslope.training.monitor.recorder import Recorder
from downslope.training.monitor.trajectory import Record
from downslope.training.problem.part import Part, draw_subset
from downslope.training.problem.problem import Problem, prepare
from downslope.training.settings import TrainingSettings
from downslope.training.surfaces.network import MeanGradients, mean_surface

CURVATURE_SIZES = (16, 64, 256)
"""Rows of the batches whose `g`, `H g` and `H⁻¹ g` are compared with those of all rows."""
CURVATURE_DRAWS = 6
CURVATURE_PRODUCTS = 60
"""Hessian products for each `H⁻¹ g`, at most."""
CURVATURE_ROWS = 500
"""The rows are fewer than 2,000 where those would be too much work, but not fewer than these."""
CURVATURE_WORK = 3e11
"""Operations for all solutions together: some ten seconds of a processor."""
OPERATIONS = 12
"""Those of a Hessian product as a multiple of a forward pass: twice forward and twice back, each with its tangent."""
DAMPING = 1e-3
"""Where `H` has directions as gentle as this share of the sharpest, it is damped by it, and by what is negative."""
TRAINED_SIZES = (8, 32, 128, 512)
"""Batch sizes of the trainings that show what batches of a size find."""
HELD_OUT = 0.2
"""The share of rows held out for those trainings, where there are no validation rows."""

FEWEST_BATCHES = 3
"""Batches that the noise between them is told from, at least."""

Tell = Callable[[str], None]


def find_batch_size(
    net: Sequential,
    data: Dataset,
    *,
    memory_limit: int | None = None,
    steps: int = 200,
    trainings: int = 0,
    epochs: int = 20,
    curvature: bool = True,
    seconds: float | int = 20.0,
    tell: Tell | None = None,
    progress: str | bool | Progress = "auto",
    **settings: Any,
) -> FoundBatchSize:
    """Return a batch size that suits a network, its data and this machine, with what speaks for it.

    Five things depend on the size `b` of a batch, and are measured:

    1. *Statistical efficiency*: the noise scale `B = tr Σ / |G|²` of gradients, at the start and after a short
       training, since it grows. With the rate tuned to the size, the same loss takes `1 + B/b` times the fewest
       steps possible, and `1 + b/B` times the fewest examples.
    2. *Computational efficiency*: the time and memory of a step by size, on this machine, within a limit of memory.
       Both together predict the time to the same loss; the suggestion is the smallest power of two that needs at most
       10 % more of it than the fastest.
    3. *Regularization*, if `trainings` are asked for: the gap between validation and training loss, and the sharpness,
       after trainings with batches of 8 to 512 from several seeds, the rate scaled to the size.
    4. *What the optimizer needs*: the noise of `g`, which first-order methods step along, and of `H⁻¹ g`, which
       second-order methods step along, far larger where the condition number is.
    5. *The cost of drawing* rows, by order.

    Nothing of the user's is touched, and a training afterwards is the same, bit for bit. Times are measured in rounds
    over all sizes, each with its spread. Where the noise scale is not resolved, since the gradient is lost in noise, or
    its interval and the spread of the times leave more open than a factor of 8, no size can be recommended: the
    suggestion is then the usual 32 as far as rows and memory allow, and the reason says so.

    Args:
        net: the network.
        data: rows with targets.
        memory_limit: bytes that a compiled step may reserve, 2³⁰ (1 GiB) by default.
        steps: of the short training; where an epoch has more, it learns from a fixed draw of as many rows as these
            steps take.
        trainings: how many seeds to train with each of up to four batch sizes, which costs as much as that; 0 for none.
        epochs: of these trainings.
        curvature: whether to measure the noise of `H⁻¹ g`.
        seconds: for timing steps; after them no larger batch is begun.
        tell: called with a few words before each measurement.
        progress: of the short training, as for `ds.train`.
        **settings: of `ds.train`. The rate of the optimizer is that for batches of `batch_size`, which the short
            training has. Validation rows are not learned from. `early_stopping` and `metrics` change nothing, so that
            `**run.recipe.settings` can be given.

    Returns:
        `.suggestion`, `.resolved`, `.reason`, `.between`, `.outlook` (by size), `.noise`, `.curvature`, `.costs`,
        `.trainings`, `.rate_factor(size)`; `.table()`; printed, all of it in words.

    Raises:
        UnknownNameError: there is no setting of that name.
        SettingError: a setting that cannot be; rows too few, or too alike, to tell the noise.

    Example:
        >>> import downslope as ds
        >>> from downslope.training import find_batch_size
        >>> net, data = ds.mlp([8], outputs=3), ds.load("iris")
        >>> found = find_batch_size(net, data, normalize="standard", seconds=1, steps=40, progress=False)
        >>> found.suggestion in found.table()["batch_size"], bool(found.noise.interval[0] >= 0)
        (True, True)

    References:
        McCandlish et al., "An empirical model of large-batch training" (2018), equations 2.9 to 2.12.
        Keskar et al., "On large-batch training for deep learning: generalization gap and sharp minima" (2017).
    """
    limit = MEMORY_LIMIT if memory_limit is None else check_integer("memory_limit", memory_limit)
    check_number("seconds", seconds, above=0)
    steps, seeds = check_integer("steps", steps), check_integer("trainings", trainings, at_least=0)
    check_integer("epochs", epochs)
    tell = tell or _silent
    own = TrainingSettings.of(settings)
    optimizer = as_optimizer(own.optimizer)
    brief = own.for_trial(optimizer)
    problem = prepare(net, data, brief).limited_to(steps)
    training, steps_made = _train_briefly(
        problem,
        steps,
        open_progress(progress, -(-steps // problem.batches.steps), purpose="looking for a batch size"),
        tell,
    )
    tell("the noise of gradients")
    noise, reasons = _noise(problem, training.state.variables)
    if noise is None:
        raise SettingError("The noise of gradients could not be measured:", reasons[0], setting="batch_size")
    before, _ = _noise(problem, problem.start)
    noise_of_steps, curvature_reasons = None, ()
    if curvature:
        tell("the noise of H⁻¹ g")
        noise_of_steps, curvature_reasons = _noise_of_steps(problem, training.state.variables)
    costs = batch_costs(problem, memory_limit=limit, deadline=Deadline.after(seconds), tell=tell)
    result = FoundBatchSize(
        outlook=batch_outlooks(costs, usable_noise_scale(noise, before)),
        noise=noise,
        noise_at_start=before,
        short_training=steps_made,
        curvature=noise_of_steps,
        costs=costs,
        trainings=(),
        batch_size=problem.batches.batch_size,
        rows=len(problem.train),
        rate_power=_rate_power(optimizer),
        notes=(*reasons, *curvature_reasons),
    )
    if not seeds:
        return result
    validated = prepare(net, data, brief if brief.holds_out else brief.for_other_rows() | {"validation": HELD_OUT})
    fresh = own.start is None
    return replace(result, trainings=_trainings(validated, result, seeds=seeds, epochs=epochs, fresh=fresh, tell=tell))


def _train_briefly(problem: Problem, steps: int, progress: Progress, tell: Tell) -> tuple[TrainingState, int]:
    """Return where a short training ends, and how many steps it made."""
    tell("a short training")
    training = begin_training(problem)
    try:
        train_loop(
            problem,
            training,
            epochs=-(-steps // problem.batches.steps),
            patience=None,
            progress=progress,
            recorder=Recorder(Record()),
            writer=NoCheckpoints(),
        )
    finally:
        progress.close()
    if training.stop_reason == "interrupted":
        raise KeyboardInterrupt
    if training.divergence is not None:
        raise SettingError("The short training diverged.", training.divergence.cause, training.divergence.remedy)
    return training, int(training.state.optimizer.step)


def _noise(problem: Problem, variables: Variables) -> tuple[NoiseScale | None, tuple[str, ...]]:
    """Return the noise scale at some parameters, with notes; or None, with the reason."""
    part, net = problem.train, problem.architecture
    try:
        if not mixes_rows(problem):
            surface = MeanGradients(mean_surface(net, problem.loss, part.weighted(), variables))
            return noise_scale(surface, variables.params, key=problem.seed), ()
        size = max(2, min(problem.batches.batch_size, len(part) // FEWEST_BATCHES))
        mixed = training_mode_surface(problem, _unweighted(part), variables)
        note = f"With batch norm the noise is that of batches of {size} in training mode, whose rows share statistics."
        return noise_scale(mixed.whole, variables.params, batch_size=size, key=problem.seed), (note,)
    except SettingError as error:
        return None, (error.message,)


def _noise_of_steps(problem: Problem, variables: Variables) -> tuple[CurvatureNoise | None, tuple[str, ...]]:
    """Return the noise of `g`, `H g` and `H⁻¹ g` at some parameters; or None, with the reason."""
    if mixes_rows(problem):
        return None, ("With batch norm the noise of H⁻¹ g is left out: rows of a batch are not independent.",)
    part = _rows_for_solutions(problem)
    if part is None:
        left_out = "The noise of H⁻¹ g is left out, for it would take long with this network;"
        return None, (Message(left_out, Function("curvature_noise"), "measures it."),)
    sizes = [size for size in CURVATURE_SIZES if size <= len(part) // 2]
    try:
        surface = mean_surface(problem.architecture, problem.loss, _unweighted(part), variables)
        damping = _damping(surface, variables.params, problem.seed)
        if damping is None:
            words = "The noise of H⁻¹ g is left out: the least curvature did not converge within"
            return None, (f"{words} {CURVATURE_PRODUCTS} Hessian products, so no damping is known to suffice.",)
        for factor in (1, 2, 4):
            noise = curvature_noise(
                surface,
                variables.params,
                sizes,
                damping=factor * damping,
                draws=CURVATURE_DRAWS,
                tol=1e-3,
                max_hvps=CURVATURE_PRODUCTS,
                key=problem.seed,
            )
            if np.all(np.isfinite(noise.newton_step)):
                break
        return noise, ()
    except SettingError as error:
        return None, (Message("There is no noise of H⁻¹ g:", error.message),)


def _rows_for_solutions(problem: Problem) -> Part | None:
    """Return the rows to solve `H x = g` on, as many as the work allows; None where it allows too few."""
    part = rows_for_curvature(problem)
    sites = sites_of(problem.architecture.layers, problem.preprocessing.input_shape)
    forward = sum(forward_flops(site.layer, site.input_shape) or 2 * site.parameters for site in sites)
    solutions = CURVATURE_DRAWS * len(CURVATURE_SIZES) + 1
    affordable = int(CURVATURE_WORK / (OPERATIONS * max(forward, 1) * solutions * CURVATURE_PRODUCTS / 2))
    if affordable < min(CURVATURE_ROWS, len(part)) / 10:
        return None
    return draw_subset(part, max(affordable, CURVATURE_ROWS), problem.seed, "curvature noise")


def _damping(surface: LossSurface, params: PyTree, seed: int) -> float | None:
    """Return the damping that makes the Hessian positive definite, and no direction too gentle to be resolved.

    None where the eigenvalues that say so did not converge.
    """
    pairs = eigenvalues(surface, params, which="both", tol=0.05, max_hvps=CURVATURE_PRODUCTS, key=seed)
    if not len(pairs) or not pairs.converged[[0, -1]].all():
        return None
    largest, lowest = float(pairs.values[0]), float(pairs.values[-1] - pairs.residuals[-1])
    gentle = DAMPING * max(largest, -lowest)
    return 0.0 if lowest > gentle else gentle + 1.5 * max(0.0, -lowest)


def _unweighted(part: Part) -> Part:
    """Return rows without their weights, where batches are drawn from them as equals."""
    return replace(part, weights=None)


def _trainings(
    problem: Problem, result: FoundBatchSize, *, seeds: int, epochs: int, fresh: bool, tell: Tell
) -> tuple[BatchTrainings, ...]:
    """Return where trainings with several batch sizes end."""
    rate = problem.optimizer.hyperparams.get("learning_rate")
    if rate is None or callable(rate):
        raise SettingError(
            Setting("trainings"),
            f"scale the learning rate, which must be a constant of one of ours for that, got {problem.optimizer!r}.",
            Advice("leave them out"),
            Advice("use {}, say", optimizer=sgd(0.1)),
        )
    sizes = [size for size in TRAINED_SIZES if size <= len(problem.train)]
    return batch_trainings(
        problem, sizes, rate=float(rate), rate_factor=result.rate_factor, seeds=seeds, epochs=epochs, fresh=fresh,
        tell=tell,
    )  # fmt: skip


def _rate_power(optimizer: Optimizer) -> float:
    """Return how the rate goes with the noise: ½ for optimizers that divide by the size of gradients, else 1."""
    facts = facts_of(optimizer)
    return 0.5 if facts is not None and facts.scale_invariant else 1.0


def _silent(words: str) -> None:
    """Ignore the words."""
