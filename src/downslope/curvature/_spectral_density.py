"""The density of the Hessian's eigenvalues, by stochastic Lanczos quadrature; outliers as sticks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from downslope.core import Key, LossSurface, PyTree, check_integer, check_number, representable, unit_of
from downslope.curvature._eigenvalues import RESOLUTION
from downslope.curvature._intervals import mean_and_error
from downslope.curvature._krylov import Krylov
from downslope.curvature._operator import Operator, operator_at

_NEGLIGIBLE = 1e-10
"""Nodes of less weight are rounding."""

_CONVERGED = 1e-3
"""Only a node whose residual is below this share of the largest can be an outlier."""

_REACH = 4.0
"""The axis goes so many bandwidths beyond the outermost node of the bulk."""


@dataclass(frozen=True)
class SpectralDensity:
    """How the eigenvalues of the Hessian are spread: a smooth bulk, and outliers as sticks.

    `density` integrates to the share of eigenvalues in the bulk, the sticks add the rest: together 1.

    Attributes:
        axis: eigenvalues at which the density is given, `(points,)`.
        density: of the bulk, smoothed with a Gaussian, `(points,)`.
        standard_error: of the density, over the probes, `(points,)`.
        outliers: eigenvalues apart from the bulk, ascending.
        outlier_shares: the share of all eigenvalues at each.
        bandwidth: the standard deviation of the Gaussian.
        integral: of the density over the axis, with the shares of the outliers: 1 but for the tails cut off.
        mean: the mean eigenvalue, `tr H / n`.
        mean_standard_error: of the mean, over the probes.
        mean_square: the mean squared eigenvalue, `‖H‖² / n`; None where double precision cannot hold it.
        mean_square_standard_error: of the mean square, likewise.
        root_mean_square: its root, which every precision holds that holds the eigenvalues.
        nodes: Ritz values of every probe, `(probes, nodes)`, NaN where a probe needed fewer.
        weights: of the nodes, each row adds up to 1; 0 where a probe needed fewer.
        size: `n`, how many parameters there are.
        hvps: how many products with the operator were computed.
    """

    axis: Float[np.ndarray, " points"]
    density: Float[np.ndarray, " points"]
    standard_error: Float[np.ndarray, " points"]
    outliers: Float[np.ndarray, " outliers"]
    outlier_shares: Float[np.ndarray, " outliers"]
    bandwidth: float
    integral: float
    mean: float
    mean_standard_error: float
    mean_square: float | None
    mean_square_standard_error: float | None
    root_mean_square: float
    nodes: Float[np.ndarray, "probes nodes"]
    weights: Float[np.ndarray, "probes nodes"]
    size: int
    hvps: int

    def __str__(self) -> str:
        outliers = ", ".join(f"{value:.4g}" for value in self.outliers[::-1][:8]) or "none"
        return (
            f"Eigenvalues of {self.size:,} parameters: mean {self.mean:.4g} ± {self.mean_standard_error:.2g}, "
            f"{self._mean_square}; "
            f"bulk from {self.axis[0]:.4g} to {self.axis[-1]:.4g}, smoothed by {self.bandwidth:.2g}; "
            f"outliers {outliers}. {self.hvps} products."
        )

    @property
    def _mean_square(self) -> str:
        """The mean square in words, or its root where it is beyond double precision."""
        if self.mean_square is None:
            return f"root mean square {self.root_mean_square:.4g} (its square is beyond double precision)"
        error = 0.0 if self.mean_square_standard_error is None else self.mean_square_standard_error
        return f"mean square {self.mean_square:.4g} ± {error:.2g}"


def spectral_density(
    surface: LossSurface,
    params: PyTree,
    *,
    probes: int = 8,
    nodes: int = 90,
    bandwidth: float | int | None = None,
    points: int = 500,
    operator: str = "hessian",
    key: Key | None = None,
) -> SpectralDensity:
    """Return the density of the Hessian's eigenvalues at a point.

    For a random direction `v`, Lanczos iteration gives nodes `θᵢ` and weights `τᵢ²` (squared first components of the
    small matrix's eigenvectors) with `vᵀ f(H) v ≈ Σ τᵢ² f(θᵢ)`, exact for polynomials up to degree `2 · nodes − 1`:
    the first two moments are those of the probes. The mean over probes estimates `tr f(H) / n`; each node is smoothed
    with a Gaussian. Converged nodes with a gap between them and all others are outliers and stay sticks.

    Args:
        surface: the loss.
        params: the point.
        probes: how many random directions.
        nodes: Lanczos steps for each; fewer where the space is exhausted earlier.
        bandwidth: of the Gaussian; 1/60 of the width of the bulk unless given.
        points: where the density is evaluated.
        operator: `"hessian"` or `"gauss_newton"`.
        key: of the directions.

    Returns:
        Density with standard errors, outliers, the integral, and the first two moments with standard errors.

    Raises:
        SettingError: a setting that cannot be, or a Hessian that is not finite at this point.

    Example:
        >>> import jax.numpy as jnp
        >>> from downslope.core import FunctionSurface
        >>> curvatures = jnp.concatenate([jnp.linspace(0, 1, 199), jnp.array([20.0])])
        >>> bowl = FunctionSurface(lambda p: 0.5 * jnp.sum(curvatures * p**2), np.ones(200))
        >>> found = spectral_density(bowl, np.ones(200), nodes=40)
        >>> found.outliers.round(3).tolist()
        [20.0]
        >>> round(found.integral, 3)
        1.0

    References:
        Golub and Meurant, "Matrices, moments and quadrature" (2010), chapter 6.
        Ghorbani, Krishnan and Xiao, "An investigation into neural net optimization via Hessian eigenvalue density"
        (2019): 80 to 90 nodes.
    """
    matrix = operator_at(surface, params, operator)
    probes, nodes = check_integer("probes", probes, at_least=2), check_integer("nodes", nodes, at_least=2)
    points = check_integer("points", points, at_least=10)
    if bandwidth is not None:
        bandwidth = check_number("bandwidth", bandwidth, above=0)
    seed = 0 if key is None else key
    theta, weights, residuals = _stacked([_quadrature(matrix, nodes, seed, probe) for probe in range(probes)])
    unit = unit_of(theta[np.isfinite(theta)])  # whose squares neither over- nor underflow
    theta, residuals = theta / unit, residuals / unit
    bandwidth = None if bandwidth is None else bandwidth / unit
    inside, sticks, sigma = _bulk(theta, weights, residuals, bandwidth, RESOLUTION * matrix.eps)
    bulk = theta[inside]
    axis = np.linspace(np.min(bulk) - _REACH * sigma, np.max(bulk) + _REACH * sigma, points)
    curves = np.array([_smoothed(axis, t[i], w[i], sigma) for t, w, i in zip(theta, weights, inside, strict=True)])
    shares = np.array([np.sum(weights[near]) / probes for _, near in sticks])
    mean, mean_error = mean_and_error(np.nansum(weights * np.nan_to_num(theta), axis=1))
    square, square_error = mean_and_error(np.sum(weights * np.nan_to_num(theta) ** 2, axis=1))
    density = curves.mean(axis=0)
    return SpectralDensity(
        axis=axis * unit,
        density=density / unit,
        standard_error=curves.std(axis=0, ddof=1) / np.sqrt(probes) / unit,
        outliers=np.array([value for value, _ in sticks]) * unit,
        outlier_shares=shares,
        bandwidth=sigma * unit,
        integral=float(np.trapezoid(density, axis) + np.sum(shares)),
        mean=mean * unit,
        mean_standard_error=mean_error * unit,
        mean_square=representable(square, unit, unit),
        mean_square_standard_error=representable(square_error, unit, unit),
        root_mean_square=float(np.sqrt(square)) * unit,
        nodes=theta * unit,
        weights=weights,
        size=matrix.size,
        hvps=matrix.products,
    )


def _quadrature(operator: Operator, nodes: int, key: Key, probe: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the nodes and weights of one probe, and estimates of the nodes' residuals."""
    basis = Krylov(operator, operator.random(key, "density", probe), limit=nodes)
    while not (basis.closed or basis.full):
        basis.extend()
    values, coordinates, estimates = basis.ritz()
    weights = coordinates[0] ** 2
    return values, weights / np.sum(weights), estimates


def _stacked(results: list[tuple[np.ndarray, ...]]) -> tuple[np.ndarray, ...]:
    """Return nodes, weights and residuals of all probes, `(probes, nodes)`; filled up where one has fewer nodes."""
    width = max(len(theta) for theta, *_ in results)
    return tuple(
        np.array([np.pad(row, (0, width - len(row)), constant_values=fill) for row in rows])
        for rows, fill in zip(zip(*results, strict=True), (np.nan, 0.0, np.inf), strict=True)
    )


def _bulk(
    theta: np.ndarray, weights: np.ndarray, residuals: np.ndarray, bandwidth: float | None, resolution: float
) -> tuple[np.ndarray, list[tuple[float, np.ndarray]], float]:
    """Return which nodes are of the bulk, the outliers with their nodes, and the bandwidth.

    From both ends inward: an outermost cluster of nodes is an outlier if they are converged, every probe has one, and
    the gap to the next node is more than twice the reach of the Gaussian.
    """
    inside = np.isfinite(theta) & (weights > _NEGLIGIBLE)
    scale = float(np.max(np.abs(theta[inside])))
    sticks: list[tuple[float, np.ndarray]] = []
    changed = True
    while changed:
        changed = False
        for outermost in (np.max, np.min):
            value = float(outermost(theta[inside]))
            near = inside & (np.abs(theta - value) <= _CONVERGED * scale)
            rest = inside & ~near
            if not rest.any() or not near.any(axis=1).all() or np.any(residuals[near] > _CONVERGED * scale):
                continue
            gap = float(np.min(np.abs(theta[rest] - value)))
            if gap > 2 * _REACH * _bandwidth(theta[rest], bandwidth, scale, resolution):
                center = float(np.sum(weights[near] * theta[near]) / np.sum(weights[near]))
                sticks, inside, changed = [*sticks, (center, near)], rest, True
    sticks.sort(key=lambda stick: stick[0])
    return inside, sticks, _bandwidth(theta[inside], bandwidth, scale, resolution)


def _bandwidth(bulk: np.ndarray, bandwidth: float | None, scale: float, resolution: float) -> float:
    """Return the bandwidth for a bulk: as given, or tied to its width, never below what the precision resolves."""
    if bandwidth is not None:
        return bandwidth
    return max(float(np.ptp(bulk)) / 60, resolution * scale) or float(np.finfo(float).tiny) ** 0.5


def _smoothed(axis: np.ndarray, theta: np.ndarray, weights: np.ndarray, sigma: float) -> np.ndarray:
    """Return the sum of Gaussians of these weights around these nodes."""
    z = (axis[:, None] - theta[None, :]) / sigma
    return np.exp(-0.5 * z**2) @ weights / (sigma * np.sqrt(2 * np.pi))
