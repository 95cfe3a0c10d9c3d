"""Planes through the subject: cut as requested, filled coarse to fine, and described for the page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from downslope.core import PyTree, Setting, SettingError
from downslope.explorer.protocol import Plane
from downslope.explorer.subjects import OpenedSubject, params_of
from downslope.figures.pages import Axis, Surface, packed
from downslope.landscape import Slice, slice_levels


def with_directions(subject: OpenedSubject, plane: Plane) -> Plane:
    """Return a plane whose directions are not `"auto"`.

    Raises:
        SettingError: the subject has no such directions.
    """
    chosen = subject.directions[0] if plane.directions == "auto" else plane.directions
    if chosen not in subject.directions:
        raise SettingError(
            Setting("directions"), f"must be one of {', '.join(subject.directions)} here, got {chosen!r}."
        )
    return plane.model_copy(update={"directions": chosen})


def slice_plane(
    subject: OpenedSubject,
    plane: Plane,
    through: PyTree | None,
    should_stop: Callable[[], bool],
    *,
    path: PyTree | None = None,
) -> Iterator[Slice]:
    """Slice a plane; yield it as it fills, first with nothing computed.

    Args:
        subject: the opened subject.
        plane: how, as `with_directions` returns it.
        through: the variables where a descent is; None for the subject's own.
        should_stop: called between blocks.
        path: the points of a descent, stacked, for its principal directions; None for the subject's own path.
    """
    variables = subject.variables if through is None else through
    surface, center = subject.surface_in(plane.mode, variables), params_of(variables)
    arguments: dict[str, Any] = {
        "directions": plane.directions, "size": plane.size, "span": _span(subject, plane), "key": plane.seed,
        "trajectory": (subject.trajectory if path is None else path) if plane.directions == "pca" else None,
    }  # fmt: skip
    empty = next(iter(slice_levels(surface, center, **arguments, should_stop=lambda: True)))
    yield _named(subject, empty)
    if should_stop():
        return
    sent = 0
    for part in slice_levels(surface, center, resume=empty, should_stop=should_stop):
        known = int(part.computed.sum())
        if known > sent:
            sent = known
            yield _named(subject, part)


def surface_document(part: Slice) -> Surface:
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


def _span(subject: OpenedSubject, plane: Plane) -> tuple[float, float] | Literal["auto"]:
    """Return the half-widths: as requested, the subject's own, or `"auto"`."""
    if plane.span is not None:
        return plane.span
    return subject.span if plane.directions == subject.directions[0] else "auto"


def _named(subject: OpenedSubject, part: Slice) -> Slice:
    """Return a plane whose axes have the labels of the subject, if it has any."""
    return replace(part, labels=subject.labels) if subject.labels is not None else part
