"""The half-widths of a slice, as stated or by default."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from downslope.core import LossSurface, PyTree, Setting, SettingError, check_number, displaced
from downslope.landscape._directions import Directions
from downslope.landscape._path import Path, coordinates
from downslope.landscape._vectors import length

Span = str | float | int | Sequence[float | int] | np.ndarray
"""`"auto"`, a half-width, or one for each direction."""

MARGIN = 1.2
"""A window that is to hold points reaches so many times as far as the farthest."""

_LEAST_RISE = 1e-4
"""The rise looked for is at least this share of the rise at a distance of `‖θ‖`."""

_ROUNDING = 1e-6
"""A path that goes along a direction by a lesser share than this does not go along it."""

_DOUBLINGS, _HALVINGS = 10, 60


def spans_of(
    surface: LossSurface, params: PyTree, directions: Directions, span: Span, path: Path | None
) -> tuple[float, ...]:
    """Return the half-width of the window along each direction.

    A number, or one for each direction, is taken as it is. By `"auto"`:

    - filter-normalized directions: 1, where a direction is as long as the weights themselves, so that the slices of
      different networks compare;
    - principal components, and directions between points: 1.2 times as far as the farthest of the points;
    - eigenvectors and given directions: as far as the loss changes, at one of the two ends or both, by as much as it is
      at the center (a doubling, if it rises), or by 1/10,000 of its change at a distance of `‖θ‖` if that is more;
      found by doubling and halving, to within a fifth. Where the loss never changes as much, `‖θ‖` (1 at zero);
    - whatever the directions, at least 1.2 times as far as a trajectory that was passed along.

    Raises:
        SettingError: it is neither.
    """
    count = len(directions.trees)
    if not (isinstance(span, str) and span == "auto"):
        return _stated(span, count)
    reach = [np.array(directions.reach)] if directions.reach else []
    if path is not None:
        points = coordinates(path, params, directions.trees)
        reach.append(points[np.isfinite(points).all(axis=1)])
    farthest = np.abs(np.concatenate(reach)).max(axis=0, initial=0.0) if reach else np.zeros(count)
    spans = [_rounded_up(MARGIN * float(far)) for far in farthest]
    if directions.kind == "filter":
        return tuple(max(1.0, half_width) for half_width in spans)
    if directions.kind in ("pca", "between"):
        return tuple(width if width > _ROUNDING * max(spans) else max(spans) for width in spans)
    along = (lambda a, tree=tree: displaced(params, (tree,), (a,)) for tree in directions.trees)
    scale = length(params) or 1.0
    measured = [
        _risen(surface, point, scale / length(tree)) for point, tree in zip(along, directions.trees, strict=True)
    ]
    return tuple(max(far, _rounded_up(rise)) for far, rise in zip(spans, measured, strict=True))


def _stated(span: Span, count: int) -> tuple[float, ...]:
    """Return the half-widths that were stated, one for each direction."""
    half_widths = list(span) if isinstance(span, (tuple, list, np.ndarray)) and np.ndim(span) else [span] * count
    if len(half_widths) != count:
        raise SettingError(Setting("span"), f"must be 'auto', a number, or {count} numbers, got {span!r}.")
    return tuple(
        check_number("span", half_width, above=0, advice="It is the half-width; 'auto' looks for one.")
        for half_width in half_widths
    )


def _risen(surface: LossSurface, point: Callable[[float], PyTree], far: float) -> float:
    """Return how far to go along a direction for the loss to have changed enough; `far` if it never does."""
    loss = surface.value(point(0.0))
    if not math.isfinite(loss):
        return far

    def change(a: float) -> float:
        ends = [abs(surface.value(point(side)) - loss) for side in (a, -a)]
        return max(end if math.isfinite(end) else math.inf for end in ends)

    changes = {far: change(far)}
    within = far
    for _ in range(_HALVINGS):
        if math.isfinite(changes[within]):
            break
        within /= 2
        changes[within] = change(within)
    enough = max(abs(loss), _LEAST_RISE * changes[within])
    if not 0 < enough < math.inf:
        return far
    return _crossing(lambda a: changes.get(a) or change(a), within, enough) or far


def _crossing(change: Callable[[float], float], a: float, enough: float) -> float | None:
    """Return about where the change becomes enough, from below; None if that is nowhere."""
    if change(a) < enough:
        for _ in range(_DOUBLINGS):
            a *= 2
            if change(a) >= enough:
                break
        else:
            return None
    else:
        for _ in range(_HALVINGS):
            if change(a / 2) < enough:
                break
            a /= 2
        else:
            return None
    low, high = a / 2, a
    for _ in range(2):
        middle = math.sqrt(low * high)
        low, high = (low, middle) if change(middle) >= enough else (middle, high)
    return high


def _rounded_up(number: float) -> float:
    """Return a positive number with its first two digits, rounded up; 0 for 0.

    Example:
        >>> _rounded_up(0.01234), _rounded_up(78.0), _rounded_up(0.0)
        (0.013, 78.0, 0.0)
    """
    if not 0 < number < math.inf:
        return 0.0
    unit = 10.0 ** (math.floor(math.log10(number)) - 1)
    return float(f"{math.ceil(number / unit - 1e-9) * unit:.2g}")
