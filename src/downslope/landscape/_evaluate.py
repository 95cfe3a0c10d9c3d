"""Compute the losses of a slice, block by block: by `values_on_plane` where a surface has it, else point by point."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from downslope.core import LossSurface, Meter, PlaneSurface, displaced, offers
from downslope.landscape._levels import Indices, levels_of, missing_of, pieces_of
from downslope.landscape._slice import Slice

_BLOCK_SECONDS = 1.0
"""Blocks are as large as are computed in about this time, so that stopping takes no longer."""

_UNSURE = 0.25
"""Seconds a loss: a first block of less may have spent them compiling, so the second is as large."""


@dataclass(frozen=True)
class BlockSizes:
    """How many cells a block has.

    Attributes:
        first: in the first block, when nothing is known of the time that a loss takes.
        largest: in any later one.
    """

    first: int = 128
    largest: int = 4096


def filled(
    surface: LossSurface,
    draft: Slice,
    *,
    should_stop: Callable[[], bool] | None,
    progress: Meter,
    sizes: BlockSizes = BlockSizes(),
) -> Iterator[Slice]:
    """Yield a slice as it fills, level by level; the last one, complete unless Ctrl-C or `should_stop` ended it.

    What a draft has is kept, and only what it lacks is computed.
    """
    shape = (len(draft.axes[0]), len(draft.axes[1]) if len(draft.axes) == 2 else 1)
    losses, computed = draft.losses.reshape(shape).copy(), draft.computed.reshape(shape).copy()
    losses_of, pace, before = _losses_of(surface, draft), _Pace(sizes), int(computed.sum())
    for level in levels_of(shape):
        left = missing_of(level, computed)
        stopped = False
        try:
            while left and not stopped:
                stopped = should_stop is not None and should_stop()
                if not stopped:
                    (rows, columns), rest = pieces_of(left[0], pace.cells)
                    block = pace.timed(lambda rows=rows, columns=columns: losses_of(rows, columns))
                    losses[np.ix_(rows, columns)], computed[np.ix_(rows, columns)] = block, True
                    left = rest + left[1:]
                    if pace.blocks > 1:
                        progress.update(int(computed.sum()) - before, pace.seconds)
        except KeyboardInterrupt:
            stopped = True
        size, known = draft.losses.shape, np.where(computed, losses, np.nan)
        yield replace(draft, losses=known.reshape(size), computed=computed.reshape(size).copy())
        if stopped:
            return


@dataclass
class _Pace:
    """How long a loss takes, as measured so far, and how many cells the next block may have.

    Attributes:
        sizes: the bounds of a block.
        seconds: the least that one took, in the mean over a block: what compiling takes, which first blocks do, is none
            of it.
        blocks: how many were timed.
    """

    sizes: BlockSizes
    seconds: float = math.inf
    blocks: int = 0

    @property
    def cells(self) -> int:
        """How many cells the next block may have."""
        if self.blocks == 0 or (self.blocks == 1 and self.seconds < _UNSURE):
            return self.sizes.first
        return int(np.clip(_BLOCK_SECONDS / self.seconds, 1, self.sizes.largest))

    def timed(self, block: Callable[[], Float[np.ndarray, "rows columns"]]) -> Float[np.ndarray, "rows columns"]:
        """Return the losses of a block, and note how long they took."""
        start = time.perf_counter()
        losses = block()
        self.seconds = min(self.seconds, max((time.perf_counter() - start) / losses.size, 1e-9))
        self.blocks += 1
        return losses


def _losses_of(surface: LossSurface, draft: Slice) -> Callable[[Indices, Indices], Float[np.ndarray, "rows columns"]]:
    """Return the map from rows and columns of the grid to the losses there."""
    line = len(draft.axes) == 1
    axes = (draft.axes[0], np.zeros(1)) if line else draft.axes
    first, second = (draft.directions[0], draft.directions[-1])

    def on_plane(rows: Indices, columns: Indices) -> Float[np.ndarray, "rows columns"]:
        a, b = axes[0][rows], axes[1][columns]
        return np.asarray(surface.values_on_plane(draft.params, first, second, a, b), np.float64)  # pyright: ignore

    def one_by_one(rows: Indices, columns: Indices) -> Float[np.ndarray, "rows columns"]:
        def loss(i: int, j: int) -> float:
            coefficients = [axis[index] for axis, index in zip(draft.axes, (i, j), strict=False)]
            return float(surface.value(displaced(draft.params, draft.directions, coefficients)))

        return np.array([[loss(i, j) for j in columns.tolist()] for i in rows.tolist()])

    return on_plane if offers(surface, PlaneSurface) else one_by_one
