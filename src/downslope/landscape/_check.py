"""Check the arguments that every function of this room takes: a loss surface, and parameters that are numbers."""

from __future__ import annotations

from downslope.core import PyTree, Setting, SettingError, all_finite, check_offers_surface, tree_size


def check_surface(surface: object, *points: PyTree) -> None:
    """Check that a loss surface and finite parameters came in their places.

    Raises:
        SettingError: they did not.
    """
    check_offers_surface(surface)
    for params in points:
        if not tree_size(params) or not all_finite(params):
            raise SettingError(
                Setting("params"), "must hold at least one number, all of them finite. Take another point."
            )
