"""How noisy the Hessian times the gradient is when both come from one batch: what second-order methods need."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from downslope.core import FunctionSurface, Key, PyTree, Setting, SettingError, check_integer, generator
from downslope.curvature._operator import TreeShape, check_surface


@dataclass(frozen=True)
class HvpNoise:
    """The errors of a batch's gradient, and of its Hessian times it, against those of all rows.

    Attributes:
        batch_sizes: rows a batch, rising.
        gradient_errors: of each size the root mean square of `‖g_B − g‖ / ‖g‖` over the draws.
        hvp_errors: likewise of `‖H_B g_B − H g‖ / ‖H g‖`.
        hvp_standard_errors: of the latter, by the spread of its squares.
        draws: batches drawn of each size.
    """

    batch_sizes: Int[np.ndarray, " sizes"]
    gradient_errors: Float[np.ndarray, " sizes"]
    hvp_errors: Float[np.ndarray, " sizes"]
    hvp_standard_errors: Float[np.ndarray, " sizes"]
    draws: int

    def enough(self, error: float | int = 1.0) -> int | None:
        """Return the smallest size whose `H g` is off by no more than a share of its length; None if none is."""
        suitable = self.batch_sizes[self.hvp_errors <= error]
        return int(suitable[0]) if len(suitable) else None

    def __str__(self) -> str:
        parts = [
            f"{size}: {gradient:.2g} and {hvp:.2g}"
            for size, gradient, hvp in zip(self.batch_sizes, self.gradient_errors, self.hvp_errors, strict=True)
        ]
        return f"Relative error of g and of H g by batch size: {', '.join(parts)}."


def hvp_noise(
    surface: FunctionSurface,
    params: PyTree,
    *,
    batch_sizes: Sequence[int],
    draws: int = 8,
    key: Key | None = None,
) -> HvpNoise:
    """Return how far `H_B g_B` of random batches is from `H g` of all rows, by the size of the batch.

    First-order steps bear noise of the gradient as large as the gradient itself. A method that multiplies gradients by
    curvature bears less: `H_B g_B` has the noise of both factors, and along sharp directions, where `H` amplifies it,
    most. Batches are drawn without replacement, so a batch of all rows has no error.

    Args:
        surface: a loss that is a mean over the rows of its batches; rows must not influence each other.
        params: the point; it is not moved.
        batch_sizes: multiples of the smallest of them, none larger than the rows.
        draws: batches of each size.
        key: of the draws.

    Raises:
        SettingError: sizes that cannot be, a surface without rows, or a gradient or product that is 0.

    Example:
        For `½ mean (θ − x)²` the Hessian is 1 whatever the batch, so both errors are those of the gradient:

        >>> x = generator(0, "example").standard_normal(256)
        >>> line = FunctionSurface(lambda p, rows: 0.5 * jnp.mean((p[0] - rows) ** 2), np.zeros(1), [x])
        >>> found = hvp_noise(line, np.ones(1), batch_sizes=[16, 64, 256])
        >>> bool(np.allclose(found.gradient_errors, found.hvp_errors)), float(found.hvp_errors[-1]) < 1e-6
        (True, True)

    References:
        Martens, "Deep learning via Hessian-free optimization" (2010), section 4.4: larger batches for curvature.
        Goodfellow, Bengio and Courville, "Deep learning" (2016), section 8.1.3: gradients of 100 rows suffice where
        second-order steps take 10,000.
    """
    check_surface(surface, params)
    if not isinstance(surface, FunctionSurface) or not surface.rows:
        raise SettingError(
            "The noise of H g needs a surface made with", Setting("batches"), "of rows.", setting="surface"
        )
    sizes = _checked_sizes(batch_sizes, surface.rows)
    draws = check_integer("draws", draws, at_least=2)
    measure = Batchwise.of(surface, params, sizes[0])
    g = measure.shape.flatten(surface.gradient(params))
    Hg = measure.shape.flatten(surface.hvp(params, measure.shape.unflatten(g)))
    lengths = float(jnp.linalg.norm(g)), float(jnp.linalg.norm(Hg))
    if not min(lengths) > 0:
        raise SettingError(
            "H g must not be 0 for its noise to be compared with it, got a point where it is.", setting="params"
        )
    squares = np.empty((len(sizes), draws, 2))
    for index, size in enumerate(sizes):
        for draw in range(draws):
            rows = generator(0 if key is None else key, "hvp noise", size, draw).permutation(surface.rows)[:size]
            g_B, Hg_B = measure(rows)
            squares[index, draw] = [
                float(jnp.linalg.norm(estimate - exact)) ** 2 / length**2
                for estimate, exact, length in ((g_B, g, lengths[0]), (Hg_B, Hg, lengths[1]))
            ]
    means = squares.mean(axis=1)
    spread = squares[:, :, 1].std(axis=1, ddof=1) / np.sqrt(draws)
    errors = np.sqrt(means)
    return HvpNoise(
        batch_sizes=np.array(sizes),
        gradient_errors=errors[:, 0],
        hvp_errors=errors[:, 1],
        hvp_standard_errors=spread / np.maximum(2 * errors[:, 1], np.finfo(float).tiny),
        draws=draws,
    )


@dataclass(frozen=True)
class Batchwise:
    """Gradients and products of batches, in chunks of one size, so that all sizes share two compiled programs.

    Attributes:
        slope: `(params, chunk) -> gradient`, as one vector.
        product: `(params, chunk, v) -> H v`, likewise.
        params: the point.
        rows: all rows of the surface, a tree of arrays.
        chunk: rows a chunk.
        shape: of the parameters.
    """

    slope: Callable[..., Any]
    product: Callable[..., Any]
    params: PyTree
    rows: PyTree
    chunk: int
    shape: TreeShape

    @classmethod
    def of(cls, surface: FunctionSurface, params: PyTree, chunk: int) -> Batchwise:
        """Return what measures batches of a surface."""
        shape = TreeShape.of(params)
        flat = lambda p, rows: shape.flatten(surface.compiled.slope(p, rows, surface.constants))  # noqa: E731
        product = lambda p, rows, v: jax.jvp(lambda q: flat(q, rows), (p,), (shape.unflatten(v),))[1]  # noqa: E731
        rows = jax.tree.map(lambda *parts: np.concatenate([np.asarray(part) for part in parts]), *surface.batches or ())
        params = jax.tree.map(jnp.asarray, params)
        return cls(jax.jit(flat), jax.jit(product), params, rows, chunk, shape)

    def __call__(self, rows: np.ndarray) -> tuple[Any, Any]:
        """Return `g_B` and `H_B g_B` of the batch of these rows, each as one vector."""
        parts = np.sort(rows).reshape(-1, self.chunk)
        chunks = [jax.tree.map(lambda array, index=part: array[index], self.rows) for part in parts]
        g = sum(self.slope(self.params, chunk) for chunk in chunks) / len(chunks)
        return g, sum(self.product(self.params, chunk, g) for chunk in chunks) / len(chunks)


def _checked_sizes(batch_sizes: Sequence[int], rows: int) -> list[int]:
    """Return batch sizes in rising order, each once.

    Raises:
        SettingError: there are none, one is larger than the rows, or no multiple of the smallest.
    """
    sizes = sorted({check_integer("batch_sizes", size) for size in batch_sizes})
    if not sizes or sizes[-1] > rows or any(size % sizes[0] for size in sizes):
        raise SettingError(
            Setting("batch_sizes"),
            f"must be multiples of the smallest, at most {rows}, the rows, got {list(batch_sizes)}.",
        )
    return sizes
