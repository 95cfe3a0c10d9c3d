"""Networks: layers in a chain, one sweep forward, one back; what they hold and how long they take."""

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
from downslope.networks._profile import profile
from downslope.networks._profile_result import LayerProfile, Profile
from downslope.networks._savings import Saving
from downslope.networks._sequential import Backward, Forward, Sequential
from downslope.networks._signals import SignalLayer, Signals, by_layer, signal_layers, signals
from downslope.networks._summary import LayerSummary, Summary
from downslope.networks._throughput import StepTime
from downslope.networks._with_initializer import architecture, with_initializer

__all__ = [
    "Backward",
    "Forward",
    "GradientLists",
    "LayerProfile",
    "LayerSummary",
    "LossAndGradients",
    "Profile",
    "Saving",
    "Sequential",
    "SignalLayer",
    "Signals",
    "StepTime",
    "Summary",
    "WeightLists",
    "architecture",
    "by_layer",
    "cnn",
    "freeze",
    "layer_gradients",
    "loss_and_gradients",
    "mlp",
    "profile",
    "rearranged",
    "signal_layers",
    "signals",
    "weights",
    "with_initializer",
]
