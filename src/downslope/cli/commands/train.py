"""`downslope train`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from downslope.cli.interrupts import raise_on_interrupt
from downslope.cli.options import (
    DataOptions,
    LossOptions,
    NetworkOptions,
    OptimizerOptions,
    PreparationOptions,
    RestartsOption,
    SeedOption,
    SourceArgument,
    TensorBoardOption,
    TrainingOptions,
    reader,
)
from downslope.cli.output import (
    command_line,
    leave_if_ended,
    observers,
    run_folder,
    say,
    show_result,
    shown_progress,
    viewing_hint,
)
from downslope.cli.prepare import prepare

if TYPE_CHECKING:
    from downslope.training import Run

RESULT = "Result"


def train(
    source: SourceArgument,
    data: DataOptions,
    preparation: PreparationOptions,
    network: NetworkOptions,
    loss: LossOptions,
    optimizer: OptimizerOptions,
    training: TrainingOptions,
    restarts: RestartsOption = 1,
    seed: SeedOption = 0,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Judge by this, too; may be repeated: accuracy, balanced_accuracy, f1, auc; rmse, mae, r2.",
            rich_help_panel=RESULT,
        ),
    ] = None,
    store: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="A new or empty folder to keep the run in.",
            show_default="runs/SOURCE-1, -2, …",
            rich_help_panel=RESULT,
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a run that is in that folder.", rich_help_panel=RESULT)
    ] = False,
    resume: Annotated[
        Literal["auto"] | None,
        typer.Option(
            parser=reader(int, "auto", auto="auto"),
            metavar="auto",
            help="auto: go on if the folder holds this very run (--epochs may grow), begin if there is none yet; for "
            "jobs that are stopped and started again.",
            show_default="refuse a folder that is not empty",
            rich_help_panel=RESULT,
        ),
    ] = None,
    tensorboard: TensorBoardOption = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object instead of text.", rich_help_panel=RESULT)
    ] = False,
) -> None:
    """Train a network on a file or a shipped data set, judge it on rows it has not seen, and keep it.

    Categories are one-hot encoded, dates taken apart, missing cells filled in, columns that count or name the rows left
    out, and said so. Ctrl-C ends the training and keeps what was learned; SIGTERM saves it and ends with exit code 75,
    and the same command with --resume auto goes on. A training that diverges is kept and explained; the exit code is
    then 1.
    """
    from downslope.core import Setting, SettingError
    from downslope.training import train as train_network

    prepared = prepare(source, data, preparation, network, loss, optimizer, training, seed=seed)
    settings = prepared.settings | {"metrics": metric or ()}
    if tensorboard and restarts > 1:
        raise SettingError(Setting("tensorboard"), f"follows one descent, got {restarts} restarts. Leave one out.")
    raise_on_interrupt()
    with run_folder(store, overwrite, source) as folder:
        run = train_network(
            prepared.net,
            prepared.split.train,
            **settings,
            restarts=restarts,
            store=folder,
            overwrite=overwrite,
            resume=resume,
            observers=observers(tensorboard, folder),
            progress=shown_progress(),
        )
    leave_if_ended(run)
    # not before: an error about data or settings is then the only line on stderr
    say(*prepared.notes, *run.notes, *viewing_hint(tensorboard, folder))
    show_result(run, prepared.split, stopping=settings.stopping, json=json, next_steps=next_steps(run, source))


def next_steps(run: Run, source: str) -> list[str]:
    """Return the folder of a run, and a command to go on with."""
    path = str(run.path)
    if run.divergence is not None:
        return [f"Kept in {path}. Find out why it diverged:", f"  {command_line('diagnose', path)}"]
    return [f"Kept in {path}. Predict with it:", f"  {command_line('predict', path, source)}"]
