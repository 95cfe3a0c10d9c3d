"""The options about the network, which several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from downslope.cli.options.arguments import reader

_PANEL = "Network"

NetworkOption = Annotated[
    str,
    typer.Option(
        metavar="LAYERS",
        help="Widths of the hidden layers (64,64), linear for none, or stages, such as "
        "conv32-pool-conv64-pool-dense128. convN: N channels, window 3; conv32k5s2: window 5, stride 2. "
        "pool, avgpool: largest or mean of 2 by 2; pool3 of 3 by 3. The output layer is added.",
        rich_help_panel=_PANEL,
    ),
]
ActivationOption = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="relu leaky_relu tanh scaled_tanh sigmoid softplus elu gelu silu identity.",
        rich_help_panel=_PANEL,
    ),
]
InitializerOption = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="How weights start: auto (by the activation), zeros, orthogonal, lecun_, fan_out_, glorot_ or he_ "
        "with normal or uniform; constant:C, normal:S, uniform:S.",
        rich_help_panel=_PANEL,
    ),
]
NormOption = Annotated[
    str | None,
    typer.Option(metavar="NORM", help="Normalize before each activation: batch or layer.", rich_help_panel=_PANEL),
]
SkipOption = Annotated[
    bool,
    typer.Option(
        "--skip",
        help="Lead a skip around every hidden layer but the first; in a network of stages, around convolutions.",
        rich_help_panel=_PANEL,
    ),
]
DropoutOption = Annotated[
    float,
    typer.Option(
        parser=reader(float, "a share from 0 to below 1"),
        metavar="SHARE",
        help="Share of the hidden units to drop in each training step; after convolutions, of what dense layers see.",
        rich_help_panel=_PANEL,
    ),
]
