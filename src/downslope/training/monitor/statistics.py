"""Statistics of every layer, as a run went on."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from downslope.core import Shape
from downslope.networks import Sequential, signal_layers


@dataclass(frozen=True)
class Statistics:
    """How signals and gradients ran through every layer at recorded steps.

    They are those of the step's own batch, in training mode, at the parameters before the step. Rows that count less
    count less here. A layer in a block comes after its block, at a place such as `"2.0"`.

    Attributes:
        steps: how many steps had been made, `(n,)`.
        layers: place and name of each layer.
        mean: of a layer's outputs `h` over rows and units, `(n, layers)`, as all that follow.
        deviation: standard deviation of the outputs.
        dead: share of an activation's units that have no slope on any row of the batch: nothing is learned through
            them. 0 for layers that are no activation.
        saturated: share of a bounded activation's numbers where the slope is below a tenth of that at 0.
        activation_gradient: root mean square of `∂l/∂h`; where it falls or grows from layer to layer, signals vanish or
            explode on their way back.
        weight_gradient: root mean square of the gradients of the layer's parameters; NaN where it has none.
        update_ratio: norm of the step's update over norm of the layer's parameters, about 1e-3 in a healthy run with
            Adam; NaN where it has none.

    Example:
        >>> import downslope as ds
        >>> every = ds.Record(statistics_every=40)
        >>> run = ds.train(ds.mlp([8], outputs=3), ds.load("iris"), epochs=20, record=every, progress=False)
        >>> run.statistics.steps.tolist(), run.statistics.layers
        ([0, 40, 80], ('0 Dense', '1 ReLU', '2 Dense'))
    """

    steps: np.ndarray
    layers: tuple[str, ...]
    mean: np.ndarray
    deviation: np.ndarray
    dead: np.ndarray
    saturated: np.ndarray
    activation_gradient: np.ndarray
    weight_gradient: np.ndarray
    update_ratio: np.ndarray

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def values(self) -> dict[str, np.ndarray]:
        """Everything measured, by name, each `(n, layers)`."""
        return {field.name: getattr(self, field.name) for field in fields(self)[2:]}

    def table(self) -> Any:
        """Return a polars table, one row a recorded step and layer."""
        import polars

        columns = {"step": np.repeat(self.steps, len(self.layers)), "layer": list(self.layers) * len(self)}
        return polars.DataFrame(columns | {name: value.ravel() for name, value in self.values.items()})


def layer_names(net: Sequential, input_shape: Shape) -> tuple[str, ...]:
    """Return place and kind of every layer whose statistics are recorded."""
    return tuple(f"{item.place} {type(item.layer).__name__}" for item in signal_layers(net, input_shape))
