"""The commands, put together."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache, wraps
from typing import Annotated

import typer
from typer.core import TyperGroup, TyperOption

from downslope.cli.commands import (
    compare,
    data,
    demo,
    diagnose,
    evaluate,
    explore,
    export,
    find_lr,
    init,
    predict,
    profile,
    resume,
    spectrum,
    surface,
    sweep,
    train,
)
from downslope.cli.options import expanded
from downslope.parallel import check_one_process

HELP = ["--help", "-h"]

app = typer.Typer(
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": HELP},
    epilog="[bold]First steps[/bold]\n\ndownslope demo\n\ndownslope data\n\ndownslope train digits",
)


def _show_version(requested: bool) -> bool:
    """Print the version and end, if that was requested."""
    if requested:
        from importlib.metadata import version

        print(f"downslope {version('downslope')}")
        raise typer.Exit
    return requested


@app.callback()
def downslope(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Train neural networks on tables, arrays and small images, and predict with them.

    Results go to stdout, everything else to stderr. Exit codes: 0 it worked, 1 the work failed, 2 bad usage,
    75 another process is at it, or ended it: try again.
    """


def _add(command: Callable[..., None], *examples: str) -> None:
    """Add a command, whose page of help is its docstring and its examples, each a line."""
    paragraphs = inspect.cleandoc(command.__doc__ or "").split("\n\n")
    text = "\n\n".join(paragraph.replace("\n", " ") for paragraph in paragraphs)
    app.command(help=text, epilog="\n\n".join(["[bold]Examples[/bold]", *examples]))(expanded(_in_one_process(command)))


def _in_one_process(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command that does nothing where others of its job would do the same."""

    @wraps(command)
    def call(**values: object) -> None:
        check_one_process()
        command(**values)

    return call


_add(demo, "downslope demo", "downslope demo --store runs/first")
_add(
    train,
    "downslope train digits",
    "downslope train houses.csv --target price --store runs/houses",
    "downslope train iris --network linear --optimizer sgd --learning-rate 0.1 --momentum 0.9",
    "downslope train digits --schedule warmup:100+cosine --epochs 30 --json",
    "downslope train houses.csv --target price --store runs/job --resume auto",
    "downslope train mnist1d --network conv32k5-pool-conv32-pool-dense64 --norm batch --restarts 4",
    "downslope train pixels.csv --target label --shape 28x28x1 --network conv16-pool-dense64",
)
_add(
    resume,
    "downslope resume runs/digits-1",
    "downslope resume runs/houses --epochs 200",
    "downslope resume runs/houses --epochs 300 --schedule restart --early-stopping 20",
)
_add(
    predict,
    "downslope predict runs/houses new_houses.csv --output prices.csv",
    "downslope predict runs/digits-1 digits | head",
)
_add(
    evaluate,
    "downslope evaluate runs/houses sold_in_may.csv",
    "downslope evaluate runs/digits-1 digits --json",
)
_add(compare, "downslope compare runs/digits-1 runs/digits-2", "downslope compare runs/* --figure runs.png")
_add(
    sweep,
    "downslope sweep digits",
    "downslope sweep digits --optimizer sgd --learning-rate 1e-3..1 --momentum 0,0.9 --epochs 20",
    "downslope sweep houses.csv --target price --network 32 --network 64,64 --batch-size 16..128",
)
_add(
    find_lr,
    "downslope find-lr digits",
    "downslope find-lr houses.csv --target price --optimizer sgd --momentum 0.9 --figure rates.png",
)
_add(
    init,
    "downslope init digits --network 256,256,256 --activation tanh",
    "downslope init houses.csv --target price --compare zeros,he_normal --figure start.png",
    "downslope init mnist1d --network conv16-pool-dense32 --compare none",
)
_add(
    profile,
    "downslope profile digits --network conv32-pool-conv64-pool-dense128",
    "downslope profile houses.csv --target price --network 512,512 --batch-size 256 --figure speed.svg",
)
_add(
    spectrum,
    "downslope spectrum runs/digits-1",
    "downslope spectrum runs/digits-1 --blocks --figure spectrum.png",
    "downslope spectrum runs/houses sold_in_may.csv --rows 500 --json",
)
_add(
    surface,
    "downslope surface old_faithful --output bowl.html",
    "downslope surface runs/digits-1 --directions pca",
    "downslope surface ravine --optimizers sgd,momentum,adam:0.1 --output race.gif",
    "downslope surface runs/digits-1 --optimizers sgd:0.05,adam --output race.png --output race.html",
)
_add(
    explore,
    "downslope explore",
    "downslope explore digits",
    "downslope explore runs/digits-1 --port 8000 --no-browser",
)
_add(
    diagnose,
    "downslope diagnose runs/digits-1",
    "downslope diagnose runs/houses --verify --html report.html",
    "downslope diagnose runs/houses --remedies --json",
)
_add(data, "downslope data", "downslope data --json")

_add(export, "downslope export runs/digits-1 --format onnx", "downslope export runs/houses --output houses.json")


@cache
def command() -> TyperGroup:
    """Return all commands as one that can be called with words; made once."""
    group = typer.main.get_group(app)
    group.params += typer.main.get_install_completion_arguments()
    for member in (group, *group.commands.values()):
        help_option = member.get_help_option(typer.Context(member, help_option_names=HELP))
        for parameter in (*member.params, help_option):
            if isinstance(parameter, TyperOption) and parameter.is_flag:
                parameter.metavar = ""  # else a flag looks as if it took a value
    return group
