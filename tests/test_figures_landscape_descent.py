"""A line through data found by descent, still and in motion: exact losses, the path, the line, the same bytes."""

import sys
import time
from itertools import chain

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from PIL import Image

import downslope as ds
from downslope import figures
from downslope.core import DataError, SettingError
from downslope.figures.animation.animation import MOST_FRAMES, frame_indices, report_progress
from downslope.figures.line_fit.descent import line_descent
from downslope.landscape import Projection, Slice

LINE = ds.Sequential([ds.Dense(1)])
FAITHFUL = ds.load("old_faithful")
STANDARD = {"normalize": "standard", "normalize_targets": "standard"}


def descent(rate, start, epochs=200, **scaling):
    """Return a run of Old Faithful by full-batch descent from a slope and an intercept."""
    slope, intercept = np.full((1, 1), start), np.full(1, start)
    return ds.train(
        LINE, FAITHFUL, loss="sum_squared_error", optimizer=ds.sgd(rate), batch_size=272, epochs=epochs,
        start=ds.Variables(({"weight": slope, "bias": intercept},), ({},)), record=ds.Record(parameters_every=1),
        progress=False, **scaling,
    )  # fmt: skip


@pytest.fixture(scope="module")
def run():
    return descent(1e-4, 4.0, **STANDARD)


@pytest.fixture(scope="module")
def raw():
    return descent(1e-4, 20.0, epochs=20)


def rendered(figure):
    """Draw a figure for real, so that warnings about its layout are errors, and return it."""
    figure.draw(FigureCanvasAgg(figure).get_renderer())
    return figure


def race():
    """Return a bowl and two paths down it, one shorter than the other."""
    axis = np.linspace(-1, 1, 9)
    losses = axis[:, None] ** 2 + 3 * axis[None, :] ** 2
    directions = (np.array([1.0, 0.0]), np.array([0.0, 1.0]))
    bowl = Slice((axis, axis), losses, losses >= 0, np.zeros(2), directions, "given", ("width", "height"))
    return bowl, {"sgd": way(5), "adam": way(3)}


def way(count):
    points = np.outer(np.linspace(1, 0, count), [0.9, -0.6])
    heights = points[:, 0] ** 2 + 3 * points[:, 1] ** 2
    return Projection(np.arange(count), points, heights, heights, np.zeros(count), 1.0)


def test_the_surface_of_a_line_is_exact(run):
    found = line_descent(run)
    x, t = found.x, found.t
    a, b = (axis[:, None, None] for axis in (found.plane.a, found.plane.b))
    truth = np.sum((a + b.swapaxes(0, 1) * x[None, None, :] - t[None, None, :]) ** 2, axis=-1)
    np.testing.assert_allclose(found.plane.losses, truth, rtol=1e-9)
    np.testing.assert_allclose(found.path.losses[-1], 51.2827, atol=1e-3)
    np.testing.assert_allclose(found.path.coordinates[[0, -1]], [[4, 4], [0, 0.9008]], atol=2e-4)
    np.testing.assert_allclose(found.curvatures, [544, 544], rtol=1e-6)  # 2 x 272 rows, standardized
    assert found.plane.inside(found.path.coordinates).all()
    assert (found.time, found.times[-1]) == ("epoch", 200)


def test_the_four_panels_of_a_descent(run):
    figure = rendered(figures.two_parameter_descent(run, t_label="waiting time (standardized)", title="Old Faithful"))
    plan, relief, data, parameters, loss, bar = figure.axes
    found = line_descent(run)
    (beads,) = [each for each in plan.collections if isinstance(each, PathCollection)]
    points = np.asarray(beads.get_offsets())
    lines = [line for line in data.lines if len(line.get_xdata()) == 2]
    drawn = {tuple(np.round(np.polyfit(*line.get_data(), 1)[::-1], 9)) for line in lines}
    assert drawn == {tuple(np.round(point, 9)) for point in points}
    opacities = [line.get_alpha() for line in lines if line.get_alpha() is not None]
    assert opacities == sorted(opacities)
    np.testing.assert_array_equal(loss.lines[0].get_ydata(), found.path.losses)
    curves = {line.get_label(): line.get_ydata() for line in parameters.lines}
    np.testing.assert_array_equal(curves["slope"], found.path.coordinates[:, 1])
    np.testing.assert_array_equal(curves["intercept"], found.path.coordinates[:, 0])
    heights = [np.asarray(line.get_data_3d())[2] for line in relief.lines]
    assert any(len(z) == 201 and np.allclose(z, found.path.losses) for z in heights)
    assert (data.get_xlabel(), data.get_ylabel()) == ("eruptions (standardized)", "waiting time (standardized)")
    assert bar.get_ylabel() == "loss: sum squared error, standardized targets"
    assert plan.get_aspect() == 1
    said = "From intercept 4, slope 4, loss 7016 to intercept 0, slope 0.9009, loss 51.28 after 200 epochs."
    assert figures.alt_text(figure).endswith(said)


def test_a_descent_in_more_than_two_parameters_or_without_a_path_is_refused():
    small = {"epochs": 1, "batch_size": 272, "progress": False}
    with pytest.raises(DataError, match="one of 7 parameters"):
        figures.two_parameter_descent(ds.train(ds.mlp([2], outputs=1), FAITHFUL, **small))
    with pytest.raises(DataError, match="parameters_every=1"):
        figures.animate_descent(ds.train(LINE, FAITHFUL, **small))


def test_bowls_compare_by_shares_of_the_first_loss(run, raw):
    figure = rendered(figures.bowl_comparison({"raw": raw, "standardized": run}))
    first, second = figure.axes[:2]
    assert first.get_xlabel() == "intercept\ncondition number 159.1"
    assert second.get_xlabel() == "intercept\ncondition number 1"
    shares = line_descent(run).path.losses / line_descent(run).path.losses[0]
    drawn = {len(line.get_ydata()): line.get_ydata() for line in chain(*(axes.lines for axes in figure.axes[2:]))}
    np.testing.assert_allclose(drawn[201], shares)
    assert "standardized: condition number 1, 0.00731 of the first loss after 200 epochs." in figures.alt_text(figure)
    with pytest.raises(DataError, match="1 to 3 runs, got 0"):
        figures.bowl_comparison({})


def test_a_diverged_descent_is_drawn_as_far_as_it_can_be():
    lost = descent(5e-3, 4.0, epochs=60, **STANDARD)
    figure = rendered(figures.two_parameter_descent(lost))
    assert "of 61 points lie beyond the map." in figures.alt_text(figure)


def test_the_ball_rolls_and_the_line_moves(run):
    animation = figures.animate_descent(run)
    assert animation.frames == MOST_FRAMES
    found = line_descent(run)
    plan, relief, data, *_ = animation.figure.axes
    animation.show(25)
    place = frame_indices(201)[25]
    point = found.path.coordinates[place]
    moving = [each for each in animation.moving if each.axes is plan]
    np.testing.assert_array_equal(moving[0].get_xydata(), found.path.coordinates[: place + 1])
    np.testing.assert_array_equal(moving[1].get_xydata(), point[None, :])
    balls = [
        np.ravel(each.get_data_3d()) for each in animation.moving if each.axes is relief and each.get_marker() == "o"
    ]
    np.testing.assert_allclose([ball[2] for ball in balls if len(ball) == 3][-1], found.path.losses[place])
    (line,) = [each for each in animation.moving if each.axes is data and hasattr(each, "get_xydata")]
    np.testing.assert_allclose(line.get_ydata(), point[0] + point[1] * line.get_xdata())


def test_paths_roll_together_and_the_shorter_waits():
    bowl, paths = race()
    animation = figures.animate_paths(bowl, paths)
    assert animation.frames == 5
    animation.show(4)
    balls = [
        each for each in animation.moving if each.axes is animation.figure.axes[0] and each.get_linestyle() == "None"
    ]
    np.testing.assert_allclose([ball.get_xydata()[0] for ball in balls], np.zeros((2, 2)), atol=1e-12)
    assert animation.moving[-1].get_text() == "step 4"
    with pytest.raises(DataError, match="needs a path"):
        figures.animate_paths(bowl, {})


@pytest.mark.slow
def test_a_gif_is_its_frames_and_the_same_bytes_each_time(tmp_path):
    animation = figures.animate_paths(*race())
    files = [figures.save_animation(animation, tmp_path / f"{k}.gif", width=240, progress=False) for k in range(2)]
    assert files[0].read_bytes() == files[1].read_bytes()
    shown = list(animation.images(240))
    with Image.open(files[0]) as stored:
        assert (stored.n_frames, stored.size) == (5, shown[0].shape[1::-1])
        assert "Descents on a plane" in stored.info["comment"].decode()
        durations = []
        for frame, image in enumerate(shown):
            stored.seek(frame)
            durations.append(stored.info["duration"])
            assert np.abs(np.asarray(stored.convert("RGB"), float) - image).mean() < 3
    assert durations == [80, 80, 80, 80, 2000]
    assert not np.array_equal(shown[0], shown[-1])
    rendered(animation.figure)  # still whole, with all that moves at its end


def test_an_mp4_is_the_same_bytes_each_time(tmp_path):
    pytest.importorskip("imageio_ffmpeg", reason="imageio-ffmpeg is not installed")
    figure = Figure(figsize=(1, 1))
    (dot,) = figure.subplots().plot([0], [0], "o")
    animation = figures.Animation(figure, (dot,), 3, lambda frame: dot.set_data([frame / 100], [0]))
    files = [figures.save_animation(animation, tmp_path / f"{k}.mp4", width=65) for k in range(2)]
    assert files[0].read_bytes() == files[1].read_bytes()
    assert files[0].read_bytes()[4:8] == b"ftyp"
    assert next(animation.images(65)).shape == (64, 64, 3)  # even, as H.264 asks
    with pytest.raises(ds.DownslopeError, match="FFmpeg could not write"):
        figures.save_animation(animation, tmp_path / "nowhere" / "dot.mp4")


def test_what_cannot_be_written_is_refused(tmp_path, monkeypatch):
    animation = figures.animate_paths(*race())
    with pytest.raises(SettingError, match=r"must end in \.gif or \.mp4, got 'race\.avi'"):
        figures.save_animation(animation, tmp_path / "race.avi")
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(ds.MissingExtraError) as caught:
        figures.save_animation(animation, tmp_path / "race.mp4")
    assert str(caught.value) == (
        "An MP4 needs the package `imageio-ffmpeg`, which is not installed: pip install 'downslope[film]'. Or end the "
        "file in .gif, which needs nothing more."
    )
    assert not list(tmp_path.iterdir())


def dot_animation(delay=0.0):
    """Return three frames of a dot that moves, the first of them after a delay in seconds."""
    figure = Figure(figsize=(1, 1))
    (dot,) = figure.subplots().plot([0], [0], "o")

    def show(frame):
        time.sleep(delay * (frame == 0))
        dot.set_data([frame / 100], [0])

    return figures.Animation(figure, (dot,), 3, show)


@pytest.mark.parametrize(
    "times, lines",
    [
        ([0.0, 1.0, 2.0, 3.0, 4.5, 7.0], ["frame 2/5, about 3.00 s left", "frame 4/5, about 1.12 s left"]),
        ([0.0, 0.3, 0.6, 0.9, 1.2, 9.0], []),
    ],
)
def test_progress_is_written_every_two_seconds_and_not_at_the_end(times, lines, capsys):
    images, ticks = list(range(5)), iter(times)
    assert list(report_progress(iter(images), 5, clock=lambda: next(ticks))) == images
    assert capsys.readouterr().err.splitlines() == lines


@pytest.mark.slow
def test_long_work_tells_how_far_it_is(tmp_path, capsys):
    figures.save_animation(dot_animation(delay=2.1), tmp_path / "dot.gif", width=64)
    assert capsys.readouterr().err.startswith("frame 1/3, about ")
    figures.save_animation(dot_animation(delay=2.1), tmp_path / "dot.gif", width=64, progress=False)
    assert not capsys.readouterr().err
