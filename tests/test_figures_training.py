"""Figures of sweeps, races, restarts and layer statistics: they draw the numbers they were given, and what diverged."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LogNorm
from matplotlib.patches import Rectangle
from matplotlib.text import Text

import downslope as ds
from downslope import figures
from downslope.training import Race, Restarts, Statistics, Sweep

RNG = np.random.default_rng(0)
DATA = ds.Dataset(RNG.normal(size=(24, 3)), RNG.normal(size=24))
COMMON = {"batch_size": 12, "progress": False}
RATES = [1e-4, 1e-3, 1e-2, 1e-1]
MOMENTA = [0.0, 0.5, 0.9]


@pytest.fixture(scope="module")
def run():
    record = ds.Record(statistics_every=2)
    net = ds.mlp([4, 4], outputs=1)
    return ds.train(net, DATA, validation=0.25, epochs=4, record=record, restarts=1, **COMMON)


@pytest.fixture(scope="module")
def made(run):
    """Return a maker of sweeps: every combination of settings, with given losses; NaN for what diverged."""

    def make(losses=None, **swept):
        settings = tuple(dict(zip(swept, values, strict=True)) for values in product(*swept.values()))
        losses = np.linspace(0.5, 1.0, len(settings)) if losses is None else np.array(losses, float)
        runs = tuple(replace(run, stop_reason="completed" if np.isfinite(loss) else "diverged") for loss in losses)
        return Sweep(settings, runs, losses)

    return make


def crosses(axes):
    """Return where crosses stand at the top edge."""
    return [line.get_xdata()[0] for line in axes.get_lines() if line.get_marker() == "x"]


def stars(axes):
    return [tuple(line.get_xydata()[0]) for line in axes.get_lines() if line.get_marker() == "*"]


def curves(axes, count):
    return [line.get_ydata() for line in axes.get_lines() if len(line.get_ydata()) == count]


def legend_words(figure):
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def check_reads_well(figure):
    """Check that nothing warns or overlaps, and that axes say what they are."""
    said = figures.alt_text(figure)
    assert said.endswith(".")
    for axes in figure.axes:
        if axes.axison and axes.get_label() != "<colorbar>":
            assert axes.get_xlabel()
            first = axes.get_subplotspec().is_first_col()
            assert axes.get_ylabel() or not first
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in _texts(figure)]
    for i, (name, box) in enumerate(boxes):
        covered = [other for other, space in boxes[:i] if box.overlaps(space)]
        assert not covered, (name, covered)
        assert box.x0 >= 0, name
        assert box.y0 >= 0, name
        assert box.x1 <= figure.bbox.x1, name
        assert box.y1 <= figure.bbox.y1, name


def _texts(figure):
    ticks = {label for axes in figure.axes for axis in (axes.xaxis, axes.yaxis) for label in axis.findobj(Text)}
    ticks -= {label for axes in figure.axes for label in (axes.xaxis.label, axes.yaxis.label)}
    shown = {text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()}
    hidden = {text for axes in figure.axes if not axes.axison for text in (axes.xaxis.label, axes.yaxis.label)}
    return sorted(shown - ticks - hidden, key=lambda text: text.get_text())


SWEPT = {
    "one number": {"learning_rate": RATES},
    "a number and another of two values": {"learning_rate": RATES, "momentum": [0.0, 0.9]},
    "a number and names": {"optimizer": ["sgd(0.1)", "adam(0.01)"], "batch_size": [16, 32, 64]},
    "many lines": {"learning_rate": [1e-3, 1e-2], "net": [f"net {i}" for i in range(9)]},
    "names": {"net": ["small", "a network with a name far too long for an axis"]},
    "names and seeds": {"net": ["small", "large"], "normalize": [None, "standard"], "seed": [0, 1, 2]},
    "seeds alone": {"seed": [0, 1, 5]},
    "two numbers": {"learning_rate": RATES, "momentum": MOMENTA},
    "two numbers and seeds": {"learning_rate": RATES, "momentum": MOMENTA, "seed": [0, 1, 2]},
    "three numbers": {"learning_rate": RATES, "momentum": MOMENTA, "batch_size": [16, 64]},
    "panels of lines": {"learning_rate": RATES, "momentum": [0.0, 0.9], "net": ["a", "b", "c", "d"], "seed": [0, 1]},
    "zero among decades": {"weight_decay": [0.0, 1e-5, 1e-3, 1e-1]},
    "a single value": {"learning_rate": [0.1]},
}


OF_EACH_LAYOUT = ("one number", "names and seeds", "two numbers and seeds")


@pytest.mark.slow
@pytest.mark.parametrize("kind, lost", [*product(SWEPT, ["some"]), *product(OF_EACH_LAYOUT, ["none", "all"])])
def test_every_kind_of_sweep_can_be_drawn(made, kind, lost):
    swept = SWEPT[kind]
    losses = np.linspace(0.5, 1.0, int(np.prod([len(values) for values in swept.values()])))
    losses[{"none": slice(0), "some": slice(1, None, 3), "all": slice(None)}[lost]] = np.nan
    figure = figures.sweep(made(losses, **swept))
    check_reads_well(figure)
    count = int(np.isnan(losses).sum())
    assert (f"{count} diverged." in figures.alt_text(figure)) == (count > 0)
    assert any(f"diverged: {count} of" in words for words in legend_words(figure)) == (count > 0)


def test_a_real_sweep_draws_its_losses_and_crosses_what_diverged():
    net = ds.mlp([4], outputs=1)
    found = ds.sweep(net, DATA, optimizer=ds.sgd(0.1), learning_rate=[*RATES, 1e12], epochs=2, **COMMON)
    figure = figures.sweep(found)
    check_reads_well(figure)
    (axes,) = figure.axes
    (drawn,) = curves(axes, 5)
    np.testing.assert_array_equal(drawn[:4], found.losses[:4])
    assert np.isnan(drawn[4])
    assert crosses(axes) == [1e12]
    assert stars(axes) == [(found.best_settings["learning_rate"], found.losses[found.best_index])]
    assert (axes.get_xscale(), axes.get_xlabel()) == ("log", "learning rate")
    assert axes.get_ylabel() == "last training loss: squared error"


@pytest.mark.parametrize(
    "swept, scale",
    [
        ({"learning_rate": RATES}, "log"),
        ({"learning_rate": [0.1, 0.2]}, "log"),
        ({"momentum": MOMENTA}, "linear"),
        ({"batch_size": [16, 32, 256]}, "log"),
        ({"weight_decay": [0.0, 1e-5, 1e-3]}, "symlog"),
    ],
)
def test_numbers_over_decades_get_a_logarithmic_axis(made, swept, scale):
    assert figures.sweep(made(**swept)).axes[0].get_xscale() == scale


def test_each_value_of_a_second_setting_is_a_line(made):
    found = made(learning_rate=RATES, momentum=[0.0, 0.9])
    figure = figures.sweep(found)
    drawn = curves(figure.axes[0], 4)
    np.testing.assert_array_equal(drawn, found.losses.reshape(4, 2).T)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["0", "0.9"]
    assert figure.legends[0].get_title().get_text() == "momentum"


def test_two_numbers_of_three_values_make_a_map_with_every_loss(made):
    losses = np.geomspace(1e-3, 1.0, 12)
    losses[7] = np.nan
    found = made(losses, learning_rate=RATES, momentum=MOMENTA)
    axes = figures.sweep(found).axes[0]
    table = losses.reshape(4, 3).T
    shown = axes.images[0].get_array()
    np.testing.assert_array_equal(shown.filled(np.nan), table)
    written = {text.get_position(): text.get_text() for text in axes.texts}
    for (y, x), loss in np.ndenumerate(table):
        assert written[x, y] == (f"{loss:.4g}" if np.isfinite(loss) else "×\ndiverged")
    assert isinstance(axes.images[0].norm, LogNorm)
    (frame,) = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    assert frame.get_xy() == (-0.5, -0.5)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["0", "0.5", "0.9"]


def test_a_map_says_the_range_over_seeds_and_how_many_diverged(made):
    losses = np.tile([0.3, 0.1, np.nan], 12)
    axes = figures.sweep(made(losses, learning_rate=RATES, momentum=MOMENTA, seed=[0, 1, 2])).axes[0]
    assert {text.get_text() for text in axes.texts} == {"0.2\n0.1–0.3\n× 1 of 3"}


def test_seeds_are_a_median_with_a_range(made):
    losses = np.array([[0.3, 0.1, 0.9], [np.nan, 0.4, 0.6], [np.nan, np.nan, np.nan]])
    found = made(losses.ravel(), learning_rate=RATES[:3], seed=[0, 1, 2])
    axes = figures.sweep(found).axes[0]
    (medians,) = curves(axes, 3)
    np.testing.assert_allclose(medians, [0.3, 0.5, np.nan])
    ranges = [segment[:, 1].tolist() for lines in axes.collections for segment in lines.get_segments()]
    assert ranges == [[0.1, 0.9], [0.4, 0.6]]
    assert crosses(axes) == RATES[1:3]
    assert [text.get_text() for text in axes.texts] == ["1 of 3"]
    assert stars(axes) == [(RATES[0], 0.1)]


def test_names_are_points_and_other_settings_panels(made):
    swept = {"optimizer": ["sgd", "adam"], "net": ["a", "b", "c"], "normalize": [None, "standard"]}
    figure = figures.sweep(made(**swept))
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["normalize none", "normalize standard"]
    for axes in figure.axes:
        assert {line.get_linestyle() for line in axes.get_lines()} == {"None"}
        assert [label.get_text() for label in axes.get_xticklabels()] == ["a", "b", "c"]
    assert figure.axes[0].get_ylim() == figure.axes[1].get_ylim()


def test_a_run_that_diverged_late_is_crossed_whatever_it_had_reached(made):
    found = made([0.5, 0.1, 0.3], learning_rate=RATES[:3])
    late = replace(found.runs[1], stop_reason="diverged")
    figure = figures.sweep(replace(found, runs=(found.runs[0], late, found.runs[2])))
    (axes,) = figure.axes
    assert crosses(axes) == [RATES[1]]
    assert stars(axes) == [(RATES[1], 0.1)]
    assert legend_words(figure)[0] == "best: 0.1 with learning rate 0.001, before it diverged"
    assert axes.get_ylim()[0] < 0.1


def test_a_loss_off_the_scale_does_not_flatten_the_others(made, run):
    axes = figures.sweep(made([0.5, 0.2, 2.5e30], learning_rate=RATES[:3])).axes[0]
    assert axes.get_ylim()[1] < 1
    assert [text.get_text() for text in axes.texts] == ["↑ 2.5e30"]
    np.testing.assert_array_equal(curves(axes, 3)[0], [0.5, 0.2, 2.5e30])


def test_what_cannot_be_drawn_of_a_sweep_is_said(made):
    with pytest.raises(ds.DataError, match="needs a swept setting, got none"):
        figures.sweep(made([0.5]))
    with pytest.raises(ds.DataError, match="one run at least"):
        figures.sweep(Sweep((), (), np.zeros(0)))
    many = {"net": list("abcde"), "normalize": list("abcde"), "order": list("abc"), "learning_rate": RATES}
    with pytest.raises(ds.DataError, match="12 panels at most, got 15 combinations of normalize, order"):
        figures.sweep(made(**many))


@pytest.fixture(scope="module")
def raced():
    racers = {"sgd": ds.sgd(1e-2), "adam": ds.adam(1e-2), "too fast": ds.sgd(1e200)}
    net = ds.mlp([4], outputs=1)
    return ds.race(net, DATA, optimizers=racers, validation=0.25, epochs=3, **COMMON)


def test_a_race_draws_every_run_and_names_the_winner(raced):
    figure = figures.race(raced)
    check_reads_well(figure)
    (axes,) = figure.axes
    expected = [
        raced.runs[name].history[part] for name in ("sgd", "adam") for part in ("train_loss", "validation_loss")
    ]
    np.testing.assert_array_equal(curves(axes, 3), expected)
    assert [line.get_linestyle() for line in axes.get_lines() if len(line.get_ydata()) == 3] == ["-", "--"] * 2
    assert crosses(axes) == [1]
    (star,) = stars(axes)
    assert star[1] == raced.losses[raced.winner]
    words = legend_words(figure)
    assert words[0] == f"{raced.winner}: {raced.losses[raced.winner]:.4g}"
    assert words[2] == "too fast: diverged in epoch 1"
    assert f"the winner: {raced.winner}" in words
    assert figures.alt_text(figure).endswith(f"{raced.winner} wins.")
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", "loss: squared error")


def test_a_race_over_decades_is_logarithmic_and_ends_where_a_run_diverged(raced):
    history = {"train_loss": np.array([1.0, 0.1, 1e-2]), "batch_loss": np.ones(3)}
    late = {"train_loss": np.array([2.0, 1e25])}
    sgd = replace(raced.runs["sgd"], history=history, stop_reason="completed")
    figure = figures.race(Race({"sgd": sgd, "late": replace(sgd, history=late, stop_reason="diverged")}))
    (axes,) = figure.axes
    assert axes.get_yscale() == "log"
    assert 2 < axes.get_ylim()[1] < 10
    assert crosses(axes) == [3]
    assert "late: 1e25, diverged in epoch 3" in legend_words(figure)
    assert "training" not in legend_words(figure)


def test_a_race_that_all_lost_and_one_of_too_many(raced):
    lost = raced.runs["too fast"]
    figure = figures.race(Race({"a": lost, "b": lost}))
    check_reads_well(figure)
    assert crosses(figure.axes[0]) == [1, 1]
    assert figures.alt_text(figure).endswith("None has a finite loss.")
    with pytest.raises(ds.DataError, match="1 to 7 optimizers, got 8"):
        figures.race(Race({str(i): lost for i in range(8)}))


def ended(losses, *, validated=False, epochs=5):
    """Return restarts with these final losses; NaN for one that diverged in its first epoch."""
    losses = np.array(losses, float)
    lost = ~np.isfinite(losses)
    curve = np.where(lost, np.nan, np.geomspace(4, 1, epochs)[:, None] * losses)
    best = 0 if lost.all() else int(np.nanargmin(losses))
    reasons = tuple("diverged" if gone else "completed" for gone in lost)
    histories = {"train_loss": curve} | ({"validation_loss": 2 * curve} if validated else {})
    return Restarts(losses, best, np.where(lost, 0, epochs), reasons, histories)


@pytest.mark.parametrize(
    "losses", [[0.4, 0.2, np.nan, 0.3], [0.5], [np.nan] * 3, [0.5] * 30, np.geomspace(1e-3, 1, 64)]
)
def test_restarts_draw_all_curves_and_all_ends(losses):
    found = ended(losses)
    figure = figures.restarts(found)
    check_reads_well(figure)
    left, right = figure.axes
    np.testing.assert_array_equal(np.array(curves(left, 5)).T, found.histories["train_loss"])
    widest = max(
        (line for line in left.get_lines() if len(line.get_ydata()) == 5), key=lambda line: line.get_linewidth()
    )
    np.testing.assert_array_equal(widest.get_ydata(), found.histories["train_loss"][:, found.best])
    kept = np.sort(found.losses[np.isfinite(found.losses)])
    lost = len(losses) - len(kept)
    assert crosses(left) == [1] * bool(lost)
    assert (f"diverged: {lost}" in legend_words(figure)) == (lost > 0)
    if len(kept):
        assert any(np.array_equal(np.sort(line.get_xdata()), kept) for line in right.get_lines())
        verticals = {line.get_xdata()[0] for line in right.get_lines() if len(set(line.get_xdata())) == 1}
        assert {kept[0], np.median(kept)} <= verticals
        assert f"median: {np.median(kept):.4g}" in legend_words(figure)
    if len(kept) >= 20:
        assert sum(bar.get_height() for bar in right.patches) == len(kept)


def test_restarts_of_a_run_name_the_loss():
    net = ds.mlp([4], outputs=1)
    run = ds.train(net, DATA, restarts=3, epochs=2, validation=0.25, **COMMON)
    figure = figures.restarts(run)
    check_reads_well(figure)
    left, right = figure.axes
    np.testing.assert_array_equal(np.array(curves(left, 2)).T, run.restarts.histories["validation_loss"])
    assert left.get_ylabel() == "validation loss: squared error"
    assert right.get_xlabel() == "lowest validation loss: squared error"


def test_restarts_that_are_none_are_refused(run):
    with pytest.raises(ds.DataError, match=r"got one start\. Train with restarts=8"):
        figures.restarts(run)
    with pytest.raises(ds.DataError, match="one ended epoch at least"):
        figures.restarts(replace(ended([0.5]), histories={}))


def test_layer_statistics_draw_every_layer(run):
    found = run.statistics
    figure = figures.layer_statistics(run)
    check_reads_well(figure)
    *panels, legend = figure.axes
    for axes, name in zip(
        panels, ("deviation", "activation_gradient", "update_ratio", "dead", "saturated"), strict=True
    ):
        values = getattr(found, name)
        drawn = np.array(curves(axes, len(found))).reshape(-1, len(found)).T
        shown = (values > 0).any(axis=0)
        np.testing.assert_array_equal(drawn, values[:, shown])
        assert axes.get_xlabel() == "step"
        assert axes.get_yscale() == ("linear" if name in ("dead", "saturated") else "log")
    words = [text.get_text() for text in legend.get_legend().get_texts()]
    assert words[:-1] == list(found.layers)
    assert "none in any layer" in [text.get_text() for text in panels[-1].texts]


def synthetic(layers, steps, value=0.5):
    values = np.full((steps, layers), value)
    return Statistics(np.arange(steps), tuple(f"{i} Tanh" for i in range(layers)), *[values] * 7)


@pytest.mark.product
@pytest.mark.parametrize("layers, steps", [(1, 1), (16, 40), (41, 3)])
def test_many_layers_and_few_steps_can_be_drawn(layers, steps):
    figure = figures.layer_statistics(synthetic(layers, steps))
    check_reads_well(figure)
    assert [len(curves(axes, steps)) for axes in figure.axes[3:5]] == [layers, layers]
    assert len(figure.axes[-1].get_legend().get_texts()) <= 18


@pytest.mark.product
@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_statistics_that_are_no_numbers_leave_gaps(value):
    check_reads_well(figures.layer_statistics(synthetic(3, 4, value)))


def test_missing_statistics_are_refused(run):
    for without in (replace(run, statistics=None), synthetic(2, 0)):
        with pytest.raises(ds.DataError, match=r"got none\. Train with `record=ds.Record\(statistics_every=10\)`"):
            figures.layer_statistics(without)
