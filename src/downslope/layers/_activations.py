"""Activations: each a function `h = σ(z)` of every number, and its derivative, side by side.

`centered` and `rectifier` are explained in `Activation`. Where `σ` has a kink, the derivative at the kink is the one
from the left, as in torch: `σ'(0) = 0` for relu.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from downslope.core import Params, Setting, SettingError, UnknownNameError, check_number
from downslope.layers._protocol import Activation, Cache, Layer

Batch = Float[Array, "batch ..."]


@dataclass(frozen=True)
class ReLU:
    """`σ(z) = max(z, 0)`, `σ'(z) = [z > 0]`."""

    label: ClassVar[str] = "ReLU"
    centered: ClassVar[bool] = False
    rectifier: ClassVar[bool] = True

    def forward(self, params: Params, x: Batch) -> tuple[Batch, Cache]:
        """Return `h = max(z, 0)`, and `h`: it is positive where `z` is."""
        h = jnp.maximum(x, 0)
        return h, h

    def backward(self, params: Params, cache: Cache, dy: Batch) -> tuple[Params, Batch]:
        """Return `dz = dh` where `z > 0`, else 0."""
        return {}, jnp.where(cache > 0, dy, 0)


@dataclass(frozen=True)
class LeakyReLU:
    """`σ(z) = z` for `z > 0`, else `slope · z`.

    Attributes:
        slope: the slope for negative inputs, 0.01 as in Maas, Hannun, Ng (2013).
    """

    slope: float = 0.01
    label: ClassVar[str] = "leaky ReLU"
    centered: ClassVar[bool] = False
    rectifier: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_number("slope", self.slope)

    def forward(self, params: Params, x: Batch) -> tuple[Batch, Cache]:
        """Return `h`, and `z`."""
        return jnp.where(x > 0, x, self.slope * x), x

    def backward(self, params: Params, cache: Cache, dy: Batch) -> tuple[Params, Batch]:
        """Return `dz = dh` where `z > 0`, else `slope · dh`."""
        return {}, jnp.where(cache > 0, dy, self.slope * dy)


@dataclass(frozen=True)
class Tanh:
    """`σ(z) = tanh z`, `σ'(z) = 1 − σ(z)²`."""

    label: ClassVar[str] = "tanh"
    centered: ClassVar[bool] = True
    rectifier: ClassVar[bool] = False

    def forward(self, params: Params, x: Batch) -> tuple[Batch, Cache]:
        """Return `h = tanh z`, and `h`."""
        h = jnp.tanh(x)
        return h, h

    def backward(self, params: Params, cache: Cache, dy: Batch) -> tuple[Params, Batch]:
        """Return `dz = dh (1 − h²)`."""
        return {}, dy * (1 - jnp.square(cache))


@dataclass(frozen=True)
class ScaledTanh:
    """`σ(z) = 1.7159 tanh(2z/3)`, with `σ(±1) ≈ ±1` and the largest curvature there.

    References:
        LeCun, Bottou, Orr, Müller (1998), Efficient BackProp, §4.4.
    """

    label: ClassVar[str] = "scaled tanh"
    centered: ClassVar[bool] = True
    rectifier: ClassVar[bool] = False

    def forward(self, params: Params, x: Batch) -> tuple[Batch, Cache]:
        """Return `h = 1.7159 tanh(2z/3)`, and the `tanh`."""
        tanh = jnp.tanh(2 / 3 * x)
        return 1.7159 * tanh, tanh

    def backward(self, params: Params, cache: Cache, dy: Batch) -> tuple[Params, Batch]:
        """Return `dz = dh · 1.7159 · 2/3 (1 − tanh²)`."""
        return {}, dy * (1.7159 * 2 / 3 * (1 - jnp.square(cache)))


@dataclass(frozen=True)
class Sigmoid:
    """`σ(z) = 1 / (1 + e⁻ᶻ)`, `σ'(z) = σ(z) (1 − σ(z))`."""

    label: ClassVar[str] = "sigmoid"
    centered: ClassVar[bool] = False
    rectifier: ClassVar[bool] = False

    def forward(self, params: Params, x: Batch) -> tuple[Batch, Cache]:
        """Return `h = 1 / (1 + e⁻ᶻ)`, and `h`."""
        h = jax.nn.sigmoid(x)
        return h, h

    def backward(self, params: Params, cache: Cache, dy: Batch) -> tuple[Params, Batch]:
        """Return `dz = dh · h (1 − h)`."""
        return {}, dy * cache * (1 - cache)


@dataclass(frozen=True)
class Softplus:
    """`σ(z) = ln(1 + eᶻ)`, a smooth relu; `σ'(z) = 1 / (1 + e⁻ᶻ)`."""

    label: ClassVar[str] = "softplus"
    centered: ClassVar[bool] = False
    rectifier: ClassVar[bool] = True

    def forward(self, params: Params, x: Batch) -> tuple[Batch, Cache]:
        """Return `h = ln(1 + eᶻ)` without overflow, and `z`."""
        return jnp.maximum(x, 0) + jnp.log1p(jnp.exp(-jnp.abs(x))), x

    def backward(self, params: Params, cache: Cache, dy: Batch) -> tuple[Params, Batch]:
        """Return `dz = dh / (1 + e⁻ᶻ)`."""
        return {}, dy * jax.nn.sigmoid(cache)


@dataclass(frozen=True)
class ELU:
    """`σ(z) = z` for `z > 0`, else `eᶻ − 1`; `σ'(z) = 1` or `eᶻ` (Clevert, Unterthiner, Hochreiter 2016, α = 1)."""

    label: ClassVar[str] = "ELU"
    centered: ClassVar[bool] = False
    rectifier: ClassVar[bool] = True

    def forward(self, params: Params, x: Batch) -> tuple[Batch, Cache]:
        """Return `h`, and `h`: left of zero the slope is `h + 1`."""
        h = jnp.where(x > 0, x, jnp.expm1(jnp.minimum(x, 0)))
        return h, h

    def backward(self, params: Params, cache: Cache, dy: Batch) -> tuple[Params, Batch]:
        """Return `dz = dh` where `h > 0`, else `dh (h + 1)`."""
        return {}, jnp.where(cache > 0, dy, dy * (cache + 1))


@dataclass(frozen=True)
class GELU:
    """`σ(z) = z Φ(z)` with the normal distribution function `Φ`; `σ'(z) = Φ(z) + z φ(z)`.

    The exact form with the error function, torch's default; `jax.nn.gelu` defaults to an approximation by tanh.

    References:
        Hendrycks, Gimpel (2016), Gaussian error linear units, §2.
    """

    label: ClassVar[str] = "GELU"
    centered: ClassVar[bool] = False
    rectifier: ClassVar[bool] = True

    def forward(self, params: Params, x: Batch) -> tuple[Batch, Cache]:
        """Return `h = z Φ(z)`, and `z` with `Φ(z)`."""
        distribution = 0.5 * (1 + jax.lax.erf(x * 0.5**0.5))
        return x * distribution, (x, distribution)

    def backward(self, params: Params, cache: Cache, dy: Batch) -> tuple[Params, Batch]:
        """Return `dz = dh (Φ(z) + z φ(z))`."""
        z, distribution = cache
        density = jnp.exp(-0.5 * jnp.square(z)) * (2 * jnp.pi) ** -0.5
        return {}, dy * (distribution + z * density)


@dataclass(frozen=True)
class SiLU:
    """`σ(z) = z s(z)` with the sigmoid `s`, also called swish; `σ'(z) = s (1 + z (1 − s))`."""

    label: ClassVar[str] = "SiLU"
    centered: ClassVar[bool] = False
    rectifier: ClassVar[bool] = True

    def forward(self, params: Params, x: Batch) -> tuple[Batch, Cache]:
        """Return `h = z s(z)`, and `z` with `s(z)`."""
        s = jax.nn.sigmoid(x)
        return x * s, (x, s)

    def backward(self, params: Params, cache: Cache, dy: Batch) -> tuple[Params, Batch]:
        """Return `dz = dh · s (1 + z (1 − s))`."""
        z, s = cache
        return {}, dy * s * (1 + z * (1 - s))


@dataclass(frozen=True)
class Identity:
    """`σ(z) = z`: a linear unit."""

    label: ClassVar[str] = "identity"
    centered: ClassVar[bool] = True
    rectifier: ClassVar[bool] = False

    def forward(self, params: Params, x: Batch) -> tuple[Batch, Cache]:
        """Return `z`; there is nothing to keep."""
        return x, None

    def backward(self, params: Params, cache: Cache, dy: Batch) -> tuple[Params, Batch]:
        """Return `dz = dh`."""
        return {}, dy


_NAMED = {
    "relu": ReLU(),
    "leaky_relu": LeakyReLU(),
    "tanh": Tanh(),
    "scaled_tanh": ScaledTanh(),
    "sigmoid": Sigmoid(),
    "softplus": Softplus(),
    "elu": ELU(),
    "gelu": GELU(),
    "silu": SiLU(),
    "identity": Identity(),
}


def activation_names() -> tuple[str, ...]:
    """Return the names that `activation` understands."""
    return tuple(_NAMED)


def activation_labels() -> dict[str, str]:
    """Return how people write each of the names that `activation` understands."""
    return {name: layer.label for name, layer in _NAMED.items()}


def as_activation(activation: str | Layer) -> Layer:
    """Return the activation of this name; an activation stays as it is.

    Example:
        >>> as_activation("tanh")
        Tanh()

    Raises:
        UnknownNameError: there is none of this name; the message offers close ones.
        SettingError: it is neither a name nor an activation.
    """
    if isinstance(activation, str):
        if activation not in _NAMED:
            raise UnknownNameError("activation", activation, _NAMED)
        return _NAMED[activation]
    if not isinstance(activation, Activation):
        raise SettingError(
            Setting("activation"),
            f"must be a name such as 'relu' or a layer such as ds.ReLU(), got {activation!r}.",
        )
    return activation
