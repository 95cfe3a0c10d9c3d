"""Losses for targets that are classes.

With `K` outputs a class is an index `0…K−1`. With one output there are two classes, told apart by the output's sign:
targets are 0 and 1, or −1 and +1, and `s = ±1` below is the class as a sign.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax.scipy.special import xlogy

from downslope.core import check_number
from downslope.losses._loss import Loss


def _chosen(y: jax.Array, t: jax.Array) -> jax.Array:
    """Return the targets as rows of shares: one-hot for indices, as they are where they already have `K` columns."""
    if t.ndim == y.ndim:
        return t.astype(y.dtype)
    return (t[..., None] == jnp.arange(y.shape[-1], dtype=t.dtype)[None, :]).astype(y.dtype)


def _sign(t: jax.Array, dtype: jnp.dtype) -> jax.Array:
    """Return −1 or +1 for targets 0 and 1, or −1 and +1."""
    return jnp.where(t > 0, 1, -1).astype(dtype)


def _smoothed(chosen: jax.Array, label_smoothing: float) -> jax.Array:
    """Return `(1 − ε) p + ε/K` for rows of `K` shares `p`."""
    return (1 - label_smoothing) * chosen + label_smoothing / chosen.shape[1] if label_smoothing else chosen


def _cross_entropy(y: jax.Array, t: jax.Array, *, label_smoothing: float) -> jax.Array:
    chosen = _smoothed(_chosen(y, t), label_smoothing)
    return jax.nn.logsumexp(y, axis=1) * jnp.sum(chosen, axis=1) - jnp.sum(chosen * y, axis=1)


def _cross_entropy_derivative(y: jax.Array, t: jax.Array, *, label_smoothing: float) -> jax.Array:
    chosen = _smoothed(_chosen(y, t), label_smoothing)
    return jax.nn.softmax(y, axis=1) * jnp.sum(chosen, axis=1, keepdims=True) - chosen


def _entropy(y: jax.Array, t: jax.Array, *, label_smoothing: float) -> jax.Array:
    shares = _smoothed(_chosen(y, t), label_smoothing)
    total = jnp.sum(shares, axis=1, keepdims=True)
    return jnp.sum(xlogy(shares, total) - xlogy(shares, shares), axis=1)  # at softmax(y) = p


def _binary_cross_entropy(y: jax.Array, t: jax.Array) -> jax.Array:
    # −t ln s(y) − (1 − t) ln(1 − s(y)), written so that neither logarithm overflows
    return jnp.sum(jnp.maximum(y, 0) - y * t.astype(y.dtype) + jnp.log1p(jnp.exp(-jnp.abs(y))), axis=1)


def _binary_cross_entropy_derivative(y: jax.Array, t: jax.Array) -> jax.Array:
    return jax.nn.sigmoid(y) - t.astype(y.dtype)


def _binary_entropy(y: jax.Array, t: jax.Array) -> jax.Array:
    t = t.astype(y.dtype)
    return -jnp.sum(xlogy(t, t) + xlogy(1 - t, 1 - t), axis=1)


def _rivals(y: jax.Array, t: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return one-hot rows of the target and of its strongest rival among the other classes."""
    target = _chosen(y, t)
    rival = jnp.argmax(jnp.where(target > 0, -jnp.inf, y), axis=1)
    return target, _chosen(y, rival)


def _hinge(y: jax.Array, t: jax.Array) -> jax.Array:
    if y.shape[1] == 1:
        return jnp.maximum(1 - _sign(t, y.dtype) * y, 0)[:, 0]
    target, rival = _rivals(y, t)
    return jnp.maximum(1 + jnp.sum((rival - target) * y, axis=1), 0)


def _hinge_derivative(y: jax.Array, t: jax.Array) -> jax.Array:
    if y.shape[1] == 1:
        s = _sign(t, y.dtype)
        return jnp.where(1 - s * y > 0, -s, 0)
    target, rival = _rivals(y, t)
    within = 1 + jnp.sum((rival - target) * y, axis=1, keepdims=True) > 0
    return jnp.where(within, rival - target, 0)


def _perceptron(y: jax.Array, t: jax.Array) -> jax.Array:
    if y.shape[1] == 1:
        return jnp.maximum(-_sign(t, y.dtype) * y, 0)[:, 0]
    target, rival = _rivals(y, t)
    return jnp.maximum(jnp.sum((rival - target) * y, axis=1), 0)


def _perceptron_derivative(y: jax.Array, t: jax.Array) -> jax.Array:
    if y.shape[1] == 1:
        s = _sign(t, y.dtype)
        return jnp.where(s * y <= 0, -s, 0)
    target, rival = _rivals(y, t)
    wrong = jnp.sum((rival - target) * y, axis=1, keepdims=True) >= 0
    return jnp.where(wrong, rival - target, 0)


def _sigmoid(y: jax.Array) -> jax.Array:
    return jax.nn.sigmoid(y)


def _softmax(y: jax.Array) -> jax.Array:
    return jax.nn.softmax(y, axis=1)


def cross_entropy_with(*, label_smoothing: float | int = 0.0) -> Loss:
    """Return cross-entropy against smoothed targets: a share `ε` of each is spread evenly over the `K` classes.

        pᵢ = (1 − ε) one-hot(tᵢ) + ε/K        l = −Σᵢⱼ pᵢⱼ ln softmax(yᵢ)ⱼ / B        ∂l/∂y = (softmax(y) − p) / B

    No output can grow for ever to please such targets. It is `CrossEntropyLoss(label_smoothing=ε)` of torch. (With
    class weights torch also weighs the spread shares, each by its own class; our weights count rows.)

    Args:
        label_smoothing: `ε`, at least 0 and below 1; 0.1 is usual.

    Raises:
        SettingError: `label_smoothing` is out of bounds.

    Example:
        >>> y = jnp.array([[2.0, 0.0]])
        >>> cross_entropy_with(label_smoothing=0.2).derivative(y, jnp.array([0])).tolist()
        [[-0.0192, 0.0192]]

    References:
        Szegedy et al., Rethinking the Inception architecture (2016), §7.
    """
    smoothing = check_number("label_smoothing", label_smoothing, at_least=0, below=1)
    return Loss(
        "cross_entropy",
        _cross_entropy,
        _cross_entropy_derivative,
        targets="classes",
        inverse_link=_softmax,
        settings=(("label_smoothing", smoothing),),
        lowest_rows=_entropy,
    )


cross_entropy = cross_entropy_with()
"""`l = −Σᵢ ln softmax(yᵢ)[tᵢ] / B`, from logits; `∂l/∂y = (softmax(y) − one-hot(t)) / B`.

Targets are class indices `0…K−1`, or rows of shares such as one-hot ones. torch's `CrossEntropyLoss`. For label
smoothing see `cross_entropy_with`."""


binary_cross_entropy = Loss(
    "binary_cross_entropy",
    _binary_cross_entropy,
    _binary_cross_entropy_derivative,
    targets="shares",
    inverse_link=_sigmoid,
    lowest_rows=_binary_entropy,
)
"""`l = −Σᵢ (tᵢ ln s(yᵢ) + (1 − tᵢ) ln(1 − s(yᵢ))) / B`, from logits, `s` the sigmoid; `∂l/∂y = (s(y) − t) / B`.

Targets are 0, 1 or between. Several outputs are summed in each row (torch's `BCEWithLogitsLoss` takes their mean)."""

hinge = Loss("hinge", _hinge, _hinge_derivative, targets="sides")
"""`l = Σᵢ max(0, 1 − sᵢ yᵢ) / B` for one output; for `K`, `max(0, 1 + max_{j≠t} yⱼ − y_t)`.

The form for several classes is Crammer and Singer's (2001), as scikit-learn's `hinge_loss`; torch's
`MultiMarginLoss` sums over all rivals instead. At the kink the derivative is 0."""

perceptron = Loss("perceptron", _perceptron, _perceptron_derivative, targets="sides")
"""`l = Σᵢ max(0, −sᵢ yᵢ) / B` for one output; for `K`, `max(0, max_{j≠t} yⱼ − y_t)`.

A row on the boundary counts as wrong (`∂l/∂y = −s` at `s y = 0`), so that descent leaves the origin, as Rosenblatt's
rule does."""
