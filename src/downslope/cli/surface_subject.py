"""The surfaces that `downslope surface` draws: of a run, a classic, or the line through Old Faithful."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from downslope.cli.output import say, shown_progress

if TYPE_CHECKING:
    from downslope.core import FunctionSurface, LossSurface, PyTree
    from downslope.figures import FittedLine
    from downslope.landscape import Descent, Slice
    from downslope.optimizers import Optimizer
    from downslope.training import Recipe, Record, Run, TrainingSettings, Trajectory

LINE = "old_faithful"
MOMENTUM = 0.9
POINTS = 100
"""About so many points of a training are recorded to draw its path."""

STEPS = 100
"""Steps down a classic surface."""


@dataclass(frozen=True)
class SurfaceSubject:
    """A loss surface to draw, with descents on it.

    Attributes:
        title: its name.
        surface: the loss.
        params: the point that the slice goes through.
        paths: descents by name.
        directions: those to draw along by default.
        span: the half-width of the window by default.
        line: a run whose network is a line through data, or None.
        folder: the default folder of its pictures.
        center: the name of the point that the slice goes through.
        sampled: whether the loss is over some of the rows only.
    """

    title: str
    surface: LossSurface
    params: PyTree
    paths: Mapping[str, Descent | Trajectory]
    directions: str
    span: str | tuple[float, float]
    line: Run | None
    folder: Path
    center: str = "center of the slice"
    sampled: bool = False

    def trajectory(self) -> PyTree:
        """Return all points of all paths as one, which the window is to hold; None if there are none."""
        import jax
        import numpy as np

        if not self.paths:
            return None
        return jax.tree.map(lambda *parts: np.concatenate(parts), *(path.params for path in self.paths.values()))

    def with_names(self, plane: Slice) -> Slice:
        """Return the slice with its axes named slope and intercept, where the parameters are those of a line."""
        if self.line is None or plane.kind != "given":
            return plane
        names = {"bias": "intercept", "weight": "slope"}
        labels = [next((word for part, word in names.items() if part in label), label) for label in plane.labels]
        return replace(plane, labels=tuple(labels))

    def fitted(self, plane: Slice) -> FittedLine | None:
        """Return the data view beside the surface, if its points are lines through data."""
        from downslope.figures import fitted_line

        return None if self.line is None else fitted_line(self.line, plane)


def subject_of(
    name: str, *, optimizers: str | None, epochs: int | None, mode: str, rows: int | None, needs_path: bool
) -> SurfaceSubject:
    """Return the surface of a name or a folder, with its descents.

    Args:
        name: the folder of a run, or a name.
        optimizers: names with rates, separated by commas, to descend with; None for the run's own path.
        epochs: how long they descend; None for as long as the run did.
        mode: `"inference"` or `"training"`.
        rows: over so many rows; None for all.
        needs_path: whether the run's own path is needed, and to be made again where it was not recorded.

    Raises:
        RunError: there is neither a run nor a surface of that name.
        SettingError: an optimizer that cannot be read, or a setting that does not go with a classic surface.
    """
    from downslope.core import RunError, Setting, SettingError, close_names
    from downslope.landscape import surfaces

    known = name.replace("-", "_")
    if not Path(name).is_dir() and known in surfaces.NAMES:
        if mode != "inference" or rows is not None:
            raise SettingError(
                Setting("mode"), "and", Setting("rows"), f"are for runs; {known} is a formula. Leave them out."
            )
        return _classic_surface(known, optimizers, epochs)
    if known == LINE and not Path(name).is_dir():
        return _run_surface(
            _line_run(epochs),
            "A line through the eruptions of Old Faithful",
            optimizers,
            epochs,
            mode=mode,
            rows=rows,
            needs_path=True,
            folder=Path(),
        )
    if not Path(name).exists():
        names = [*surfaces.NAMES, LINE]
        hint = " or ".join(close_names(known, names))
        raise RunError(
            f"There is neither a run at {name} nor a surface of that name. "
            + (f"Did you mean {hint}? " if hint else "")
            + f"Surfaces: {', '.join(names)}."
        )
    from downslope.training import open_run

    run = open_run(name).with_data()
    folder = Path(name) / "figures"
    return _run_surface(run, name, optimizers, epochs, mode=mode, rows=rows, needs_path=needs_path, folder=folder)


def _classic_surface(name: str, optimizers: str | None, steps: int | None) -> SurfaceSubject:
    """Return a classic surface with descents from its start."""
    import numpy as np

    from downslope.landscape import descend, surfaces

    known = surfaces.NAMES[name]
    surface = known.make()
    rules = _rules(optimizers or "sgd,momentum,rmsprop,adam", _rates_for(surface, known.span))
    paths = {
        label: descend(surface, surface.params, optimizer=rule, steps=steps or STEPS) for label, rule in rules.items()
    }
    center = np.array(known.center, np.asarray(surface.params).dtype)
    return SurfaceSubject(f"{name}: {known.formula}", surface, center, paths, "axes", known.span, None, Path())


def _run_surface(
    run: Run,
    title: str,
    optimizers: str | None,
    epochs: int | None,
    *,
    mode: str,
    rows: int | None,
    needs_path: bool,
    folder: Path,
) -> SurfaceSubject:
    """Return a run's surface, with its own path or with those of a race from its start."""
    import numpy as np

    from downslope.core import generator, tree_size

    line = run if tree_size(run.params) == 2 and run.preprocessing.input_shape == (1,) else None
    if optimizers is not None:
        paths = _race_paths(run, optimizers, epochs)
    else:
        own = run.trajectory
        if own is None and needs_path:
            say("The run recorded no path: training once more from the same start, which gives the same.")
            own = _train_recorded(run, epochs).trajectory
        paths = {} if own is None else {_optimizer_name(run): own}
    part = run.training_rows
    sampled = False
    if rows is not None and part is not None and rows < len(part):
        sampled = True
        drawn = np.sort(generator(0, "surface rows").permutation(len(part))[:rows])
        run = replace(run, training_rows=part.take(drawn))
    directions = "axes" if line is not None else ("pca" if paths else "filter")
    surface = run.surface(mode=mode)
    center = f"kept: epoch {run.best_epoch} of {run.epochs}"
    return SurfaceSubject(title, surface, run.params, paths, directions, "auto", line, folder, center, sampled)


def _line_run(epochs: int | None) -> Run:
    """Return the notes' example: a line through Old Faithful, both columns standardized, from (4, 4)."""
    import numpy as np

    from downslope.core import Variables, float_dtype
    from downslope.data import load
    from downslope.networks import mlp
    from downslope.optimizers import sgd
    from downslope.training import Record, train

    data = load(LINE)
    four = np.full(1, 4, float_dtype())
    start = Variables(({"weight": four[None, :], "bias": four},), ({},))
    return train(
        mlp([], outputs=1), data, loss="sum_squared_error", optimizer=sgd(1e-4), batch_size=len(data),
        epochs=epochs or 200, normalize="standard", normalize_targets="standard", start=start,
        record=Record(parameters_every=1), progress=False,
    )  # fmt: skip


def _train_recorded(run: Run, epochs: int | None, **changes: object) -> Run:
    """Return the run trained once more, with its path recorded."""
    from downslope.training import train

    recipe = _recipe(run)
    settings = recipe.settings | changes
    if epochs is not None:
        settings |= {"epochs": epochs}
    return train(recipe.net, recipe.data, **settings, record=_record(recipe, settings), progress=shown_progress())


def _record(recipe: Recipe, settings: TrainingSettings) -> Record:
    """Return how to record a path of about as many points as a picture can show."""
    from downslope.training import Record

    steps = recipe.problem().batches.steps * settings.epochs
    return Record(parameters_every=max(1, steps // POINTS))


def _race_paths(run: Run, optimizers: str, epochs: int | None) -> dict[str, Trajectory]:
    """Return the paths of several optimizers from the run's start, on the same batches."""
    from downslope.optimizers import as_optimizer, sgd

    own = as_optimizer(_recipe(run).settings.optimizer)
    rate = own.hyperparams.get("learning_rate")
    plain = own.maker is sgd and isinstance(rate, (int, float))
    rules = _rules(optimizers, {"sgd": rate, "momentum": rate, "nesterov": rate} if plain else {})
    paths = {}
    for label, rule in rules.items():
        say(f"Training with {label}.")
        paths[label] = _train_recorded(run, epochs, optimizer=rule, early_stopping=None).trajectory
    return paths


def _recipe(run: Run) -> Recipe:
    """Return the recipe of a run opened with its data."""
    if run.recipe is None:
        raise ValueError("the run must be opened with its data")
    return run.recipe


def _optimizer_name(run: Run) -> str:
    """Return the name of a run's optimizer."""
    from downslope.optimizers import as_optimizer

    if run.recipe is None:
        return "descent"
    return as_optimizer(run.recipe.settings.optimizer).maker.__name__


def _rules(text: str, usual: Mapping[str, float | None]) -> dict[str, Optimizer]:
    """Return optimizers by their label, from text such as `sgd,momentum:0.01,adam`.

    Args:
        text: names, each with a rate behind a colon or with its usual one.
        usual: rates by name, where they differ from the optimizers' own.
    """
    from downslope.core import Setting, SettingError, check_choice
    from downslope.optimizers import OPTIMIZERS, as_optimizer, sgd

    rules = {}
    for word in filter(None, (part.strip() for part in text.split(","))):
        name, _, rate = word.partition(":")
        try:
            number = float(rate) if rate else usual.get(name)
        except ValueError:
            raise SettingError(
                Setting("optimizers"), f"must be names such as sgd or adam:0.01, got {word!r}."
            ) from None
        if name in ("momentum", "nesterov"):
            rule = sgd(0.01 if number is None else number, momentum=MOMENTUM, nesterov=name == "nesterov")
        else:
            rule = as_optimizer(check_choice("optimizers", name, OPTIMIZERS))
            rule = rule if number is None else rule.maker(number)
        rules[f"{name}, rate {float(rule.hyperparams['learning_rate']):.2g}"] = rule
    if not rules:
        raise SettingError(Setting("optimizers"), "must name one or more, such as sgd,adam, got none.")
    return rules


def _rates_for(surface: FunctionSurface, span: tuple[float, float]) -> dict[str, float]:
    """Return rates that suit a classic surface.

    For gradient descent half of `2/λ` at the start, a fifth of that with momentum; for methods that divide by the size
    of the gradient, whose steps are as long as the rate, a fortieth of the window. No first step of gradient descent is
    longer than half the window, whether `λ` is small or not known.
    """
    from downslope.core import tree_norm
    from downslope.curvature import eigenvalues
    from downslope.optimizers import OPTIMIZERS

    pairs = eigenvalues(surface, surface.params, k=1, which="magnitude")
    slope, window = float(tree_norm(surface.gradient(surface.params))), min(span) / 40
    known = len(pairs) > 0 and bool(pairs.converged[0] and pairs.resolved[0])
    longest = [1 / abs(float(pairs.values[0]))] if known else []
    longest += [min(span) / slope] if slope > 0 else []
    plain = min(longest, default=1.0)
    return {"sgd": plain, "momentum": plain / 5, "nesterov": plain / 5} | {
        name: window for name, facts in OPTIMIZERS.items() if facts.rate_is_length
    }
