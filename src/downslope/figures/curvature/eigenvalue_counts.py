"""Counts of the eigenvalues beyond each magnitude, above and below zero, from the nodes of a spectral density."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float
from matplotlib.axes import Axes

from downslope.curvature import SpectralDensity
from downslope.figures.style import BLUE, GREEN, VERMILLION, decade_ticks, plain

POINTS = 400
AT_OUTLIERS = 2e-3
"""Nodes within this share of the largest magnitude of an outlier are that outlier."""

ROUNDING = 1e-7
LEAST_COUNT = 0.3

CURVES = (
    ("hessian", 1, BLUE, "-", "above x"),
    ("hessian", -1, VERMILLION, "--", "below −x"),
    ("gauss_newton", 1, GREEN, "-.", "above x, Gauss–Newton"),
)
"""The curves: operator, sign of the eigenvalues, color, dashes, and label."""


def count_beyond(
    density: SpectralDensity, magnitudes: Float[np.ndarray, " magnitudes"], *, sign: int
) -> tuple[Float[np.ndarray, "probes magnitudes"], Float[np.ndarray, "probes magnitudes"]]:
    """Return each probe's bounds, below and above, on how many eigenvalues times `sign` are above each magnitude.

    The nodes `θᵢ` and weights `wᵢ` of a Gauss quadrature do not say where between its neighbors the weight of a node
    lies. What they do say is that, with `θⱼ` the last node above `x` and `θⱼ₊₁` the first that is not,

        Σ_{i < j} wᵢ  ≤  share of the spectrum above x  ≤  Σ_{i ≤ j+1} wᵢ

    Outliers are known to be where their nodes are: their weight is certain on either side.

    Example:
        >>> import jax.numpy as jnp
        >>> from downslope.core import FunctionSurface
        >>> from downslope.curvature import spectral_density
        >>> curvatures = jnp.linspace(-1, 2, 60)
        >>> saddle = FunctionSurface(lambda p: 0.5 * jnp.sum(curvatures * p**2), np.ones(60))
        >>> found = spectral_density(saddle, np.ones(60), probes=8, nodes=12)
        >>> least, most = count_beyond(found, np.array([0.5, 1.0]), sign=1)
        >>> bool((least.mean(axis=0) < [30, 20]).all() and (most.mean(axis=0) > [30, 20]).all())
        True

    References:
        Golub and Meurant, "Matrices, moments and quadrature" (2010), chapter 6, and Szegő, "Orthogonal polynomials"
        (1939), section 3.41: the Chebyshev–Markov–Stieltjes inequalities.
    """
    nodes = np.where(np.isnan(density.nodes), -np.inf, sign * density.nodes)
    order = np.argsort(-nodes, axis=1)
    nodes, weights = np.take_along_axis(nodes, order, axis=1), np.take_along_axis(density.weights, order, axis=1)
    movable = np.pad(np.where(_at_outliers(density, nodes, sign), 0.0, weights), ((0, 0), (1, 1)))
    sums = np.pad(np.cumsum(weights, axis=1), ((0, 0), (1, 0)))
    above = np.sum(nodes[:, :, None] > magnitudes[None, None, :], axis=1)
    sure = np.take_along_axis(sums, above, axis=1)
    least = sure - np.take_along_axis(movable, above, axis=1)
    return density.size * least, density.size * (sure + np.take_along_axis(movable, above + 1, axis=1))


def _at_outliers(
    density: SpectralDensity, nodes: Float[np.ndarray, "probes nodes"], sign: int
) -> Bool[np.ndarray, "probes nodes"]:
    """Return a mask of the nodes that are outliers."""
    reach = AT_OUTLIERS * float(np.nanmax(np.abs(density.nodes)))
    if not len(density.outliers):
        return np.zeros(nodes.shape, bool)
    return np.min(np.abs(nodes[:, :, None] - sign * density.outliers[None, None, :]), axis=2) <= reach


def draw_counts(axes: Axes, densities: dict[str, SpectralDensity], resolution: float | None) -> None:
    """Draw the number of eigenvalues beyond each magnitude, and shade magnitudes not resolved from zero."""
    largest = max(float(np.nanmax(np.abs(density.nodes))) for density in densities.values())
    lowest = _least_node(densities) / 3 if resolution is None else resolution / 10
    magnitudes = np.geomspace(lowest, 1.5 * largest, POINTS)
    for name, sign, color, dashes, label in CURVES:
        if name in densities:
            _curve(axes, magnitudes, densities[name], sign, color, dashes, label)
    if resolution is not None:
        label = f"not told from 0: below {plain(resolution, digits=1)}"
        axes.axvspan(lowest, resolution, color="#D0D0D0", alpha=0.7, lw=0, zorder=0, label=label)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(lowest, magnitudes[-1])
    axes.set_ylim(LEAST_COUNT, 20 * max(density.size for density in densities.values()))
    decade_ticks(axes.xaxis)
    decade_ticks(axes.yaxis)
    axes.set_xlabel("magnitude x")
    axes.set_ylabel("number of eigenvalues beyond")
    axes.set_title("How many eigenvalues lie beyond x")
    axes.legend(loc="upper right", fontsize=9, title="bands: from bound to bound", title_fontsize=9, alignment="left")


def _least_node(densities: dict[str, SpectralDensity]) -> float:
    """Return the magnitude of the node nearest to zero that is not zero but for rounding."""
    nodes = np.concatenate([np.abs(density.nodes[density.weights > 0]) for density in densities.values()])
    return float(np.min(nodes[nodes > ROUNDING * np.max(nodes)]))


def mean_bounds(
    density: SpectralDensity, magnitudes: Float[np.ndarray, " magnitudes"], *, sign: int
) -> tuple[Float[np.ndarray, " magnitudes"], Float[np.ndarray, " magnitudes"]]:
    """Return the means of the probes' bounds, each moved outward by its standard error."""
    least, most = count_beyond(density, magnitudes, sign=sign)
    errors = [bound.std(axis=0, ddof=1) / np.sqrt(len(bound)) for bound in (least, most)]
    return np.maximum(least.mean(axis=0) - errors[0], 0), np.minimum(most.mean(axis=0) + errors[1], density.size)


def _curve(
    axes: Axes,
    magnitudes: Float[np.ndarray, " magnitudes"],
    density: SpectralDensity,
    sign: int,
    color: str,
    dashes: str,
    label: str,
) -> None:
    """Draw the middle between the bounds over a band from one to the other, as far out as there are nodes."""
    least, most = mean_bounds(density, magnitudes, sign=sign)
    reached = magnitudes <= np.nanmax(sign * density.nodes)
    if not reached.any():
        return
    x, least, most = magnitudes[reached], least[reached], most[reached]
    axes.fill_between(x, np.maximum(least, LEAST_COUNT), most, color=color, alpha=0.22, lw=0)
    axes.plot(x, (least + most) / 2, ls=dashes, color=color, lw=1.8, label=label)
