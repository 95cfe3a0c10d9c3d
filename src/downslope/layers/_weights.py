"""The weights and biases of a layer: how they are asked for, and how they start."""

from __future__ import annotations

import numpy as np

from downslope.core import Key, Params, Setting, SettingError, Shape, float_dtype
from downslope.layers.initializers import Initializer, named


def check_initializer(initializer: object) -> None:
    """Check that weights can start so.

    Raises:
        UnknownNameError: there is no initializer of this name.
        SettingError: it is neither a name nor a function.
    """
    if isinstance(initializer, str):
        if initializer != "auto":
            named(initializer)
    elif not callable(initializer):
        raise SettingError(
            Setting("initializer"), f"must be a name or a function (key, shape, dtype), got {initializer!r}."
        )


def draw_weights(initializer: Initializer | str, key: Key, shape: Shape, *, bias: bool) -> Params:
    """Return a weight of this shape, and a bias of zeros for its last axis. `"auto"` is Glorot's normal here."""
    if isinstance(initializer, str):
        initializer = named("glorot_normal" if initializer == "auto" else initializer)
    dtype = float_dtype()
    params = {"weight": np.asarray(initializer(key, shape, dtype), dtype)}
    return params | {"bias": np.zeros(shape[-1], dtype)} if bias else params
