"""True losses along paths beside the heights of the plane below them, and distances from the plane."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from downslope.core import Advice, DataError
from downslope.figures.landscape.path_sentences import path_sentences, short_name
from downslope.figures.landscape.paths import PathStyle, named_paths, path_styles
from downslope.figures.style import GRAY, add_frame, finite, fit_axis, plain_texts, styled_figure
from downslope.landscape import Projection

SIZE = (7.2, 4.8)
MOST_MARKS = 12


def path_losses(paths: Projection | Mapping[str, Projection], *, title: str = "") -> Figure:
    """Return a figure of the true losses along paths beside the heights of the surface below, and of the distances.

    Above, against the step, thick the true loss of each path, thin the loss of the plane at the nearest point: where
    they part, a picture of the plane does not show the path's own losses. Below, the distance from the plane, in the
    parameters' own units.

    Args:
        paths: a projected path, or up to seven by name.
        title: above the figure.

    Raises:
        DataError: no path, or too many.

    Example:
        >>> import numpy as np
        >>> points, losses = np.zeros((3, 2)), np.array([3.0, 2.0, 1.0])
        >>> path = Projection(np.arange(3), points, losses, 0.9 * losses, np.array([1.0, 0.5, 0.0]), 0.8)
        >>> [axes.get_ylabel() for axes in path_losses(path).axes]
        ['loss', 'distance from the plane']
    """
    projections = named_paths(paths)
    if not projections:
        raise DataError(
            "The figure of losses along paths needs a path, got none.",
            Advice("project one with {}", code="`ds.project`"),
        )

    def draw(figure: Figure) -> str:
        sentences = path_sentences(projections)
        rounding = {name: path.rounding.sentence for name, path in projections.items()}
        sentences += [f"{name}: {sentence}" for name, sentence in rounding.items() if sentence]
        part = add_frame(figure, SIZE, title=title, handles=_handles(projections), sentences=sentences)
        above, below = part.subplots(2, 1, sharex=True, height_ratios=[1.5, 1])
        for name, style in path_styles(projections).items():
            _draw(above, below, projections[name], style)
        fit_axis(above, [values for path in projections.values() for values in (path.losses, path.heights)])
        above.set_ylabel("loss")
        below.set_ylabel("distance from the plane")
        below.set_ylim(bottom=0)
        below.set_xlabel("step")
        figure.align_ylabels([above, below])
        ends = [f"{name} from a loss of {_ends(path)}" for name, path in projections.items()]
        return f"True losses of paths beside the surface below: {'; '.join(ends)}. {' '.join(sentences)}"

    return styled_figure(draw, SIZE)


def _draw(above: Axes, below: Axes, path: Projection, style: PathStyle) -> None:
    """Draw one path in both panels."""
    marks = max(1, -(-len(path) // MOST_MARKS))
    curves = [finite(values) for values in (path.losses, path.heights)]
    above.fill_between(path.steps, curves[0], curves[1], color=style.color, alpha=0.12, lw=0)
    above.plot(path.steps, curves[1], ls=style.dashes, color=style.color, lw=0.9)
    marker = {"marker": style.marker, "markevery": marks, "ms": 5, "mfc": "white", "mec": style.color, "mew": 1.2}
    above.plot(path.steps, curves[0], ls=style.dashes, color=style.color, lw=2.2, **marker)
    below.plot(path.steps, finite(path.distances), ls=style.dashes, color=style.color, lw=1.8, **marker)


def _handles(paths: Mapping[str, Projection]) -> list[Line2D]:
    """Return the entries of the legend."""
    return [
        *(
            Line2D(
                [],
                [],
                color=style.color,
                ls=style.dashes,
                marker=style.marker,
                mfc="white",
                ms=5,
                lw=2.2,
                label=short_name(name),
            )
            for name, style in path_styles(paths).items()
        ),
        Line2D([], [], color=GRAY, lw=2.2, marker="o", mfc="white", ms=5, label="true loss"),
        Line2D([], [], color=GRAY, lw=0.9, label="surface below"),
    ]


def _ends(path: Projection) -> str:
    first, last = plain_texts([float(path.losses[0]), float(path.losses[-1])], digits=4)
    return f"{first} to {last}"
