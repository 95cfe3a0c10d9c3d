"""The figure of tracking: it draws what was measured, says what it shows, and nothing overlaps."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

import downslope as ds
from cases import refused
from downslope import figures
from downslope.core import DataError
from downslope.training import Track

LABELS = [
    "loss: squared error",
    "sharpness",
    "loss after a step / before",
    "norm of the gradient",
    "noise scale (rows)",
    "agreement of batches (cosine)",
]


@pytest.fixture(scope="module")
def run():
    x = np.random.default_rng(0).normal(size=(40, 3))
    data, track = ds.Dataset(x, x.sum(axis=1)), Track(curvature_every=4, budget=None)
    settings = {"validation": 0.25, "epochs": 4, "batch_size": 4, "optimizer": ds.sgd(0.05), "progress": False}
    return ds.train(ds.mlp([4], outputs=1, activation="tanh"), data, track=track, **settings)


def lines(axes, count):
    """Return the lines of so many points, by their labels."""
    return {line.get_label(): line.get_ydata() for line in axes.get_lines() if len(line.get_ydata()) == count}


def check_reads_well(figure):
    """Check that words neither overlap nor leave the figure, and that every panel says what it is."""
    assert figures.alt_text(figure).endswith(".")
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    for axes in figure.axes:
        assert axes.get_xlabel() == "epoch"
        assert axes.get_ylabel()
        words = [t for t in axes.findobj(Text) if t.get_visible() and t.get_text().strip() and t.get_window_extent()]
        boxes = [text.get_window_extent(renderer) for text in words if text not in tick_labels(axes)]
        assert not any(one.overlaps(two) for i, one in enumerate(boxes) for two in boxes[:i])
        assert all(box.x0 >= 0 and box.x1 <= figure.bbox.x1 and box.y0 >= 0 for box in boxes)


def tick_labels(axes):
    return [*axes.get_xticklabels(which="both"), *axes.get_yticklabels(which="both")]


@pytest.mark.slow
def test_every_panel_draws_what_was_measured(run):
    figure, found = figures.tracking(run), run.tracking
    loss, sharpness, ratios, gradient, noise, agreement = figure.axes
    assert [axes.get_ylabel() for axes in figure.axes] == LABELS
    assert len(found) == 8
    np.testing.assert_array_equal(lines(loss, 4)["validation"], run.history["validation_loss"])
    np.testing.assert_array_equal(lines(loss, 8)["tracked rows"], found.loss)
    np.testing.assert_array_equal(lines(sharpness, 8)["measured"], found.sharpness)
    np.testing.assert_array_equal(lines(sharpness, 8)["edge of stability"], found.limit)
    np.testing.assert_array_equal(lines(ratios, 8)["step made, from one batch"], found.made_ratio)
    np.testing.assert_array_equal(lines(ratios, 8)["predicted, to order 2"], found.predicted_ratio)
    np.testing.assert_array_equal(next(iter(lines(gradient, 8).values())), found.gradient_norm)
    np.testing.assert_array_equal(lines(noise, 8)["batch"], found.batch_size)
    np.testing.assert_array_equal(list(lines(agreement, 8).values())[-1], found.agreement)
    check_reads_well(figure)


def test_tracking_alone_can_be_drawn(run):
    figure = figures.tracking(run.tracking)
    assert figure.axes[0].get_ylabel() == "loss"
    check_reads_well(figure)


def test_the_steps_at_which_noise_dominates_are_shaded(run):
    low = np.array([1.0, 1, 50, 50, 50, 1, 1, 50])
    found = replace(run.tracking, noise_scale_low=low, noise_scale_high=2 * low)
    figure = figures.tracking(found)
    for axes in figure.axes:
        spans = [(patch.get_x(), patch.get_x() + patch.get_width()) for patch in axes.patches]
        np.testing.assert_allclose(spans, [(found.epochs[2], found.epochs[5]), (found.epochs[7], found.epochs[7])])
    words = [text.get_text() for text in figure.axes[5].get_legend().get_texts()]
    assert words == ["signal equals noise", "noise dominates"]
    assert "noise dominates from step 28 on" in figures.alt_text(figure)


@pytest.mark.product
@pytest.mark.parametrize(
    "changes",
    [
        {"noise_scale": np.full(8, np.nan), "noise_scale_low": np.zeros(8), "noise_scale_high": np.full(8, np.inf)},
        {"agreement": np.full(8, np.nan), "limit": np.full(8, np.nan), "sharpness": np.full(8, np.nan)},
        {"noise_scale_low": np.full(8, np.nan), "noise_scale_high": np.full(8, np.nan)},
        {"limit": np.full(8, np.inf)},
        {"converged": np.zeros(8, bool)},
        {
            "preconditioned_sharpness": np.array([1e9, *range(1, 8)], float),
            "preconditioned_residual": np.full(8, 0.1),
        },
    ],
    ids=["unresolved noise", "little known", "no interval", "a rate of 0", "not converged", "an adaptive optimizer"],
)
def test_what_is_not_known_leaves_gaps(run, changes):
    figure = figures.tracking(replace(run.tracking, **changes))
    check_reads_well(figure)
    if "preconditioned_sharpness" in changes:
        assert figure.axes[1].get_ylabel() == "preconditioned sharpness"
        assert figure.axes[1].get_ylim()[1] < 1e3


def test_a_single_step_can_be_drawn(run):
    found = run.tracking
    first = replace(found, status=found.status[:1], **{name: values[:1] for name, values in found.values.items()})
    check_reads_well(figures.tracking(first))


def test_a_run_that_was_not_tracked_is_refused(run):
    with refused(DataError, "a run that was tracked, got one that was not"):
        figures.tracking(replace(run, tracking=None))
