"""The losses of a sweep over two numbers, as a map with every loss written in its cell."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle

from downslope.figures.search.sweep_layout import Layout, Outcome, value_texts
from downslope.figures.style import VERMILLION, drawable, plain, spans_decades
from downslope.training import Sweep

EMPTY = "#EDEDED"
"""The color of a cell in which every run diverged."""


def color_norm(result: Sweep, layout: Layout, *, highest: float) -> Normalize:
    """Return the norm of losses, the same for all panels: logarithmic where they span decades."""
    outcomes = [outcome for panel in layout.panels for row in _rows(result, layout, panel) for outcome in row]
    medians = drawable(np.array([outcome.median for outcome in outcomes]))
    in_range = medians[medians <= highest]
    low, high = (float(in_range.min()), float(in_range.max())) if len(in_range) else (0.0, 1.0)
    return LogNorm(low, high) if spans_decades([in_range]) else Normalize(low, high)


def draw_map(axes: Axes, result: Sweep, layout: Layout, panel: Mapping[str, object], norm: Normalize) -> AxesImage:
    """Draw one panel: a cell for each pair of values, dark where the loss is low, the best framed."""
    rows = _rows(result, layout, panel)
    medians = drawable(np.array([[outcome.median for outcome in row] for row in rows]))
    colors = matplotlib.colormaps["viridis"].with_extremes(bad=EMPTY)
    image = axes.imshow(np.ma.masked_invalid(medians), cmap=colors, norm=norm, origin="lower", aspect="auto")
    for y, row in enumerate(rows):
        for x, outcome in enumerate(row):
            dark = bool(np.isfinite(medians[y, x])) and norm(medians[y, x]) < 0.6
            axes.text(
                x, y, _cell_text(outcome), color="white" if dark else "black", ha="center", va="center", fontsize=8.5
            )
            if outcome.best:
                axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, fill=False, ec=VERMILLION, lw=3.5, zorder=5))
    axes.grid(visible=False)
    axes.set_xticks(range(len(layout.x.values)), value_texts(layout.x.values))
    axes.set_yticks(range(len(layout.lines.values)), value_texts(layout.lines.values))
    axes.set_xlabel(layout.x.label)
    axes.set_ylabel(layout.lines.label)
    return image


def _rows(result: Sweep, layout: Layout, panel: Mapping[str, object]) -> list[list[Outcome]]:
    """Return the cells of a panel, row by row from below."""
    return [layout.outcomes(result, panel, value) for value in layout.lines.values]


def _cell_text(outcome: Outcome) -> str:
    """Return the text of a cell: the loss, its range over seeds, and the number of diverged runs."""
    if not outcome.runs:
        return "not run"
    if not len(outcome.losses):
        return "×\ndiverged"
    lines = [plain(outcome.median, digits=4)]
    if len(outcome.losses) > 1:
        low, high = (plain(float(loss), digits=3) for loss in (outcome.losses.min(), outcome.losses.max()))
        lines.append(f"{low}–{high}")
    if outcome.diverged:
        lines.append(f"× {outcome.diverged} of {outcome.runs}")
    return "\n".join(lines)
