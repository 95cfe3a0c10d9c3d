"""The whole Hessian as one matrix, column by column."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Float

from downslope.core import PyTree, Setting, SettingError, ShapeError, check_integer, named_leaves, tree_size


def dense_hessian(
    gradient: Callable[[PyTree], PyTree], params: PyTree, *, limit: int = 2000
) -> Float[np.ndarray, "params params"]:
    """Return the Hessian at `params` as a matrix, `H[i, j] = ∂gᵢ/∂θⱼ`, from the gradient `g(θ)`, in float64.

    Rows and columns stand in the order of `jax.flatten_util.ravel_pytree`, which is that of `core.named_leaves`: layer
    by layer, within a layer by name (`"bias"` before `"weight"`), within an array row by row. `ravel_pytree(params)[1]`
    leads from an eigenvector back to a tree.

    Derived is the gradient that is given (by `jax.jacfwd`), so one derived by hand is judged by what comes out:
    `dense_hessian(jax.grad(value), params)` is `jax.hessian` of a value. The matrix is not made symmetric afterwards;
    where it is not so to rounding, the function given is the gradient of nothing.

    It takes `n²` numbers, and as much time and memory as `n` gradients computed at once.

    Args:
        gradient: from a tree shaped as `params` to another, in operations that JAX can differentiate.
        params: where to differentiate: `n` numbers, in arrays in nested tuples and dicts.
        limit: the largest `n` to accept.

    Returns:
        The matrix, `(n, n)`.

    Raises:
        SettingError: there are more parameters than `limit`.
        ShapeError: `gradient` returns something else than a tree shaped as `params`.

    Example:
        The mean squared error of a line through Old Faithful's eruptions, as it is measured, in intercept and slope:

        >>> import downslope as ds
        >>> data, line = ds.load("old_faithful"), ds.mlp([], outputs=1)
        >>> start = line.init(0, (1,))
        >>> def gradient(params):
        ...     here = ds.Variables(params, start.state)
        ...     return ds.loss_and_gradients(line, here, data.x, data.y, "mean_squared_error").params
        >>> H = dense_hessian(gradient, start.params)
        >>> [float(eigenvalue) for eigenvalue in np.linalg.eigvalsh(H)]
        [0.180617, 28.7445]
    """
    check_integer("limit", limit)
    n = tree_size(params)
    if n > limit:
        raise SettingError(
            Setting("limit"),
            f"is {limit} parameters, got {n}: their Hessian takes {8 * n**2 / 2**20:,.0f} MiB. Take a smaller "
            "network, or raise",
            Setting("limit"),
            ".",
        )
    with jax.enable_x64(True):
        wide = jax.tree_util.tree_map(lambda leaf: jnp.asarray(leaf, jnp.float64), params)
        theta, unravel = ravel_pytree(wide)

        def g(theta: jax.Array) -> jax.Array:
            return _raveled(gradient(unravel(theta)), like=wide)

        return np.asarray(jax.jit(jax.jacfwd(g))(theta)) if n else np.zeros((0, 0))


def _raveled(gradient: PyTree, *, like: PyTree) -> jax.Array:
    """Return a gradient as one vector.

    Raises:
        ShapeError: it is not shaped as the parameters.
    """
    found_shapes, shapes = (
        {name or "params": jnp.shape(leaf) for name, leaf in named_leaves(tree).items()} for tree in (gradient, like)
    )
    if found_shapes != shapes:
        name = next(name for name in {**shapes, **found_shapes} if found_shapes.get(name) != shapes.get(name))
        expected, got = (shape_of.get(name, "nothing") for shape_of in (shapes, found_shapes))
        raise ShapeError(
            Setting("gradient"),
            "must return a tree shaped as",
            Setting("params"),
            f": at {name!r} expected {expected}, got {got}. If it returns the value, pass jax.grad of it.",
        )
    return ravel_pytree(gradient)[0]
