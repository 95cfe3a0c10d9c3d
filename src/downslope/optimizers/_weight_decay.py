"""What weight decay needs."""

from __future__ import annotations

from downslope.core import PyTree, SettingError


def check_params(params: PyTree) -> PyTree:
    """Return the parameters.

    Raises:
        SettingError: they were left out.
    """
    if params is None:
        raise SettingError(
            "Weight decay needs the parameters, got None. Call `update(gradients, state, params)`.", "params"
        )
    return params
