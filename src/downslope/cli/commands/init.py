"""`downslope init`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

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
    EpochsOption,
    LearningRateOption,
    LossOption,
    MomentumOption,
    OptimizerOption,
    SeedOption,
)
from downslope.cli.output.figure import FigureOption, check_figure, draw_into
from downslope.cli.output.printing import described, print_json, print_text, say, shown_progress
from downslope.cli.parse.optimizer import optimizer_of

if TYPE_CHECKING:
    from downslope.data import Split
    from downslope.diagnosis import InitializationReport, StartComparison
    from downslope.losses import Loss

STARTS = "auto,he_normal,glorot_normal,lecun_normal,orthogonal"
NONE = "none"


def init(
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
    optimizer: OptimizerOption = "adam",
    learning_rate: LearningRateOption = None,
    momentum: MomentumOption = None,
    batch_size: BatchSizeOption = 32,
    epochs: EpochsOption = 20,
    seed: SeedOption = 0,
    compare: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            help="Initializers to train with, besides that of the network, to see which is best; none: only report.",
        ),
    ] = STARTS,
    restarts: Annotated[
        int,
        typer.Option(
            parser=reader(int, "a whole number, 2 or more"),
            metavar="NUMBER",
            help="Starts to compare with each initializer.",
        ),
    ] = 5,
    json: JsonOption = False,
    figure: FigureOption = None,
) -> None:
    """Look at a network before its first step: do signals and gradients keep their size, and which start is best?

    Prints a line for each layer, with what theory predicts in brackets, and what is wrong, if anything is. Then it
    trains a few starts with each of several initializers and compares what they reach. The network and the rows are
    those that downslope train starts from with the same options.
    """
    from downslope.cli.compile_cache import keep_compiled_code
    from downslope.cli.parse.loss import loss_of, target_scaling
    from downslope.cli.parse.network import network_of
    from downslope.cli.parse.source import open_training_data
    from downslope.core import check_integer
    from downslope.diagnosis import initialization_report

    check_figure(figure)
    check_integer("epochs", epochs)
    check_integer("batch_size", batch_size)
    check_integer("restarts", restarts, at_least=2, advice="The spread between restarts is what tells starts apart.")
    names = _names(compare, initializer)
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
    chosen = loss_of(loss, 0.0, data.task)
    net = network_of(
        data, network, chosen, activation=activation, initializer=initializer, norm=norm, skip=skip, dropout=dropout
    )
    normalized: dict[str, Any] = {
        "normalize": None if normalize == "none" else normalize,
        "normalize_targets": target_scaling(normalize, data.task, chosen),
    }
    rule = optimizer_of(optimizer, learning_rate, momentum, "constant", steps=1)
    report = initialization_report(net, split.train, loss=chosen, seed=seed, **normalized)
    say(f"{Path(source).name}: {described(data)}", *split.notes, *data.notes)
    if not json:
        print_text(report.message)
    settings = {"batch_size": batch_size, "epochs": epochs, "restarts": restarts, "seed": seed, **normalized}
    compared = _compared(names, net, split, loss=chosen, optimizer=rule, **settings) if names else None
    if json:
        print_json(_facts(report, compared))
    elif compared is not None:
        print_text(f"\n{compared}")
    draw_into(figure, lambda: _drawn(report))


def _names(compare: str, initializer: str) -> list[str]:
    """Return the initializers to compare, the network's own first."""
    from downslope.cli.parse.network import initializer_of

    if compare.strip().lower() == NONE:
        return []
    names = list(dict.fromkeys([initializer, *(name.strip() for name in compare.split(","))]))
    for name in names:
        initializer_of(name, setting="initializer" if name == initializer else "compare")
    return names


def _compared(names: list[str], net: Any, split: Split, *, loss: Loss, **settings: Any) -> StartComparison:
    """Return what a few starts with each initializer reach."""
    from downslope.cli.parse.network import initializer_of
    from downslope.diagnosis import StartComparison, compare_initializations

    validation: Any = 0.0 if split.validation is None else split.validation
    runs, measured = {}, ""
    for place, name in enumerate(names, 1):
        say(f"Comparing {place} of {len(names)}: {name}")
        found = compare_initializations(
            net,
            split.train,
            initializers={name: initializer_of(name)},
            loss=loss,
            validation=validation,
            progress=shown_progress() == "bar" and "bar",
            **settings,
        )
        runs, measured = {**runs, **found.runs}, found.measured
    return StartComparison(runs, measured)


def _facts(report: InitializationReport, compared: StartComparison | None) -> dict[str, Any]:
    """Return what a program wants to know."""
    facts: dict[str, Any] = {
        "loss": report.loss,
        "rows": report.rows,
        "layers": report.table().to_dicts(),
        "findings": [finding.as_json() for finding in report.findings],
        "comparison": None,
    }
    if compared is not None:
        losses = {name: reached.tolist() for name, reached in compared.losses.items()}
        facts["comparison"] = {
            "measured": compared.measured,
            "best": compared.best,
            "as_good": list(compared.as_good),
            "answer": compared.answer,
            "losses": losses,
        }
    return facts


def _drawn(report: InitializationReport) -> Any:
    """Return the figure of a report."""
    from downslope.figures import initialization

    return initialization(report)
