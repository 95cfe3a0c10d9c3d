"""Predictions of a fitted network, with few shapes to compile for."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from downslope.core import Variables, bounded_jit
from downslope.estimators._rows import round_size
from downslope.losses import Loss
from downslope.networks import Sequential, architecture
from downslope.training import outputs_of

LINKS = {"binary_cross_entropy": "logistic", "cross_entropy": "softmax", "poisson": "exp"}
"""How the outputs of a loss are read, in scikit-learn's words, which can be pickled where functions of JAX cannot."""

LinkFunction = Callable[[jax.Array | np.ndarray], jax.Array]

Link = str | LinkFunction | None
"""From outputs to the means they stand for: a name, a function of a user's own loss, or None."""

_FUNCTIONS: dict[str, LinkFunction] = {
    "logistic": jax.nn.sigmoid,
    "softmax": partial(jax.nn.softmax, axis=1),
    "exp": jnp.exp,
}


def link_of(loss: Loss) -> Link:
    """Return how the outputs of a network trained by a loss are read."""
    return LINKS.get(loss.name, loss.inverse_link)


def means_of(net: Sequential, variables: Variables, link: Link, x: np.ndarray) -> np.ndarray:
    """Return the means that the outputs stand for, such as probabilities, `(rows, outputs)`.

    Args:
        net: the network.
        variables: its parameters and state.
        link: how its outputs are read; None where they stand for themselves.
        x: inputs as the network takes them.
    """
    missing = round_size(len(x)) - len(x)
    filled = np.concatenate([x, np.repeat(x[:1], missing, axis=0)]) if missing else x
    outputs = outputs_of(architecture(net), variables, filled)
    return (outputs if link is None else np.asarray(_linked(link, outputs)))[: len(x)]


@partial(bounded_jit, static_argnums=0)
def _linked(link: str | LinkFunction, outputs: jax.Array) -> jax.Array:
    function = _FUNCTIONS[link] if isinstance(link, str) else link
    return function(outputs)
