"""`downslope find-lr`."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from downslope.cli.interrupts import raise_on_interrupt
from downslope.cli.options import (
    BatchSizeOption,
    DataOptions,
    FigureOption,
    JsonOption,
    LossOptions,
    NetworkOptions,
    OptimizerOptions,
    PreparationOptions,
    SeedOption,
    SourceArgument,
    TrainingOptions,
    reader,
)
from downslope.cli.output import (
    check_figure,
    draw_into,
    print_json,
    print_text,
    say,
    shown_progress,
    train_command,
)
from downslope.cli.prepare import prepare

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from downslope.training import FoundLearningRate


@dataclass(frozen=True)
class SearchedOptimizerOptions(OptimizerOptions):
    """The options of the optimizer without its rate."""

    learning_rate: None = None
    schedule: str = "constant"


@dataclass(frozen=True)
class SearchOptions(TrainingOptions):
    """Those of short trainings."""

    batch_size: BatchSizeOption = 32
    epochs: int = 50
    early_stopping: int | None = 0
    early_stopping_metric: str = "loss"
    min_delta: float = 0.0


def find_lr(
    source: SourceArgument,
    data: DataOptions,
    preparation: PreparationOptions,
    network: NetworkOptions,
    loss: LossOptions,
    optimizer: SearchedOptimizerOptions,
    training: SearchOptions,
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
    check_figure(figure)
    from downslope.training import find_learning_rate

    groups = (data, preparation, network, loss, optimizer, training)
    prepared = prepare(source, *groups, seed=seed)
    raise_on_interrupt()
    result = find_learning_rate(
        prepared.net, prepared.split.train, **prepared.settings, steps=steps, progress=shown_progress()
    )
    say(*prepared.notes, *prepared.data_notes)
    if json:
        print_json(_facts(result))
    else:
        settings = {"seed": seed or None, "learning_rate": result.suggestion}
        print_text(result.message, f"Train with it:\n  {train_command(source, *groups, settings=settings)}")
    draw_into(figure, lambda: _figure(result))


def _facts(result: FoundLearningRate) -> dict[str, object]:
    """Return the results for programs."""
    test = result.range_test
    return {
        "learning_rate": result.suggestion,
        "reason": result.reason,
        "batch_size": result.batch_size,
        "suggestions": {name: asdict(suggestion) for name, suggestion in result.suggestions.items()},
        "range_test": {
            "blow_up": test.blow_up,
            **{name: getattr(test, name).tolist() for name in ("rates", "losses", "smoothed")},
        },
        "trials": {
            "measured": result.trials.measured,
            "steps": result.trials.steps,
            "rates": result.trials.rates.tolist(),
            "losses": [float(loss) if math.isfinite(loss) else None for loss in result.trials.losses],
        },
        "curvature": None if result.curvature is None else asdict(result.curvature),
        "notes": list(result.notes),
    }


def _figure(result: FoundLearningRate) -> Figure:
    """Return the figure of the result."""
    from downslope.figures import learning_rate

    return learning_rate(result)
