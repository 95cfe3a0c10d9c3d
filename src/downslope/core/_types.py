"""The words that signatures are written in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

if TYPE_CHECKING:
    JSON = None | bool | int | float | str | Sequence["JSON"] | Mapping[str, "JSON"]
    """What JSON can hold. `isinstance` with `dict` or `list` narrows it; lists and dicts of narrower values fit too."""

    Number = float | int | np.number | np.ndarray | jax.Array
    """A number: Python's, NumPy's, JAX's, or one that is being traced."""

    NumberOrSchedule = Number | Callable[[Number], Number]
    """A number, or a function from step to number."""
else:  # run-time checks of signatures know no recursive names, and public functions refuse numbers in their own words
    JSON = None | bool | int | float | str | Sequence | Mapping
    Number = NumberOrSchedule = object

PyTree = Any
"""Arrays in nested tuples and dicts."""

Params = dict[str, Any]
"""One layer's parameters, by name; empty where a layer has none."""

Shape = tuple[int, ...]
"""A shape without the row axis, such as `(64,)` or `(28, 28, 1)`."""


class Variables(NamedTuple):
    """All that a network holds: what descent changes, and what only the forward pass changes.

    Attributes:
        params: one dict a layer, such as `({"weight": (n_in, n_out), "bias": (n_out,)}, {})`.
        state: one dict a layer, of running statistics; empty dicts where a layer keeps none.
    """

    params: tuple[Params, ...]
    state: tuple[Params, ...]


def float_dtype() -> jnp.dtype:
    """Return the type of numbers that networks are made with: float32, or float64 when JAX's x64 mode is on."""
    return jnp.dtype(jnp.float64 if jax.config.jax_enable_x64 else jnp.float32)  # pyright: ignore[reportAttributeAccessIssue]
