"""Train a network: the one call from data to a `Run`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from downslope.core import (
    Advice,
    Setting,
    SettingError,
    Variables,
    check_choice,
    check_integer,
    memory_explained,
    working,
)
from downslope.data import Dataset, DropLast, Preprocessing
from downslope.losses import Loss
from downslope.networks import Sequential
from downslope.optimizers import OptimizerLike
from downslope.parallel import check_one_process
from downslope.runs import RunFolder
from downslope.schedules import Schedule
from downslope.training.early_stopping import EarlyStopping
from downslope.training.engine.population_epoch import devices_notes
from downslope.training.engine.progress import Progress, open_progress, progress_style
from downslope.training.finders.auto import resolve_auto
from downslope.training.identity.rows import check_rows
from downslope.training.identity.settings import check_settings, check_start, with_found
from downslope.training.job import TrainingJob, run_job
from downslope.training.monitor.track import Track
from downslope.training.monitor.trajectory import Record
from downslope.training.observers import Observer, check_observers
from downslope.training.recipe import Recipe
from downslope.training.resume import resume as resume_run
from downslope.training.run import Run
from downslope.training.settings import DEFAULTS, ClassWeight, TrainingSettings


@memory_explained()
def train(
    net: Sequential,
    data: Dataset,
    *,
    loss: str | Loss = "auto",
    optimizer: OptimizerLike = DEFAULTS.optimizer,
    batch_size: int | Schedule | str = 32,
    epochs: int = 50,
    validation: float | Dataset = 0.0,
    early_stopping: int | EarlyStopping | None = None,
    restarts: int = 1,
    seed: int = 0,
    store: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    resume: str | None = None,
    normalize: str | None = None,
    normalize_targets: str | None = None,
    order: str = "shuffle",
    start: Variables | None = None,
    metrics: Sequence[str] = (),
    class_weight: ClassWeight = None,
    drop_last: DropLast | None = None,
    record: Record | None = None,
    track: Track | None = None,
    observers: Sequence[Observer] = (),
    progress: str | bool | Progress = "auto",
) -> Run:
    """Train a network and return what it learned, whatever ended the training.

    For each epoch, for each mini-batch: forward, loss, backward (derived by hand, layer by layer), step. The parameters
    at a given step depend on the data, the settings and the seed alone.

    Args:
        net: the network.
        data: rows with targets.
        loss: a name, a `Loss`, or `"auto"`: cross-entropy for classes, squared error for numbers.
        optimizer: one of `ds.sgd`, `ds.rmsprop`, `ds.adam`, `ds.adamw`, `ds.nadam`, `ds.adagrad`, `ds.adadelta`, their
            name, one of them within `ds.clip`, `ds.l2`, `ds.decoupled_weight_decay` or `ds.ema`, or any optax
            transformation. A rate of `"auto"`, as in `ds.sgd("auto", momentum=0.9)`, is found by
            `ds.find_learning_rate` before training begins, and a note of the run says why.
        batch_size: rows a step, from 1 to all; or a schedule, which is called with the epoch instead of the step (each
            size compiles once), such as `ds.schedules.piecewise_constant([32, 128, 512], at=[10, 20])`; or `"auto"`, to
            have it found by `ds.find_batch_size`, which goes by the speed of this machine, too, and takes 32 where the
            evidence is for no size; a note of the run says which.
        epochs: passes over the data, at most.
        validation: a share of the rows to hold out, or a data set: the best parameters are those of the lowest loss
            there.
        early_stopping: stop after so many epochs without a lower validation loss; a `ds.EarlyStopping` to go by another
            metric, which then also decides which parameters are best, or to say how much counts; None for never.
        restarts: how many starting weights to try, all at once, on the same batches; the run keeps the one with the
            lowest loss and tells how the others ended. The history is that of the one kept, without metrics.
        seed: decides the starting weights, the split and the order of rows.
        store: a new or empty folder to keep the run in.
        overwrite: whether a run that is already in that folder may be replaced.
        resume: `"auto"` to go on with the run in that folder if it is this very one, for jobs that are started again
            after they were stopped: nothing but `epochs` may differ, which may grow. Where there is none yet, or one
            that was stopped before its first save, it begins. None to refuse a folder that is not empty.
        normalize: inputs to zero mean and unit deviation (`"standard"`), to [0, 1] (`"minmax"`), to [−1, 1]
            (`"symmetric"`), or not at all (None). Statistics come from the training part.
        normalize_targets: `"standard"` for numbers as targets, undone in predictions; or None.
        order: how rows are drawn: `"shuffle"` anew each epoch, `"shuffle_once"`, `"sequential"`, `"replacement"`, or
            `"blocks"`, a shuffle for rows on disk that reads neighbours together; see `ds.Batches`.
        start: variables to begin from, such as those of another run, instead of `net.init`. With `ds.freeze(net, …)`
            for the network, some layers keep theirs.
        metrics: names to put into the history, scikit-learn's: for classes `accuracy`, `balanced_accuracy`, `f1` (of
            two classes that of the second in sorted order, of more the mean over those that occur), `auc` (area under
            the ROC curve; of more than two classes the mean of each against the rest, over those that occur); for
            numbers `rmse`, `mae`, `r2`. NaN where one is undefined.
        class_weight: how much the rows of each class count in what descends, times their row weights: `"balanced"` for
            scikit-learn's `n / (K · count)` of the training rows, or weights of 0 or more by label (1 where not
            named). `batch_loss` counts so too; all that is measured at fixed parameters (`train_loss`,
            `validation_loss`, metrics) counts by row weights alone, and compares with other runs.
        drop_last: whether an epoch leaves out its last batch where that has fewer rows than the others (True); only
            where it is a single row, of which batch norm can learn nothing (`"lone"`); or never (False). None, the
            default, is `"lone"` where the size is the usual 32 or found by `"auto"`, with a note of the run; a size of
            your own that leaves batch norm a single row is refused.
        record: what to record besides; see `ds.Record`.
        track: curvature and noise to measure on the way, within a share of the time; see `ds.Track`.
        observers: functions that are shown a `ds.Moment` at the end of each epoch, and return None, `ds.Stop()`, or
            `ds.Change(learning_rate=…)` to go on with other rates or momenta.
        progress: `"auto"`, `"bar"`, `"lines"`, or False; or an object of your own with the methods of
            `downslope.training.Progress`.

    Returns:
        The run. A loss that stops being a number ends training with `stop_reason == "diverged"`, and Ctrl-C with
        `"interrupted"`; both keep what was learned.

    Raises:
        SettingError: a setting that cannot be, or with `resume` one that differs from the run in the folder; or this
            process is one of several of a job.
        DataError: data that cannot be learned from as it is, or with `resume` other data.
        ShapeError: a network that does not fit the data.
        RunError: a folder that cannot be stored in.

    Example:
        >>> import downslope as ds
        >>> data = ds.load("iris")
        >>> net, fast = ds.mlp([16], outputs=3), ds.adam(1e-2)
        >>> run = ds.train(net, data, optimizer=fast, epochs=30, normalize="standard", progress=False)
        >>> run.stop_reason, run.epochs
        ('completed', 30)
        >>> bool(run.evaluate(data)["accuracy"] > 0.9)
        True

        An optimizer of your own, `θ ← θ − η sign(g)`, is a pair of functions, as optax's are; it can be chained with
        those of optax:

        >>> import jax, jax.numpy as jnp, optax
        >>> def sign_descent(learning_rate):
        ...     def init(params):
        ...         return optax.EmptyState()
        ...
        ...     def update(gradients, state, params=None):
        ...         return jax.tree.map(lambda g: -learning_rate * jnp.sign(g), gradients), state
        ...
        ...     return optax.GradientTransformation(init, update)
        >>> run = ds.train(net, data, optimizer=sign_descent(1e-3), epochs=20, progress=False)
        >>> bool(run.history["train_loss"][-1] < run.history["train_loss"][0])
        True
    """
    check_one_process()
    observers = check_observers(observers)
    record = record or Record()
    _check_restarts(restarts, start, record, track, observers)
    settings = TrainingSettings(
        loss=loss,
        optimizer=optimizer,
        batch_size=batch_size,
        epochs=epochs,
        order=order,
        validation=validation,
        early_stopping=early_stopping,
        seed=seed,
        normalize=normalize,
        normalize_targets=normalize_targets,
        start=start,
        metrics=metrics,
        class_weight=class_weight,
        drop_last=drop_last,
    )
    monitors = {"record": record, "track": track, "restarts": restarts}
    if _goes_on(resume, store, overwrite=overwrite):
        return _go_on(Recipe(net, data, settings), str(store), monitors, observers=observers, progress=progress)
    settings, notes = resolve_auto(net, data, settings, progress=progress)
    display = open_progress(progress, epochs)
    recipe = Recipe(net, data, settings)
    with working(progress_style(progress), "Preparing the rows"):
        problem = recipe.problem()
    problem = problem.ready(progress_style(progress))
    job = TrainingJob.start(recipe, problem, **monitors, notes=(*notes, *devices_notes(restarts)))
    unfinished = resume is not None and store is not None and RunFolder.was_begun(store)
    folder = None if store is None else RunFolder.create(store, overwrite=overwrite or unfinished)
    return run_job(job, folder=folder, observers=observers, progress=display)


def _goes_on(resume: str | None, store: str | os.PathLike[str] | None, *, overwrite: bool) -> bool:
    """Return whether there is a run to go on with.

    Raises:
        SettingError: a value that cannot be, no folder, or the run is to be replaced, too.
    """
    if resume is None:
        return False
    check_choice("resume", resume, ("auto",))
    if store is None:
        raise SettingError(
            Setting("resume"), "goes on with the run in a folder, got none.", Advice("name it:", store="FOLDER")
        )
    if overwrite:
        raise SettingError(
            Setting("resume"), "goes on with the run in the folder, and", Setting("overwrite"), "replaces it. Give one."
        )
    return RunFolder(Path(store)).has_state


def _go_on(
    recipe: Recipe,
    store: str,
    monitors: dict[str, Any],
    *,
    observers: tuple[Observer, ...],
    progress: str | bool | Progress,
) -> Run:
    """Go on with the run in a folder.

    Args:
        recipe: of a training that must be that run, but for its epochs.
        store: the folder.
        monitors: what is recorded and tracked, and the number of starts.
        observers: as for `train`.
        progress: as for `train`.

    Raises:
        SettingError: a setting differs.
        DataError: the rows differ.
    """
    folder = RunFolder.open(store)
    then = folder.read_record()
    check_rows(recipe.data, then)
    recipe = recipe.changed(with_found(recipe.settings, then))
    problem = recipe.problem(Preprocessing.from_json(then.preprocessing))
    job = TrainingJob.start(recipe, problem, **monitors)
    job.digests = {}
    check_settings(job.record(), then, folder)
    check_start(recipe.settings.start, folder)
    validation = recipe.settings.validation
    parts = {"data": recipe.data, "validation": validation if isinstance(validation, Dataset) else None}
    custom = {"net": recipe.net, "loss": problem.loss, "optimizer": recipe.settings.optimizer}
    epochs = recipe.settings.epochs
    return resume_run(store, **parts, epochs=epochs, **custom, observers=observers, progress=progress)


def _check_restarts(
    restarts: int, start: Variables | None, record: Record, track: Track | None, observers: tuple[Observer, ...]
) -> None:
    """Check that the other arguments work with several starts."""
    if check_integer("restarts", restarts) == 1:
        return
    if start is not None:
        raise SettingError(
            Setting("restarts"),
            f"draws new starting weights, got {restarts} together with",
            Setting("start"),
            ". Give one of them.",
        )
    followers = {"record": record.is_active, "track": track is not None, "observers": bool(observers)}
    for name, is_used in followers.items():
        if is_used:
            raise SettingError(
                Setting(name),
                f"follows one descent, got {restarts} restarts. Train the best one again, with its",
                Setting("start"),
                ".",
            )
