"""Networks: layers in a chain, one sweep forward, one back."""

from downslope.networks._cnn import cnn
from downslope.networks._freeze import freeze, rearranged
from downslope.networks._gradients import (
    GradientLists,
    LossAndGradients,
    WeightLists,
    layer_gradients,
    loss_and_gradients,
    weights,
)
from downslope.networks._mlp import mlp
from downslope.networks._sequential import Backward, Forward, Sequential

__all__ = [
    "Backward",
    "Forward",
    "GradientLists",
    "LossAndGradients",
    "Sequential",
    "WeightLists",
    "cnn",
    "freeze",
    "layer_gradients",
    "loss_and_gradients",
    "mlp",
    "rearranged",
    "weights",
]
