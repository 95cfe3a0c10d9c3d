"""The spectrum of a Hessian: the density of its eigenvalues, with outliers as sticks, and counts beyond magnitudes."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from downslope.core import Advice, DataError
from downslope.curvature import Eigenpairs, SpectralDensity, TraceEstimate
from downslope.figures.curvature.eigenvalue_counts import draw_counts, mean_bounds
from downslope.figures.style import BLACK, BLUE, GRAY, GREEN, VERMILLION, decade_ticks, plain, styled_figure

NAMES = {"hessian": "Hessian", "gauss_newton": "Gauss–Newton term"}
COLORS = {"hessian": BLUE, "gauss_newton": GREEN}

LEAST_CURVATURE, MOST_CURVATURE = 1e-250, 1e250
"""Densities are shares per unit of curvature: their inverses must be numbers, too."""

LEAST_SHARE = 0.1
"""The axis of the density ends at the height that this share of one eigenvalue would have."""


def spectrum(
    density: SpectralDensity,
    eigenvalues: Eigenpairs | None = None,
    *,
    gauss_newton: SpectralDensity | None = None,
    trace: TraceEstimate | None = None,
) -> Figure:
    """Return a figure of a spectrum: the density of eigenvalues, and their number beyond each magnitude.

    Left, on a logarithmic axis, the smoothed density of the bulk with its standard error, and a stick for each outlier,
    as high as the peak that its share of the eigenvalues would have if it were smoothed alike. Right, the numbers of
    eigenvalues above `x` and below `−x`, with standard errors, both axes logarithmic; there, magnitudes that this
    precision does not resolve from zero are shaded. The line below names the trace and the directions of negative
    curvature.

    Args:
        density: of the Hessian's eigenvalues.
        eigenvalues: certified ones at the same point: they are marked on the axis, and bring the resolution.
        gauss_newton: the density of the Gauss–Newton term at the same point, to stand beside it.
        trace: of the Hessian, where it was estimated with more care than by the density.

    Raises:
        DataError: the Hessian is zero, or beyond what can be drawn.

    Example:
        >>> import jax.numpy as jnp, numpy as np
        >>> from downslope.core import FunctionSurface
        >>> from downslope.curvature import eigenvalues, spectral_density
        >>> curvatures = jnp.concatenate([jnp.linspace(-0.1, 1, 199), jnp.array([20.0])])
        >>> bowl, start = FunctionSurface(lambda p: 0.5 * jnp.sum(curvatures * p**2), np.ones(200)), np.ones(200)
        >>> figure = spectrum(spectral_density(bowl, start, nodes=40), eigenvalues(bowl, start, k=2, which="both"))
        >>> [axes.get_ylabel() for axes in figure.axes]
        ['density (share per unit of curvature)', 'number of eigenvalues beyond']
    """
    densities = {"hessian": density} | ({} if gauss_newton is None else {"gauss_newton": gauss_newton})
    if not any(np.nanmax(np.abs(item.nodes)) > 0 for item in densities.values()):
        raise DataError("A figure of a spectrum needs eigenvalues other than zero, got a Hessian of zeros.")
    largest = max(float(np.nanmax(np.abs(item.nodes))) for item in densities.values())
    if not LEAST_CURVATURE <= largest <= MOST_CURVATURE:
        raise DataError(
            f"A figure of a spectrum needs eigenvalues between {LEAST_CURVATURE:g} and {MOST_CURVATURE:g}, got a "
            f"largest magnitude of {largest:g}.",
            Advice("scale the loss"),
        )
    height = 4.6 if gauss_newton is None else 6.4
    return styled_figure(lambda figure: _draw(figure, densities, eigenvalues, trace), (10.4, height))


def _draw(
    figure: Figure, densities: dict[str, SpectralDensity], pairs: Eigenpairs | None, trace: TraceEstimate | None
) -> str:
    """Draw all panels and return the alternative text."""
    panels = figure.subplot_mosaic([[name, "counts"] for name in densities], width_ratios=[1.25, 1])
    span = _span(densities, pairs)
    for name, density in densities.items():
        _density_panel(panels[name], density, NAMES[name], COLORS[name], span)
        if pairs is not None and pairs.operator == name:
            _mark(panels[name], pairs)
        panels[name].legend(
            loc="lower right", bbox_to_anchor=(1.0, 0.99), ncols=3, fontsize=8.5, columnspacing=1.2, handlelength=1.4,
            handletextpad=0.5,
        )  # fmt: skip
    for name in list(densities)[:-1]:
        panels[name].tick_params(labelbottom=False)
    panels[list(densities)[-1]].set_xlabel("eigenvalue (curvature of the loss)")
    draw_counts(panels["counts"], densities, None if pairs is None else pairs.resolution)
    sentences = _sentences(densities["hessian"], pairs, trace)
    figure.supxlabel("  ·  ".join(sentences), x=0.012, ha="left", fontsize=9, color="#404040")
    return (
        f"Density of the eigenvalues of the Hessian of {densities['hessian'].size:,} parameters"
        + (", beside that of the Gauss–Newton term" if len(densities) > 1 else "")
        + f", and their number beyond each magnitude: {'; '.join(sentences)}."
    )


def _density_panel(axes: Axes, density: SpectralDensity, name: str, color: str, span: tuple[float, float]) -> None:
    """Draw the bulk as a curve over its standard error, and outliers as sticks."""
    unit_peak = 1 / (density.bandwidth * np.sqrt(2 * np.pi))
    peaks, low = density.outlier_shares * unit_peak, LEAST_SHARE * unit_peak / density.size
    below, above = density.density - density.standard_error, density.density + density.standard_error
    axes.fill_between(density.axis, low, np.maximum(density.density, low), color=color, alpha=0.18, lw=0)
    axes.fill_between(density.axis, np.maximum(below, low), np.maximum(above, low), color=color, alpha=0.4, lw=0)
    axes.plot(density.axis, np.maximum(density.density, low), color=color, lw=1.6, label="bulk ± error")
    if len(density.outliers):
        axes.vlines(density.outliers, low, peaks, color=VERMILLION, lw=1.6)
        many = f"{len(density.outliers)} outlier{'s' * (len(density.outliers) != 1)}"
        axes.plot(density.outliers, peaks, "o", color=VERMILLION, ms=4.5, label=many)
    axes.axvline(0, color=GRAY, lw=0.8, zorder=1)
    axes.set_yscale("log")
    axes.set_xlim(*span)
    axes.set_ylim(low, 2 * float(np.max([density.density.max(), *peaks])))
    decade_ticks(axes.yaxis)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=7))
    axes.set_ylabel("density (share per unit of curvature)")
    axes.set_title(name)


def _mark(axes: Axes, pairs: Eigenpairs) -> None:
    """Mark on the axis the eigenvalues that are converged and resolved from zero."""
    certain = pairs.values[pairs.converged & pairs.resolved]
    axes.plot(
        certain, np.full(len(certain), 0.0), "^", color=BLACK, ms=5, transform=axes.get_xaxis_transform(),
        clip_on=False, zorder=6, label=f"{len(certain)} certified",
    )  # fmt: skip


def _span(densities: dict[str, SpectralDensity], pairs: Eigenpairs | None) -> tuple[float, float]:
    """Return the limits of the axis of eigenvalues, which hold all of them and zero."""
    parts = [np.concatenate([density.axis, density.outliers]) for density in densities.values()]
    values = np.concatenate([*parts, [] if pairs is None else pairs.values, [0.0]])
    room = 0.03 * float(np.ptp(values))
    return float(values.min()) - room, float(values.max()) + room


def _sentences(density: SpectralDensity, pairs: Eigenpairs | None, trace: TraceEstimate | None) -> list[str]:
    """Return the sentences of the line below the panels."""
    value, error = density.mean * density.size, density.mean_standard_error * density.size
    if trace is not None:
        value, error = trace.value, trace.standard_error
    sentences = [f"trace {plain(value, digits=4)} ± {plain(error, digits=2)} (standard error)"]
    if pairs is not None and pairs.operator == "hessian":
        least, most = (float(bound[0]) for bound in mean_bounds(density, np.array([pairs.resolution]), sign=-1))
        certain = int(np.sum(pairs.values < -np.maximum(pairs.residuals, pairs.resolution)))
        sentences.append(
            f"{np.floor(max(least, certain)):,.0f} to {np.ceil(most):,.0f} of {density.size:,} directions curve down, "
            f"{certain} certified"
        )
    else:
        sentences.append(f"{density.size:,} parameters")
    sentences.append(f"smoothed by {plain(density.bandwidth, digits=2)}")
    return sentences
