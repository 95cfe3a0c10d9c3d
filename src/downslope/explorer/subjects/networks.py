"""Networks as ground: small ones on shipped data, the line through Old Faithful, and a run from its folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import numpy as np

from downslope.core import LossSurface, PyTree, Variables, generator, tree_size
from downslope.data import Dataset, load
from downslope.explorer.protocol import DescentSettings, LineSubject, NetworkSubject, RunSubject, SceneStart, Subject
from downslope.explorer.subjects.optimizer import optimizer_of
from downslope.explorer.subjects.run_settings import settings_of
from downslope.explorer.subjects.subject import Cancelled, Ground
from downslope.explorer.subjects.training_loss import Slope
from downslope.networks import mlp, signal_layers
from downslope.optimizers import adam, sgd
from downslope.training import Moment, Recipe, Record, Run, Stop, Walk, train

Tell = Callable[[str, float | None], None]
"""Is told what is being done, and how much of it is done; raises `Cancelled` to stop it."""

BATCH, RATE = 32, 0.01
"""How small networks are trained to find the point that their planes go through: with Adam."""

_PATH_POINTS = 50
"""About so many points of that training are kept, to find principal directions by."""


def network_ground(subject: NetworkSubject, tell: Tell) -> Ground:
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
        net, data, subject.epochs, tell, optimizer=adam(RATE), batch_size=BATCH, normalize=subject.normalize,
        seed=subject.seed, record=Record(parameters_every=every),
    )  # fmt: skip
    code = (
        *_data_code(subject),
        f"net = {_net_code(subject, classes)}",
        f"run = ds.train(net, data, optimizer=ds.adam({RATE}), batch_size={BATCH}, epochs={subject.epochs}, "
        f"normalize={subject.normalize!r}, seed={subject.seed}, record=ds.Record(parameters_every={every}), "
        "progress=False)",
    )
    suggested = SceneStart(
        name="start", a=0.75, b=0.75, settings=DescentSettings(learning_rate=0.1, batch_size=BATCH, steps=2000)
    )
    depth = f"{'–'.join(map(str, subject.hidden))} hidden units" if subject.hidden else "no hidden layer"
    title = f"{subject.data}: {depth}, {tree_size(run.params):,} parameters"
    return ground_of_run(run, subject, title, code, suggested)


def line_ground(subject: LineSubject, tell: Tell) -> Ground:
    """Return the line through Old Faithful, both columns standardized; planes go through the best line."""
    data = load("old_faithful")
    factor = len(data) if subject.loss == "mean_squared_error" else 1
    rate = 1e-4 * factor
    net, epochs = mlp([], outputs=1), 100
    run = _trained(
        net, data, epochs, tell, loss=subject.loss, optimizer=sgd(10 * rate), batch_size=len(data),
        normalize="standard", normalize_targets="standard",
    )  # fmt: skip
    code = (
        'data = ds.load("old_faithful")',
        "net = ds.mlp([], outputs=1)",
        f"run = ds.train(net, data, loss={subject.loss!r}, optimizer=ds.sgd({10 * rate!r}), batch_size={len(data)}, "
        f"epochs={epochs}, normalize='standard', normalize_targets='standard', progress=False)",
    )
    best = np.array([float(run.params[0][name].reshape(-1)[0]) for name in ("bias", "weight")])
    suggested = SceneStart(
        name="start", a=4 - best[0], b=4 - best[1], settings=DescentSettings(learning_rate=rate, steps=200)
    )
    ground = ground_of_run(run, subject, "The line through the eruptions of Old Faithful", code, suggested)
    return replace(ground, directions=("axes",), span=(5.0, 5.0), labels=("intercept", "slope"), layers=())


def run_ground(subject: RunSubject, run: Run, name: str) -> Ground:
    """Return a run that was opened from its folder, with its rows; planes go through the parameters it keeps."""
    code = (f"run = ds.open_run({name!r}).with_data()",)
    suggested = SceneStart(name="start", a=0.75, b=0.75, settings=settings_of(run))
    return ground_of_run(run, subject, f"{name}: {tree_size(run.params):,} parameters", code, suggested)


def ground_of_run(run: Run, subject: Subject, title: str, code: tuple[str, ...], suggested: SceneStart) -> Ground:
    """Return the ground that a training walked on, with planes through where it ended."""
    recipe: Any = run.recipe
    input_shape = run.preprocessing.input_shape

    def walk_from(params: PyTree, settings: DescentSettings) -> Walk:
        return Walk(recipe_of(recipe, settings).problem(), Variables(params, run.variables.state))

    axes = tree_size(run.params) == 2
    path = ("pca",) if run.trajectory is not None else ()
    return Ground(
        subject=subject,
        title=title,
        loss_label=f"{run.loss.name.replace('_', ' ')}, {len(run.training_rows or ()):,} rows",
        variables=run.variables,
        surface_in=_Surfaces(run),
        measured=Slope(run),
        directions=("axes",) if axes else ("filter", *path, "eigen"),
        span="auto",
        trajectory=run.trajectory,
        walk_from=walk_from,
        suggested=suggested,
        center_code=(*code, "center = run.variables"),
        rows=None if run.training_rows is None else len(run.training_rows),
        layers=tuple(f"{layer.place} {type(layer.layer).__name__}" for layer in signal_layers(run.net, input_shape)),
        run=run,
    )


class _Surfaces:
    """The surfaces of a run: one for each mode, and others where layers remember something else."""

    def __init__(self, run: Run):
        self.run = run
        self.known: dict[str, LossSurface] = {}

    def __call__(self, mode: str, variables: Variables) -> LossSurface:
        if not all(map(_same, *map(jax.tree.leaves, (variables.state, self.run.variables.state)))):
            return replace(self.run, variables=variables).surface(mode=mode)
        if mode not in self.known:
            self.known[mode] = self.run.surface(mode=mode)
        return self.known[mode]


def _same(one: Any, other: Any) -> bool:
    """Return whether two arrays hold the same bits."""
    return np.array_equal(np.asarray(one), np.asarray(other))


def recipe_of(recipe: Recipe, settings: DescentSettings) -> Recipe:
    """Return a recipe with the optimizer, the batches and the seed of a descent.

    A recipe whose rows were split by its seed keeps that seed.
    """
    rows = len(recipe.data)
    changes = {
        "optimizer": optimizer_of(settings),
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
    drawn = generator(seed, "noise").standard_normal(x.shape)
    return Dataset(x + noise * x.std(axis=0)[None, :] * drawn, data.y, feature_names=data.feature_names, task=data.task)


def _trained(net: Any, data: Dataset, epochs: int, tell: Tell, **settings: Any) -> Run:
    """Return a training; what is told of it may cancel it.

    Raises:
        Cancelled: it did.
    """
    cancelled = []

    def watch(moment: Moment) -> Stop | None:
        try:
            tell(f"Training: epoch {moment.epoch} of {epochs}", moment.epoch / epochs)
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
    words = [f"{name}={getattr(subject, name)!r}" for name in names if getattr(subject, name) != getattr(plain, name)]
    return f"ds.mlp({', '.join([repr(subject.hidden), f'outputs={outputs}', *words])})"
