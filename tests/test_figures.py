"""Figures: what they hold, that they leave nothing behind, and that equal ones are equal files."""

import html
import sys
from itertools import pairwise

import matplotlib
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

import downslope as ds
from downslope import figures
from downslope.figures.runs.example_predictions import images_of, interesting_rows
from downslope.figures.runs.loss_curves import HIGHEST, spread


def trained(name, outputs, **settings):
    split = ds.load(name).split(validation=0.2, test=0.2)
    run = ds.train(
        ds.mlp([16], outputs=outputs),
        split.train,
        validation=split.validation,
        normalize="standard",
        progress=False,
        **settings,
    )
    return run, split.test


@pytest.fixture(scope="module")
def digits():
    return trained("digits", 10, epochs=6, metrics=["accuracy"])


@pytest.fixture(scope="module")
def iris():
    return trained("iris", 3, epochs=4)


@pytest.fixture(scope="module")
def faithful():
    return trained("old_faithful", 1, epochs=4, normalize_targets="standard")


@pytest.fixture
def every_figure(digits, iris, faithful):
    runs = (digits, iris, faithful)
    return [figures.loss_curves(run) for run, _ in runs] + [figures.example_predictions(*pair) for pair in runs]


def test_loss_curves_draw_the_history(digits):
    run, _ = digits
    losses, accuracies = figures.loss_curves(run).axes
    drawn = [line.get_ydata() for line in losses.get_lines() if len(line.get_ydata()) == run.epochs]
    for key in ("batch_loss", "train_loss", "validation_loss"):
        assert any(np.array_equal(values, run.history[key]) for values in drawn), key
    assert losses.get_ylabel() == "loss: cross entropy (nats)"
    assert accuracies.get_ylabel() == "accuracy"
    assert {axes.get_xlabel() for axes in (losses, accuracies)} == {"epoch"}
    labels = [text.get_text() for text in losses.texts]
    assert labels == [f"kept: epoch {run.best_epoch}", "in batches", "training", "validation"]


def test_losses_over_decades_get_a_logarithmic_axis(iris):
    run, _ = iris
    assert figures.loss_curves(run).axes[0].get_yscale() == "linear"
    steep = {name: np.geomspace(1, 1e-3, run.epochs) for name in ("batch_loss", "train_loss")}
    object.__setattr__(run, "history", run.history | steep)
    assert figures.loss_curves(run).axes[0].get_yscale() == "log"


def test_a_run_without_epochs_cannot_be_drawn():
    diverges = {"optimizer": ds.sgd(1e12), "epochs": 2, "progress": False}
    run = ds.train(ds.mlp([4], outputs=1), ds.load("diabetes"), **diverges)
    assert run.epochs == 0
    with pytest.raises(ds.DataError, match="at least one epoch"):
        figures.loss_curves(run)


def test_images_show_the_surest_mistakes_first(digits):
    run, test = digits
    figure = figures.example_predictions(run, test, count=16)
    wrong = run.predict(test.x) != test.y
    sure = run.predict_proba(test.x).max(axis=1)
    expected = [row for row in np.argsort(-sure) if wrong[row]][:8]
    shown = [axes for axes in figure.axes if axes.images]
    assert len(shown) == 16
    for axes, row in zip(shown, expected, strict=False):
        assert np.array_equal(axes.images[0].get_array(), test.x[row].reshape(8, 8))
        assert axes.get_title().startswith(f"✗ {run.predict(test.x)[row]}")
        assert axes.get_xlabel() == f"is {test.y[row]}"


def test_tables_of_classes_become_confusions(iris):
    run, test = iris
    axes = figures.example_predictions(run, test).axes[0]
    numbers = [int(text.get_text()) for text in axes.texts]
    assert sum(numbers) == len(test)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted", "true")


def test_numbers_are_drawn_against_the_truth(faithful):
    run, test = faithful
    axes = figures.example_predictions(run, test).axes[0]
    points = next(line for line in axes.get_lines() if len(line.get_xdata()) == len(test))
    assert np.array_equal(points.get_xdata(), test.y)
    assert np.array_equal(points.get_ydata(), run.predict(test.x))
    assert f"R² {run.evaluate(test)['r2']:.3f}" in axes.get_title(loc="left")


def test_predictions_need_a_target(iris):
    run, test = iris
    with pytest.raises(ds.DataError, match="need a target"):
        figures.example_predictions(run, ds.Dataset(test.x))


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_equal_figures_are_equal_files(ending, iris, tmp_path):
    run, test = iris
    first, second = (
        figures.save(figures.example_predictions(run, test), tmp_path / f"{i}.{ending}").read_bytes() for i in (1, 2)
    )
    assert first == second


def test_another_ending_is_refused(iris, tmp_path):
    with pytest.raises(ds.SettingError, match=r"must end in \.png, \.svg, \.pdf, got 'a\.gif'"):
        figures.save(figures.loss_curves(iris[0]), tmp_path / "a.gif")


def test_every_figure_says_what_it_shows(every_figure, tmp_path):
    for figure in every_figure:
        said = figures.alt_text(figure)
        assert len(said) > 40
        assert said.endswith(".")
        written = figures.save(figure, tmp_path / "figure.svg").read_text(encoding="utf-8")
        assert said in html.unescape(written)


def test_no_text_overlaps_another(every_figure):
    for figure in every_figure:
        renderer = FigureCanvasAgg(figure).get_renderer()
        figure.draw(renderer)
        ticks = {label for axes in figure.axes for axis in (axes.xaxis, axes.yaxis) for label in axis.findobj(Text)}
        ticks -= {label for axes in figure.axes for label in (axes.xaxis.label, axes.yaxis.label)}
        texts = [text for text in figure.findobj(Text) if text.get_text().strip() and text not in ticks]
        boxes = [text.get_window_extent(renderer) for text in texts]
        for i, (text, box) in enumerate(zip(texts, boxes, strict=True)):
            covered = [texts[j].get_text() for j in range(i) if box.overlaps(boxes[j])]
            assert not covered, (text.get_text(), covered)


def test_drawing_leaves_no_trace(digits):
    before = dict(matplotlib.rcParams)
    figures.loss_curves(digits[0])
    figures.example_predictions(*digits)
    assert dict(matplotlib.rcParams) == before
    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()


def test_labels_are_moved_apart():
    heights = np.array([0.9, 0.1, 0.95, 0.94])
    placed = spread(heights, 0.05)
    assert np.array_equal(np.argsort(placed), np.argsort(heights))
    assert all(b - a >= 0.05 - 1e-12 for a, b in pairwise(sorted(placed)))
    assert placed.max() <= HIGHEST


def test_interesting_rows_fill_up_where_there_are_few_mistakes():
    sure = np.linspace(0.5, 0.9, 5)
    assert interesting_rows(np.zeros(5, bool), sure, 3).tolist() == [0, 1, 2]
    assert interesting_rows(np.ones(5, bool), sure, 3).tolist() == [4, 3, 2]
    assert interesting_rows(np.array([True, True, True, False, False]), sure, 4).tolist() == [2, 1, 3, 4]


@pytest.mark.parametrize(
    "shape, expected",
    [
        ((3, 64), (3, 8, 8)),
        ((3, 28, 28, 1), (3, 28, 28)),
        ((3, 5, 5, 3), (3, 5, 5, 3)),
        ((3, 16), None),
        ((3, 50), None),
    ],
)
def test_what_is_taken_for_images(shape, expected):
    images = images_of(ds.Dataset(np.zeros(shape)))
    assert (None if images is None else images.shape) == expected
