"""Initializers: `(key, shape, dtype) -> array`, as in `jax.nn.initializers`, whose functions work here too.

The last axis of `shape` counts the outputs, the one before it the inputs; axes before those are a convolution's window,
and belong to both: `n_in = prod(shape[:-1])`, `n_out = shape[-1] · prod(shape[:-2])`.

| name | distribution | keeps |
|---|---|---|
| `lecun_normal`, `lecun_uniform` | variance `1/n_in` | the variance of activations |
| `fan_out_normal`, `fan_out_uniform` | variance `1/n_out` | the variance of gradients |
| `glorot_normal`, `glorot_uniform` | variance `2/(n_in + n_out)` | a balance of both |
| `he_normal`, `he_uniform` | variance `2/n_in` | the variance of activations through relu |

Normals are plain normals, as torch's; Keras and Flax truncate theirs at two deviations. A uniform distribution of
variance `s²` is `U(−√3 s, √3 s)`.

"Xavier" means `N(0, 1/n_in)` to some authors and Glorot's balance to libraries: `xavier_normal` and `xavier_uniform`
are Glorot's.

References:
    LeCun, Bottou, Orr, Müller (1998), Efficient BackProp, §4.6. Glorot, Bengio (2010), Understanding the difficulty of
    training deep feedforward neural networks, eq. 10–12 and 16. He, Zhang, Ren, Sun (2015), Delving deep into
    rectifiers, eq. 10 and 14. Saxe, McClelland, Ganguli (2014), Exact solutions to the nonlinear dynamics of learning,
    §3 (orthogonal).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jax.typing import DTypeLike

from downslope.core import (
    Key,
    Params,
    PyTree,
    Setting,
    SettingError,
    Shape,
    UnknownNameError,
    check_allocatable,
    check_number,
    float_dtype,
    generator,
)

Initializer = Callable[..., PyTree]
"""A function `(key, shape, dtype) -> array`."""

__all__ = [
    "WITH_NUMBER",
    "Initializer",
    "constant",
    "fan_out_normal",
    "fan_out_uniform",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "lecun_normal",
    "lecun_uniform",
    "named",
    "names",
    "normal",
    "orthogonal",
    "uniform",
    "xavier_normal",
    "xavier_uniform",
    "zeros",
]


def zeros(key: Key, shape: Shape, dtype: DTypeLike | None = None) -> np.ndarray:
    """Return zeros. A network of zeros carries no gradient to its earlier layers and learns only `E[y]`."""
    return np.zeros(shape, dtype or float_dtype())


@dataclass(frozen=True)
class _Constant:
    c: float

    def __call__(self, key: Key, shape: Shape, dtype: DTypeLike | None = None) -> np.ndarray:
        return np.full(shape, self.c, dtype or float_dtype())

    def rendered(self) -> dict[str, object]:
        return {"kind": "initializers.constant", "c": self.c}


def constant(c: float) -> Initializer:
    """Return the initializer that makes every weight `c`: all units of a layer stay identical for ever.

    Example:
        >>> constant(0.5)(0, (2, 3)).tolist()
        [[0.5, 0.5, 0.5], [0.5, 0.5, 0.5]]
    """
    return _Constant(check_number("c", c))


@dataclass(frozen=True)
class _Normal:
    s: float

    def __call__(self, key: Key, shape: Shape, dtype: DTypeLike | None = None) -> np.ndarray:
        return _normal(key, shape, dtype, self.s**2)

    def rendered(self) -> dict[str, object]:
        return {"kind": "initializers.normal", "s": self.s}


def normal(s: float) -> Initializer:
    """Return the initializer `N(0, s²)`.

    Example:
        >>> round(float(normal(0.1)(0, (500, 500)).std()), 3)
        0.1
    """
    return _Normal(check_number("s", s, at_least=0))


@dataclass(frozen=True)
class _Uniform:
    s: float

    def __call__(self, key: Key, shape: Shape, dtype: DTypeLike | None = None) -> np.ndarray:
        return _uniform(key, shape, dtype, self.s**2 / 3)

    def rendered(self) -> dict[str, object]:
        return {"kind": "initializers.uniform", "s": self.s}


def uniform(s: float) -> Initializer:
    """Return the initializer `U(−s, s)`.

    Example:
        >>> bool(abs(uniform(0.1)(0, (500, 500))).max() < 0.1)
        True
    """
    return _Uniform(check_number("s", s, at_least=0))


def lecun_normal(key: Key, shape: Shape, dtype: DTypeLike | None = None) -> np.ndarray:
    """Draw from `N(0, 1/n_in)`, which keeps the variance of activations in a linear network."""
    return _normal(key, shape, dtype, 1 / _fans(shape)[0])


def lecun_uniform(key: Key, shape: Shape, dtype: DTypeLike | None = None) -> np.ndarray:
    """Draw from the uniform distribution of variance `1/n_in`."""
    return _uniform(key, shape, dtype, 1 / _fans(shape)[0])


def fan_out_normal(key: Key, shape: Shape, dtype: DTypeLike | None = None) -> np.ndarray:
    """Draw from `N(0, 1/n_out)`, which keeps the variance of back-propagated gradients in a linear network."""
    return _normal(key, shape, dtype, 1 / _fans(shape)[1])


def fan_out_uniform(key: Key, shape: Shape, dtype: DTypeLike | None = None) -> np.ndarray:
    """Draw from the uniform distribution of variance `1/n_out`."""
    return _uniform(key, shape, dtype, 1 / _fans(shape)[1])


def glorot_normal(key: Key, shape: Shape, dtype: DTypeLike | None = None) -> np.ndarray:
    """Draw from `N(0, 2/(n_in + n_out))`, the balance of both directions."""
    return _normal(key, shape, dtype, 2 / sum(_fans(shape)))


def glorot_uniform(key: Key, shape: Shape, dtype: DTypeLike | None = None) -> np.ndarray:
    """Draw from the uniform distribution of variance `2/(n_in + n_out)`."""
    return _uniform(key, shape, dtype, 2 / sum(_fans(shape)))


def he_normal(key: Key, shape: Shape, dtype: DTypeLike | None = None) -> np.ndarray:
    """Draw from `N(0, 2/n_in)`, which keeps the mean square of activations through relu."""
    return _normal(key, shape, dtype, 2 / _fans(shape)[0])


def he_uniform(key: Key, shape: Shape, dtype: DTypeLike | None = None) -> np.ndarray:
    """Draw from the uniform distribution of variance `2/n_in`."""
    return _uniform(key, shape, dtype, 2 / _fans(shape)[0])


def orthogonal(key: Key, shape: Shape, dtype: DTypeLike | None = None) -> np.ndarray:
    """Draw a matrix with orthonormal rows or columns, whichever are fewer, uniformly among all such.

    It is the `Q` of a Gaussian matrix's QR factors, with the signs of `R`'s diagonal made positive.

    Example:
        >>> W = orthogonal(0, (5, 3))
        >>> bool(np.allclose(W.T @ W, np.eye(3), atol=1e-6))
        True
    """
    n_in, n_out = int(np.prod(shape[:-1])), shape[-1]
    gaussian = generator(key).standard_normal((max(n_in, n_out), min(n_in, n_out)))
    Q, R = np.linalg.qr(gaussian)
    Q = Q * np.sign(np.diag(R))
    return (Q if n_in >= n_out else Q.T).reshape(shape).astype(dtype or float_dtype())


xavier_normal = glorot_normal
xavier_uniform = glorot_uniform

_NAMED: dict[str, Initializer] = {
    "zeros": zeros,
    "orthogonal": orthogonal,
    "lecun_normal": lecun_normal,
    "lecun_uniform": lecun_uniform,
    "fan_out_normal": fan_out_normal,
    "fan_out_uniform": fan_out_uniform,
    "glorot_normal": glorot_normal,
    "glorot_uniform": glorot_uniform,
    "he_normal": he_normal,
    "he_uniform": he_uniform,
}
_ALIASES: dict[str, Initializer] = {"xavier_normal": glorot_normal, "xavier_uniform": glorot_uniform}
WITH_NUMBER: dict[str, Callable[[float], Initializer]] = {"constant": constant, "normal": normal, "uniform": uniform}
"""Makers of an initializer from a number, by name."""


def names(*, aliases: bool = True) -> tuple[str, ...]:
    """Return the names that stand for an initializer without settings.

    Args:
        aliases: include second names of the same ones.
    """
    return (*_NAMED, *(_ALIASES if aliases else ()))


def named(name: str) -> Initializer:
    """Return the initializer of this name.

    Raises:
        UnknownNameError: there is none; the message offers close ones.
    """
    known = _NAMED | _ALIASES
    if name not in known:
        raise UnknownNameError("initializer", name, ["auto", *known])
    return known[name]


def _fans(shape: Shape) -> tuple[int, int]:
    """Return `n_in` and `n_out` of a weight of this shape."""
    window = int(np.prod(shape[:-2]))
    return shape[-2] * window, shape[-1] * window


def _normal(key: Key, shape: Shape, dtype: DTypeLike | None, variance: float) -> np.ndarray:
    return (np.sqrt(variance) * generator(key).standard_normal(shape)).astype(dtype or float_dtype())


def _uniform(key: Key, shape: Shape, dtype: DTypeLike | None, variance: float) -> np.ndarray:
    bound = np.sqrt(3 * variance)
    return generator(key).uniform(-bound, bound, shape).astype(dtype or float_dtype())


def check_initializer(initializer: object) -> None:
    """Check that weights can start so.

    Raises:
        UnknownNameError: there is no initializer of this name.
        SettingError: it is neither a name nor a function.
    """
    if isinstance(initializer, str):
        if initializer != "auto":
            named(initializer)
    elif not callable(initializer):
        raise SettingError(
            Setting("initializer"), f"must be a name or a function (key, shape, dtype), got {initializer!r}."
        )


def draw_weights(initializer: Initializer | str, key: Key, shape: Shape, *, bias: bool) -> Params:
    """Return a weight of this shape, and a bias of zeros for its last axis. `"auto"` is Glorot's normal here.

    Raises:
        OutOfMemoryError: the machine could not hold them.
    """
    if isinstance(initializer, str):
        initializer = named("glorot_normal" if initializer == "auto" else initializer)
    dtype = float_dtype()
    check_allocatable("A weight", shape, np.dtype(np.float64).itemsize)  # as it is drawn
    params = {"weight": np.asarray(initializer(key, shape, dtype), dtype)}
    return params | {"bias": np.zeros(shape[-1], dtype)} if bias else params
