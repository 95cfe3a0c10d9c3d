"""Losses on the line between two points, and optionally on a low-loss curve, with their barriers."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.typing import LineStyleType

from downslope.figures.style import (
    BLACK,
    BLUE,
    GRAY,
    VERMILLION,
    add_frame,
    finite,
    fit_axis,
    hole_marks,
    mark_holes,
    plain,
    plain_texts,
    styled_figure,
)
from downslope.landscape import Curve, Interpolation

SIZE = (7.2, 4.0)
DASHED = (0.0, (5.0, 1.6))


def interpolation(straight: Interpolation, curved: Curve | None = None, *, title: str = "") -> Figure:
    """Return a figure of the loss on the straight line between two points, its barrier, and perhaps a low curve.

    The barrier is an arrow: from the line between the losses at the ends up to the loss that is highest above it.

    Args:
        straight: the result of `ds.interpolate`.
        curved: the result of `ds.low_loss_path` for the same points.
        title: above the figure.

    Example:
        >>> t = np.linspace(0, 1, 5)
        >>> line = Interpolation(t, 1 - (2 * t - 1) ** 2, barrier=1.0, highest_at=0.5, distance=2.0)
        >>> interpolation(line).get_label()
        'The loss between two points 2 apart: 0 at a, 0 at b; barrier 1 at t = 0.5 on the straight line.'
    """

    def draw(figure: Figure) -> str:
        part = add_frame(figure, SIZE, title=title, handles=[], sentences=_sentences(straight, curved))
        axes = part.subplots()
        _draw(
            axes,
            straight.t,
            straight.losses,
            BLUE,
            "-",
            f"straight line, {plain(straight.distance, digits=3)} long",
            rank=0,
        )
        _arrow(axes, straight.t, straight.losses, straight.barrier, BLUE)
        if curved is not None:
            name = f"curve, {plain(curved.length, digits=3)} long"
            _draw(axes, curved.t, curved.losses, VERMILLION, DASHED, name, rank=1)
            _arrow(axes, curved.t, curved.losses, curved.barrier, VERMILLION)
        _ends(axes, straight)
        all_losses = [straight.losses, *([] if curved is None else [curved.losses])]
        fit_axis(axes, all_losses)
        axes.margins(y=0.12)
        axes.set_xlabel("t: way from a to b (share)")
        axes.set_ylabel("loss")
        handles = [
            *axes.get_legend_handles_labels()[0],
            *hole_marks(all_losses, [np.ones(len(losses), bool) for losses in all_losses]),
        ]
        part.legend(handles=handles, loc="outside upper left", ncols=3, fontsize=8.5)
        return _describe(straight, curved)

    return styled_figure(draw, SIZE)


def _draw(
    axes: Axes, t: np.ndarray, losses: np.ndarray, color: str, style: LineStyleType, label: str, *, rank: int
) -> None:
    """Draw the losses on a line or curve between the points."""
    axes.plot(t, finite(losses), ls=style, color=color, lw=2.0, label=label)
    mark_holes(axes, t, losses, np.ones(len(t), bool), color, rank=rank)


def _between(t: np.ndarray, losses: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return `t` in `[0, 1]`, the losses there, and the line between the losses at the ends."""
    inside = (t >= -1e-12) & (t <= 1 + 1e-12)
    t, losses = t[inside], losses[inside]
    return t, losses, (1 - t) * losses[0] + t * losses[-1]


def _arrow(axes: Axes, t: np.ndarray, losses: np.ndarray, barrier: float, color: str) -> None:
    """Draw a barrier, where it is a number above 0."""
    t, losses, chord = _between(t, finite(losses))
    if not (np.isfinite(barrier) and barrier > 0 and np.isfinite(losses - chord).all()):
        return
    index = int(np.argmax(losses - chord))
    arrow = {"arrowstyle": "<|-|>", "color": color, "lw": 1.4, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 11}
    axes.annotate("", (t[index], losses[index]), (t[index], chord[index]), arrowprops=arrow, zorder=4)
    box = {"boxstyle": "round,pad=0.15", "fc": "white", "ec": "none", "alpha": 0.85}
    words = f"barrier {plain(barrier, digits=3)}"
    axes.annotate(
        words,
        (t[index], losses[index]),
        (6, 5),
        textcoords="offset points",
        color=color,
        fontsize=9,
        bbox=box,
        zorder=6,
    )


def _ends(axes: Axes, straight: Interpolation) -> None:
    """Mark both points, and draw the line between their losses."""
    t, losses, chord = _between(straight.t, finite(straight.losses))
    axes.plot(t, finite(chord), ls=":", color=GRAY, lw=1.3, label="line between the ends", zorder=1)
    axes.plot(t[[0, -1]], losses[[0, -1]], "o", mfc="white", mec=BLACK, mew=1.6, ms=8, zorder=5, label="a and b")


def _sentences(straight: Interpolation, curved: Curve | None) -> list[str]:
    """Return the sentences below: where a loss is not finite, there is no barrier, or rounding shows."""
    rounding = straight.rounding if curved is None else curved.rounding
    sentences = [rounding.sentence] if rounding.sentence else []
    if straight.barrier and rounding.hides(straight.barrier):
        sentences.append("The barrier is no more than rounding.")
    if np.isnan(straight.barrier):
        return ["There is no barrier to measure: the loss at an end is not finite."]
    if np.isinf(straight.barrier):
        return ["The loss is infinite on the straight line: so is its barrier."]
    return sentences if straight.barrier or curved is not None else ["The straight line has no barrier.", *sentences]


def _describe(straight: Interpolation, curved: Curve | None) -> str:
    """Return the alternative text of the figure."""
    losses = straight.losses[(straight.t >= -1e-12) & (straight.t <= 1 + 1e-12)]
    first, last = plain_texts([float(losses[0]), float(losses[-1])], digits=4)
    where = f" at t = {plain(straight.highest_at, digits=2)}" if np.isfinite(straight.highest_at) else ""
    text = (
        f"The loss between two points {plain(straight.distance, digits=3)} apart: {first} at a, "
        f"{last} at b; barrier {plain(straight.barrier, digits=3)}{where} on the straight line"
    )
    if curved is not None:
        text += f", {plain(curved.barrier, digits=3)} on a curve {plain(curved.length, digits=3)} long"
    return text + "."
