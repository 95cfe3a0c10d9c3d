"""How sharp a minimum is: its largest curvature, all its curvature, and the rise of the loss within a box."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

from downslope.core import Key, LossSurface, PyTree, Setting, SettingError, check_number, loss_rounding
from downslope.curvature._eigenpairs import Eigenpairs
from downslope.curvature._eigenvalues import eigenpairs_of
from downslope.curvature._groups import filter_scales
from downslope.curvature._hessian_trace import TraceEstimate, trace_of
from downslope.curvature._operator import Operator, operator_at

_ASCENT_STEPS = 10
"""Corners of the box that each climb visits at most."""


@dataclass(frozen=True)
class Sharpness:
    """Three measures of how sharply the loss rises around a point.

    Attributes:
        largest: the largest eigenvalue of the Hessian.
        residual: its true residual.
        converged: whether it was found to the tolerance.
        trace: the trace of the Hessian.
        trace_standard_error: of the trace.
        box: the highest loss found in the box around the point, `100 (max l − l) / (1 + l)`, in percent; a lower bound.
            NaN where the loss is −1 or less, for which the measure is not defined.
        rise: `max l − l` itself.
        rounding: losses of this size cannot be told apart where they differ by less.
        epsilon: the size of the box.
        loss: the loss at the point.
        filter_normalized: whether weights are measured in units of their filter's root mean square.
        hvps: how many products with the Hessian were computed.
    """

    largest: float
    residual: float
    converged: bool
    trace: float
    trace_standard_error: float
    box: float
    rise: float
    rounding: float
    epsilon: float
    loss: float
    filter_normalized: bool
    hvps: int

    def __str__(self) -> str:
        sure = "" if self.converged else " (not converged)"
        how = "in units of each filter" if self.filter_normalized else "in the parameters as they are"
        return (
            f"Sharpness {how}: largest eigenvalue {self.largest:.5g} ± {self.residual:.1g}{sure}, "
            f"trace {self.trace:.5g} ± {self.trace_standard_error:.2g}; "
            f"within a box of {self.epsilon:g} {self._risen}"
        )

    @property
    def _risen(self) -> str:
        """What happens within the box, in words."""
        if 0 < self.rise <= self.rounding or (self.rise == 0 and self.largest > 0 and self.rounding > 0):
            return (
                f"the loss {self.loss:.6g} rises by no more than its rounding, {self.rounding:.1g}: take a larger "
                "epsilon, or float64."
            )
        if np.isnan(self.box):
            return f"the loss rises by {self.rise:.4g} or more; of a loss of −1 or less that is no share."
        return f"the loss rises by {self.box:.4g} % or more."


def sharpness(
    surface: LossSurface,
    params: PyTree,
    *,
    filter_normalized: bool = False,
    epsilon: float = 1e-3,
    tol: float = 1e-3,
    probes: int = 30,
    max_hvps: int = 500,
    key: Key | None = None,
) -> Sharpness:
    """Return how sharp the loss is around a point: largest eigenvalue, trace, and Keskar's box measure.

    The box measure is `φ = 100 (max l(θ + z) − l(θ)) / (1 + l(θ))` over the box `|zᵢ| ≤ ε (|θᵢ| + 1)`. The maximum is
    looked for by climbing from corner to corner, each the corner that the gradient points to, from the point itself,
    along both signs of the top eigenvector and one random corner; what is found is a lower bound.

    With `filter_normalized`, each weight is measured in units of the root mean square `sᵢ` of its filter (the weights
    that feed its unit): the Hessian becomes `S H S`, the box `|zᵢ| ≤ ε sᵢ`, and biases and norm parameters stay fixed.
    Scaling one relu layer by 10 and the next by 1/10, which changes no output, then changes no measure; without
    normalization it changes all.

    Args:
        surface: the loss.
        params: the point, best a minimum; it is not moved.
        filter_normalized: in units of the filters.
        epsilon: the size of the box; the paper uses 1e-3 and 5e-4.
        tol: the residual allowed to the largest eigenvalue, as a share of `max|λ|`.
        probes: of the trace.
        max_hvps: at most so many products for the largest eigenvalue.
        key: of random starts and probes.

    Raises:
        SettingError: a setting that cannot be; a loss that is not finite here; only leaves of one axis to normalize.

    Example:
        >>> from downslope.core import FunctionSurface
        >>> bowl = FunctionSurface(lambda p: p[0] ** 2 + 4 * p[1] ** 2, np.zeros(2))
        >>> print(sharpness(bowl, np.zeros(2), epsilon=0.1))
        Sharpness in the parameters as they are: largest eigenvalue 8 ± ..., trace 10 ± 0; within a box of 0.1 the loss
        rises by 5 % or more.

    References:
        Keskar et al., "On large-batch training for deep learning: generalization gap and sharp minima" (2017),
        metric 2.1 with A the identity.
        Dinh et al., "Sharp minima can generalize for deep nets" (2017): why to normalize.
        Li et al., "Visualizing the loss landscape of neural nets" (2018), section 4: filters.
    """
    hessian = operator_at(surface, params)
    epsilon = check_number("epsilon", epsilon, above=0)
    loss, seed = surface.value(params), 0 if key is None else key
    if not np.isfinite(loss):
        raise SettingError(f"The loss must be finite here, got {loss}. Take another point.", setting="params")
    theta = np.asarray(hessian.flatten(params), np.float64)
    reach = epsilon * (np.abs(theta) + 1)
    if filter_normalized:
        scales = filter_scales(params)
        if not scales.any():
            raise SettingError(
                Setting("filter_normalized"),
                "needs weights of two axes or more that are not zero, got none.",
            )
        hessian.scale, reach = jnp.asarray(scales, hessian.dtype), epsilon * scales
    top = eigenpairs_of(hessian, k=1, which="largest", tol=tol, max_hvps=max_hvps, key=seed)
    trace = trace_of(hessian, probes=probes, deflate=3, name="hessian", key=seed)
    highest = max(_climb(surface, hessian, theta, reach, corner) for corner in _corners(hessian, top, seed, len(theta)))
    return _measures(top, trace, loss, highest, epsilon, filter_normalized, hessian)


def _measures(
    top: Eigenpairs,
    trace: TraceEstimate,
    loss: float,
    highest: float,
    epsilon: float,
    normalized: bool,
    hessian: Operator,
) -> Sharpness:
    """Return the result."""
    eps = hessian.eps
    return Sharpness(
        largest=float(top.values[0]),
        residual=float(top.residuals[0]),
        converged=bool(top.converged[0]),
        trace=trace.value,
        trace_standard_error=trace.standard_error,
        box=100 * max(highest - loss, 0.0) / (1 + loss) if loss > -1 else float("nan"),
        rise=max(highest - loss, 0.0),
        rounding=loss_rounding(loss, eps=eps),
        epsilon=epsilon,
        loss=float(loss),
        filter_normalized=normalized,
        hvps=hessian.products,
    )


def _corners(hessian: Operator, top: Eigenpairs, key: Key, size: int) -> Iterator[np.ndarray]:
    """Yield the signs of the corners that climbs begin at; zeros for the center."""
    eigenvector = np.sign(np.asarray(hessian.flatten(top.vectors[0]), np.float64))
    yield np.zeros(size)
    yield eigenvector
    yield -eigenvector
    yield np.asarray(hessian.signs(key, "box"), np.float64)


def _climb(surface: LossSurface, hessian: Operator, theta: np.ndarray, reach: np.ndarray, corner: np.ndarray) -> float:
    """Return the highest loss met from a corner to the next that the gradient points to, while it rises."""

    def params_at(z: np.ndarray) -> PyTree:
        return hessian.unflatten(jnp.asarray(theta + z, hessian.dtype))

    z = corner * reach
    highest = surface.value(params_at(z))
    for _ in range(_ASCENT_STEPS):
        slope = np.asarray(hessian.flatten(surface.gradient(params_at(z))), np.float64)
        z = np.sign(slope) * reach
        loss = surface.value(params_at(z))
        if not loss > highest:
            break
        highest = loss
    return highest if np.isfinite(highest) else float("inf")
