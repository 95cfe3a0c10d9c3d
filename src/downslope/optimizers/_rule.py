"""What an update rule is, and the arithmetic all of them share.

A rule is a frozen dataclass of yes-or-no choices, equal by value: it is the static argument of a compiled step, while
every number it uses comes in as data. `adam(1e-3)` and `adam(1e-2)` have the same rule, and share one compiled program.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.core import Tracer

from downslope.core import Advice, PyTree, SettingError

Hyperparams = dict[str, Array]
"""The numbers of a rule by name, as arrays of one number."""


@runtime_checkable
class Rule(Protocol):
    """How gradients become updates, with all numbers taken from `hyperparams`."""

    def init(self, params: PyTree) -> PyTree:
        """Return the memory before the first step."""
        ...

    def update(
        self, gradients: PyTree, memory: PyTree, params: PyTree, hyperparams: Hyperparams, step: Array, **extra: object
    ) -> tuple[PyTree, PyTree]:
        """Return the updates, which are added to the parameters, and the new memory.

        Args:
            gradients: as the parameters.
            memory: from `init` or the last step.
            params: the parameters; rules without weight decay and averaging take None too.
            hyperparams: the numbers of this step.
            step: how many steps were made before.
            extra: what only some of optax's transformations ask for, such as the loss.
        """
        ...


def working_dtype(tree: PyTree) -> np.dtype:
    """Return the type a rule computes in: float64 if any array has it, else float32.

    Half precision computes and remembers in float32: `1 − 0.999` is 0 in bfloat16.
    """
    wide = any(jnp.result_type(leaf) == np.float64 for leaf in jax.tree.leaves(tree))
    return np.dtype(np.float64 if wide else np.float32)


def zeros_like(params: PyTree) -> PyTree:
    """Return zeros in the shape of the parameters, on the host unless these are being traced."""
    dtype = working_dtype(params)
    return jax.tree.map(
        lambda p: (jnp if isinstance(p, Tracer) else np).zeros(np.shape(p), dtype),
        params,
    )


def cast(tree: PyTree, dtype: np.dtype) -> PyTree:
    """Return the tree as arrays of one type."""
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), tree)


def needed(params: PyTree, user: str) -> PyTree:
    """Return the parameters.

    Args:
        params: the parameters, or None.
        user: what needs them, as a sentence begins.

    Raises:
        SettingError: they were left out.
    """
    if params is None:
        raise SettingError(
            f"{user} needs the parameters, got None.",
            Advice("call {}", code="`update(gradients, state, params)`"),
            setting="params",
        )
    return params


def descend(rate: Array, directions: PyTree, gradients: PyTree) -> PyTree:
    """Return the updates `−η d`, each in the type of its gradient."""
    return jax.tree.map(lambda d, g: (-rate * d).astype(jnp.result_type(g)), directions, gradients)
