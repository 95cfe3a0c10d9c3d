"""Planes through the ground: cut as asked, filled coarse to fine, and told to the page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from downslope.core import PyTree, Setting, SettingError
from downslope.explorer._ground import Ground, params_of
from downslope.explorer._settings import Plane
from downslope.figures.pages import Axis, Surface, packed
from downslope.landscape import Slice, slice_levels


def settled(ground: Ground, plane: Plane) -> Plane:
    """Return a plane with directions chosen for `"auto"`.

    Raises:
        SettingError: the ground has no such directions.
    """
    chosen = ground.directions[0] if plane.directions == "auto" else plane.directions
    if chosen not in ground.directions:
        raise SettingError(
            Setting("directions"), f"must be one of {', '.join(ground.directions)} here, got {chosen!r}."
        )
    return plane.model_copy(update={"directions": chosen})


def levels(
    ground: Ground, plane: Plane, through: Any, should_stop: Callable[[], bool], *, path: PyTree | None = None
) -> Iterator[Slice]:
    """Yield a plane as it fills, first with nothing computed.

    Args:
        ground: what is cut.
        plane: how, settled.
        through: the variables where a descent is; None for the ground's own.
        should_stop: asked between blocks.
        path: the points of a descent, stacked, whose principal directions are meant; None for the ground's own path.
    """
    at = ground.variables if through is None else through
    surface, center = ground.surface_in(plane.mode, at), params_of(at)
    arguments: dict[str, Any] = {
        "directions": plane.directions, "size": plane.size, "span": _span(ground, plane), "key": plane.seed,
        "trajectory": (ground.trajectory if path is None else path) if plane.directions == "pca" else None,
    }  # fmt: skip
    empty = next(iter(slice_levels(surface, center, **arguments, should_stop=lambda: True)))
    yield _named(ground, empty)
    if should_stop():
        return
    shown = 0
    for part in slice_levels(surface, center, resume=empty, should_stop=should_stop):
        known = int(part.computed.sum())
        if known > shown:
            shown = known
            yield _named(ground, part)


def document_of(part: Slice) -> Surface:
    """Return a plane as the page knows surfaces, without its losses, which come in frames."""
    first, second = (
        Axis(label=label, values=packed(axis), origin=origin)
        for label, axis, origin in zip(part.labels, part.axes, part.origins, strict=True)
    )
    return Surface(
        name="",
        description=part.description,
        axes=(first, second),
        losses=packed(np.full(part.losses.shape, np.nan)),
        computed=packed(np.zeros(part.losses.shape, bool)),
        kind=part.kind,
        left_out=part.left_out,
        explained=part.explained,
        standard_error=None,  # the loss is over all rows there are
        paths=(),
        view=None,
    )


def _span(ground: Ground, plane: Plane) -> Any:
    """Return the half-widths: as asked, the ground's own, or found."""
    if plane.span is not None:
        return plane.span
    return ground.span if plane.directions == ground.directions[0] else "auto"


def _named(ground: Ground, part: Slice) -> Slice:
    """Return a plane whose axes are called by what they are, where the ground says so."""
    return replace(part, labels=ground.labels) if ground.labels is not None else part
