"""The stages that networks of a few numbers are made of: weights, normalization, activation, dropout, skip."""

from __future__ import annotations

from dataclasses import dataclass

from downslope.core import check_choice
from downslope.layers import Activation, AnyLayer, BatchNorm, Dropout, Layer, LayerNorm, Residual, as_activation
from downslope.layers.initializers import Initializer, normal

_NORMS = {"batch": BatchNorm(), "layer": LayerNorm()}


def norm_names() -> tuple[str, ...]:
    """Return the names that `norm` understands."""
    return tuple(_NORMS)


@dataclass(frozen=True)
class Stages:
    """What surrounds the layers with weights.

    Attributes:
        activation: a name or a layer.
        norm: `"batch"`, `"layer"`, or None.
        dropout: a rate; 0 for none.
        skip: whether there are skips.
        initializer: how weights start.
    """

    activation: str | Layer
    norm: str | None
    dropout: float | int
    skip: bool
    initializer: Initializer | str

    def __post_init__(self) -> None:
        if self.norm is not None:
            check_choice("norm", self.norm, _NORMS)

    @property
    def bias(self) -> bool:
        """Whether layers have a bias: not where batch norm takes the mean out."""
        return self.norm != "batch"

    def stage(self, layer: AnyLayer, *, first: bool) -> list[AnyLayer]:
        """Return one stage: the layer and what follows it; or, with skips, what goes before it, around it a skip."""
        if not self.skip:
            return [layer, *self._between()]
        return [layer] if first else [Residual([*self._between(), layer])]

    def end(self) -> list[AnyLayer]:
        """Return what follows the last stage."""
        return self._between() if self.skip else []

    def initializer_of(self, n_in: int | None, *, blocks: int) -> Initializer | str:
        """Return how the weights of a stage start.

        He's or Glorot's variance would double the signal in every block, `2ᴸ` over `L` blocks. With `1/L` of it, the
        factor is at most `(1 + 1/L)ᴸ < e`, as in Zhang, Dauphin, Ma (2019), Fixup initialization.

        Args:
            n_in: how many numbers a unit sees; None where there is no skip around the stage.
            blocks: how many stages have one.
        """
        if not self.skip or self.initializer != "auto" or n_in is None:
            return self.initializer
        activation = as_activation(self.activation)
        gain = 2 if isinstance(activation, Activation) and activation.rectifier else 1
        return normal((gain / (n_in * blocks)) ** 0.5)

    def _between(self) -> list[AnyLayer]:
        """Return the normalization, the activation and the dropout."""
        norm = [] if self.norm is None else [_NORMS[self.norm]]
        dropout = [] if self.dropout == 0 else [Dropout(self.dropout)]
        return [*norm, as_activation(self.activation), *dropout]
