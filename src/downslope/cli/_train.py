"""`downslope train`."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from downslope.cli._interrupts import let_training_keep_its_result
from downslope.cli._options import SourceArgument, reader
from downslope.cli._report import described, print_json, print_lines, say, score_lines, shown_progress, why_stopped
from downslope.cli._run_folder import run_folder
from downslope.cli._schedule import NOTATIONS

if TYPE_CHECKING:
    from downslope.data import Dataset, Split
    from downslope.training import Run

DATA, NETWORK, DESCENT, RESULT = "Data", "Network", "Descent", "Result"
PATIENCE = 10
ALL_ROWS = sys.maxsize


def train(
    source: SourceArgument,
    target: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="The column to learn; needed for files. For .npy its number (-1: the last), for .npz an array's name.",
            rich_help_panel=DATA,
        ),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(
            metavar="TASK",
            help="classification or regression; inferred from the target if not given, and printed.",
            rich_help_panel=DATA,
        ),
    ] = None,
    numeric: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="Read this column as numbers; may be repeated.", rich_help_panel=DATA),
    ] = None,
    categorical: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN",
            help="Read this column as categories, one-hot, even if it looks like numbers; may be repeated.",
            rich_help_panel=DATA,
        ),
    ] = None,
    normalize: Annotated[
        str,
        typer.Option(
            metavar="HOW",
            help="Inputs: standard (mean 0, deviation 1), minmax (0 to 1), symmetric (-1 to 1) or none; statistics of "
            "the training rows. Unless none, targets of a regression are standardized too (but for losses with a range "
            "of their own), which is undone in predictions, rmse and r2.",
            rich_help_panel=DATA,
        ),
    ] = "standard",
    validation: Annotated[
        float,
        typer.Option(
            parser=reader(float, "a share of the rows from 0 to below 1"),
            metavar="SHARE",
            help="Share of the rows that decides when to stop and which epoch to keep; 0 for none.",
            rich_help_panel=DATA,
        ),
    ] = 0.2,
    test: Annotated[
        float,
        typer.Option(
            parser=reader(float, "a share of the rows from 0 to below 1"),
            metavar="SHARE",
            help="Share of the rows kept aside to judge the result by; 0 for none.",
            rich_help_panel=DATA,
        ),
    ] = 0.2,
    network: Annotated[
        str,
        typer.Option(
            metavar="WIDTHS", help="Widths of the hidden layers, or linear for none.", rich_help_panel=NETWORK
        ),
    ] = "64,64",
    activation: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="relu leaky_relu tanh scaled_tanh sigmoid softplus elu gelu silu identity.",
            rich_help_panel=NETWORK,
        ),
    ] = "relu",
    initializer: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="How weights start: auto (by the activation), zeros, orthogonal, lecun_, fan_out_, glorot_ or he_ "
            "with normal or uniform; constant:C, normal:S, uniform:S.",
            rich_help_panel=NETWORK,
        ),
    ] = "auto",
    loss: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="auto (cross_entropy for classes, squared_error for numbers), binary_cross_entropy, hinge, "
            "perceptron; mean_squared_error, sum_squared_error, huber, poisson (counts).",
            rich_help_panel=DESCENT,
        ),
    ] = "auto",
    optimizer: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="adam, adamw, nadam, rmsprop, adagrad, adadelta or sgd.", rich_help_panel=DESCENT
        ),
    ] = "adam",
    learning_rate: Annotated[
        float | None,
        typer.Option(
            parser=reader(float, "a number above 0"),
            metavar="NUMBER",
            help="The size of steps.",
            show_default="0.001; 0.01 for sgd and adagrad, 1 for adadelta",
            rich_help_panel=DESCENT,
        ),
    ] = None,
    momentum: Annotated[
        float | None,
        typer.Option(
            parser=reader(float, "a number from 0 to below 1"),
            metavar="NUMBER",
            help="For sgd and rmsprop, 0 to below 1; 0.9 is usual.",
            rich_help_panel=DESCENT,
        ),
    ] = None,
    schedule: Annotated[
        str,
        typer.Option(
            metavar="SCHEDULE",
            help="How the learning rate changes: " + ", ".join(NOTATIONS).replace("[", "\\[") + ". EVERY, PERIOD and "
            "STEPS count steps, PATIENCE epochs; cosine and one-cycle last for all epochs.",
            rich_help_panel=DESCENT,
        ),
    ] = "constant",
    batch_size: Annotated[
        int,
        typer.Option(
            parser=reader(int, "a whole number of rows or 'all'", all=ALL_ROWS),
            metavar="ROWS",
            help="Rows a step, 1 or more, or all.",
            rich_help_panel=DESCENT,
        ),
    ] = 32,
    order: Annotated[
        str,
        typer.Option(
            metavar="ORDER",
            help="shuffle (anew each epoch), shuffle_once, sequential or replacement.",
            rich_help_panel=DESCENT,
        ),
    ] = "shuffle",
    epochs: Annotated[
        int,
        typer.Option(
            parser=reader(int, "a whole number, 1 or more"),
            metavar="NUMBER",
            help="Passes over the training rows, at most.",
            rich_help_panel=DESCENT,
        ),
    ] = 50,
    early_stopping: Annotated[
        int | None,
        typer.Option(
            parser=reader(int, "a whole number, 0 or more"),
            metavar="EPOCHS",
            help="Stop after so many epochs without a lower validation loss; 0: off.",
            show_default=f"{PATIENCE}; off without validation",
            rich_help_panel=DESCENT,
        ),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(
            parser=reader(int, "a whole number, 0 or more"),
            metavar="NUMBER",
            help="Decides the split, the starting weights and the order of rows.",
            rich_help_panel=DESCENT,
        ),
    ] = 0,
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
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object instead of text.", rich_help_panel=RESULT)
    ] = False,
) -> None:
    """Train a network on a file or a shipped data set, judge it on rows it has not seen, and keep it.

    Categories are one-hot encoded and missing cells filled in, and said so. Ctrl-C ends the training and keeps what was
    learned. A training that diverges is kept and explained; the exit code is then 1.
    """
    from downslope.cli._cache import keep_compiled_code
    from downslope.cli._source import open_training_data

    data = open_training_data(source, target=target, task=task, numeric=numeric or (), categorical=categorical or ())
    split = data.split(validation=validation, test=test, seed=seed)
    keep_compiled_code()
    patience = _patience(early_stopping, split)
    settings = {
        "net": _network(data, network, activation, initializer, loss),
        "loss": loss,
        "optimizer": _optimizer(optimizer, learning_rate, momentum, schedule, len(split.train), batch_size, epochs),
        "batch_size": batch_size,
        "order": order,
        "epochs": epochs,
        "early_stopping": patience,
        "normalize": None if normalize == "none" else normalize,
        "seed": seed,
        "overwrite": overwrite,
    }
    let_training_keep_its_result()
    with run_folder(store, overwrite, source) as folder:
        run = _trained(split, store=folder, **settings)
    # not before: whatever is wrong with data or settings is then the only line on stderr
    say(f"{Path(source).name}: {described(data)}", *split.notes, *run.notes)
    parts = {"train": split.train, "validation": split.validation, "test": split.test}
    scores = {name: None if part is None else run.evaluate(part) for name, part in parts.items()}
    if json:
        print_json(
            {"run": str(run.path), "task": run.task, "epochs": run.epochs, "stop_reason": run.stop_reason, **scores}
        )
    else:
        rows = {name: (len(part), scores[name] or {}) for name, part in parts.items() if part is not None}
        print_lines([why_stopped(run, patience), "", *score_lines(rows), "", *_next(run, source)])
    if run.divergence is not None:
        say(str(run.divergence))
        raise typer.Exit(1)


def _trained(split: Split, *, normalize: str | None, loss: str, **settings: Any) -> Run:
    """Return the trained run; targets are standardized like the inputs, unless the loss asks for a range of its own."""
    from downslope.losses import as_loss
    from downslope.training import train as train_network

    data = split.train
    any_number = as_loss(loss, task=data.task).targets == "numbers"
    scaled = normalize is not None and data.task == "regression" and any_number
    return train_network(
        data=data,
        loss=loss,
        validation=0.0 if split.validation is None else split.validation,
        normalize=normalize,
        normalize_targets="standard" if scaled else None,
        progress=shown_progress(),
        **settings,
    )


def _network(data: Dataset, widths: str, activation: str, initializer: str, loss: str) -> Any:
    """Return the network, with the outputs that data and loss ask for."""
    from downslope.cli._network import hidden_widths, initializer_of
    from downslope.losses import as_loss, outputs_for
    from downslope.networks import mlp

    classes = None if data.classes is None else len(data.classes)
    chosen = as_loss(loss, task=data.task)
    columns = 1 if data.y.ndim == 1 else data.y.shape[1]
    # a loss for numbers does not suit classes; with an output a class, it is training that says so
    outputs = outputs_for(chosen, classes=classes, target_columns=classes or columns)
    return mlp(hidden_widths(widths), outputs=outputs, activation=activation, initializer=initializer_of(initializer))


def _optimizer(
    name: str, rate: float | None, momentum: float | None, schedule: str, rows: int, batch_size: int, epochs: int
) -> Any:
    """Return the optimizer, whose schedule is told how many steps there will be."""
    from downslope.cli._optimizer import optimizer_of
    from downslope.core import check_integer

    size, epochs = check_integer("batch_size", batch_size), check_integer("epochs", epochs)
    return optimizer_of(name, rate, momentum, schedule, steps=epochs * -(-rows // size))


def _patience(early_stopping: int | None, split: Split) -> int:
    """Return the patience: as asked for, else the default where there are validation rows."""
    if early_stopping is None:
        return 0 if split.validation is None else PATIENCE
    return early_stopping


def _next(run: Run, source: str) -> list[str]:
    """Return where the run is, and what to do with it."""
    words = shlex.join(["downslope", "predict", str(run.path), source])
    return [f"Kept in {run.path}. Predict with it:", f"  {words}"]
