"""Backpropagation on one page: a network of dense layers in plain NumPy.

Forward. `A[0] = x`; layer `k` takes `A[k]`, computes `Z[k] = A[k] W[k] + B[k]` and `A[k+1] = σ(Z[k])`; the last layer
is linear, `A[L] = Z[L-1]`. The rows of `x` are examples, all of them in one matrix product a layer.

Backward. Let `DA[k] = ∂l/∂A[k]`. It is known at the end: `DA[L]` is the derivative of the loss. Now suppose `DA[k+1]`
known, and go back through layer `k`:

- through `σ`, which maps every number on its own: `δ = ∂l/∂Z[k] = DA[k+1] ⊙ σ'(Z[k])`;
- `Z[k]` depends on `W[k]` through `Z[i, j] = Σₚ A[i, p] W[p, j] + B[j]`. The weight `W[p, j]` touches only column `j`
  of `Z`, in row `i` by the factor `A[i, p]`, so `∂l/∂W[p, j] = Σᵢ A[i, p] δ[i, j]`, that is `DW[k] = A[k]ᵀ δ`;
- the bias `B[j]` touches the same numbers by the factor 1: `DB[k] = Σᵢ δ[i, :]`;
- the activation `A[i, p]` touches every `Z[i, j]` of its row by the factor `W[p, j]`: `DA[k] = δ W[k]ᵀ`.

That is all: the last line is where the next layer back begins.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from downslope.core import Setting, SettingError, ShapeError, UnknownNameError

Function = Callable[[np.ndarray], np.ndarray]


def _sigmoid(z: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(z / 2))


_ACTIVATIONS: dict[str, tuple[Function, Function]] = {
    "identity": (lambda z: z, np.ones_like),
    "relu": (lambda z: np.maximum(z, 0), lambda z: (z > 0).astype(z.dtype)),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "sigmoid": (_sigmoid, lambda z: _sigmoid(z) * (1 - _sigmoid(z))),
}


@dataclass
class PlainNetwork:
    """A network as lists, one entry a layer. `forward` fills `A`; `backward` fills `DW`, `DB` and `DA`.

    Attributes:
        W: `W[k][p, j]` is the weight from neuron `p` of layer `k` to neuron `j` of layer `k+1`.
            Any arrays will do, such as those of `ds.weights`.
        B: the biases, `B[k][j]`.
        activation: `"relu"`, `"tanh"`, `"sigmoid"`, `"identity"`, or a pair `(σ, σ')` of functions of `z`; a list of
            these holds one for each hidden layer.
        A: the activations, `A[0] = x` to `A[L]`, the output.
        Z: what goes into the activations, `Z[k] = A[k] W[k] + B[k]`.
        DW: `∂l/∂W[k]`.
        DB: `∂l/∂B[k]`.
        DA: `∂l/∂A[k]`, the input's first.

    Example:
        Four hidden units learn "exclusive or" by gradient descent:

        >>> x, t = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([[0.0], [1], [1], [0]])
        >>> rng = np.random.default_rng(0)
        >>> net = PlainNetwork([rng.normal(size=(2, 4)), rng.normal(size=(4, 1))], [np.zeros(4), np.zeros(1)], "tanh")
        >>> for step in range(500):
        ...     loss, d_output = squared_error(net.forward(x), t)
        ...     net.backward(d_output)
        ...     net.W = [W - 0.2 * DW for W, DW in zip(net.W, net.DW)]
        ...     net.B = [B - 0.2 * DB for B, DB in zip(net.B, net.DB)]
        >>> bool(abs(net.forward(x) - t).max() < 1e-3)
        True
    """

    W: list[Any]
    B: list[Any]
    activation: str | tuple[Function, Function] | list[str | tuple[Function, Function]] = "relu"
    A: list[np.ndarray] = field(init=False, default_factory=list)
    Z: list[np.ndarray] = field(init=False, default_factory=list)
    DW: list[np.ndarray] = field(init=False, default_factory=list)
    DB: list[np.ndarray] = field(init=False, default_factory=list)
    DA: list[np.ndarray] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.W, self.B = [np.asarray(W) for W in self.W], [np.asarray(b) for b in self.B]
        if [W.shape[1:] for W in self.W] != [b.shape for b in self.B]:
            raise ShapeError(
                Setting("B"),
                "must hold one bias for every column of each weight in",
                Setting("W"),
                f", got weights {[W.shape for W in self.W]} and biases {[b.shape for b in self.B]}.",
            )
        hidden = len(self.W) - 1
        chosen = self.activation if isinstance(self.activation, list) else [self.activation] * hidden
        if len(chosen) != hidden:
            raise SettingError(
                Setting("activation"),
                f"must hold one entry for each of the {hidden} hidden layers, got {len(chosen)}.",
            )
        self._pairs = [_pair(activation) for activation in chosen] + [_ACTIVATIONS["identity"]]

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Return the output `A[L]` for a batch `x` of shape `(rows, features)`, and keep every `A` and `Z`."""
        self.A, self.Z = [np.asarray(x)], []
        for W, b, (sigma, _) in zip(self.W, self.B, self._pairs, strict=True):
            self.Z.append(self.A[-1] @ W + b[None, :])
            self.A.append(sigma(self.Z[-1]))
        return self.A[-1]

    def backward(self, d_output: np.ndarray) -> None:
        """Fill `DW`, `DB` and `DA` from `∂l/∂A[L]`, the derivative of the loss at the output of the last `forward`."""
        self.DW, self.DB, self.DA = [], [], [np.asarray(d_output)]
        for k in reversed(range(len(self.W))):
            _, sigma_prime = self._pairs[k]
            delta = self.DA[0] * sigma_prime(self.Z[k])
            self.DW.insert(0, self.A[k].T @ delta)
            self.DB.insert(0, delta.sum(axis=0))
            self.DA.insert(0, delta @ self.W[k].T)


def squared_error(y: np.ndarray, t: np.ndarray) -> tuple[float, np.ndarray]:
    """Return `l = Σ (y − t)² / B`, the mean over the `B` rows, and its derivative `2 (y − t) / B`.

    Example:
        >>> loss, d_output = squared_error(np.array([[1.0], [4.0]]), np.array([[0.0], [2.0]]))
        >>> loss, d_output.tolist()
        (2.5, [[1.0], [2.0]])
    """
    return float(np.sum((y - t) ** 2) / len(y)), 2 * (y - t) / len(y)


def _pair(activation: str | tuple[Function, Function]) -> tuple[Function, Function]:
    """Return `(σ, σ')` for a name; a pair stays as it is."""
    if not isinstance(activation, str):
        return activation
    if activation not in _ACTIVATIONS:
        raise UnknownNameError("activation", activation, _ACTIVATIONS)
    return _ACTIVATIONS[activation]
