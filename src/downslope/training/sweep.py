"""Sweeps: one network and data set, many settings, those that can at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from downslope.core import DownslopeError, RunError, memory_explained
from downslope.data import Dataset
from downslope.networks import Sequential
from downslope.parallel import check_one_process
from downslope.training.engine.population import member_training, populate, train_population
from downslope.training.engine.population_epoch import devices_notes
from downslope.training.engine.progress import Progress, ProgressPart, open_progress
from downslope.training.engine.state import begin_training
from downslope.training.grid import GridPoint, grid_points, population_groups
from downslope.training.monitor.recorder import Recorder
from downslope.training.monitor.trajectory import Record
from downslope.training.outcome import make_run
from downslope.training.problem.problem import Problem, prepare
from downslope.training.recipe import Recipe
from downslope.training.run import Run


@dataclass(frozen=True)
class Unfit:
    """A combination of settings that cannot be trained.

    Attributes:
        settings: as those of `Sweep.settings`.
        error: that `ds.train` raises with them.
    """

    settings: dict[str, Any]
    error: DownslopeError

    def __str__(self) -> str:
        named = ", ".join(f"{name} {value}" for name, value in self.settings.items())
        return f"{named}: {self.error.message}"


@dataclass(frozen=True, repr=False)
class Sweep:
    """What many settings led to.

    Attributes:
        settings: of each run, what differs between runs, by name: numbers and words; parts by how they are made.
        runs: as `ds.train` would have returned them.
        losses: what they are compared by: the lowest validation loss where there are validation rows, else the last
            training loss; NaN for one that diverged, or was interrupted, in its first epoch. `(runs,)`
        unfit: the combinations that cannot be trained on these rows, such as batch norm with batches of one row, and
            why; they have no run, and end the table.
    """

    settings: tuple[dict[str, Any], ...]
    runs: tuple[Run, ...]
    losses: np.ndarray
    unfit: tuple[Unfit, ...] = ()

    def __len__(self) -> int:
        return len(self.runs)

    @property
    def best_index(self) -> int:
        """Where the lowest loss is.

        Raises:
            RunError: no run has a loss.
        """
        if not np.isfinite(self.losses).any():
            raise RunError(f"No run has a loss to compare: {self._ends()}. Take smaller rates, or train longer.")
        return int(np.nanargmin(self.losses))

    @property
    def best(self) -> Run:
        """The run with the lowest loss."""
        return self.runs[self.best_index]

    @property
    def best_settings(self) -> dict[str, Any]:
        """Its settings, of those that differ between runs."""
        return self.settings[self.best_index]

    def table(self) -> Any:
        """Return a polars table of all runs, the lowest loss first."""
        import polars

        settings = [*self.settings, *(unfit.settings for unfit in self.unfit)]
        columns: dict[str, object] = {name: [own[name] for own in settings] for name in settings[0]}
        columns["loss"] = [*map(float, self.losses), *(None for _ in self.unfit)]
        columns["epochs"] = [*(run.epochs for run in self.runs), *(0 for _ in self.unfit)]
        columns["stop_reason"] = [*(run.stop_reason for run in self.runs), *("unfit" for _ in self.unfit)]
        return polars.DataFrame(columns, strict=False).sort("loss", nulls_last=True)

    def __str__(self) -> str:
        if not np.isfinite(self.losses).any():
            return f"None of {len(self)} runs has a loss: {self._ends()}."
        best = ", ".join(f"{name} {value}" for name, value in self.best_settings.items())
        diverged = sum(run.stop_reason == "diverged" for run in self.runs)
        lost = f"; {diverged} diverged" if diverged else ""
        lost += f"; {len(self.unfit)} cannot be trained" if self.unfit else ""
        return f"{len(self)} runs: lowest loss {self.losses[self.best_index]:.4g} with {best}{lost}."

    def __repr__(self) -> str:
        return f"Sweep({str(self).removesuffix('.')})"

    def _ends(self) -> str:
        """Return how many runs ended how."""
        counts = Counter(run.stop_reason for run in self.runs)
        return ", ".join(f"{count} {reason}" for reason, count in counts.items())


@memory_explained()
def sweep(
    net: Sequential | Sequence[Sequential] | dict[str, Sequential],
    data: Dataset,
    *,
    optimizer: Any = "adam",
    progress: str | bool | Progress = "auto",
    **settings: Any,
) -> Sweep:
    """Train with every combination of some settings, and compare.

    Settings that are plain numbers to the compiled step (all numbers of the optimizer; the seed, if the validation rows
    do not depend on it) are trained at once, as one population; others (batch size, widths) in groups, one after
    another. Each run is what `ds.train` makes of the same settings, up to rounding.

    Args:
        net: the network, or several: a list, or a dictionary that names them.
        data: rows with targets.
        optimizer: as for `ds.train`, or a list, or a dictionary that names them. Its numbers can be swept by their
            names.
        progress: as for `ds.train`.
        **settings: settings of `ds.train` and numbers of the optimizer by name. A list is swept: `learning_rate=[1e-3,
            1e-2, 1e-1]`, `momentum=[0, 0.9]`, `weight_decay`, `seed`, `batch_size`, `epochs`, `early_stopping`,
            `normalize`, `order`, `class_weight`. Others must be the same for all, or their losses would not compare.
            Training losses are all measured on the rows of the first seed. With a share for `validation` every seed
            holds out other rows; give a data set to judge seeds by the same.

    Returns:
        Every run, the best one, a table, and the combinations that cannot be trained.

    Raises:
        UnknownNameError: no setting or number has that name.
        SettingError: a setting that cannot be, or that cannot be swept; or no combination can be trained, or this
            process is one of several of a job.

    Example:
        >>> import downslope as ds
        >>> rates = [10.0**k for k in (-3, -2, -1)]
        >>> net, data = ds.mlp([8], outputs=3), ds.load("iris")
        >>> found = ds.sweep(net, data, learning_rate=rates, epochs=10, normalize="standard", progress=False)
        >>> found.best_settings
        {'learning_rate': 0.1}
        >>> found.table().columns
        ['learning_rate', 'loss', 'epochs', 'stop_reason']
    """
    check_one_process()
    points = grid_points({"net": net, "optimizer": optimizer} | settings)
    groups = population_groups(points)
    watcher = open_progress(progress, sum(members[0].settings.epochs for members in groups))
    runs_by_number: dict[int, Run] = {}
    unfit: list[Unfit] = []
    epochs = 0
    try:
        for members in groups:
            try:
                problem = prepare(members[0].net, data, members[0].settings)
            except DownslopeError as error:
                unfit += [Unfit(point.label, error) for point in members]
                continue
            runs_by_number |= _train_group(data, problem, members, ProgressPart(watcher, epochs))
            epochs += members[0].settings.epochs
            if any(run.stop_reason == "interrupted" for run in runs_by_number.values()):
                break
    finally:
        watcher.close()
    if unfit and not runs_by_number:
        raise unfit[0].error
    ended = [point for point in points if point.number in runs_by_number]
    runs = tuple(runs_by_number[point.number] for point in ended)
    losses = np.array([compared_loss(run) for run in runs])
    return Sweep(tuple(point.label for point in ended), runs, losses, tuple(unfit))


def compared_loss(run: Run) -> float:
    """Return the loss that runs are compared by: the lowest validation loss, else the last training loss."""
    losses = run.history.get("validation_loss", run.history.get("train_loss", np.zeros(0))[-1:])
    return float(np.min(losses, initial=np.inf, where=np.isfinite(losses))) if np.isfinite(losses).any() else np.nan


def _train_group(data: Dataset, problem: Problem, points: list[GridPoint], progress: Progress) -> dict[int, Run]:
    """Train the points of a group as one population; return their runs by number."""
    first = points[0]
    members = [_member(problem, point) for point in points]
    starts = [begin_training(member).state for member in members]
    population = populate(starts)
    same = all(member.seed == problem.seed for member in members)
    train_population(
        problem,
        population,
        epochs=first.settings.epochs,
        patience=first.settings.stopping.patience,
        progress=progress,
        members=None if same else members,
    )
    notes = tuple(dict.fromkeys(data.notes + problem.notes + devices_notes(len(members))))
    return {
        point.number: make_run(
            member,
            member_training(member, population, index, starts[index]),
            Recorder(Record()),
            recipe=Recipe(point.net, data, point.settings),
            notes=notes,
        )
        for index, (point, member) in enumerate(zip(points, members, strict=True))
    }


def _member(problem: Problem, point: GridPoint) -> Problem:
    """Return the problem of one point: that of its group, with its own optimizer and seed."""
    seed = point.settings.seed
    if seed != problem.seed:
        problem = problem.with_seed(seed, fresh=point.settings.start is None)
    return replace(problem, optimizer=point.optimizer)
