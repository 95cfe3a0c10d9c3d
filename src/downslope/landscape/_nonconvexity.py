"""How much of a plane curves downward."""

from __future__ import annotations

import numpy as np

from downslope.core import Advice, Setting, SettingError
from downslope.landscape._slice import Slice


def nonconvexity(plane: Slice) -> float:
    """Return the share of a plane where the loss curves downward in some direction of it: 0 for a convex bowl.

    At every cell that is not at the edge the 2 × 2 Hessian is taken by central differences over the neighboring cells,
    along each direction in its own step, and its smaller eigenvalue is below 0 or not; no measure of how steep the loss
    is enters. Cells with a neighbor that is not finite, or not computed, do not count. Li et al. map the ratio of the
    two ends of the full Hessian's spectrum instead, which costs a Lanczos run for each cell. What is no more than
    rounding of the losses does not count as curved.

    Args:
        plane: a slice along two directions, 3 × 3 cells or more.

    Returns:
        The share, from 0 to 1; NaN where no cell counts.

    Raises:
        SettingError: a slice along one direction.

    Example:
        >>> from downslope.landscape import slice_2d, surfaces
        >>> both = (surfaces.bowl(), surfaces.saddle())
        >>> [nonconvexity(slice_2d(each, np.zeros(2), directions="axes", span=1.0)) for each in both]
        [0.0, 1.0]

    References:
        Li et al., "Visualizing the loss landscape of neural nets" (2018), section 6: convexity of slices.
    """
    if len(plane.axes) != 2:
        raise SettingError(
            Setting("plane"),
            f"must be a slice along 2 directions, got {len(plane.axes)}.",
            Advice("use {}", code="`slice_2d`"),
        )
    losses = np.where(plane.computed, plane.losses, np.nan)
    with np.errstate(invalid="ignore", over="ignore"):
        middle = losses[1:-1, 1:-1]
        along = losses[2:, 1:-1] - 2 * middle + losses[:-2, 1:-1]
        across = losses[1:-1, 2:] - 2 * middle + losses[1:-1, :-2]
        mixed = (losses[2:, 2:] - losses[2:, :-2] - losses[:-2, 2:] + losses[:-2, :-2]) / 4
        smaller = (along + across) / 2 - np.hypot((along - across) / 2, mixed)
    known = smaller[np.isfinite(smaller)]
    rounding = plane.rounding
    downward = [value < 0 and not rounding.hides(value) for value in known.tolist()]
    return float(np.mean(downward)) if known.size else float("nan")
