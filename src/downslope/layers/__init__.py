"""Layers: each as initialize, forward, backward; and the initializers."""

from downslope.layers import initializers
from downslope.layers._activations import (
    ELU,
    GELU,
    Identity,
    LeakyReLU,
    ReLU,
    ScaledTanh,
    Sigmoid,
    SiLU,
    Softplus,
    Tanh,
    activation_labels,
    activation_names,
    as_activation,
)
from downslope.layers._batch_norm import BatchNorm
from downslope.layers._chain import (
    ChainBackward,
    ChainForward,
    Nested,
    chain_backward,
    chain_forward,
    chain_params,
    chain_shapes,
    chain_state,
    checked_layers,
    context_at,
    decide_initializers,
    walk,
)
from downslope.layers._conv import Conv1D, Conv2D
from downslope.layers._dense import Dense
from downslope.layers._dropout import Dropout
from downslope.layers._flatten import Flatten
from downslope.layers._frozen import Frozen, placed, thawed
from downslope.layers._layer_norm import LayerNorm
from downslope.layers._pool import AvgPool, MaxPool
from downslope.layers._protocol import (
    Activation,
    AnyLayer,
    Cache,
    Context,
    ContextLayer,
    Layer,
    Parametrized,
    Reshaping,
    forward_in,
    initial_state,
    initialize,
    output_shape,
)
from downslope.layers._residual import Residual
from downslope.layers._window import windows

__all__ = [
    "ELU",
    "GELU",
    "Activation",
    "AnyLayer",
    "AvgPool",
    "BatchNorm",
    "Cache",
    "ChainBackward",
    "ChainForward",
    "Context",
    "ContextLayer",
    "Conv1D",
    "Conv2D",
    "Dense",
    "Dropout",
    "Flatten",
    "Frozen",
    "Identity",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "MaxPool",
    "Nested",
    "Parametrized",
    "ReLU",
    "Reshaping",
    "Residual",
    "ScaledTanh",
    "SiLU",
    "Sigmoid",
    "Softplus",
    "Tanh",
    "activation_labels",
    "activation_names",
    "as_activation",
    "chain_backward",
    "chain_forward",
    "chain_params",
    "chain_shapes",
    "chain_state",
    "checked_layers",
    "context_at",
    "decide_initializers",
    "forward_in",
    "initial_state",
    "initialize",
    "initializers",
    "output_shape",
    "placed",
    "thawed",
    "walk",
    "windows",
]
