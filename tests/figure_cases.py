"""Every figure of given numbers and a given name: what laws over figures run over."""

from dataclasses import replace
from functools import cache
from itertools import product

import jax
import numpy as np

import downslope as ds
from downslope import curvature, figures
from downslope.core import FunctionSurface
from downslope.curvature import HessianBlocks, NoiseScale, StepModel
from downslope.diagnosis import initialization_report
from downslope.efficiency import NO_TIME, LayerProfile, Profile, StepTime, Timing
from downslope.figures.runs.confusions import draw_confusions
from downslope.figures.runs.image_grid import draw_images
from downslope.figures.style import add_frame, styled_figure
from downslope.landscape import Curve, Envelope, Interpolation, Projection, Slice
from downslope.runs import Compared, Comparison
from downslope.training import (
    BatchCosts,
    CurvatureLine,
    FoundBatchSize,
    FoundLearningRate,
    Race,
    RangeTest,
    RateTrials,
    Restarts,
    Statistics,
    Sweep,
    Track,
)
from downslope.training.finders.batch_size.outlook import batch_outlooks
from downslope.training.finders.learning_rate.find import _suggestions

AXIS = np.linspace(-1, 1, 7)
EPOCHS = 6


def filled(values, count):
    """Return so many numbers, the values in turn."""
    return np.resize(np.array(values, float), count)


def measured(values, count):
    """Return so many times or sizes: positive, and as small or large as such can be."""
    return np.clip(np.abs(np.nan_to_num(filled(values, count))), 1e-9, 1e9)


def finite(values, count):
    """Return so many finite numbers, of which sums are finite, too."""
    return np.clip(np.nan_to_num(filled(values, count)), -1e280, 1e280)


def plane(values, name="a"):
    axes, losses = (AXIS, AXIS), filled(values, 49).reshape(7, 7)
    return Slice(axes, losses, np.ones((7, 7), bool), np.zeros(2), (np.eye(2)[0], np.eye(2)[1]), "given", (name, "b"))


def line(values, name="a"):
    return Slice((AXIS,), filled(values, 7), np.ones(7, bool), np.zeros(2), (np.eye(2)[0],), "given", (name,))


def path(values, points=None):
    steps = np.arange(8) if points is None else points
    coordinates = np.linspace(-1, 1, 2 * len(steps)).reshape(-1, 2)
    losses = filled(values, len(steps))
    return Projection(steps, coordinates, losses, losses[::-1].copy(), np.abs(losses), 0.5)


def learning_rate(values, name):
    rates = np.geomspace(1e-5, 1, 40)
    test = RangeTest(rates, filled([*values, 1.0], 40), filled([*values, 1.0], 40), 1.0)  # a range test has finite ones
    losses = filled([*values, 1.0], 4)[None, :]
    trials = RateTrials(np.array([0.01, 0.02, 0.05, 0.1]), losses, filled(values, 1), 2.5, 2, 50, "training loss")
    curve = CurvatureLine(10.0, 0.1, True, 2.0, 0.2, False, 100)
    good = RateTrials(trials.rates, np.array([[2.0, 1.0, 1.5, np.inf]]), np.array([3.0]), 2.5, 2, 50, "training loss")
    calm = RangeTest(rates, 2 - rates, 2 - rates, 1.0)
    chosen = _suggestions(calm, good, curve, high=1.0)
    return figures.learning_rate(FoundLearningRate(chosen, test, trials, curve, ds.sgd(0.02), 32, ()))


def statistics(values, name):
    columns = [filled(values, 12).reshape(4, 3)] * 7
    return figures.layer_statistics(Statistics(np.arange(4), (name, "1 Tanh", "2 Tanh"), *columns))


def restarts(values, name):
    losses = filled(values, 9)
    lost = ~np.isfinite(losses)
    curves = np.where(lost[None, :], np.nan, np.linspace(1, 0.5, 5)[:, None] * np.where(lost, 0, losses)[None, :])
    best = 0 if lost.all() else int(np.nanargmin(np.where(lost, np.nan, losses)))
    reasons = tuple("diverged" if gone else "completed" for gone in lost)
    return figures.restarts(Restarts(losses, best, np.where(lost, 0, 5), reasons, {"train_loss": curves}))


def interpolation(values, name):
    t = np.linspace(-0.25, 1.25, 7)
    losses = filled(values, 7)
    return figures.interpolation(Interpolation(t, losses, float(np.nanmax([0.0, losses[3]])), 0.5, 2.0))


def low_curve(values, name):
    t, losses = np.linspace(0, 1, 5), filled(values, 5)
    ends = (np.zeros(2), np.ones(2))
    curved = Curve(t, losses, losses, 0.1, 0.2, 2.5, 2.0, 0.3, np.ones(2), ends)
    return figures.interpolation(Interpolation(t, losses, 0.2, 0.5, 2.0), curved)


@cache
def tracked_run():
    """Return a small run that was tracked."""
    x = np.random.default_rng(0).normal(size=(40, 3))
    data, track = ds.Dataset(x, x.sum(axis=1)), Track(curvature_every=8, budget=None)
    settings = {"validation": 0.25, "epochs": EPOCHS, "batch_size": 10, "optimizer": ds.sgd(0.05), "progress": False}
    return ds.train(ds.mlp([4], outputs=1, activation="tanh"), data, track=track, **settings)


@cache
def line_run():
    """Return a run of a line through data, its path recorded."""
    x = np.linspace(0, 1, 12)[:, None]
    settings = {"batch_size": 12, "epochs": EPOCHS, "progress": False, "record": ds.Record(parameters_every=1)}
    return ds.train(ds.mlp([], outputs=1), ds.Dataset(x, 2 * x[:, 0] + 1), optimizer=ds.sgd(0.1), **settings)


@cache
def report():
    return initialization_report(ds.mlp([4, 4], outputs=3), ds.Dataset(np.eye(4), np.array(["a", "b", "c", "a"])))


@cache
def spectra():
    """Return a density and certified eigenvalues of a small bowl."""
    curvatures = np.r_[np.linspace(-0.2, 1, 27), 30.0, 60.0, -20.0]
    bowl = FunctionSurface(lambda p: 0.5 * (curvatures * p**2).sum(), np.ones(30))
    density = curvature.spectral_density(bowl, np.ones(30), probes=3, nodes=12)
    return density, curvature.eigenvalues(bowl, np.ones(30), k=2, which="both")


def history(values, count=EPOCHS, *, metrics=True):
    curves = {"train_loss": filled(values, count), "validation_loss": filled(values[::-1], count)}
    return curves | ({"batch_loss": filled(values, count), "train_r2": filled(values, count)} if metrics else {})


def of_history(values, **changes):
    """Return the run with these losses."""
    losses = history(values)
    held = losses["validation_loss"]
    best = int(np.nanargmin(np.where(np.isfinite(held), held, np.inf))) + 1
    return replace(line_run(), history=losses, best_epoch=best, **changes)


def tracking(values, name):
    found = tracked_run().tracking
    count = len(found)
    numbers = {key: filled(values, count) for key in found.values if key not in ("steps", "epochs", "batch_size")}
    numbers["converged"] = np.arange(count) % 2 == 0
    for key in ("noise_scale_low", "noise_scale_high"):
        numbers[key] = np.abs(numbers[key])
    return figures.tracking(replace(tracked_run(), history=history(values), tracking=replace(found, **numbers)))


def comparison(values, name):
    runs = [Compared(label, {"net": label}, history(values), 2, "completed", 1.0) for label in (name, "b")]
    lost = Compared("c", {"net": "c"}, history(values, 2), 2, "diverged", 1.0)
    return figures.comparison(Comparison((*runs, lost), "cross_entropy", ()))


def race(values, name):
    lost = replace(line_run(), history=history(values, 3), stop_reason="diverged")
    return figures.race(Race({name: of_history(values), "b": of_history(values[::-1]), "lost": lost}))


def sweep(values, swept):
    settings = tuple(dict(zip(swept, each, strict=True)) for each in product(*swept.values()))
    losses = filled(values, len(settings))
    reasons = ["completed" if np.isfinite(loss) else "diverged" for loss in losses]
    runs = tuple(of_history(values, stop_reason=reason) for reason in reasons)
    return figures.sweep(Sweep(settings, runs, losses))


def sweep_along(values, name):
    """Return a sweep over these values: what is swept may be of any size, too."""
    numbers = sorted({value for value in values if np.isfinite(value)}) or [1.0]
    return sweep([0.5, 0.6, 0.4], {"weight_decay": numbers})


RATES, MOMENTA = [1e-4, 1e-3, 1e-2], [0.0, 0.5, 0.9]


def batch_size(values, name):
    seconds = measured(values, 6)
    steps = tuple(StepTime(4 * 2**place, Timing(float(seconds[place]), 1e-5, 9), 1000) for place in range(6))
    costs = BatchCosts(steps, NO_TIME, {"shuffle": NO_TIME}, "shuffle", True, ())
    scale = float(np.abs(finite(values, 1)[0]))
    noise = NoiseScale(scale, scale, (0.5 * scale, 2 * scale), 1.0, 0.1, 1.0, 0.1, 128, 4, {})
    return figures.batch_size(
        FoundBatchSize(batch_outlooks(costs, scale), noise, None, 100, None, costs, (), 32, 1000, 1.0, ())
    )


def profile(values, name):
    seconds = measured(values, 4)
    times = [Timing(float(value), 0.1 * float(value), 9) for value in seconds]
    rows = tuple(
        LayerProfile(str(place), name, (4,), 3, 3, 6, time, time, 0.25, (0.2, 0.3)) for place, time in enumerate(times)
    )
    steps = tuple(StepTime(size, time, 100) for size, time in zip((1, 4, 32, 64), times, strict=True))
    return figures.profile(Profile(rows, (4,), steps[-1], 1e11, 9e10, (), steps, 2**30, ()))


def spectrum(values, name):
    density, pairs = spectra()
    scale = max((abs(value) for value in values if np.isfinite(value)), default=0.0)
    with np.errstate(all="ignore"):
        lengths = ("axis", "outliers", "nodes", "bandwidth", "mean", "mean_standard_error", "root_mean_square")
        scaled = {key: getattr(density, key) * scale for key in lengths}
        scaled |= {key: getattr(density, key) / scale for key in ("density", "standard_error")} if scale else {}
        sizes = {key: getattr(pairs, key) * scale for key in ("values", "residuals", "scale", "resolution")}
    return figures.spectrum(replace(density, **scaled), replace(pairs, **sizes))


def hessian_blocks(values, name):
    norms = np.abs(finite(values, 9)).reshape(3, 3)
    total = float(norms.sum())
    share = None if total == 0 else float(1 - np.trace(norms / total))
    found = HessianBlocks((name, "1[0]", "1[1]"), (5,) * 3, np.diag(norms).copy(), total, share, 0.0, norms, 0, 9)
    return figures.hessian_blocks(found)


def hessian_bars(values, name):
    norms = np.abs(finite(values, 3))
    total = 2 * float(norms.sum())
    found = HessianBlocks((name, "b", "c"), (5,) * 3, norms, total, 0.5 if total else None, 0.02, None, 40, 9)
    return figures.hessian_blocks(found)


def gradient_shares(values, name):
    eigenvalues = finite(values, 4)
    shares, true = np.array([0.5, 0.25, 0.125, 0.0625]), np.ones(4, bool)
    norm = float(np.abs(finite(values, 1)[0]))
    return figures.gradient_shares(
        StepModel(1.0, norm, float(eigenvalues[0]), 0.1, 1.0, eigenvalues, 0 * shares, true, shares, 0.0, 9)
    )


def initialization(values, name):
    found = report()
    numbers = np.abs(filled(values, len(found.layers)))
    layers = tuple(
        replace(layer, variance=float(value), gradient=float(value), variance_theory=float(value), gradient_theory=1.0)
        for layer, value in zip(found.layers, numbers, strict=True)
    )
    return figures.initialization({name: replace(found, layers=layers), "b": found})


def moved(values):
    """Return the run of a line with a path through these parameters."""
    done = line_run()
    count = len(done.trajectory)
    points = jax.tree.map(
        lambda leaf: filled(values, count).reshape(leaf.shape).astype(leaf.dtype), done.trajectory.params
    )
    return replace(done, trajectory=replace(done.trajectory, params=points))


def predicted(values, name):
    rows = np.linspace(0, 1, 9)[:, None]
    return figures.example_predictions(line_run(), ds.Dataset(rows, filled(values, 9)))


def pictures(values, name):
    images = finite(values, 5 * 64).reshape(5, 8, 8)
    labels, sure = np.array([name, "b", name, "b", name]), np.full(5, 0.5)
    return styled_figure(
        lambda figure: draw_images(figure, images, labels, labels[::-1], sure, np.arange(5), 5), (7.0, 3.0)
    )


def confusions(values, name):
    return styled_figure(
        lambda figure: draw_confusions(figure, [name, "b"], ["b", "b"], sorted([name, "b"])), (4.0, 4.0)
    )


def framed(values, name):
    def draw(figure):
        add_frame(figure, (4.0, 3.0), title=name, handles=[], sentences=[name]).subplots().plot([0, 1])
        return "A frame."

    return styled_figure(draw, (4.0, 3.0))


FIGURES = {
    "contour": lambda values, name: figures.surface_contour(plane(values, name), {name: path(values)}, title=name),
    "contour, logarithmic": lambda values, name: figures.surface_contour(plane(values, name), log=True),
    "3d": lambda values, name: figures.surface_3d(plane(values, name), {name: path(values)}, title=name),
    "strip": lambda values, name: figures.surface_strip({name: plane(values), "two": plane([1.0, 2.0])}, title=name),
    "lines": lambda values, name: figures.slice_lines({name: line(values, name), "two": line([1.0, 2.0])}),
    "path losses": lambda values, name: figures.path_losses({name: path(values)}),
    "envelope": lambda values, name: figures.envelope(Envelope(AXIS[3:], filled(values, 24).reshape(6, 4))),
    "interpolation": interpolation,
    "low curve": low_curve,
    "learning rate": learning_rate,
    "layer statistics": statistics,
    "restarts": restarts,
    "loss curves": lambda values, name: figures.loss_curves(of_history(values)),
    "tracking": tracking,
    "comparison": comparison,
    "race": race,
    "sweep": lambda values, name: sweep(values, {"learning_rate": RATES, "net": [name, "b"]}),
    "sweep, map": lambda values, name: sweep(values, {"learning_rate": RATES, "momentum": MOMENTA}),
    "sweep, seeds": lambda values, name: sweep(values, {"net": [name, "b", "c"], "order": [name, "d"], "seed": [0, 1]}),
    "sweep, panels": lambda values, name: sweep(
        values, {"learning_rate": RATES, "momentum": [0.0, 0.9], "net": [name, "b"]}
    ),
    "sweep along values": sweep_along,
    "batch size": batch_size,
    "profile": profile,
    "spectrum": spectrum,
    "blocks": hessian_blocks,
    "blocks, bars": hessian_bars,
    "gradient shares": gradient_shares,
    "initialization": initialization,
    "line fit": lambda values, name: figures.two_parameter_descent(
        moved(values), x_label=name, t_label=name, title=name
    ),
    "bowls": lambda values, name: figures.bowl_comparison({name: moved(values), "b": line_run()}, title=name),
    "animation of a line": lambda values, name: figures.animate_descent(moved(values), x_label=name).figure,
    "animation of paths": lambda values, name: figures.animate_paths(plane(values, name), {name: path(values)}).figure,
    "predictions": predicted,
    "pictures": pictures,
    "confusions": confusions,
    "frame": framed,
}
"""Functions of values and a name, to a figure."""
