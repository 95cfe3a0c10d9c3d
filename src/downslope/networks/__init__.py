"""Networks: layers in a chain, one sweep forward, one back; what they hold and what that costs."""

from downslope.networks._cnn import cnn
from downslope.networks._costs import connections, forward_flops, known_sum
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
from downslope.networks._passes import Chain, Passed, each_passed, pass_through
from downslope.networks._plane import plane_outputs
from downslope.networks._sequential import Backward, Forward, Sequential
from downslope.networks._signals import SignalLayer, Signals, by_layer, signal_layers, signals
from downslope.networks._sites import Site, itemsize, shape_text, sites_of, with_cheap_weights
from downslope.networks._stages import Stages, norm_names
from downslope.networks._summary import LayerSummary, Summary
from downslope.networks._with_initializer import architecture, with_initializer

__all__ = [
    "Backward",
    "Chain",
    "Forward",
    "GradientLists",
    "LayerSummary",
    "LossAndGradients",
    "Passed",
    "Sequential",
    "SignalLayer",
    "Signals",
    "Site",
    "Stages",
    "Summary",
    "WeightLists",
    "architecture",
    "by_layer",
    "cnn",
    "connections",
    "each_passed",
    "forward_flops",
    "freeze",
    "itemsize",
    "known_sum",
    "layer_gradients",
    "loss_and_gradients",
    "mlp",
    "norm_names",
    "pass_through",
    "plane_outputs",
    "rearranged",
    "shape_text",
    "signal_layers",
    "signals",
    "sites_of",
    "weights",
    "with_cheap_weights",
    "with_initializer",
]
