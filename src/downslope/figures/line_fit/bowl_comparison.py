"""Lines through data found by descent, raw and standardized: how round each bowl is, how fast each path comes down."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from downslope.core import DataError
from downslope.figures.landscape import (
    Ground,
    PathLook,
    Shades,
    color_bar,
    draw_ground,
    draw_path,
    line_handle,
    mark_handles,
    path_look,
    shades_of,
)
from downslope.figures.line_fit.descent import LineDescent, line_descent
from downslope.figures.style import drawn, finite, fit_axis, framed, plain, stacked
from downslope.landscape import Projection
from downslope.training import Run

MOST_BOWLS = 3
PANEL, CURVES = (2.95, 3.0), 2.1
FLAT = 1e-12


def bowl_comparison(runs: Mapping[str, Run], *, title: str = "") -> Figure:
    """Return a figure of the bowls that lines through data are found in, side by side, each with its path.

    Losses are shares of the first loss of each run, so that bowls of other units compare; intercept and slope of one
    map have one scale, so that a round bowl looks round. Under each map is the condition number of its Hessian, the
    largest curvature over the smallest: the square of how many times longer than wide its iso-lines are. Below, the
    loss against the time.

    Args:
        runs: up to three runs as `two_parameter_descent` takes them, by name.
        title: above the figure.

    Raises:
        DataError: no run, too many, or one that is not of a line with its path recorded.
        SettingError: a loss that is not positive.

    Example:
        >>> import downslope as ds
        >>> settings = {"batch_size": 272, "epochs": 3, "record": ds.Record(parameters_every=1), "progress": False}
        >>> def run(rate, **scaling):
        ...     line, data = ds.mlp([], outputs=1), ds.load("old_faithful")
        ...     return ds.train(line, data, optimizer=ds.sgd(rate), **settings, **scaling)
        >>> figure = bowl_comparison({"raw": run(0.05), "standardized": run(0.05, normalize="standard")})
        >>> [axes.get_title(loc="left") for axes in figure.axes][:2]
        ['raw', 'standardized']
    """
    if not 1 <= len(runs) <= MOST_BOWLS:
        raise DataError(f"A comparison of bowls shows 1 to {MOST_BOWLS} runs, got {len(runs)}. Leave some out.")
    bowls = {name: _shares(line_descent(run)) for name, run in runs.items()}
    steps = shades_of([bowl.ground.shown for bowl in bowls.values()], [b.path.losses for b in bowls.values()], True)
    how = {name: path_look(place) for place, name in enumerate(bowls)}
    size = (max(6.2, len(bowls) * PANEL[0] + 1.1), PANEL[1] + CURVES)

    def draw(figure: Figure) -> str:
        handles = [*(line_handle(name, look) for name, look in how.items()), *mark_handles()]
        sentences = [f"{_sentence(name, bowl)}" for name, bowl in bowls.items()]
        part = framed(figure, size, title=title, handles=handles, sentences=sentences)
        above, below = stacked(part, PANEL[1], CURVES)
        maps = list(above.subplots(1, len(bowls), squeeze=False)[0])
        for axes, (name, bowl) in zip(maps, bowls.items(), strict=True):
            _draw_map(axes, name, bowl, how[name], steps)
        color_bar(figure, maps, steps, "loss / first loss")
        _draw_curves(below.subplots(), bowls, how)
        return f"The bowls of {len(bowls)} lines through data, losses as shares of the first. {' '.join(sentences)}"

    return drawn(draw, size)


def _shares(found: LineDescent) -> LineDescent:
    """Return a descent whose losses are shares of its first."""
    first = found.path.losses[0]
    ground: Ground = found.ground._replace(losses=found.ground.losses / first)
    losses = found.path.losses / first
    path = Projection(
        found.path.steps, found.path.coordinates, losses, losses, found.path.distances, found.path.explained
    )
    return found._replace(ground=ground, path=path)


def _draw_map(axes: Axes, name: str, bowl: LineDescent, how: PathLook, steps: Shades) -> None:
    """Draw one bowl from above, with its path."""
    draw_ground(axes, bowl.ground, steps, few=True)
    draw_path(axes, bowl.ground, bowl.path, how, steps)
    axes.set_aspect("equal")
    axes.locator_params(nbins=5)
    axes.set_title(name)
    axes.set_xlabel(f"intercept\ncondition number {_condition(bowl)}")
    axes.set_ylabel("slope")


def _draw_curves(axes: Axes, bowls: Mapping[str, LineDescent], how: Mapping[str, PathLook]) -> None:
    """Draw the losses of all runs against the time."""
    for name, bowl in bowls.items():
        look, every = how[name], max(1, len(bowl.times) // 10)
        axes.plot(
            bowl.times, finite(bowl.path.losses), ls=look.style, color=look.color, lw=2.0, marker=look.marker,
            markevery=every, ms=5, mfc="white",
        )  # fmt: skip
    fit_axis(axes, [bowl.path.losses for bowl in bowls.values()])
    times = {bowl.time for bowl in bowls.values()}
    axes.set_xlabel(times.pop() if len(times) == 1 else "epoch or step")
    axes.set_ylabel("loss / first loss")


def _condition(bowl: LineDescent) -> str:
    """Return the condition number in words."""
    low, high = bowl.curvatures
    return plain(float(high / low), digits=4) if low > FLAT * high else "not defined"


def _sentence(name: str, bowl: LineDescent) -> str:
    """Return how round a bowl is and how far its path came, in words."""
    last = float(bowl.path.losses[-1])
    reached = f"{plain(last, digits=3)} of the first loss" if np.isfinite(last) else "no finite loss"
    return f"{name}: condition number {_condition(bowl)}, {reached} after {plain(float(bowl.times[-1]))} {bowl.time}s."
