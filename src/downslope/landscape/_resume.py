"""Going on with a slice that was cancelled."""

from __future__ import annotations

from dataclasses import replace

import jax
import numpy as np

from downslope.core import Advice, LossSurface, PyTree, Setting, SettingError, displaced
from downslope.landscape._slice import Slice
from downslope.landscape._vectors import fitted

_ALLOWED = 1e-4
"""A loss computed again may differ by this share: by its rounding in single precision on another machine."""


def checked_resume(surface: LossSurface, params: PyTree, count: int, earlier: Slice) -> Slice:
    """Return an earlier slice, to be filled from this surface.

    Raises:
        SettingError: it goes through another point, along more or fewer directions, or belongs to another surface.
        ShapeError: its parameters are others.
    """
    given = fitted(params, earlier.params, "params")
    pairs = zip(jax.tree.leaves(given), jax.tree.leaves(earlier.params), strict=True)
    if len(earlier.axes) != count or not all(np.array_equal(x, y) for x, y in pairs):
        raise SettingError(
            Setting("resume"),
            f"must be a slice along {count} direction{'s' * (count > 1)} through the same",
            Setting("params"),
            f", got one along {len(earlier.axes)}{('' if len(earlier.axes) != count else ' through another point')}.",
            Advice("pass {}", code="params=slice.params"),
        )
    if earlier.computed.any():
        cell = tuple(int(at) for at in np.argwhere(earlier.computed)[0])
        coefficients = [axis[at] for axis, at in zip(earlier.axes, cell, strict=True)]
        now, then = (
            surface.value(displaced(earlier.params, earlier.directions, coefficients)),
            float(earlier.losses[cell]),
        )
        if not np.isclose(now, then, rtol=_ALLOWED, equal_nan=True):
            raise SettingError(
                Setting("resume"),
                f"must be a slice of the same surface, got one whose loss is {then:.6g} where this surface "
                f"has {now:.6g}. Pass the surface it was made with.",
            )
    return replace(earlier, surface=surface)
