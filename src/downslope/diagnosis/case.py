"""A case: a run or a point on a surface, with measurements that are made once, when first needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from downslope.core import (
    Advice,
    DataError,
    LossSurface,
    PyTree,
    Setting,
    SettingError,
    Variables,
    all_finite,
    check_integer,
    generator,
    offers,
    tree_norm,
    tree_size,
)
from downslope.curvature import (
    ConditionNumber,
    Eigenpairs,
    NoiseScale,
    StepModel,
    condition_number,
    eigenvalues,
    noise_scale,
    step_model,
)
from downslope.data import Dataset
from downslope.diagnosis.measurements import (
    Point,
    Reach,
    Stability,
    Trend,
    WayOut,
    number_of,
    reach_of,
    stability_of,
    trend_of,
    way_out_of,
)
from downslope.diagnosis.starts import InitializationReport, initialization_report
from downslope.optimizers import facts_of
from downslope.training import Part, Problem, Recipe, Run, Tracking, constant_predictor_loss

ROWS = 2000
"""Curvature is measured on at most so many training rows: those of `train_loss`, always the same."""

SIGNAL_ROWS = 256
"""Signals through the layers are measured on so many."""

MOST_PRODUCTS, FEWEST_PRODUCTS = 200, 30
"""Products with the Hessian that eigenvalues may take: the fewer, the larger the network."""

WORK = 4e10
"""Parameters × rows × products is about so much at most: some seconds on a processor of two cores."""

EACH_END = 3
"""Eigenvalues wanted at each end of the spectrum."""

TOLERANCE = 1e-3
"""Their residuals, as a share of `max|λ|`."""

DECAYED = 0.1
"""A rate below this share of its recent average no longer makes the jumps that the history shows."""

NOISE_BATCHES = 128
"""The noise scale is measured on so many batches at most."""

Progress = Callable[[str], object]
"""Called with a few words on each measurement before it is made."""


@dataclass(frozen=True, eq=False)
class Case:
    """A point on a loss surface and, where there is one, the run that led there.

    Every measurement is a property that is computed when it is first read, at a bounded cost, and cached. The
    point is where the descent stands, after the last step (`run.last`), not the best by validation loss. The surface is
    the loss that descends over at most 2,000 training rows, in inference mode.

    Attributes:
        surface: the loss.
        params: the point.
        run: with its rows and its recipe; None for a bare surface, which has no history, no network and no data.
        part: the rows of the surface, as the network sees them; None for a bare surface.
        seed: of all that is drawn.
        progress: called with a few words on each measurement before it is made.
    """

    surface: LossSurface
    params: PyTree
    run: Run | None = None
    part: Part | None = None
    seed: int = 0
    progress: Progress | None = None

    # ---- the surface at the point

    @cached_property
    def loss(self) -> float:
        """The loss at the point."""
        return float(self.surface.value(self.params))

    @cached_property
    def gradient(self) -> PyTree:
        """The gradient over all rows of the surface."""
        return self.surface.gradient(self.params)

    @cached_property
    def gradient_norm(self) -> float:
        """Its length."""
        return float(np.asarray(tree_norm(self.gradient)))

    @cached_property
    def finite(self) -> bool:
        """Whether parameters, loss and gradient are all finite, so that there is something to measure."""
        return all_finite(self.params) and bool(np.isfinite(self.loss)) and bool(np.isfinite(self.gradient_norm))

    @cached_property
    def size(self) -> int:
        """How many parameters there are."""
        return tree_size(self.params)

    @property
    def products(self) -> int:
        """How many products with the Hessian one measurement may take."""
        rows = 1 if self.part is None else len(self.part)
        return int(np.clip(WORK / (self.size * rows), FEWEST_PRODUCTS, MOST_PRODUCTS))

    @cached_property
    def eigenvalues(self) -> Eigenpairs:
        """The outermost eigenvalues of the Hessian at both ends, the largest first, with vectors and residuals."""
        self.announce("eigenvalues of the Hessian")
        return eigenvalues(
            self.surface,
            self.params,
            k=EACH_END,
            which="both",
            tol=TOLERANCE,
            max_hvps=self.products,
            key=self.seed,
        )

    @property
    def sharpness(self) -> float:
        """The largest eigenvalue, `λ_max`."""
        return float(self.eigenvalues.values[0])

    @cached_property
    def condition(self) -> ConditionNumber:
        """The condition number, over the resolved eigenvalues."""
        self.announce("condition number")
        return condition_number(self.surface, self.params, tol=TOLERANCE / 10, max_hvps=self.products, key=self.seed)

    @cached_property
    def noise(self) -> NoiseScale | None:
        """The gradient noise scale; None where the surface is no plain mean over rows, or has too few of them."""
        self.announce("gradient noise")
        try:
            return noise_scale(
                self.surface,  # pyright: ignore[reportArgumentType]
                self.params,
                max_batches=NOISE_BATCHES,
                key=self.seed,
            )
        except SettingError:
            return None

    @cached_property
    def point(self) -> Point:
        """The loss as a function of the displacement from the point."""
        return Point(self.surface, self.params)

    @cached_property
    def reach(self) -> Reach:
        """By how much the loss falls within reach of the point, by the gradient and with the curvature known."""
        self.announce("what can be gained within reach")
        return reach_of(self.point, products=self.products)

    @cached_property
    def way_out(self) -> WayOut | None:
        """The way out along the most negative eigenvector; None where no negative curvature is certified."""
        return way_out_of(self.point, self.eigenvalues)

    @cached_property
    def step_model(self) -> StepModel:
        """The model of a step along the gradient, at the run's current rate; at the best rate where it has none."""
        return step_model(self.surface, self.params, self.learning_rate, k=0)

    # ---- the run and its recipe

    @cached_property
    def recipe(self) -> Recipe:
        """The recipe of the training.

        Raises:
            SettingError: the case is a bare surface.
        """
        if self.run is None or self.run.recipe is None:
            raise SettingError(
                "A run is needed here, got a bare loss surface. Pass what a training returned.", setting="run"
            )
        return self.run.recipe

    @cached_property
    def problem(self) -> Problem:
        """The problem that the run solved: the rows as the network sees them, the optimizer, the start."""
        return self.recipe.problem()

    @property
    def history(self) -> dict[str, np.ndarray]:
        """The run's history; empty for a bare surface."""
        return {} if self.run is None else self.run.history

    @property
    def losses(self) -> np.ndarray:
        """The history of the loss that descends, one value an epoch; at fixed parameters, if classes are not weighted.

        With class weights that is `batch_loss`: `train_loss` counts every row alike, to compare with other runs.
        """
        name = "train_loss" if self.run is None or self.problem.class_weight is None else "batch_loss"
        return self.history.get(name, np.empty(0))

    @cached_property
    def trend(self) -> Trend | None:
        """The trend of those losses; None with fewer than two epochs."""
        return trend_of(self.losses)

    @cached_property
    def long_trend(self) -> Trend | None:
        """The trend over the last half, which outlasts the ups and downs at the edge of stability."""
        return trend_of(self.losses, share=0.5)

    @cached_property
    def start_loss(self) -> float | None:
        """The loss at the run's start, on the rows of the surface; None for a bare surface."""
        return None if self.run is None else float(self.surface.value(self.problem.start.params))

    @property
    def learning_rate(self) -> float | None:
        """The rate of the last step; None for a bare surface or an optimizer that shows none."""
        rates = self.history.get("learning_rate")
        return None if rates is None or not len(rates) or not np.isfinite(rates[-1]) else float(rates[-1])

    @property
    def rate_decayed(self) -> bool:
        """Whether the rate is a small share of its average over the epochs of the trend."""
        rates = self.history.get("learning_rate")
        if rates is None or self.trend is None:
            return False
        return bool(rates[-1] < DECAYED * np.mean(rates[-self.trend.epochs :]))

    @property
    def batch_size(self) -> int | None:
        """Rows a step in the last epoch; None for a bare surface."""
        if self.run is None:
            return None
        sizes, rows = self.problem.batch_sizes, len(self.problem.train)
        size = self.problem.batches.batch_size if sizes is None else round(float(sizes(max(self.run.epochs - 1, 0))))
        return min(size, rows)

    @property
    def steps(self) -> int:
        """How many steps the run made, by the size of its last batches; 0 for a bare surface."""
        if self.run is None or self.batch_size is None:
            return 0
        return self.run.epochs * -(-len(self.problem.train) // self.batch_size)

    @property
    def momentum(self) -> float:
        """`μ`, or Adam's `β₁`, at the last step; 0 where there is none."""
        if self.run is None:
            return 0.0
        optimizer = self.problem.optimizer
        facts = facts_of(optimizer)
        name = None if facts is None else facts.momentum
        return 0.0 if name is None else number_of(optimizer, name, self.steps) or 0.0

    @cached_property
    def stability(self) -> Stability | None:
        """The rate from which the run's optimizer is unstable here; None where there is no theory for it."""
        if self.run is None or self.learning_rate is None:
            return None
        return stability_of(
            self.run,
            self.problem.optimizer,
            self.surface,
            lambda: self.sharpness,
            learning_rate=self.learning_rate,
            max_hvps=self.products,
            key=self.seed,
        )

    @property
    def full_batch(self) -> bool:
        """Whether every step saw all rows."""
        return self.run is not None and self.batch_size == len(self.problem.train)

    @property
    def tracking(self) -> Tracking | None:
        """The curvature and noise tracked while training; None if there was no tracking."""
        return None if self.run is None else self.run.tracking

    @cached_property
    def noise_to_gradient(self) -> float | None:
        """The noise of one batch's gradient over the gradient, `tr Σ (1/B − 1/n) / |g|²`; None where unknown.

        Above 1 a step is mostly noise. It is 0 with the full batch, and infinite without a gradient.
        """
        if self.run is None or self.batch_size is None:
            return None
        if self.full_batch:
            return 0.0
        if self.noise is None:
            return None
        noise = self.noise.noise * (1 / self.batch_size - 1 / len(self.problem.train))
        return float(noise / self.gradient_norm**2) if self.gradient_norm else float("inf")

    # ---- the network and its data

    @cached_property
    def training_data(self) -> Dataset:
        """The rows learned from, as they were given."""
        share, data = self.recipe.settings.validation, self.recipe.data
        if isinstance(share, Dataset) or not share:
            return data
        return data.split(validation=share, seed=self.recipe.settings.seed).train

    @cached_property
    def validation_data(self) -> Dataset | None:
        """The rows held out, as they were given; None if none were."""
        share, data = self.recipe.settings.validation, self.recipe.data
        if isinstance(share, Dataset):
            return share
        return data.split(validation=share, seed=self.recipe.settings.seed).validation if share else None

    @cached_property
    def train_score(self) -> dict[str, float]:
        """Loss and metrics of the run's best variables on at most 2,000 of the rows learned from."""
        return self._score(self.training_data)

    @cached_property
    def validation_score(self) -> dict[str, float] | None:
        """The same on at most 2,000 of the rows held out; None if none were."""
        return None if self.validation_data is None else self._score(self.validation_data)

    @cached_property
    def signals_start(self) -> InitializationReport:
        """Signals through the layers before the first step."""
        return self._signals(self.problem.start, "at the start")

    @cached_property
    def signals_end(self) -> InitializationReport:
        """Signals through the layers after the last step, at the point."""
        return self._signals(self._required_run.last, "at the end")

    @cached_property
    def constant_predictor_loss(self) -> float:
        """The lowest loss of a network that gives one answer to all rows: that of the mean, or of the classes' shares.

        Measured on the rows of the surface.
        """
        run, part = self._required_run, self._required_part
        outputs = run.net.output_shape(run.preprocessing.input_shape)[-1]
        return constant_predictor_loss(run.loss, part, outputs)

    @property
    def _required_run(self) -> Run:
        _ = self.recipe  # refuses a bare surface
        return self.run  # pyright: ignore[reportReturnType]

    @property
    def _required_part(self) -> Part:
        _ = self.recipe
        return self.part  # pyright: ignore[reportReturnType]

    def _score(self, data: Dataset) -> dict[str, float]:
        """Return loss and metrics on a data set, or on a fixed draw of it."""
        if len(data) > ROWS:
            data = data.take(np.sort(generator(self.seed, "score").choice(len(data), ROWS, replace=False)))
        return self._required_run.evaluate(data)

    def _signals(self, variables: Variables, when: str) -> InitializationReport:
        """Return the signals through the network with some variables."""
        self.announce(f"signals through the layers {when}")
        settings = self.recipe.settings
        with np.errstate(over="ignore", invalid="ignore"):  # after a divergence
            return initialization_report(
                self.recipe.net,
                self.training_data,
                loss=self._required_run.loss,
                seed=settings.seed,
                rows=SIGNAL_ROWS,
                normalize=settings.normalize,
                normalize_targets=settings.normalize_targets,
                start=variables,
            )

    def announce(self, work: str) -> None:
        """Announce the next measurement or training."""
        if self.progress is not None:
            self.progress(work)


def case_of(
    run_or_surface: Run | LossSurface,
    data: Dataset | None = None,
    *,
    params: PyTree | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Case:
    """Return the case of a run, or of a point on a surface.

    Args:
        run_or_surface: a run, or any loss surface.
        data: the rows a run was trained on, if it was opened from its folder and they cannot be read again.
        params: the point on a bare surface; a run stands where its last step left it.
        seed: of all that is drawn.
        progress: called with a few words on each measurement before it is made.

    Raises:
        SettingError: what was passed is neither, or the point is missing or one too many.
        DataError: the run's rows are not at hand, or `data` are others.
    """
    seed = check_integer("seed", seed, at_least=0)
    if isinstance(run_or_surface, Run):
        if params is not None:
            raise SettingError(
                Setting("params"),
                "go with a bare surface: a run stands where its last step left it.",
                Advice("leave them out"),
                Advice("in place of the run pass {}", code="run.surface()"),
            )
        return _case_of_run(run_or_surface, data, seed, progress)
    if not offers(run_or_surface, LossSurface):
        raise SettingError(
            Setting("run_or_surface"),
            f"must be a run or a loss surface, got {type(run_or_surface).__name__}.",
            Advice("pass what a training returned", code="ds.train(…)"),
            Advice("pass {}", code="ds.adapters.from_function(loss_fn, params)"),
        )
    if params is None or data is not None:
        raise SettingError(
            "A bare surface needs the point to diagnose, and holds its data itself. Pass",
            Setting("params"),
            ", and no",
            Setting("data"),
            ".",
        )
    return Case(run_or_surface, params, seed=seed, progress=progress)


def _case_of_run(run: Run, data: Dataset | None, seed: int, progress: Progress | None) -> Case:
    """Return the case of a run: the surface over a fixed draw of its rows, at its last variables."""
    if data is not None or run.training_rows is None:
        run = run.with_data(data)
    part, recipe = run.training_rows, run.recipe
    if part is None or recipe is None:
        raise DataError(Setting("data"), "must be given for a run whose folder keeps no rows, got None.")
    if len(part) > ROWS:  # those of `train_loss`; their weights are of what descends
        rows = generator(recipe.settings.seed, "subset").choice(len(part), ROWS, replace=False)
        part = part.take(np.sort(rows))
    surface = replace(run, variables=run.last, training_rows=part).surface()
    return Case(surface, run.last.params, run, part, seed, progress)
