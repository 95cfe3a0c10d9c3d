"""Every figure over the whole range of values: drawn soon, in little memory, without a warning, its ticks readable."""

import logging
import time
from dataclasses import fields, replace

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

import downslope as ds
from downslope import curvature, figures
from downslope.curvature import NoiseScale
from downslope.efficiency import NO_TIME, LayerProfile, Profile, StepTime, Timing
from downslope.figures.style import plain_texts
from downslope.landscape import Curve, Envelope, Interpolation, Projection, Slice
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

SECONDS = 20.0
"""No figure takes longer, on a machine under load; an axis that runs away takes a minute and gigabytes."""

MOST_TICKS = 60

VALUES = {
    "zeros": [0.0],
    "one value": [3.7],
    "ones": [1.0, 1.0, 1.0],
    "subnormal": [5e-324, 1e-310, 3e-320],
    "1e-300": [1e-300, 2e-300, 1e-299],
    "1e-22": [1e-22, 3e-22, 1e-21],
    "1e22": [1e22, 3e22, 1e23],
    "1e300": [1e300, 1.5e300, 1e299],
    "from zero": [0.0, 5e-324, 1.0],
    "whole range": [5e-324, 1e-300, 1e-22, 1.0, 1e22, 1e300],
    "whole range, both signs": [-1e300, -1.0, 0.0, 1e-300, 1e300],
    "near the largest": [1e308, 1.7e308, -1.7e308],
    "negative": [-5.0, -5.00001, -4.9],
    "negative, tiny": [-1e-300, -1e-22, -5e-324],
    "offset": [1e6, 1e6 + 0.25, 1e6 + 0.5],
    "offset beyond six digits": [123456789.0, 123456789.125, 123456789.25],
    "NaN": [np.nan],
    "infinite": [np.inf, np.inf],
    "minus infinite": [-np.inf, 1.0],
    "of all kinds": [np.nan, np.inf, -np.inf, 0.0, -1.0, 1e-300, 1e300],
}

AXIS = np.linspace(-1, 1, 7)
EPOCHS = 6


def filled(values, count):
    """Return so many numbers, the values in turn."""
    return np.resize(np.array(values, float), count)


@pytest.fixture(scope="module")
def run():
    random = np.random.default_rng(0)
    data = ds.Dataset(random.normal(size=(40, 3)), random.normal(size=40))
    track = Track(curvature_every=4, budget=None)
    return ds.train(
        ds.mlp([4], outputs=1, activation="tanh"), data, track=track, validation=0.25, epochs=EPOCHS, batch_size=5,
        optimizer=ds.sgd(0.01), progress=False,
    )  # fmt: skip


def plane(values):
    axes, losses = (AXIS, AXIS), filled(values, 49).reshape(7, 7)
    return Slice(axes, losses, np.ones((7, 7), bool), np.zeros(2), (np.eye(2)[0], np.eye(2)[1]), "given", ("a", "b"))


def line(values):
    return Slice((AXIS,), filled(values, 7), np.ones(7, bool), np.zeros(2), (np.eye(2)[0],), "given", ("a",))


def path(values, points=None):
    steps = np.arange(8) if points is None else points
    coordinates = np.linspace(-1, 1, 2 * len(steps)).reshape(-1, 2)
    losses = filled(values, len(steps))
    return Projection(steps, coordinates, losses, losses[::-1].copy(), np.abs(losses), 0.5)


def trained(run, values):
    history = {name: filled(values, EPOCHS) for name in run.history}
    return replace(run, history=history | {"epoch": run.history["epoch"]} if "epoch" in run.history else history)


def tracked(run, values):
    found = run.tracking
    changed = {
        field.name: filled(values, len(found))
        for field in fields(found)
        if isinstance(getattr(found, field.name), np.ndarray)
        and field.name not in ("steps", "epochs", "batch_size", "converged")
    }
    return replace(run, tracking=replace(found, **changed))


def bowl(values):
    """Return a surface with finite ones of these curvatures."""
    finite = filled([value for value in values if np.isfinite(value) and abs(value) < 1e150] or [1.0], 12)

    class Bowl:
        def value(self, params):
            return 0.0

        def gradient(self, params):
            return finite

        def hvp(self, params, v):
            return finite * np.asarray(v)

        def values(self, many_params):
            return np.zeros(1)

    return Bowl(), np.zeros(12)


def spectrum(run, values):
    surface, params = bowl(values)
    density = curvature.spectral_density(surface, params, probes=3, nodes=6)
    return figures.spectrum(density, curvature.eigenvalues(surface, params, k=2, which="both"))


def blocks(run, values):
    shares = np.abs(np.nan_to_num(filled(values, 16).reshape(4, 4), nan=0.0, posinf=0.0, neginf=0.0)) / 1e300
    shares += 1e-300 * np.eye(4)
    total, inside = float(shares.sum()), np.diag(shares).copy()
    names = tuple("abcd")
    found = curvature.HessianBlocks(names, (3,) * 4, inside, total, 1 - inside.sum() / total, 0.0, shares, 0, 12)
    return figures.hessian_blocks(found)


def gradient_shares(run, values):
    surface, params = bowl(values)
    model = curvature.step_model(surface, params, k=4)
    return figures.gradient_shares(model) if model.gradient_norm else None


def learning_rate(run, values):
    rates = np.geomspace(1e-5, 1, 40)
    test = RangeTest(rates, filled([*values, 1.0], 40), filled([*values, 1.0], 40), 1.0)  # a range test has finite ones
    losses = filled([*values, 1.0], 4)[None, :]
    trials = RateTrials(np.array([0.01, 0.02, 0.05, 0.1]), losses, filled(values, 1), 2.5, 2, 50, "training loss")
    curve = CurvatureLine(10.0, 0.1, True, 2.0, 0.2, False, 100)
    good = RateTrials(trials.rates, np.array([[2.0, 1.0, 1.5, np.inf]]), np.array([3.0]), 2.5, 2, 50, "training loss")
    calm = RangeTest(rates, 2 - rates, 2 - rates, 1.0)
    chosen = _suggestions(calm, good, curve, high=1.0)
    return figures.learning_rate(FoundLearningRate(chosen, test, trials, curve, ds.sgd(0.02), 32, ()))


def batch_size(run, values):
    positive = [value for value in np.abs(filled(values, 3)) if 0 < value < 1e100] or [1.0]
    steps = tuple(StepTime(4 * 2**place, Timing(1e-3 * (1 + place), 1e-5, 9), 1000) for place in range(6))
    costs = BatchCosts(steps, NO_TIME, {"shuffle": NO_TIME}, "shuffle", True, ())
    noise = NoiseScale(positive[0], 0.1, (positive[0] / 2, 2 * positive[0]), 1.0, 0.1, 1.0, 0.1, 128, 4, {})
    outlooks = batch_outlooks(costs, float(positive[0]))
    return figures.batch_size(FoundBatchSize(outlooks, noise, None, 100, None, costs, (), 32, 1000, 1.0, ()))


def statistics(run, values):
    columns = [filled(values, 12).reshape(4, 3)] * 7
    return figures.layer_statistics(Statistics(np.arange(4), ("0 Tanh", "1 Tanh", "2 Tanh"), *columns))


def restarts(run, values):
    losses = filled(values, 9)
    lost = ~np.isfinite(losses)
    curves = np.where(lost[None, :], np.nan, np.linspace(1, 0.5, 5)[:, None] * np.where(lost, 0, losses)[None, :])
    best = 0 if lost.all() else int(np.nanargmin(np.where(lost, np.nan, losses)))
    reasons = tuple("diverged" if gone else "completed" for gone in lost)
    return figures.restarts(Restarts(losses, best, np.where(lost, 0, 5), reasons, {"train_loss": curves}))


def swept(run, values, **settings):
    losses = filled(values, len(settings))
    runs = tuple(replace(run, stop_reason="completed" if np.isfinite(loss) else "diverged") for loss in losses)
    return Sweep(tuple(settings.values()), runs, losses)


def sweep_lines(run, values):
    cells = {str(rate): {"learning_rate": float(rate)} for rate in (0.0, 1e-300, 1e-3, 1e-2, 1e300)}
    return figures.sweep(swept(run, values, **cells))


def sweep_map(run, values):
    cells = {f"{a} {b}": {"learning_rate": a, "weight_decay": b} for a in (1e-3, 1e-2, 1e-1) for b in (0.0, 0.1, 0.5)}
    return figures.sweep(swept(run, values, **cells))


def profile(run, values):
    seconds = [float(value) for value in np.abs(filled(values, 3)) if value < 1e6] or [1e-3]
    times = [Timing(value, 0.01 * value, 9) for value in seconds]
    rows = tuple(
        LayerProfile(str(place), f"Dense({place + 1})", (3,), 3, 3, 6, one, one, 1 / len(times), (0.0, 1.0))
        for place, one in enumerate(times)
    )
    steps = tuple(StepTime(2**place, Timing(1e-3, 1e-5, 9), 100) for place in range(3))
    return figures.profile(Profile(rows, (4,), steps[-1], 1e11, 9e10, (), steps, 2**30, ()))


def interpolation(run, values):
    t = np.linspace(-0.25, 1.25, 7)
    losses = filled(values, 7)
    return figures.interpolation(Interpolation(t, losses, float(np.nanmax([0.0, losses[3]])), 0.5, 2.0))


def low_curve(run, values):
    t, losses = np.linspace(0, 1, 5), filled(values, 5)
    ends = (np.zeros(2), np.ones(2))
    curved = Curve(t, losses, losses, 0.1, 0.2, 2.5, 2.0, 0.3, np.ones(2), ends)
    return figures.interpolation(Interpolation(t, losses, 0.2, 0.5, 2.0), curved)


FIGURES = {
    "contour": lambda run, values: figures.surface_contour(plane(values), path(values)),
    "contour, logarithmic": lambda run, values: figures.surface_contour(plane(values), log=True),
    "3d": lambda run, values: figures.surface_3d(plane(values), path(values)),
    "strip": lambda run, values: figures.surface_strip({"one": plane(values), "two": plane([1.0, 2.0])}),
    "lines": lambda run, values: figures.slice_lines({"one": line(values), "two": line([1.0, 2.0])}),
    "path losses": lambda run, values: figures.path_losses(path(values)),
    "envelope": lambda run, values: figures.envelope(Envelope(AXIS[3:], filled(values, 24).reshape(6, 4))),
    "interpolation": interpolation,
    "low curve": low_curve,
    "spectrum": spectrum,
    "blocks": blocks,
    "gradient shares": gradient_shares,
    "loss curves": lambda run, values: figures.loss_curves(trained(run, values)),
    "comparison": lambda run, values: figures.comparison({"one": trained(run, values), "two": run}),
    "race": lambda run, values: figures.race(Race({"one": trained(run, values), "two": run})),
    "tracking": lambda run, values: figures.tracking(tracked(run, values)),
    "learning rate": learning_rate,
    "batch size": batch_size,
    "layer statistics": statistics,
    "restarts": restarts,
    "sweep, lines": sweep_lines,
    "sweep, map": sweep_map,
    "profile": profile,
}


def check_drawn(figure):
    """Draw a figure for real, and check its axes: few ticks, and labels that differ where ticks do."""
    figure.draw(FigureCanvasAgg(figure).get_renderer())
    for axes in figure.axes:
        for axis in [axes.xaxis, axes.yaxis, *([axes.zaxis] if hasattr(axes, "zaxis") else [])]:
            low, high = sorted(axis.get_view_interval())
            ticks = [float(tick) for tick in axis.get_majorticklocs() if low <= tick <= high]
            assert len(ticks) + len(axis.get_minorticklocs()) <= MOST_TICKS
            texts = [text for text in axis.get_major_formatter().format_ticks(ticks) if text]
            assert len(texts) == len(set(texts)), (axes.get_title(), axes.get_ylabel(), texts)


@pytest.mark.product(share=1 / 24)
@pytest.mark.parametrize("values", VALUES)
@pytest.mark.parametrize("name", FIGURES)
def test_e4_a_figure_of_any_values_is_drawn_soon_without_a_warning(name, values, run, caplog):
    start = time.perf_counter()
    with caplog.at_level(logging.WARNING, logger="matplotlib"):
        try:
            figure = FIGURES[name](run, VALUES[values])
        except (ds.DataError, ds.SettingError):  # in a sentence: there is nothing to draw
            return
        if figure is not None:
            check_drawn(figure)
    assert not caplog.records
    assert time.perf_counter() - start < SECONDS


@pytest.mark.parametrize("values", VALUES)
def test_e4_texts_of_ticks_differ_where_ticks_do(values):
    numbers = np.unique(filled(VALUES[values], 9))
    texts = plain_texts(numbers.tolist())
    assert len(texts) == len(numbers)
    spread = float(np.ptp(numbers / 1e10)) if np.isfinite(numbers).all() else 1.0
    if spread < 1e5:
        assert len(set(texts)) == len(numbers)
