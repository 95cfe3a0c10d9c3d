"""Loss surfaces as one interactive page: turn, zoom, hover, play the descent, all in a single file without network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path as FilePath
from typing import Any

import numpy as np
from jaxtyping import Float

from downslope.core import Advice, Setting, SettingError, ShapeError
from downslope.figures.pages import document as page
from downslope.landscape import Projection, Slice

BUILT = FilePath(__file__).parents[1] / "page" / "page.html"
"""The page that `scripts/page` builds from `ui/`."""

MOST_SURFACES = 4


@dataclass(frozen=True, eq=False)
class FittedLine:
    """Data of one input beside a surface whose every point is a line through them, `t = intercept + slope x`.

    The model has two parameters, so intercept and slope, in the data's own units, follow from the coefficients `(a, b)`
    of the plane, also where the model saw standardized columns:

        (intercept, slope) = origin + a along[0] + b along[1]

    Attributes:
        x: the input of each row.
        t: the target of each row.
        origin: intercept and slope at the point that the slice goes through.
        along: their change along each direction of the slice, one row a direction.
        x_label: the name of the input, with its unit.
        t_label: the name of the target, with its unit.

    Raises:
        ShapeError: `x` and `t` differ in length.

    Example:
        >>> line = FittedLine(np.array([1.0, 2.0]), np.array([1.0, 3.0]), origin=np.zeros(2), along=np.eye(2))
        >>> line.at(np.array([[-1.0, 2.0]]))
        array([[-1.,  2.]])
    """

    x: Float[np.ndarray, " rows"]
    t: Float[np.ndarray, " targets"]
    origin: Float[np.ndarray, " 2"]
    along: Float[np.ndarray, "2 2"]
    x_label: str = "x"
    t_label: str = "t"

    def __post_init__(self) -> None:
        if len(self.x) != len(self.t):
            raise ShapeError(
                Setting("x"),
                "and",
                Setting("t"),
                f"must hold one number a row each, got {len(self.x)} and {len(self.t)}.",
            )

    def at(self, coordinates: Float[np.ndarray, "points 2"]) -> Float[np.ndarray, "points 2"]:
        """Return intercept and slope at points of the plane."""
        return self.origin + coordinates @ self.along


def surface_page(
    slice: Slice | Mapping[str, Slice],
    paths: Mapping[str, Projection] | Mapping[str, Mapping[str, Projection]] | None = None,
    *,
    data: FittedLine | Mapping[str, FittedLine] | None = None,
    title: str = "Loss surface",
    description: str = "",
    loss_label: str = "loss",
    step_label: str = "step",
    sample: bool = False,
) -> str:
    """Return a page that shows one or several surfaces with the paths of descents on them.

    The page is one HTML file. It works offline, asks the network for nothing, and runs no script but its own. Paths run
    at their *true* losses, with stems to the surface below; losses that are not finite stay holes, which are labeled.

    Args:
        slice: a plane, or several by name, shown side by side.
        paths: paths by name, projected on the plane; with several planes, such paths for each plane by its name.
        data: the data and the line that each point is, for models of two parameters; with several planes, by its name.
        title: the heading.
        description: one line under it.
        loss_label: the name of the loss, with its unit.
        step_label: the unit of the paths' steps: "step" or "epoch".
        sample: whether the losses are over a random sample of the rows: then the page shows their standard error.

    Raises:
        ShapeError: a slice is no plane.
        SettingError: there are more surfaces than fit, or paths or data for a surface that is not there.

    Example:
        >>> from downslope.landscape import Slice
        >>> a = np.linspace(-1, 1, 5)
        >>> losses = a[:, None] ** 2 + 9 * a[None, :] ** 2
        >>> every, none = np.ones((5, 5), bool), np.zeros(2)
        >>> bowl = Slice((a, a), losses, every, none, (np.eye(2)[0], np.eye(2)[1]), "given", ("first", "second"))
        >>> text = surface_page(bowl, title="A bowl")
        >>> text.count("<title>A bowl</title>"), "http-equiv" in text
        (1, True)
    """
    single = isinstance(slice, Slice)
    surfaces: dict[str, Slice] = {"": slice} if isinstance(slice, Slice) else dict(slice)
    if not 1 <= len(surfaces) <= MOST_SURFACES:
        raise SettingError(
            f"A page shows 1 to {MOST_SURFACES} surfaces, got {len(surfaces)}. Leave some out.", setting="slice"
        )
    on = _by_surface("paths", paths, surfaces, single=single)
    beside = _by_surface("data", data, surfaces, single=single)
    document = page.Document(
        title=title,
        description=description,
        loss_label=loss_label,
        step_label=step_label,
        surfaces=tuple(
            _surface(name, plane if sample else replace(plane, standard_error=None), on.get(name, {}), beside.get(name))
            for name, plane in surfaces.items()
        ),
    )
    return fill_page(document)


def fill_page(document: page.Document) -> str:
    """Return the built page with a document inside."""
    before, _, rest = BUILT.read_text(encoding="utf-8").partition("<!--title-->")
    between, _, after = rest.partition("<!--document-->")
    # no `<` inside: it could end the script element that holds the document
    inside = document.model_dump_json().replace("<", "\\u003c")
    return "".join((before, escape(document.title), between, inside, after))


def _by_surface(setting: str, value: Any, surfaces: Mapping[str, Slice], *, single: bool) -> dict[str, Any]:
    """Return paths or data by the names of surfaces; those of a single surface are not named.

    Raises:
        SettingError: a name is that of no surface.
    """
    if value is None:
        return {}
    if single:
        return {"": value}
    for name in value:
        if name not in surfaces:
            raise SettingError(
                Setting(setting), f"must be given by the names of the surfaces, {', '.join(surfaces)}, got {name!r}."
            )
    return dict(value)


def _surface(name: str, plane: Slice, paths: Mapping[str, Projection], line: FittedLine | None) -> page.Surface:
    """Return a surface of the document.

    Raises:
        ShapeError: the slice is no plane.
    """
    if len(plane.axes) != 2:
        raise ShapeError(
            f"The page shows planes, two directions, got a slice along {len(plane.axes)}.",
            Advice("use {}", code="`slice_2d`"),
        )
    first, second = (
        page.Axis(label=label, values=page.packed(axis), origin=origin)
        for label, axis, origin in zip(plane.labels, plane.axes, plane.origins, strict=True)
    )
    return page.Surface(
        name=name,
        description=" ".join(part for part in (plane.description, plane.rounding.sentence) if part),
        axes=(first, second),
        losses=page.packed(plane.losses),
        computed=None if plane.complete else page.packed(plane.computed),
        kind=plane.kind,
        left_out=plane.left_out,
        explained=plane.explained,
        standard_error=plane.standard_error,
        paths=tuple(_path(path_name, path) for path_name, path in paths.items()),
        view=None if line is None else _line_view(line, paths),
    )


def _path(name: str, path: Projection) -> page.Path:
    """Return a path of the document."""
    return page.Path(
        name=name,
        steps=page.packed(path.steps),
        coordinates=page.packed(path.coordinates),
        losses=page.packed(path.losses),
        heights=page.packed(path.heights),
        distances=page.packed(path.distances),
        explained=path.explained,
    )


def _line_view(line: FittedLine, paths: Mapping[str, Projection]) -> page.LineView:
    """Return the data view of the document, with the line of every point of every path."""
    return page.LineView(
        x=page.packed(line.x),
        t=page.packed(line.t),
        x_label=line.x_label,
        t_label=line.t_label,
        ground=page.packed(np.vstack([line.origin[None, :], line.along])),
        lines=tuple(
            page.Line(path=name, values=page.packed(line.at(path.coordinates))) for name, path in paths.items()
        ),
    )
