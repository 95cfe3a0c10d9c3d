"""`downslope sweep`."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from downslope.cli.interrupts import STOPPED, raise_on_interrupt
from downslope.cli.options import (
    ALL_ROWS,
    OPTIMIZERS,
    WITH_MOMENTUM,
    DataOptions,
    FigureOption,
    JsonOption,
    LossOptions,
    NetworkOptions,
    OptimizerOptions,
    PreparationOptions,
    SourceArgument,
    TrainingOptions,
    joined,
)
from downslope.cli.output import (
    check_figure,
    draw_into,
    print_json,
    print_lines,
    say,
    score_lines,
    shown_progress,
    train_command,
)
from downslope.cli.parse import convolves, values_of
from downslope.cli.prepare import PreparedTraining, network_for, optimizer_for, prepare

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from downslope.core import DownslopeError, Message
    from downslope.networks import Sequential
    from downslope.optimizers import Optimizer
    from downslope.training import Run

Rule = Mapping[str, str | float | None]
"""The name of an optimizer and its numbers, by the names of `OptimizerOptions`."""

Settings = Mapping[str, str | float | None]
"""A combination of settings, by the names of their options."""

_option = partial(typer.Option, rich_help_panel="Swept: values separated by commas, or ranges LOW..HIGH")


@dataclass(frozen=True)
class SweptOptions:
    """Settings with several values each."""

    learning_rate: Annotated[str, _option(metavar="VALUES", help="A range goes by powers of ten.")] = "1e-4..1e-1"
    momentum: Annotated[str | None, _option(metavar="VALUES", help=f"For {joined(WITH_MOMENTUM, 'and')}.")] = None
    weight_decay: Annotated[str | None, _option(metavar="VALUES", help="A range goes by powers of ten.")] = None
    optimizer: Annotated[str, _option(metavar="NAMES", help=f"{', '.join(OPTIMIZERS)}.")] = "adam"
    batch_size: Annotated[str, _option(metavar="VALUES", help="Rows a step, or all. A range doubles.")] = "32"
    seed: Annotated[
        str,
        _option(metavar="VALUES", help="Of starting weights and the order of rows; the split is that of the first."),
    ] = "0"
    network: Annotated[
        list[str] | None,
        _option(
            metavar="LAYERS",
            help="As for downslope train; may be repeated, instead of commas.",
            show_default="64,64",
        ),
    ] = None

    def networks(self) -> list[str]:
        """Return the networks."""
        return list(dict.fromkeys(self.network or ["64,64"]))

    def rules(self) -> list[Rule]:
        """Return every combination of an optimizer and its numbers."""
        texts = {"learning_rate": self.learning_rate, "momentum": self.momentum, "weight_decay": self.weight_decay}
        choices: dict[str, Sequence[str | float | None]] = {
            "optimizer": [name.strip() for name in self.optimizer.split(",")]
        }
        for name, text in texts.items():
            choices[name] = [None] if text is None else values_of(name, text, float, lambda value: 10 * value, {})
        return [dict(zip(choices, values, strict=True)) for values in itertools.product(*choices.values())]

    def batch_sizes(self) -> list[int]:
        """Return the batch sizes."""
        return values_of("batch_size", self.batch_size, int, lambda size: 2 * size, {"all": ALL_ROWS})

    def seeds(self) -> list[int]:
        """Return the seeds."""
        return values_of("seed", self.seed, int, lambda seed: seed + 1, {})


@dataclass(frozen=True)
class CommonNetworkOptions(NetworkOptions):
    """The options that all networks share."""

    network: str = "64,64"


@dataclass(frozen=True)
class CommonOptimizerOptions(OptimizerOptions):
    """The options that all optimizers share."""

    optimizer: str = "adam"
    learning_rate: float | None = None
    momentum: float | None = None
    weight_decay: float | None = None


@dataclass(frozen=True)
class CommonTrainingOptions(TrainingOptions):
    """The options that all trainings share."""

    batch_size: int = 32


@dataclass(frozen=True)
class Unfit:
    """One combination of settings that cannot be trained.

    Attributes:
        settings: by the names of their options.
        error: why it cannot.
    """

    settings: Settings
    error: DownslopeError


@dataclass(frozen=True)
class Combination:
    """One combination of settings, trained.

    Attributes:
        settings: by the names of their options.
        run: as `ds.train` would have returned it.
        loss: what combinations are compared by.
    """

    settings: Settings
    run: Run
    loss: float


def sweep(
    source: SourceArgument,
    swept: SweptOptions,
    data: DataOptions,
    preparation: PreparationOptions,
    network: CommonNetworkOptions,
    loss: LossOptions,
    optimizer: CommonOptimizerOptions,
    training: CommonTrainingOptions,
    figure: FigureOption = None,
    json: JsonOption = False,
) -> None:
    """Train with every combination of several values, many at once, and compare what they reach.

    Prints a line for each combination, the lowest validation loss first, how the best one does on the test rows, and
    the command that trains it again and keeps it. Rates, momenta, decays and seeds are trained together in one go.
    """
    check_figure(figure)
    networks, rules, sizes, seeds = swept.networks(), swept.rules(), swept.batch_sizes(), swept.seeds()
    first = replace(network, network=next(filter(convolves, networks), networks[0]))
    prepared = prepare(source, data, preparation, first, loss, optimizer, training, seed=seeds[0])
    nets = {text: network_for(replace(network, network=text), prepared.data, prepared.loss) for text in networks}
    optimizers = {size: _optimizers(rules, optimizer, replace(training, batch_size=size), prepared) for size in sizes}
    raise_on_interrupt()
    combinations: list[Combination] = []
    unfit: list[Unfit] = []
    for size in sizes:
        trained, untrained = _train(prepared, nets, rules, optimizers[size], size, seeds)
        combinations, unfit = [*combinations, *trained], [*unfit, *untrained]
        if any(combination.run.stop_reason == "interrupted" for combination in trained):
            break
    if not combinations:
        raise unfit[0].error
    say(*prepared.notes, *combinations[0].run.notes, *_unfit_texts(unfit))
    ranked = in_order(combinations, len(sizes) * len(nets) * len(rules) * len(seeds))
    draw_into(figure, lambda: _figure(ranked))
    if json:
        print_json(_facts(ranked, unfit, prepared))
    else:
        groups = (data, preparation, network, loss, optimizer, training)
        advised = train_command(source, *groups, settings=ranked[0].settings)
        print_lines(_lines(ranked, prepared, advised))


def _optimizers(
    rules: Sequence[Rule], common: OptimizerOptions, training: TrainingOptions, prepared: PreparedTraining
) -> list[Optimizer]:
    """Return the optimizer of each rule."""
    net, rows = prepared.net, prepared.split.train
    return [optimizer_for(replace(common, **rule), training, net, rows) for rule in rules]


def _train(
    prepared: PreparedTraining,
    nets: Mapping[str, Sequential],
    rules: Sequence[Rule],
    optimizers: Sequence[Optimizer],
    size: int,
    seeds: Sequence[int],
) -> tuple[list[Combination], list[Unfit]]:
    """Return all combinations with one batch size: those trained, and those that cannot be."""
    from downslope.core import DownslopeError
    from downslope.training import sweep as train_all

    swept = {"optimizer": dict(enumerate(optimizers)), "batch_size": size, "seed": list(seeds)}
    shared = {"batch_size": "all" if size == ALL_ROWS else size}

    def options(settings: Mapping[str, Any]) -> Settings:
        return {"network": settings["net"], **rules[settings["optimizer"]], **shared, "seed": settings["seed"]}

    try:
        result = train_all(
            dict(nets), prepared.split.train, progress=shown_progress(), **{**prepared.settings, **swept}
        )
    except DownslopeError as error:
        combined = itertools.product(nets, range(len(rules)), seeds)
        return [], [Unfit(options({"net": n, "optimizer": r, "seed": s}), error) for n, r, s in combined]
    trained = [
        Combination(options(settings), run, float(loss))
        for settings, run, loss in zip(result.settings, result.runs, result.losses, strict=True)
    ]
    return trained, [Unfit(options(unfit.settings), unfit.error) for unfit in result.unfit]


def _unfit_texts(combinations: list[Unfit]) -> list[Message]:
    """Return how many combinations of settings cannot be trained, for each reason."""
    from downslope.core import Message

    reasons = {str(combination.error): combination.error.message for combination in combinations}
    counts = Counter(str(combination.error) for combination in combinations)
    counted = {text: f"{count} combination{'s' * (count > 1)}" for text, count in counts.items()}
    return [Message(f"Not trained, {counted[text]}:", reason) for text, reason in reasons.items()]


def in_order(combinations: list[Combination], count: int) -> list[Combination]:
    """Return the combinations with the lowest loss first, those that diverged last, without those that Ctrl-C stopped.

    Args:
        combinations: those that were trained.
        count: how many there are in all.

    Raises:
        typer.Exit: none has a loss.
    """
    finite = [combination for combination in combinations if math.isfinite(combination.loss)]
    others = [combination for combination in combinations if not math.isfinite(combination.loss)]
    interrupted = any(combination.run.stop_reason == "interrupted" for combination in combinations)
    if not finite:
        if interrupted:
            say("Interrupted before the first epoch ended: nothing to compare.")
            raise typer.Exit(STOPPED)
        say(f"{'The one combination' if count == 1 else f'All {count} combinations'} diverged. Try smaller rates.")
        raise typer.Exit(1)
    if interrupted:
        say(f"Interrupted: {len(finite)} of {count} combinations have a loss, and only these are compared.")
    diverged = [combination for combination in others if combination.run.stop_reason == "diverged"]
    return [*sorted(finite, key=lambda combination: combination.loss), *diverged]


def _scores(ranked: list[Combination], prepared: PreparedTraining) -> dict[str, tuple[int, dict[str, float]] | None]:
    """Return the rows and the scores of the best combination on each part; None for a part without rows."""
    parts = {"train": prepared.split.train, "validation": prepared.split.validation, "test": prepared.split.test}
    run = ranked[0].run
    return {name: None if part is None else (len(part), run.evaluate(part)) for name, part in parts.items()}


def _facts(ranked: list[Combination], unfit: list[Unfit], prepared: PreparedTraining) -> dict[str, object]:
    """Return the results for programs."""
    scores = {name: part and part[1] for name, part in _scores(ranked, prepared).items()}
    runs = [
        {
            **combination.settings,
            "loss": combination.loss,
            "epochs": combination.run.epochs,
            "stop_reason": combination.run.stop_reason,
        }
        for combination in ranked
    ]
    runs += [
        {**combination.settings, "loss": None, "epochs": 0, "stop_reason": "unfit", "why": str(combination.error)}
        for combination in unfit
    ]
    return {"task": ranked[0].run.task, "runs": runs, "best": {"settings": ranked[0].settings, **scores}}


def _lines(ranked: list[Combination], prepared: PreparedTraining, advised: str) -> list[str]:
    """Return the losses of all combinations, the scores of the best, and how to have it again."""
    from downslope.core import aligned

    swept = _swept(ranked)
    measured = "training loss" if prepared.split.validation is None else "validation loss"
    heads = [*(name.replace("_", " ") for name in swept), measured, "epochs", "ended"]
    cells = [
        [
            *(str(combination.settings[name]) for name in swept),
            f"{combination.loss:.4g}",
            str(combination.run.epochs),
            combination.run.stop_reason,
        ]
        for combination in ranked
    ]
    scores = {name: part for name, part in _scores(ranked, prepared).items() if part is not None}
    split_anew = " (its seed splits the rows anew)" if "seed" in swept else ""
    return [
        aligned([heads, *cells], left=0),
        "",
        "The best one:",
        *score_lines(scores),
        "",
        f"Train it again and keep it{split_anew}:",
        f"  {advised}",
    ]


def _swept(ranked: list[Combination]) -> list[str]:
    """Return the names of the settings that differ."""
    names = ranked[0].settings
    return [name for name in names if len({combination.settings[name] for combination in ranked}) > 1]


def _figure(ranked: list[Combination]) -> Figure:
    """Return the figure of all combinations."""
    import numpy as np

    from downslope.figures import sweep as draw
    from downslope.training import Sweep

    names = _swept(ranked) or ["learning_rate"]
    settings = tuple({name: combination.settings[name] for name in names} for combination in ranked)
    losses = np.array([combination.loss for combination in ranked])
    return draw(Sweep(settings, tuple(combination.run for combination in ranked), losses))
