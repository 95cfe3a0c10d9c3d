"""Networks as subjects: small ones on shipped data, the line through Old Faithful, and a run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from downslope.core import PyTree, Variables, generator, tree_size
from downslope.data import Dataset, load
from downslope.explorer.protocol import DescentSettings, DescentStart, LineSubject, NetworkSubject, RunSubject, Subject
from downslope.explorer.subjects.optimizer import make_optimizer
from downslope.explorer.subjects.run_settings import run_settings
from downslope.explorer.subjects.subject import Cancelled, OpenedSubject, Report, recipe_of, to_host
from downslope.networks import Sequential, mlp, signal_layers
from downslope.optimizers import adam, sgd
from downslope.training import Moment, NetworkSurface, Recipe, Record, Run, Stepper, Stop, train

BATCH, RATE = 32, 0.01
"""How small networks are trained to find the point that their planes go through: with Adam."""

UNSTORED_RUN = "# `run` is the run that this explorer was started with: it has no folder to open it from."
"""Stands in code for the line that opens a run from its folder."""

_PATH_POINTS = 50
"""About so many points of that training are kept, to find principal directions by."""


def open_network(subject: NetworkSubject, report: Report) -> OpenedSubject:
    """Return a small network on shipped data, trained."""
    data = noisy(load(subject.data), subject.noise, subject.seed)
    classes = 0 if data.classes is None else len(data.classes)
    net = mlp(
        subject.hidden,
        outputs=classes,
        activation=subject.activation,
        initializer=subject.initializer,
        norm=subject.norm,
        skip=subject.skip,
        dropout=subject.dropout,
    )
    steps = -(-len(data) // BATCH) * subject.epochs
    every = max(1, steps // _PATH_POINTS)
    run = _trained(
        net, data, subject.epochs, report, optimizer=adam(RATE), batch_size=BATCH, normalize=subject.normalize,
        seed=subject.seed, record=Record(parameters_every=every),
    )  # fmt: skip
    code = (
        *_data_code(subject),
        f"net = {_net_code(subject, classes)}",
        f"run = ds.train(net, data, optimizer=ds.adam({RATE}), batch_size={BATCH}, epochs={subject.epochs}, "
        f"normalize={subject.normalize!r}, seed={subject.seed}, record=ds.Record(parameters_every={every}), "
        "progress=False)",
    )
    suggested = DescentStart(
        name="start", a=0.75, b=0.75, settings=DescentSettings(learning_rate=0.1, batch_size=BATCH, steps=2000)
    )
    depth = f"{'–'.join(map(str, subject.hidden))} hidden units" if subject.hidden else "no hidden layer"
    title = f"{subject.data}: {depth}, {tree_size(run.params):,} parameters"
    return opened_run(run, subject, title, code, suggested)


def open_line(subject: LineSubject, report: Report) -> OpenedSubject:
    """Return the line through Old Faithful, both columns standardized; planes go through the best line."""
    data = load("old_faithful")
    factor = len(data) if subject.loss == "mean_squared_error" else 1
    rate = 1e-4 * factor
    net, epochs = mlp([], outputs=1), 100
    run = _trained(
        net, data, epochs, report, loss=subject.loss, optimizer=sgd(10 * rate), batch_size=len(data),
        normalize="standard", normalize_targets="standard",
    )  # fmt: skip
    code = (
        'data = ds.load("old_faithful")',
        "net = ds.mlp([], outputs=1)",
        f"run = ds.train(net, data, loss={subject.loss!r}, optimizer=ds.sgd({10 * rate!r}), batch_size={len(data)}, "
        f"epochs={epochs}, normalize='standard', normalize_targets='standard', progress=False)",
    )
    best = np.array([float(run.params[0][name].reshape(-1)[0]) for name in ("bias", "weight")])
    suggested = DescentStart(
        name="start", a=4 - best[0], b=4 - best[1], settings=DescentSettings(learning_rate=rate, steps=200)
    )
    opened = opened_run(run, subject, "The line through the eruptions of Old Faithful", code, suggested)
    return replace(opened, directions=("axes",), span=(5.0, 5.0), labels=("intercept", "slope"), layers=())


def open_trained_run(subject: RunSubject, run: Run, name: str) -> OpenedSubject:
    """Return a run with its rows; planes go through the parameters it keeps.

    Args:
        subject: as the page asked for it.
        run: the run.
        name: its folder as a command named it; empty takes that of the run, if it has one.
    """
    folder = name or (str(run.path) if run.path is not None else "")
    code = f"run = ds.open_run({folder!r}).with_data()" if folder else UNSTORED_RUN
    suggested = DescentStart(name="start", a=0.75, b=0.75, settings=run_settings(run))
    title = f"{folder or 'Run without a folder'}: {tree_size(run.params):,} parameters"
    return opened_run(run, subject, title, (code,), suggested)


def opened_run(run: Run, subject: Subject, title: str, code: tuple[str, ...], suggested: DescentStart) -> OpenedSubject:
    """Return the loss of a training as a subject, with planes through where it ended."""
    recipe, surfaces = recipe_of(run), _Surfaces(run)
    input_shape = run.preprocessing.input_shape

    def stepper_at(params: PyTree, settings: DescentSettings) -> Stepper:
        return Stepper(descent_recipe(recipe, settings).problem(), Variables(params, run.variables.state))

    axes = tree_size(run.params) == 2
    path = ("pca",) if run.trajectory is not None else ()
    return OpenedSubject(
        spec=subject,
        title=title,
        loss_label=f"{run.loss.name.replace('_', ' ')}, {len(run.training_rows or ()):,} rows",
        variables=run.variables,
        surface_in=surfaces,
        loss_and_gradient=surfaces.loss_and_gradient,
        directions=("axes",) if axes else ("filter", *path, "eigen"),
        span="auto",
        trajectory=run.trajectory,
        stepper_at=stepper_at,
        suggested=suggested,
        code=(*code, "center = run.variables"),
        rows=None if run.training_rows is None else len(run.training_rows),
        layers=tuple(f"{layer.place} {type(layer.layer).__name__}" for layer in signal_layers(run.net, input_shape)),
        run=run,
    )


class _Surfaces:
    """The surfaces of a run, one for each mode, with the state of layers as in some variables."""

    def __init__(self, run: Run):
        self.run = run
        self.known: dict[str, NetworkSurface] = {}

    def __call__(self, mode: str, variables: Variables) -> NetworkSurface:
        if mode not in self.known:
            self.known[mode] = self.run.surface(mode=mode)
        return self.known[mode].with_state(variables.state)

    def loss_and_gradient(self, variables: Variables) -> tuple[float, PyTree]:
        """Return the loss over all training rows in inference mode and its gradient, as NumPy arrays."""
        value, gradient = self("inference", variables).value_and_gradient(variables.params)
        return value, to_host(gradient)


def descent_recipe(recipe: Recipe, settings: DescentSettings) -> Recipe:
    """Return a recipe with the optimizer, the batches and the seed of a descent.

    A recipe whose rows were split by its seed keeps that seed.
    """
    rows = len(recipe.data)
    changes = {
        "optimizer": make_optimizer(settings),
        "batch_size": rows if settings.batch_size is None else min(settings.batch_size, rows),
        "seed": recipe.settings.seed if recipe.settings.holds_out else settings.seed,
        "early_stopping": None,
        "start": None,
    }
    return recipe.changed(changes)


def noisy(data: Dataset, noise: float, seed: int) -> Dataset:
    """Return data with Gaussian noise on each feature, of a deviation in deviations of that feature."""
    if noise == 0:
        return data
    x = np.asarray(data.x, np.float64)
    normal = generator(seed, "noise").standard_normal(x.shape)
    return Dataset(
        x + noise * x.std(axis=0)[None, :] * normal, data.y, feature_names=data.feature_names, task=data.task
    )


def _trained(net: Sequential, data: Dataset, epochs: int, report: Report, **settings: Any) -> Run:
    """Return a training, whose progress goes to `report`.

    Raises:
        Cancelled: `report` did.
    """
    cancelled = []

    def watch(moment: Moment) -> Stop | None:
        try:
            report(f"Training: epoch {moment.epoch} of {epochs}", moment.epoch / epochs)
        except Cancelled as reason:
            cancelled.append(reason)
            return Stop()
        return None

    run = train(net, data, epochs=epochs, progress=False, observers=(watch,), **settings)
    if cancelled:
        raise cancelled[0]
    return run


def _data_code(subject: NetworkSubject) -> tuple[str, ...]:
    """Return the Python that makes the data."""
    lines = (f"data = ds.load({subject.data!r})",)
    if subject.noise == 0:
        return lines
    return (
        *lines,
        "x = np.asarray(data.x, np.float64)",
        f'noise = {subject.noise!r} * ds.core.generator({subject.seed}, "noise").standard_normal(x.shape)',
        "x = x + x.std(axis=0)[None, :] * noise",
        "data = ds.Dataset(x, data.y, feature_names=data.feature_names, task=data.task)",
    )


def _net_code(subject: NetworkSubject, outputs: int) -> str:
    """Return the Python that makes the network."""
    plain = NetworkSubject(data=subject.data)
    names = ("activation", "initializer", "norm", "skip", "dropout")
    arguments = [
        f"{name}={getattr(subject, name)!r}" for name in names if getattr(subject, name) != getattr(plain, name)
    ]
    return f"ds.mlp({', '.join([repr(subject.hidden), f'outputs={outputs}', *arguments])})"
