"""`downslope train`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from downslope.cli.interrupts import let_training_keep_its_result
from downslope.cli.options.arguments import SourceArgument
from downslope.cli.options.data import (
    CategoricalOption,
    NormalizeOption,
    NumericOption,
    ShapeOption,
    TargetOption,
    TaskOption,
    TestOption,
    ValidationOption,
)
from downslope.cli.options.network import (
    ActivationOption,
    DropoutOption,
    InitializerOption,
    NetworkOption,
    NormOption,
    SkipOption,
)
from downslope.cli.options.training import (
    PATIENCE,
    AutoBatchSizeOption,
    AutoLearningRateOption,
    ClassWeightOption,
    ClipOption,
    EarlyStoppingOption,
    EpochsOption,
    LabelSmoothingOption,
    LossOption,
    MomentumOption,
    OptimizerOption,
    OrderOption,
    RestartsOption,
    ScheduleOption,
    SeedOption,
    WeightDecayOption,
    steps_of,
)
from downslope.cli.output.printing import described, say, shown_progress
from downslope.cli.output.result import show_result
from downslope.cli.output.run_folder import run_folder
from downslope.cli.output.tensorboard import TensorBoardOption, how_to_look, watchers
from downslope.cli.parse.optimizer import AUTO, optimizer_of

if TYPE_CHECKING:
    from downslope.data import Split
    from downslope.training import Run

RESULT = "Result"


def train(
    source: SourceArgument,
    target: TargetOption = None,
    task: TaskOption = None,
    numeric: NumericOption = None,
    categorical: CategoricalOption = None,
    shape: ShapeOption = None,
    normalize: NormalizeOption = "standard",
    validation: ValidationOption = 0.2,
    test: TestOption = 0.2,
    network: NetworkOption = "64,64",
    activation: ActivationOption = "relu",
    initializer: InitializerOption = "auto",
    norm: NormOption = None,
    skip: SkipOption = False,
    dropout: DropoutOption = 0.0,
    loss: LossOption = "auto",
    label_smoothing: LabelSmoothingOption = 0.0,
    class_weight: ClassWeightOption = None,
    optimizer: OptimizerOption = "adam",
    learning_rate: AutoLearningRateOption = None,
    momentum: MomentumOption = None,
    weight_decay: WeightDecayOption = None,
    clip: ClipOption = None,
    schedule: ScheduleOption = "constant",
    batch_size: AutoBatchSizeOption = 32,
    order: OrderOption = "shuffle",
    epochs: EpochsOption = 50,
    early_stopping: EarlyStoppingOption = None,
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
    tensorboard: TensorBoardOption = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object instead of text.", rich_help_panel=RESULT)
    ] = False,
) -> None:
    """Train a network on a file or a shipped data set, judge it on rows it has not seen, and keep it.

    Categories are one-hot encoded and missing cells filled in, and said so. Ctrl-C ends the training and keeps what was
    learned. A training that diverges is kept and explained; the exit code is then 1.
    """
    from downslope.cli.compile_cache import keep_compiled_code
    from downslope.cli.parse.loss import class_weight_of, loss_of, target_scaling
    from downslope.cli.parse.network import network_of
    from downslope.cli.parse.source import open_training_data
    from downslope.core import Setting, SettingError
    from downslope.training import train as train_network

    data = open_training_data(
        source,
        target=target,
        task=task,
        numeric=numeric or (),
        categorical=categorical or (),
        shape=shape,
        network=network,
    )
    split = data.split(validation=validation, test=test, seed=seed)
    keep_compiled_code()
    patience = _patience(early_stopping, split)
    chosen = loss_of(loss, label_smoothing, data.task)
    settings = {
        "net": network_of(
            data,
            network,
            chosen,
            activation=activation,
            initializer=initializer,
            norm=norm,
            skip=skip,
            dropout=dropout,
        ),
        "loss": chosen,
        "class_weight": class_weight_of(class_weight or (), data),
        "optimizer": optimizer_of(
            optimizer,
            learning_rate,
            momentum,
            schedule,
            steps=_steps(len(split.train), batch_size, epochs, schedule),
            weight_decay=weight_decay,
            clip=clip,
        ),
        "batch_size": batch_size,
        "order": order,
        "epochs": epochs,
        "early_stopping": patience,
        "restarts": restarts,
        "normalize": None if normalize == "none" else normalize,
        "normalize_targets": target_scaling(normalize, data.task, chosen),
        "seed": seed,
        "metrics": metric or (),
        "overwrite": overwrite,
    }
    if tensorboard and restarts > 1:
        raise SettingError(Setting("tensorboard"), f"follows one descent, got {restarts} restarts. Leave one out.")
    let_training_keep_its_result()
    with run_folder(store, overwrite, source) as folder:
        run = train_network(
            observers=watchers(tensorboard, folder),
            data=split.train,
            validation=0.0 if split.validation is None else split.validation,
            store=folder,
            progress=shown_progress(),
            **settings,
        )
    # not before: whatever is wrong with data or settings is then the only line on stderr
    say(f"{Path(source).name}: {described(data)}", *split.notes, *run.notes, *how_to_look(tensorboard, folder))
    show_result(run, split, patience=patience, json=json, then=_next(run, source))


def _steps(rows: int, batch_size: Any, epochs: int, schedule: str) -> int:
    """Return how many steps the whole training makes; of a batch size still to be found, as many as nobody needs.

    Raises:
        SettingError: a schedule needs to know.
    """
    if batch_size != AUTO:
        return steps_of(rows, batch_size, epochs)
    if schedule != "constant":
        from downslope.core import Setting, SettingError

        raise SettingError(
            Setting("batch_size"),
            f"auto leaves the number of steps open, got it with the schedule {schedule!r}. Give a number.",
        )
    return 1


def _patience(early_stopping: int | None, split: Split) -> int:
    """Return the patience: as asked for, else the default where there are validation rows."""
    if early_stopping is None:
        return 0 if split.validation is None else PATIENCE
    return early_stopping


def _next(run: Run, source: str) -> list[str]:
    """Return where the run is, and what to do with it."""
    path = str(run.path)
    if run.divergence is not None:
        return [f"Kept in {path}. Find out why it diverged:", f"  {shlex.join(['downslope', 'diagnose', path])}"]
    return [f"Kept in {path}. Predict with it:", f"  {shlex.join(['downslope', 'predict', path, source])}"]
