"""Dropout: in training, a random share of the numbers is set to zero."""

from __future__ import annotations

from dataclasses import dataclass

import jax
from jaxtyping import Array, Float

from downslope.core import Params, Shape, check_number, typed_key
from downslope.layers._protocol import Cache, Context


@dataclass(frozen=True)
class Dropout:
    """In training, `y = m x / (1 − rate)` with `m` drawn from {0, 1}, 0 with probability `rate`; otherwise `y = x`.

    The scaling in training keeps the mean, so that nothing is scaled when predicting ("inverted" dropout, as in every
    library; the paper scales the weights afterwards instead). Every number of every row is drawn by itself, anew in
    each step. Without a key nothing is dropped.

    Attributes:
        rate: the share of numbers to drop, at least 0 and below 1.

    References:
        Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov (2014), Dropout, §4 and §10.
    """

    rate: float | int

    def __post_init__(self) -> None:
        check_number("rate", self.rate, at_least=0, below=1, advice="It is the share of numbers to drop, such as 0.1.")

    def initial_state(self, input_shape: Shape) -> Params:
        """Return an empty dict: it keeps no state."""
        return {}

    def forward_in(
        self, context: Context, params: Params, state: Params, x: Float[Array, "batch ..."]
    ) -> tuple[Float[Array, "batch ..."], Cache, Params]:
        """Return `y`, and `m / (1 − rate)`; None where nothing is dropped."""
        if not context.training or context.key is None or self.rate == 0:
            return x, None, state
        mask = jax.random.bernoulli(typed_key(context.key), 1 - self.rate, x.shape)
        factor = mask.astype(x.dtype) / (1 - self.rate)
        return factor * x, factor, state

    def backward(
        self, params: Params, cache: Cache, dy: Float[Array, "batch ..."]
    ) -> tuple[Params, Float[Array, "batch ..."]]:
        """Return `dx = m dy / (1 − rate)`."""
        return {}, dy if cache is None else cache * dy
