"""The arguments that commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

SourceArgument = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE",
        help="A file (.csv .tsv .parquet .npy .npz) or the name of a data set, see downslope data.",
        show_default=False,
    ),
]
RunArgument = Annotated[
    Path, typer.Argument(metavar="RUN", help="The folder of a run, as downslope train made it.", show_default=False)
]
FileArgument = Annotated[
    str,
    typer.Argument(
        metavar="FILE",
        help="A file with the columns of the training data, in any order, others ignored; or a data set's name.",
        show_default=False,
    ),
]
