"""A case: a run or a point on a surface, with measurements that are made once, when first needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from downslope.core import (
    Advice,
    Message,
    PyTree,
    SettingError,
    Variables,
    generator,
)
from downslope.curvature import (
    StepModel,
    step_model,
)
from downslope.data import Dataset
from downslope.diagnosis.descent import Descent
from downslope.diagnosis.measurements import (
    HeldOut,
    OtherStarts,
    Scale,
    Stability,
    Trend,
    compare_descents,
    compare_starts,
    held_out_of,
    is_certain,
    number_of,
    own_restarts,
    scale_of,
    stability_of,
    trend_of,
)
from downslope.diagnosis.standpoint import Standpoint
from downslope.diagnosis.starts import InitializationReport, initialization_report
from downslope.optimizers import facts_of
from downslope.training import Part, Problem, Progress, Recipe, Run, Tracking, one_answer_loss

ROWS = 2000
"""Curvature is measured on at most so many training rows: those of `train_loss`, always the same."""

SIGNAL_ROWS = 256
"""Signals through the layers are measured on so many."""

DECAYED = 0.1
"""A rate below this share of its recent average no longer makes the jumps that the history shows."""

LEAST = 0.01
"""Less than this share of what perfect answers gain is never all there is to learn."""

SLIGHT = 1e-3
"""Of the loss of a bare surface: what is less is nothing to gain, even where nothing lower is known."""

FEW_PARAMETERS, AROUND = 10, 10.0
"""Descents of a bare surface begin around the point by themselves where it has so few parameters: as far off as ten
times the largest of them, or ten."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Case(Standpoint):
    """A point on a loss surface and, where there is one, the run that led there.

    Every measurement is a property that is computed when it is first read, at a bounded cost, and cached. The
    point is where the descent stands, after the last step (`run.last`), not the best by validation loss. The surface is
    the loss that descends over at most 2,000 training rows, in inference mode.

    Attributes:
        run: with its rows and its recipe; None for a bare surface, which has no history, no network and no data.
        part: the rows of the surface, as the network sees them; None for a bare surface.
        bars: how trainings on the way show their progress, as for `ds.train`.
        starts: how many other starts to compare a run at rest with; None for as many as the bounded work allows.
        region: the lowest and the highest of each parameter between which descents of a bare surface begin; None for a
            box around the point, where there are few parameters.
        descent: of a bare surface, how the point was reached; None if that is not known.
    """

    run: Run | None = None
    part: Part | None = None
    bars: str | bool | Progress = False
    starts: int | None = None
    region: tuple[PyTree, PyTree] | None = None
    descent: Descent | None = None

    @property
    def rows(self) -> int:
        """How many rows the loss is over; 1 for a bare surface."""
        return 1 if self.part is None else len(self.part)

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
        """The history of the loss that descends; at fixed parameters, if classes are not weighted.

        One value an epoch of a run, or a point of a descent.

        With class weights that is `batch_loss`: `train_loss` counts every row alike, to compare with other runs.
        """
        if self.run is None:
            return np.empty(0) if self.descent is None else self.descent.losses
        name = "train_loss" if self.problem.class_weight is None else "batch_loss"
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
        """The loss at the start, on the rows of the surface; None where that is not known."""
        if self.run is None:
            return float(self.losses[0]) if len(self.losses) else None
        return float(self.surface.value(self.problem.start.params))

    @property
    def learning_rate(self) -> float | None:
        """The rate of the last step; None where none is known, or the optimizer shows none."""
        if self.descent is not None:
            return self.descent.learning_rate
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
        return self.run.epochs * replace(self.problem.batches, batch_size=self.batch_size).steps

    @property
    def momentum(self) -> float:
        """`μ`, or Adam's `β₁`, at the last step; 0 where there is none."""
        if self.run is None:
            return 0.0 if self.descent is None else self.descent.momentum
        optimizer = self.problem.optimizer
        facts = facts_of(optimizer)
        name = None if facts is None else facts.momentum
        return 0.0 if name is None else number_of(optimizer, name, self.steps) or 0.0

    @cached_property
    def stability(self) -> Stability | None:
        """The rate from which the optimizer is unstable here; None where theory or sharpness lack."""
        if not is_certain(self.eigenvalues):
            return None
        if self.descent is not None:
            limit = self.descent.limit(self.sharpness)
            return None if limit is None else Stability(limit, self.descent.learning_rate, self.sharpness, False)
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
        noise = self.noise.noise_deviation / self.gradient_norm if self.gradient_norm else float("inf")
        return float(noise**2 * (1 / self.batch_size - 1 / len(self.problem.train)))

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
    def scale(self) -> Scale:
        """What losses on the rows of the surface are compared with."""
        part = self._required_part
        return scale_of(self._required_run.loss, part, part, self.problem.outputs)

    @cached_property
    def held_out(self) -> HeldOut | None:
        """The losses of the run on rows held out, at most 2,000 of them; None if none were."""
        run, validation = self._required_run, self.problem.validation
        if validation is None or not self.finite:
            return None
        if len(validation) > ROWS:
            rows = generator(self.seed, "held-out rows").choice(len(validation), ROWS, replace=False)
            validation = validation.take(np.sort(rows))
        scale = scale_of(run.loss, self._required_part, validation, self.problem.outputs)
        return held_out_of(run.net, run.variables, run.last, scale)

    @cached_property
    def unit(self) -> float:
        """What falls and gains of the loss at the point are shares of.

        What is left above the lowest that any outputs could have; or what a linear model gains over one answer for all
        rows, and the run more than that, where so little can be learned, and what the loss is above that answer. Of a
        bare surface what lies above the lowest end of descents from other points; where there are none, nothing is
        known but the loss itself.
        """
        if self.run is None:
            others = None if self._alike is not None else self.other_starts
            if not isinstance(others, OtherStarts):
                return abs(self.loss)
            return min(abs(self.loss), max(self.loss - others.best, SLIGHT * abs(self.loss)))
        scale = self.scale
        learnable = max(scale.learnable, scale.constant - self.loss, LEAST * scale.width)
        return min(self.loss - scale.floor, learnable + max(self.loss - scale.constant, 0.0))

    def share(self, gain: float) -> float:
        """Return a gain as a share of the unit; of a unit of 0 any gain is infinite."""
        if self.unit > 0:
            return gain / self.unit
        return float("inf") if gain > 0 else 0.0

    @cached_property
    def other_starts(self) -> OtherStarts | Message:
        """Where descents from other starts end, or the reason why there are none."""
        if self.starts == 0:
            return Message("Other starts were not trained for comparison, as was asked.")
        if self.run is None:
            return self._other_descents()
        earlier = own_restarts(self.run)
        return self._other_trainings(
            self.recipe, self.run.epochs, self._required_part, self.full_batch, self.scale.constant, earlier
        )

    def _other_trainings(
        self,
        recipe: Recipe,
        epochs: int,
        part: Part,
        full_batch: bool,
        constant: float,
        earlier: Sequence[float] = (),
    ) -> OtherStarts | Message:
        """Return where other starts of a training end."""
        jumps = 0.0 if self.trend is None or full_batch else self.trend.jumps
        return compare_starts(
            recipe,
            epochs,
            part,
            own=self.loss,
            constant=constant,
            jumps=jumps,
            earlier=earlier,
            starts=self.starts,
            bars=self.bars,
            announce=self.announce,
        )

    def _other_descents(self) -> OtherStarts | Message:
        """Return where descents of a bare surface end, or trainings where it is known to be a network's."""
        if self._alike is not None:
            problem = self._alike.problem()
            constant = one_answer_loss(problem, problem.train)
            epochs = 1 if self.descent is None else self.descent.epochs
            return self._other_trainings(self._alike, epochs, problem.train, problem.batches.steps == 1, constant)
        region = self.region
        if region is None and self.size > FEW_PARAMETERS:
            return Message(
                f"Descents from other points were not made: {self.size:,} parameters are too many to draw them around "
                "here.",
                Advice("say where they are to begin", code="region=(low, high)"),
            )
        if region is None:
            wide = AROUND * max(1.0, float(np.max(np.abs(self.point.theta), initial=0.0)))
            region = self.point.theta - wide, self.point.theta + wide
        self.announce("descents from other points")
        return compare_descents(self.surface, self.params, region, starts=self.starts, seed=self.seed)

    @property
    def _alike(self) -> Recipe | None:
        """How other starts of a descent on a network's loss are trained; None for any other surface."""
        return None if self.descent is None else self.descent.recipe

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
