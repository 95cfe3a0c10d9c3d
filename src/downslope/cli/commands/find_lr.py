"""`downslope find-lr`."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from downslope.cli.interrupts import let_training_keep_its_result
from downslope.cli.options.arguments import JsonOption, SourceArgument, reader
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
    BatchSizeOption,
    ClassWeightOption,
    ClipOption,
    LabelSmoothingOption,
    LossOption,
    MomentumOption,
    OptimizerOption,
    OrderOption,
    SeedOption,
    WeightDecayOption,
)
from downslope.cli.output.figure import FigureOption, check_figure, draw_into
from downslope.cli.output.printing import described, print_json, print_text, say, shown_progress
from downslope.cli.output.train_command import train_command
from downslope.cli.parse.optimizer import optimizer_of

if TYPE_CHECKING:
    from downslope.training import FoundLearningRate


def find_lr(
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
    momentum: MomentumOption = None,
    weight_decay: WeightDecayOption = None,
    clip: ClipOption = None,
    batch_size: BatchSizeOption = 32,
    order: OrderOption = "shuffle",
    seed: SeedOption = 0,
    steps: Annotated[
        int,
        typer.Option(
            parser=reader(int, "a whole number, 20 or more"),
            metavar="NUMBER",
            help="Steps of the range test and of each short training.",
        ),
    ] = 200,
    figure: FigureOption = None,
    json: JsonOption = False,
) -> None:
    """Find a learning rate: a range test over powers of ten, short trainings to confirm it, and what curvature allows.

    Prints the rate, why, other suggestions, and the command that trains with it. The network, the rows and the start
    are those of downslope train with the same options; nothing is kept.
    """
    asked = dict(locals())
    check_figure(figure)
    from downslope.cli.compile_cache import keep_compiled_code
    from downslope.cli.parse.loss import class_weight_of, loss_of, target_scaling
    from downslope.cli.parse.network import network_of
    from downslope.cli.parse.source import open_training_data
    from downslope.training import find_learning_rate

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
    chosen = loss_of(loss, label_smoothing, data.task)
    around: dict[str, Any] = {"activation": activation, "initializer": initializer, "norm": norm}
    net = network_of(data, network, chosen, skip=skip, dropout=dropout, **around)
    rule = optimizer_of(optimizer, None, momentum, "constant", steps=1, weight_decay=weight_decay, clip=clip)
    let_training_keep_its_result()
    found = find_learning_rate(
        net,
        split.train,
        loss=chosen,
        optimizer=rule,
        batch_size=batch_size,
        validation=0.0 if split.validation is None else split.validation,
        seed=seed,
        normalize=None if normalize == "none" else normalize,
        normalize_targets=target_scaling(normalize, data.task, chosen),
        order=order,
        class_weight=class_weight_of(class_weight or (), data),
        steps=steps,
        progress=shown_progress(),
    )
    say(f"{Path(source).name}: {described(data)}", *split.notes, *data.notes)
    if json:
        print_json(_facts(found))
    else:
        advised = train_command(find_lr, asked, {"learning_rate": found.suggestion})
        print_text(found.message, f"Train with it:\n  {advised}")
    draw_into(figure, lambda: _drawn(found))


def _facts(found: FoundLearningRate) -> dict[str, Any]:
    """Return what a program wants to know."""
    test = found.range_test
    return {
        "learning_rate": found.suggestion,
        "reason": found.reason,
        "batch_size": found.batch_size,
        "suggestions": {name: dataclasses.asdict(one) for name, one in found.suggestions.items()},
        "range_test": {
            "blow_up": test.blow_up,
            **{name: getattr(test, name).tolist() for name in ("rates", "losses", "smoothed")},
        },
        "trials": {
            "measured": found.trials.measured,
            "steps": found.trials.steps,
            "rates": found.trials.rates.tolist(),
            "losses": [float(loss) if math.isfinite(loss) else None for loss in found.trials.losses],
        },
        "curvature": None if found.curvature is None else dataclasses.asdict(found.curvature),
        "notes": list(found.notes),
    }


def _drawn(found: FoundLearningRate) -> Any:
    """Return the figure of what was found."""
    from downslope.figures import learning_rate

    return learning_rate(found)
