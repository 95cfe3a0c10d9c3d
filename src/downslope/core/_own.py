"""Arrays that share no memory with the user's: what enters is copied, what is handed out cannot be written to.

`jax.device_put` shares the memory of an array of NumPy that happens to lie at a multiple of 64 bytes, and so would a
data set that keeps the array it is given: what is written to it later would change rows, surfaces and predictions.
"""

from __future__ import annotations

import math
from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from downslope.core._types import PyTree

ALIGNMENT = 64
"""XLA uses arrays whose address is a multiple of this without a copy."""

Value = TypeVar("Value")


def own_array(array: np.ndarray) -> np.ndarray:
    """Return a read-only copy of an array, in the same order of axes.

    Where rows lie one after another, it lies where XLA uses it without a second copy.

    Example:
        >>> x = np.ones(3)
        >>> own = own_array(x)
        >>> x[0] = 5.0
        >>> own.tolist(), own.flags.writeable
        ([1.0, 1.0, 1.0], False)
    """
    own = aligned_array(array.shape, array.dtype) if array.flags.c_contiguous else np.empty_like(array, subok=False)
    np.copyto(own, array)
    return read_only(own)


def aligned_array(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Return an empty array at an address that XLA uses as it is: any other would be copied."""
    size = math.prod(shape) * dtype.itemsize
    buffer = np.empty(size + ALIGNMENT, np.uint8)
    start = -buffer.ctypes.data % ALIGNMENT
    return buffer[start : start + size].view(dtype).reshape(shape)


def read_only(value: Value) -> Value:
    """Return an array after it was made read-only; anything else as it is."""
    if isinstance(value, np.ndarray):
        value.setflags(write=False)
    return value


def own_tree(tree: PyTree) -> PyTree:
    """Return a tree of the same kind with copies of its arrays; what is no array stays."""
    return jax.tree.map(_own_leaf, tree)


def _own_leaf(leaf: PyTree) -> PyTree:
    """Return a leaf that shares no memory; arrays on disk stay there."""
    if isinstance(leaf, jax.Array):  # it may share that of an array of NumPy
        return leaf if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else jnp.array(leaf, copy=True)
    return own_array(leaf) if isinstance(leaf, np.ndarray) and not isinstance(leaf, np.memmap) else leaf


def handed_out(tree: PyTree) -> PyTree:
    """Return a tree with containers of its own and the same arrays, which cannot be written to."""
    return jax.tree.map(read_only, tree)
