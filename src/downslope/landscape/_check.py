"""Check the arguments that every function of this room takes: a loss surface, and parameters that are numbers."""

from __future__ import annotations

from downslope.core import Advice, LossSurface, PyTree, Setting, SettingError, all_finite, offers, tree_size


def check_surface(surface: object, *points: PyTree) -> None:
    """Check that a loss surface and finite parameters came in their places.

    Raises:
        SettingError: they did not.
    """
    if not offers(surface, LossSurface):
        raise SettingError(
            Setting("surface"),
            f"must be a loss surface, with value, gradient, hvp and values, got {type(surface).__name__}.",
            Advice("make one:", code="run.surface(), or ds.adapters.from_function(loss_fn, params)"),
        )
    for params in points:
        if not tree_size(params) or not all_finite(params):
            raise SettingError(
                Setting("params"), "must hold at least one number, all of them finite. Take another point."
            )
