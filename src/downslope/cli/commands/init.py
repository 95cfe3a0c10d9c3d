"""`downslope init`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from downslope.cli.options import (
    BatchSizeOption,
    DataOptions,
    EpochsOption,
    FigureOption,
    JsonOption,
    NetworkOptions,
    OptimizerOptions,
    PlainLearningRateOption,
    PlainLossOptions,
    PreparationOptions,
    SeedOption,
    SourceArgument,
    TrainingOptions,
    reader,
)
from downslope.cli.output import check_figure, draw_into, print_json, print_text, say, shown_progress
from downslope.cli.parse import initializer_of
from downslope.cli.prepare import PreparedTraining, prepare

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from downslope.diagnosis import InitializationReport, StartComparison

STARTS = "auto,he_normal,glorot_normal,lecun_normal,orthogonal"
NONE = "none"


@dataclass(frozen=True)
class StartOptimizerOptions(OptimizerOptions):
    """A plain optimizer at a constant rate."""

    learning_rate: PlainLearningRateOption = None
    weight_decay: float | None = None
    spare_biases: bool = False
    clip: float | None = None
    schedule: str = "constant"


@dataclass(frozen=True)
class StartOptions(TrainingOptions):
    """Those of a few epochs in shuffled order."""

    batch_size: BatchSizeOption = 32
    order: str = "shuffle"
    epochs: EpochsOption = 20
    early_stopping: int | None = 0
    early_stopping_metric: str = "loss"
    min_delta: float = 0.0


def init(
    source: SourceArgument,
    data: DataOptions,
    preparation: PreparationOptions,
    network: NetworkOptions,
    loss: PlainLossOptions,
    optimizer: StartOptimizerOptions,
    training: StartOptions,
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
    from downslope.core import check_integer
    from downslope.diagnosis import initialization_report

    check_figure(figure)
    check_integer("restarts", restarts, at_least=2, advice="The spread between restarts is what tells starts apart.")
    names = _names(compare, network.initializer)
    prepared = prepare(source, data, preparation, network, loss, optimizer, training, seed=seed)
    report = initialization_report(prepared.net, prepared.split.train, **prepared.settings)
    say(*prepared.notes, *prepared.data_notes)
    if not json:
        print_text(report.message)
    compared = _compared(names, prepared, restarts) if names else None
    if json:
        print_json(_facts(report, compared))
    elif compared is not None:
        print_text(f"\n{compared}")
    draw_into(figure, lambda: _figure(report))


def _names(compare: str, initializer: str) -> list[str]:
    """Return the initializers to compare, the network's own first."""
    if compare.strip().lower() == NONE:
        return []
    names = list(dict.fromkeys([initializer, *(name.strip() for name in compare.split(","))]))
    for name in names:
        initializer_of(name, setting="initializer" if name == initializer else "compare")
    return names


def _compared(names: list[str], prepared: PreparedTraining, restarts: int) -> StartComparison:
    """Return the losses that a few starts with each initializer reach."""
    from downslope.diagnosis import StartComparison, compare_initializations

    runs, measured = {}, ""
    for index, name in enumerate(names, 1):
        say(f"Comparing {index} of {len(names)}: {name}")
        comparison = compare_initializations(
            prepared.net,
            prepared.split.train,
            initializers={name: initializer_of(name)},
            restarts=restarts,
            progress=shown_progress() == "bar" and "bar",
            **prepared.settings,
        )
        runs, measured = {**runs, **comparison.runs}, comparison.measured
    return StartComparison(runs, measured)


def _facts(report: InitializationReport, compared: StartComparison | None) -> dict[str, object]:
    """Return the results for programs."""
    facts: dict[str, object] = {
        "loss": report.loss,
        "rows": report.rows,
        "layers": report.table().to_dicts(),
        "findings": [finding.as_json() for finding in report.findings],
        "comparison": None,
    }
    if compared is not None:
        facts["comparison"] = {
            "measured": compared.measured,
            "best": compared.best,
            "as_good": list(compared.as_good),
            "answer": compared.answer,
            "losses": {name: losses.tolist() for name, losses in compared.losses.items()},
        }
    return facts


def _figure(report: InitializationReport) -> Figure:
    """Return the figure of a report."""
    from downslope.figures import initialization

    return initialization(report)
