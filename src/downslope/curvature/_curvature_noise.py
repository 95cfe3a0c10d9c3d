"""How noisy the steps of second-order methods are: the errors of `g`, `H g` and `H⁻¹ g` when a batch gives them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from downslope.core import (
    Advice,
    Key,
    LossSurface,
    Message,
    PyTree,
    Setting,
    SettingError,
    SomeRowsSurface,
    check_choice,
    check_integer,
    check_number,
    generator,
    offers,
    unit_of,
    vector_length,
)
from downslope.curvature._conjugate_gradients import conjugate_gradients
from downslope.curvature._operator import Operator, TreeShape, check_surface, finite_gradient, operator_at

QUANTITIES = ("gradient", "hessian_gradient", "newton_step")
SYMBOLS: dict[str, str] = dict(zip(QUANTITIES, ("g", "H g", "H⁻¹ g"), strict=True))

_SMALLEST_CHUNK = 8
"""Sizes with a common divisor of so many rows share compiled programs; others have their own."""
_ROUNDING = 100
"""Solutions cannot be closer than so many times the spacing of numbers."""
_DEVIATIONS = 2.0
"""The range of a number of rows needed reaches so many standard errors to both sides."""

Errors = Float[np.ndarray, " sizes"]


@dataclass(frozen=True)
class CurvatureNoise:
    """The errors of what a batch gives, against that of all rows.

    Each error is the root mean square over the draws of `‖estimate − exact‖ / ‖exact‖`, and has a standard error, by
    the spread of the squares.

    Attributes:
        batch_sizes: rows a batch, rising.
        gradient: the errors of `g_B`, which first-order steps bear.
        gradient_standard_error: of these.
        hessian_gradient: the errors of `H_B g_B`, both from one batch.
        hessian_gradient_standard_error: of these.
        newton_step: the errors of `(H + δ I)⁻¹ g_B`, `H` over all rows: what second-order methods step along; NaN where
            `H + δ I` is not positive definite.
        newton_step_standard_error: of these.
        damping: `δ`.
        draws: batches drawn of each size.
        rows: that batches are drawn from.
        tolerance: the residual `‖b − (H + δ I) x‖ / ‖b‖` that solutions were sought to.
        converged: whether all of them reached it.
        notes: what to know besides, in sentences.
    """

    batch_sizes: Int[np.ndarray, " sizes"]
    gradient: Errors
    gradient_standard_error: Errors
    hessian_gradient: Errors
    hessian_gradient_standard_error: Errors
    newton_step: Errors
    newton_step_standard_error: Errors
    damping: float
    draws: int
    rows: int
    tolerance: float
    converged: bool
    notes: tuple[str, ...]

    def rows_needed(
        self, quantity: str = "newton_step", *, error: float | int = 1.0, of: int | None = None
    ) -> tuple[float, float]:
        """Return between how many rows a batch needs for an error, two standard errors to both sides.

        The mean of `b` rows of `n`, drawn without replacement, is off by `e² = c (1/b − 1/n)`. The `c` is the mean over
        the sizes measured, weighted by how sure each is. `H_B g_B`, a product of two means, follows this roughly.

        Args:
            quantity: `"gradient"`, `"hessian_gradient"` or `"newton_step"`.
            error: relative; at 1 the noise is as large as what it disturbs.
            of: how many rows batches are drawn from, if these here are a sample of more.

        Returns:
            Two numbers of rows, at most all of them; NaN where the errors are.
        """
        errors, spread = self._of(check_choice("quantity", quantity, QUANTITIES))
        squared = check_number("error", error, above=0) ** 2
        part = self.batch_sizes < self.rows
        if not np.any(part) or not np.all(np.isfinite(errors)):
            return math.nan, math.nan
        of_a_row = 1 / self.batch_sizes[part] - 1 / self.rows
        constants = errors[part] ** 2 / of_a_row
        sure = np.maximum(2 * errors[part] * spread[part] / of_a_row, np.finfo(float).tiny)
        weights = (sure.min() / sure) ** 2
        constant, wide = float(weights @ constants / weights.sum()), _DEVIATIONS * sure.min() / math.sqrt(weights.sum())
        ends, of_all = (constant - wide, constant + wide), 1 / (self.rows if of is None else of)
        low, high = (1 / (squared / c + of_all) if c > 0 else 0.0 for c in ends)
        return low, high

    def __str__(self) -> str:
        known = [quantity for quantity in QUANTITIES if np.all(np.isfinite(self._of(quantity)[0]))]
        sizes = [
            f"{size}: " + ", ".join(_with_error(*(part[index] for part in self._of(quantity))) for quantity in known)
            for index, size in enumerate(self.batch_sizes)
        ]
        symbols = ", ".join(SYMBOLS[quantity] for quantity in known)
        damped = f", H damped by {self.damping:.3g}" if self.damping and "newton_step" in known else ""
        return " ".join([f"Relative error of {symbols} by batch size{damped}: {'; '.join(sizes)}.", *self.notes])

    def _of(self, quantity: str) -> tuple[Errors, Errors]:
        """Return the errors of a quantity, and their standard errors."""
        return getattr(self, quantity), getattr(self, f"{quantity}_standard_error")


def curvature_noise(
    surface: LossSurface,
    params: PyTree,
    batch_sizes: Sequence[int],
    *,
    damping: float | int = 0.0,
    draws: int = 32,
    tol: float = 1e-6,
    max_hvps: int = 1000,
    key: Key | None = None,
) -> CurvatureNoise:
    """Return how far `g_B`, `H_B g_B` and `H⁻¹ g_B` of random batches are from those of all rows.

    A step along the gradient bears its noise. A second-order method steps along `H⁻¹ g`, and the inverse amplifies what
    lies along gentle directions, where the gradient is small and noise need not be: the error grows with the condition
    number. `H` is that of all rows, so the error is the gradient's alone; a curvature estimated from the batch adds its
    own. Batches are drawn without replacement: one of all rows has no error.

    Solutions are found by conjugate gradients, one for each batch, each of as many Hessian products over all rows as it
    takes. They solve for `g_B − g`, so that their tolerance is one of the error.

    Args:
        surface: a loss that is a mean over rows; rows must not influence each other.
        params: the point; it is not moved.
        batch_sizes: numbers of rows.
        damping: `δ ≥ 0`, absolute: the step is `(H + δ I)⁻¹ g`.
        draws: batches of each size.
        tol: the residual of solutions, relative; not below a hundred times the spacing of numbers.
        max_hvps: Hessian products for one solution.
        key: of the draws.

    Returns:
        `.batch_sizes`, `.gradient`, `.hessian_gradient`, `.newton_step`, each with its `…_standard_error`;
        `.rows_needed(quantity)`, `.converged`, `.notes`; printed, all in words.

    Raises:
        SettingError: sizes that cannot be; a surface that cannot be had over some rows; a gradient, or `H g`, that is 0
            or not finite.

    Example:
        For `½ mean (θ − x)²` the Hessian is 1 whatever the batch, so all three errors are that of the gradient:

        >>> import jax.numpy as jnp
        >>> from downslope.core import FunctionSurface
        >>> x = generator(0, "example").standard_normal(256)
        >>> line = FunctionSurface(lambda p, rows: 0.5 * jnp.mean((p[0] - rows) ** 2), np.zeros(1), [x])
        >>> found = curvature_noise(line, np.ones(1), [16, 64, 256])
        >>> [bool(np.allclose(found.gradient, other)) for other in (found.hessian_gradient, found.newton_step)]
        [True, True]
        >>> float(found.newton_step[-1]) < 1e-6
        True

    References:
        Goodfellow, Bengio and Courville, "Deep learning" (2016), section 8.1.3: gradients of 100 rows suffice where
        second-order steps take 10,000.
        Martens, "Deep learning via Hessian-free optimization" (2010), section 4: damping, and batches for curvature.
    """
    check_surface(surface, params)
    if not offers(surface, SomeRowsSurface) or not surface.rows:
        raise SettingError(
            "The noise of curvature needs a surface that can be had over some of its rows. Make it with",
            Setting("batches"),
            ".",
            setting="surface",
        )
    sizes = _checked_sizes(batch_sizes, surface.rows)
    delta, draws = check_number("damping", damping, at_least=0), check_integer("draws", draws, at_least=2)
    most = check_integer("max_hvps", max_hvps, at_least=2)
    operator = operator_at(surface, params)  # pyright: ignore[reportArgumentType]
    tolerance = max(check_number("tol", tol, above=0), _ROUNDING * operator.eps)
    shape = TreeShape.of(params)
    g = np.asarray(shape.flatten(finite_gradient(surface, params)), np.float64)  # pyright: ignore[reportArgumentType]
    unit = unit_of(g)  # errors are relative: with all gradients divided by it, products neither over- nor underflow
    g = g / unit
    inverse = Inverse(operator, delta, tolerance, most)
    exact = [g, np.asarray(operator(jnp.asarray(g, operator.dtype)), np.float64), inverse(g)]
    if not min(vector_length(g), vector_length(exact[1])) > 0:
        raise SettingError(
            "H g must not be 0 for its noise to be compared with it, got a point where it is.", setting="params"
        )
    squares = np.full((len(sizes), draws, len(QUANTITIES)), np.nan)
    for index, size in enumerate(sizes):
        for draw, (g_B, Hg_B) in enumerate(
            _batch_products(surface, params, shape, size, unit, _chunk(sizes), draws, key)
        ):
            errors = g_B - g, Hg_B - exact[1], inverse(_without_rounding(g_B - g, g, operator.eps))
            squares[index, draw] = [
                (vector_length(e) / vector_length(x)) ** 2 for e, x in zip(errors, exact, strict=True)
            ]
            if inverse.indefinite is not None:
                squares[:, :, -1] = np.nan
    roots = np.sqrt(squares.mean(axis=1))
    spread = squares.std(axis=1, ddof=1) / np.sqrt(draws) / np.maximum(2 * roots, np.finfo(float).tiny)
    return CurvatureNoise(
        batch_sizes=np.array(sizes),
        gradient=roots[:, 0],
        gradient_standard_error=spread[:, 0],
        hessian_gradient=roots[:, 1],
        hessian_gradient_standard_error=spread[:, 1],
        newton_step=roots[:, 2],
        newton_step_standard_error=spread[:, 2],
        damping=delta,
        draws=draws,
        rows=surface.rows,
        tolerance=tolerance,
        converged=inverse.indefinite is None and not inverse.unfinished,
        notes=inverse.notes,
    )


def drawn_rows(rows: int, size: int, draw: int, key: Key | None) -> Int[np.ndarray, " size"]:
    """Return the row numbers of a batch."""
    return generator(0 if key is None else key, "curvature noise", size, draw).permutation(rows)[:size]


@dataclass
class Inverse:
    """The map `b ↦ (H + δ I)⁻¹ b`, and what became of its solutions.

    Attributes:
        operator: `H`.
        damping: `δ`.
        tolerance: of the residuals.
        most: products for one solution.
        solved: how many were sought.
        unfinished: the residuals of those that did not reach the tolerance.
        indefinite: a curvature of `H + δ I` that is not positive; no more is solved then.
    """

    operator: Operator
    damping: float
    tolerance: float
    most: int
    solved: int = 0
    unfinished: tuple[float, ...] = ()
    indefinite: float | None = None

    def __call__(self, b: Float[np.ndarray, " size"]) -> Float[np.ndarray, " size"]:
        """Return the solution; NaN where there is none."""
        if self.indefinite is not None:
            return np.full_like(b, np.nan)
        solution = conjugate_gradients(
            self.operator, b, damping=self.damping, tol=self.tolerance, max_products=self.most
        )
        self.solved += 1
        self.indefinite = solution.indefinite
        if solution.indefinite is None and not solution.converged:
            self.unfinished = (*self.unfinished, solution.residual)
        return solution.x if solution.indefinite is None else np.full_like(b, np.nan)

    @property
    def notes(self) -> tuple[str, ...]:
        """What did not go as it should, in sentences."""
        if self.indefinite is not None:
            damped = f" damped by {self.damping:.3g}" if self.damping else ""
            return (
                Message(
                    f"H{damped} is not positive definite here: along one direction its curvature is "
                    f"{self.indefinite:.3g}, so H⁻¹ g is no step downhill, and has no noise to tell.",
                    Advice("add {}, or more", damping=float(f"{2 * (self.damping - self.indefinite):.1g}") or 1e-3),
                ),
            )
        if not self.unfinished:
            return ()
        return (
            f"{len(self.unfinished)} of {self.solved} solutions of H⁻¹ g did not reach the tolerance of "
            f"{self.tolerance:.1g} within {self.most} Hessian products (residuals up to {max(self.unfinished):.1g}): "
            "directions of little curvature are missing, and the errors of H⁻¹ g may be larger.",
        )


def _batch_products(
    surface: SomeRowsSurface,
    params: PyTree,
    shape: TreeShape,
    size: int,
    unit: float,
    chunk: int | None,
    draws: int,
    key: Key | None,
) -> Iterator[tuple[Float[np.ndarray, " size"], Float[np.ndarray, " size"]]]:
    """Yield `g_B` and `H_B g_B` of random batches of a size, both divided by a power of two."""
    for draw in range(draws):
        batch = surface.on_rows(drawn_rows(surface.rows, size, draw, key), chunk=chunk)
        g_B = jax.tree.map(lambda leaf: leaf / np.asarray(unit, leaf.dtype), batch.gradient(params))
        products = shape.flatten(g_B), shape.flatten(batch.hvp(params, g_B))
        yield tuple(np.asarray(vector, np.float64) for vector in products)  # pyright: ignore[reportReturnType]


def _without_rounding(
    difference: Float[np.ndarray, " size"], g: Float[np.ndarray, " size"], eps: float
) -> Float[np.ndarray, " size"]:
    """Return a difference of gradients, or 0 where it is no more than rounding: as of a batch of all rows."""
    rounding = vector_length(difference) <= _ROUNDING * eps * vector_length(g)
    return np.zeros_like(difference) if rounding else difference


def _with_error(value: float, error: float) -> str:
    """Return a number with its standard error."""
    return f"{value:.2g} ± {error:.1g}"


def _chunk(sizes: Sequence[int]) -> int | None:
    """Return how many rows to compute at once: a common divisor of all sizes, if it is not too small."""
    common = math.gcd(*sizes)
    return common if common >= _SMALLEST_CHUNK else None


def _checked_sizes(batch_sizes: Sequence[int], rows: int) -> list[int]:
    """Return batch sizes in rising order, each once.

    Raises:
        SettingError: there are none, or one is larger than the rows.
    """
    sizes = sorted({check_integer("batch_sizes", size) for size in batch_sizes})
    if not sizes or sizes[-1] > rows:
        raise SettingError(
            Setting("batch_sizes"),
            f"must be one number or more, none above {rows}, the rows, got {list(batch_sizes)}.",
        )
    return sizes
