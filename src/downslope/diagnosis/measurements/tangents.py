"""The tangent kernel of a network over a few rows: how fast gradient descent changes outputs, direction by direction.

A small step `−η ∇l` changes the outputs `y` of all rows by `−η J Jᵀ e`, with `J = ∂y/∂θ` and the errors `e = ∂l/∂y`. So
errors along an eigenvector of `J Jᵀ` shrink in proportion to its eigenvalue. For squared error `2 J Jᵀ / n` and the
Gauss–Newton matrix `2 Jᵀ J / n`, which for a linear model is the Hessian, have the same eigenvalues but for zeros.

References:
    Jacot, Gabriel, Hongler (2018), Neural tangent kernel, §4. Arora, Du, Hu, Li, Wang (2019), Fine-grained analysis of
    optimization, §4: errors along eigenvectors decide how fast a data set is learned.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Shaped

from downslope.core import Variables, bounded_jit
from downslope.losses import Loss
from downslope.networks import Sequential

HALF = 0.5
"""`κ` is over the directions that hold half of the learnable: in the other half noise may lie, which is spread
over all directions, the slowest too, and need not be learned."""


@dataclass(frozen=True)
class Tangents:
    """The spectrum of `J Jᵀ / n`.

    Attributes:
        values: the eigenvalues, the largest first, one an output of a row.
        shares: of what is to be learned, along each eigenvector; they sum to 1. It is the variance of the targets,
            or, for any loss, of the errors of a network whose answers are all 0, over rows.
        floor: eigenvalues below it are not told from zero.
    """

    values: Float[np.ndarray, " outputs"]
    shares: Float[np.ndarray, " outputs"]
    floor: float

    @property
    def largest(self) -> float:
        """The largest eigenvalue."""
        return float(self.values[0])

    @property
    def rank(self) -> int:
        """How many eigenvalues are above the floor."""
        return int(np.sum(self.values > self.floor))

    @property
    def kappa(self) -> float:
        """The largest eigenvalue over the smallest that it takes to learn half of what is to be learned.

        Over all eigenvalues it would be as large as the precision lets it, for every network: outputs of neighboring
        rows are hardly told apart, and need not be. Infinite where half lies out of reach, below the floor.
        """
        index = int(np.searchsorted(np.cumsum(self.shares), HALF * (1 - 1e-9)))
        value = self.values[min(index, len(self.values) - 1)]
        return float(self.values[0] / value) if value > self.floor else float("inf")


def tangents(
    net: Sequential, loss: Loss, variables: Variables, x: Float[Array, "rows ..."], t: Shaped[Array, "rows ..."]
) -> Tangents:
    """Return the tangent kernel over some rows, with batch norm as in training, and what is to be learned along it.

    Args:
        net: the network.
        loss: says what the errors are.
        variables: the point.
        x: a few rows.
        t: their targets.

    Example:
        For a line, `J Jᵀ / n` has the eigenvalues of `E[x̃ x̃ᵀ]`, `x̃ = (x, 1)`:

        >>> import downslope as ds
        >>> net, x = ds.mlp([], outputs=1), jnp.array([[1.0], [-1.0], [3.0], [-3.0]])
        >>> kernel = tangents(net, ds.losses.squared_error, net.init(0, (1,)), x, x + 1)
        >>> [round(float(value), 3) for value in kernel.values[:2]], kernel.rank, round(kernel.kappa, 3)
        ([5.0, 1.0], 2, 1.0)
    """
    J, errors = (np.asarray(part, np.float64) for part in _derivatives(net, loss, variables, x, t))
    if not np.isfinite(J).all() or not np.isfinite(errors).all():
        return Tangents(np.full(len(J), np.nan), np.full(len(J), 1 / len(J)), float("inf"))
    values, vectors = np.linalg.eigh(J @ J.T / len(x))
    values, components = values[::-1], np.square(vectors.T @ errors)[::-1]
    total = float(components.sum())
    shares = components / total if total > 0 else np.full(len(values), 1 / len(values))
    # singular values of J are known to rounding, their squares to its square
    eps = max(float(jnp.finfo(x.dtype).eps) ** 2, float(np.finfo(np.float64).eps))
    return Tangents(np.maximum(values, 0.0), shares, len(values) * eps * float(values[0]))


@partial(bounded_jit, static_argnames=("net", "loss"))
def _derivatives(
    net: Sequential, loss: Loss, variables: Variables, x: Float[Array, "rows ..."], t: Shaped[Array, "rows ..."]
) -> tuple[Float[Array, "outputs parameters"], Float[Array, " outputs"]]:
    """Return `J = ∂y/∂θ`, one row an output of a row, and what is to be learned: `e = ∂l/∂y` at 0, less its mean."""

    def outputs(params: tuple) -> Array:
        return net.forward(Variables(params, variables.state), x, training=True).output.reshape(-1)

    y = net.forward(variables, x, training=True).output
    errors = loss.derivative(jnp.zeros_like(y), t)
    errors = errors - jnp.mean(errors, axis=0, keepdims=True)
    leaves = jax.tree.leaves(jax.jacrev(outputs)(variables.params))
    return jnp.concatenate([leaf.reshape(y.size, -1) for leaf in leaves], axis=1), errors.reshape(-1)
