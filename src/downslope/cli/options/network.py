"""The options about the network."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated

import typer

from downslope.cli.options.names import ACTIVATIONS, INITIALIZERS, NORMS, SCALED_INITIALIZERS, WITH_NUMBER, joined
from downslope.cli.options.readers import reader

_option = partial(typer.Option, rich_help_panel="Network")


@dataclass(frozen=True)
class NetworkOptions:
    """The network, as `parse.network.network_of` takes it."""

    network: Annotated[
        str,
        _option(
            metavar="LAYERS",
            help="Widths of the hidden layers (64,64), linear for none, or stages, such as "
            "conv32-pool-conv64-pool-dense128. convN: N channels, window 3; conv32k5s2: window 5, stride 2. "
            "pool, avgpool: largest or mean of 2 by 2; pool3 of 3 by 3. The output layer is added.",
        ),
    ] = "64,64"
    activation: Annotated[
        str,
        _option(
            metavar="NAME",
            help=f"{' '.join(ACTIVATIONS)}.",
        ),
    ] = "relu"
    initializer: Annotated[
        str,
        _option(
            metavar="NAME",
            help=f"How weights start: auto (by the activation), {', '.join(INITIALIZERS)}, "
            f"{joined([f'{name}_' for name in SCALED_INITIALIZERS], 'or')} with normal or uniform; "
            f"{', '.join(f'{name}:{number}' for name, number in WITH_NUMBER.items())}.",
        ),
    ] = "auto"
    norm: Annotated[
        str | None,
        _option(metavar="NORM", help=f"Normalize before each activation: {joined(NORMS, 'or')}."),
    ] = None
    skip: Annotated[
        bool,
        _option(
            "--skip",
            help="Lead a skip around every hidden layer but the first; in a network of stages, around convolutions.",
        ),
    ] = False
    dropout: Annotated[
        float,
        _option(
            parser=reader(float, "a share from 0 to below 1"),
            metavar="SHARE",
            help="Share of the hidden units to drop in each training step; after convolutions, of what dense layers "
            "see.",
        ),
    ] = 0.0
