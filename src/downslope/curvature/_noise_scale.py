"""The gradient noise scale: the batch size at which the noise of a batch's gradient equals the gradient."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from downslope.core import (
    BatchGradientsSurface,
    Key,
    PyTree,
    Setting,
    SettingError,
    check_integer,
    named_leaves,
    offers,
    representable,
    unit_of,
)

_BATCHES = 128
"""Unless a size is given, the rows are cut into so many batches."""

_CONFIDENCE = 0.95


@dataclass(frozen=True)
class NoiseScale:
    """The simple noise scale `B = tr Σ / |G|²`, `Σ` the covariance of the examples' gradients, `G` their mean.

    Batches much smaller than `B` are mostly noise; batches much larger gain little. The rows are taken as a draw from
    the population that they come from, and `G` is the population's gradient: `|G|²` is then smaller than the squared
    gradient measured on the rows, by `tr Σ / n`.

    Attributes:
        value: the ratio of unbiased estimates of `tr Σ` and `|G|²`; None where `|G|²` is not resolved from zero.
        standard_error: of the value, by the jackknife over batches; None where the value is.
        interval: the 95 % interval, by Fieller's method; its upper end is infinite where `|G|²` is not resolved.
        noise: the estimate of `tr Σ`; None where double precision cannot hold it, as for the three that follow.
        noise_standard_error: of the noise.
        squared_gradient: the estimate of `|G|²`; may be below 0.
        squared_gradient_standard_error: of the squared gradient.
        batches: how many batches were measured.
        batch_size: of how many rows.
        leaves: the same for each leaf of the parameters alone, by name; empty in those.
        noise_to_signal: `tr Σ / |G|²` of the estimates even where `|G|²` is not resolved; infinite without a gradient.
        noise_deviation: `√(tr Σ)`, which double precision holds where it holds the gradients.
    """

    value: float | None
    standard_error: float | None
    interval: tuple[float, float]
    noise: float | None
    noise_standard_error: float | None
    squared_gradient: float | None
    squared_gradient_standard_error: float | None
    batches: int
    batch_size: int
    leaves: dict[str, NoiseScale]
    noise_to_signal: float = math.inf
    noise_deviation: float = 0.0

    @property
    def noise_dominated(self) -> bool:
        """Whether `|G|²` is not resolved from zero, so that there is only a lower bound."""
        return self.value is None

    def __str__(self) -> str:
        low, high = self.interval
        if self.value is None:
            return f"Noise-dominated: the noise scale is at least {low:.4g} rows."
        return f"Noise scale {self.value:.4g} ± {self.standard_error:.2g} rows (95 %: {low:.4g} to {high:.4g})."

    def efficiency(self, batch_size: int | float) -> float:
        """Return the statistical efficiency of a batch size, `1 / (1 + b / B)`: progress a row, as a share of the best.

        Where there is only a lower bound on `B`, the efficiency is a lower bound too.
        """
        scale = self.interval[0] if self.value is None else self.value
        return scale / (scale + batch_size) if scale > 0 else 0.0


def noise_scale(
    surface: BatchGradientsSurface,
    params: PyTree,
    *,
    batch_size: int | None = None,
    max_batches: int | None = None,
    key: Key | None = None,
) -> NoiseScale:
    """Return the gradient noise scale `tr Σ / |G|²` at a point, whole and for each leaf of the parameters.

    With gradients `gᵢ` of `K` disjoint batches of `b` rows drawn at random, and their mean `ḡ`,

        tr Σ ≈ b/(K − 1) Σ |gᵢ − ḡ|²          |G|² ≈ |ḡ|² − tr Σ / (K b)

    are both unbiased; the noise scale is the ratio of these means, not the mean of ratios nor the plug-in
    `tr Σ / |ḡ|²`, which is too small. Batches are measured twice, which keeps the memory at a few gradients.

    Args:
        surface: a loss that is a mean over rows and can be asked for the gradients of batches of them; rows must not
            influence each other, so no batch norm in training mode.
        params: the point; it is not moved.
        batch_size: rows in each batch, fewer being more exact; unless given so many that there are 128 batches or a
            few more.
        max_batches: measure at most so many.
        key: of the draw of batches.

    Raises:
        SettingError: the surface offers no gradients of batches; there are fewer than 3 batches.

    Example:
        Rows `x ~ N(1, 2²)` and the loss `½ mean (θ − x)²` at `θ = 0`: `Σ = 4`, `G = −1`, so the noise scale is 4.

        >>> import jax.numpy as jnp
        >>> from downslope.core import FunctionSurface, generator
        >>> x = 1 + 2 * generator(0, "example").standard_normal(4000)
        >>> line = FunctionSurface(lambda p, rows: 0.5 * jnp.mean((p[0] - rows) ** 2), np.zeros(1), [x])
        >>> found = noise_scale(line, np.zeros(1), batch_size=16)
        >>> bool(found.interval[0] < 4 < found.interval[1])
        True

    References:
        McCandlish et al., "An empirical model of large-batch training" (2018), equations 2.8 and appendix A.1.
        Fieller, "Some problems in interval estimation" (1954).
    """
    if not offers(surface, BatchGradientsSurface) or not surface.rows:
        raise SettingError(
            "The noise scale needs a surface that offers gradients of batches of its rows. Make it with",
            Setting("batches"),
            ".",
            setting="surface",
        )
    size = max(1, surface.rows // _BATCHES) if batch_size is None else check_integer("batch_size", batch_size)
    count = surface.rows // size
    if max_batches is not None:
        count = min(count, check_integer("max_batches", max_batches, at_least=3))
    if count < 3:
        raise SettingError(Setting("batch_size"), f"must leave 3 batches or more of {surface.rows} rows, got {size}.")

    def gradients() -> Iterable[PyTree]:
        drawn = surface.batch_gradients(params, batch_size=size, key=0 if key is None else key)
        return (gradient for gradient, _ in zip(drawn, range(count), strict=False))

    names, squared_mean, along, deviations, unit = _sums(gradients)
    of_leaves = {
        name: _estimate(squared_mean[index], along[:, index], deviations[:, index], size, unit, {})
        for index, name in enumerate(names)
    }
    return _estimate(squared_mean.sum(), along.sum(axis=1), deviations.sum(axis=1), size, unit, of_leaves)


def _sums(gradients: Any) -> tuple[list[str], np.ndarray, np.ndarray, np.ndarray, float]:
    """Return, for each leaf, `|ḡ|²`; for each batch and leaf `(gᵢ − ḡ)·ḡ` and `|gᵢ − ḡ|²`; in float64.

    Gradients are divided by a power of two near the largest number in them, which is returned, too.
    """
    total, count, names, unit = None, 0, [], 0.0
    for gradient in gradients():
        names = list(named_leaves(gradient))
        leaves = [np.asarray(leaf, np.float64) for leaf in jax.tree.leaves(gradient)]
        total = leaves if total is None else [a + b for a, b in zip(total, leaves, strict=True)]
        unit = max(unit, unit_of(*leaves) if any(leaf.any() for leaf in leaves) else 0.0)
        count += 1
    unit = unit or 1.0
    mean = [leaf / count / unit for leaf in total or []]
    along, deviations = [], []
    for gradient in gradients():
        differences = [
            np.asarray(g, np.float64) / unit - m for g, m in zip(jax.tree.leaves(gradient), mean, strict=True)
        ]
        along.append([float(np.vdot(d, m)) for d, m in zip(differences, mean, strict=True)])
        deviations.append([float(np.vdot(d, d)) for d in differences])
    return names, np.array([float(np.vdot(m, m)) for m in mean]), np.array(along), np.array(deviations), unit


def _estimate(
    squared_mean: float,
    along: np.ndarray,
    deviations: np.ndarray,
    size: int,
    gradient_unit: float,
    leaves: dict[str, NoiseScale],
) -> NoiseScale:
    """Return the noise scale from sums over batches, its errors by leaving out each batch in turn."""
    K = len(along)
    unit = unit_of(float(squared_mean), deviations)  # whose squares neither over- nor underflow
    squared_mean, along, deviations = squared_mean / unit, along / unit, deviations / unit
    noise, signal = _unbiased(K, squared_mean, float(np.sum(deviations)), size)
    # without batch i: ḡ′ = ḡ − d/(K−1) with d = gᵢ − ḡ, and Σ |gⱼ − ḡ′|² = Σ |gⱼ − ḡ|² − |d|² K/(K−1)
    means = squared_mean - 2 * along / (K - 1) + deviations / (K - 1) ** 2
    noises, signals = _unbiased(K - 1, means, np.sum(deviations) - deviations * K / (K - 1), size)
    covariance = (K - 1) ** 2 / K * np.cov(np.stack([noises, signals]))
    interval = _fieller(noise, signal, covariance, K - 1)
    resolved = np.isfinite(interval[1]) and signal > 0
    ratio = noise / signal if resolved else None
    gradient_of_ratio = np.array([1 / signal, -noise / signal**2]) if resolved else None
    units = unit, gradient_unit, gradient_unit
    return NoiseScale(
        value=ratio,
        standard_error=None
        if gradient_of_ratio is None
        else float(np.sqrt(gradient_of_ratio @ covariance @ gradient_of_ratio)),
        interval=interval,
        noise=representable(noise, *units),
        noise_standard_error=representable(float(np.sqrt(covariance[0, 0])), *units),
        squared_gradient=representable(signal, *units),
        squared_gradient_standard_error=representable(float(np.sqrt(covariance[1, 1])), *units),
        batches=K,
        batch_size=size,
        leaves=leaves,
        noise_to_signal=noise / signal if signal else math.inf,
        noise_deviation=math.sqrt(noise * unit) * gradient_unit,
    )


def _unbiased(K: int, squared_mean: Any, deviations: Any, size: int) -> tuple[Any, Any]:
    """Return unbiased estimates of `tr Σ` and `|G|²` from `|ḡ|²` and `Σ |gᵢ − ḡ|²` over `K` batches."""
    noise = size * deviations / (K - 1)
    return noise, squared_mean - noise / (K * size)


def _fieller(noise: float, signal: float, covariance: np.ndarray, degrees: int) -> tuple[float, float]:
    """Return the interval of all ratios `ρ` that `noise − ρ signal = 0` is not refuted for.

    `(noise − ρ signal)² ≤ t² var(noise − ρ signal)` is quadratic in `ρ`; where the signal is not resolved from zero its
    solutions reach to infinity, and only the lower end is given.
    """
    from scipy.special import stdtrit

    squared = float(stdtrit(degrees, (1 + _CONFIDENCE) / 2)) ** 2
    a = signal**2 - squared * covariance[1, 1]
    b = noise * signal - squared * covariance[0, 1]
    c = noise**2 - squared * covariance[0, 0]
    root = float(np.sqrt(max(b**2 - a * c, 0.0)))
    if a > 0 and signal > 0:
        return max((b - root) / a, 0.0), (b + root) / a
    # the smallest ratio that is not refuted; beyond it lie all larger ones
    ends = [end for end in _roots(a, b, c, root) if end >= 0]
    return (min(ends) if ends and c > 0 else 0.0), float("inf")


def _roots(a: float, b: float, c: float, root: float) -> list[float]:
    """Return the solutions of `a ρ² − 2 b ρ + c = 0`, those that are finite."""
    if a == 0:
        return [c / (2 * b)] if b else []
    return [(b - root) / a, (b + root) / a]
