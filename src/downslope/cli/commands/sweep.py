"""`downslope sweep`."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from downslope.cli.interrupts import STOPPED, let_training_keep_its_result
from downslope.cli.options.arguments import JsonOption, SourceArgument
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
from downslope.cli.options.network import ActivationOption, DropoutOption, InitializerOption, NormOption, SkipOption
from downslope.cli.options.training import (
    ALL_ROWS,
    PATIENCE,
    ClassWeightOption,
    ClipOption,
    EarlyStoppingOption,
    EpochsOption,
    LabelSmoothingOption,
    LossOption,
    OrderOption,
    ScheduleOption,
    steps_of,
)
from downslope.cli.output.figure import FigureOption, check_figure, draw_into
from downslope.cli.output.printing import described, print_json, print_lines, say, score_lines, shown_progress
from downslope.cli.output.train_command import train_command
from downslope.cli.parse.optimizer import optimizer_of
from downslope.cli.parse.values import values_of

if TYPE_CHECKING:
    from downslope.data import Split
    from downslope.training import Run

Settings = dict[str, Any]


@dataclass(frozen=True)
class Tried:
    """One combination, and what came of it.

    Attributes:
        settings: by their names in Python.
        run: as `ds.train` would have returned it.
        loss: what combinations are compared by.
    """

    settings: Settings
    run: Run
    loss: float


_PANEL = "Swept: values separated by commas, or ranges LOW..HIGH"


def sweep(
    source: SourceArgument,
    learning_rate: Annotated[
        str, typer.Option(metavar="VALUES", help="A range goes by powers of ten.", rich_help_panel=_PANEL)
    ] = "1e-4..1e-1",
    momentum: Annotated[
        str | None, typer.Option(metavar="VALUES", help="For sgd and rmsprop.", rich_help_panel=_PANEL)
    ] = None,
    weight_decay: Annotated[
        str | None, typer.Option(metavar="VALUES", help="A range goes by powers of ten.", rich_help_panel=_PANEL)
    ] = None,
    optimizer: Annotated[
        str,
        typer.Option(
            metavar="NAMES", help="adam, adamw, nadam, rmsprop, adagrad, adadelta, sgd.", rich_help_panel=_PANEL
        ),
    ] = "adam",
    batch_size: Annotated[
        str, typer.Option(metavar="VALUES", help="Rows a step, or all. A range doubles.", rich_help_panel=_PANEL)
    ] = "32",
    seed: Annotated[
        str,
        typer.Option(
            metavar="VALUES",
            help="Of starting weights and the order of rows; the split is that of the first.",
            rich_help_panel=_PANEL,
        ),
    ] = "0",
    network: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LAYERS",
            help="As for downslope train; may be repeated, instead of commas.",
            show_default="64,64",
            rich_help_panel=_PANEL,
        ),
    ] = None,
    target: TargetOption = None,
    task: TaskOption = None,
    numeric: NumericOption = None,
    categorical: CategoricalOption = None,
    shape: ShapeOption = None,
    normalize: NormalizeOption = "standard",
    validation: ValidationOption = 0.2,
    test: TestOption = 0.2,
    activation: ActivationOption = "relu",
    initializer: InitializerOption = "auto",
    norm: NormOption = None,
    skip: SkipOption = False,
    dropout: DropoutOption = 0.0,
    loss: LossOption = "auto",
    label_smoothing: LabelSmoothingOption = 0.0,
    class_weight: ClassWeightOption = None,
    clip: ClipOption = None,
    schedule: ScheduleOption = "constant",
    order: OrderOption = "shuffle",
    epochs: EpochsOption = 50,
    early_stopping: EarlyStoppingOption = None,
    figure: FigureOption = None,
    json: JsonOption = False,
) -> None:
    """Train with every combination of several values, many at once, and compare what they reach.

    Prints a line for each combination, the lowest validation loss first, how the best one does on the test rows, and
    the command that trains it again and keeps it. Rates, momenta, decays and seeds are trained together in one go.
    """
    asked = dict(locals())
    check_figure(figure)
    from downslope.cli.compile_cache import keep_compiled_code
    from downslope.cli.parse.loss import class_weight_of, loss_of, target_scaling
    from downslope.cli.parse.network import convolves, network_of
    from downslope.cli.parse.source import open_training_data

    texts = list(dict.fromkeys(network or ["64,64"]))
    numbers = _numbers(learning_rate, momentum, weight_decay)
    sizes = values_of("batch_size", batch_size, int, lambda size: 2 * size, {"all": ALL_ROWS})
    seeds = values_of("seed", seed, int, lambda number: number + 1, {})
    names = [name.strip() for name in optimizer.split(",")]
    data = open_training_data(
        source,
        target=target,
        task=task,
        numeric=numeric or (),
        categorical=categorical or (),
        shape=shape,
        network=next(filter(convolves, texts), texts[0]),
    )
    split = data.split(validation=validation, test=test, seed=seeds[0])
    keep_compiled_code()
    chosen = loss_of(loss, label_smoothing, data.task)
    around: Settings = {"activation": activation, "initializer": initializer, "norm": norm}
    nets = {text: network_of(data, text, chosen, skip=skip, dropout=dropout, **around) for text in texts}
    settings = {
        "loss": chosen,
        "class_weight": class_weight_of(class_weight or (), data),
        "order": order,
        "epochs": epochs,
        "early_stopping": (0 if split.validation is None else PATIENCE) if early_stopping is None else early_stopping,
        "normalize": None if normalize == "none" else normalize,
        "normalize_targets": target_scaling(normalize, data.task, chosen),
    }
    rules = [{"optimizer": name, **one} for name, one in itertools.product(names, numbers)]
    made = {size: _optimizers(rules, schedule, clip, steps=steps_of(len(split.train), size, epochs)) for size in sizes}
    let_training_keep_its_result()
    tried: list[Tried] = []
    for size in sizes:
        tried += _tried(split, nets, rules, made[size], size, seeds, settings)
        if any(one.run.stop_reason == "interrupted" for one in tried):
            break
    say(f"{Path(source).name}: {described(data)}", *split.notes, *tried[0].run.notes)
    ranked = _ranked(tried, len(sizes) * len(nets) * len(rules) * len(seeds))
    draw_into(figure, lambda: _drawn(ranked))
    _print(ranked, split, asked, json=json)


def _numbers(rates: str, momenta: str | None, decays: str | None) -> list[Settings]:
    """Return every combination of the optimizer's numbers."""
    texts = {"learning_rate": rates, "momentum": momenta, "weight_decay": decays}
    choices = {
        name: [None] if text is None else values_of(name, text, float, lambda value: 10 * value, {})
        for name, text in texts.items()
    }
    return [dict(zip(choices, chosen, strict=True)) for chosen in itertools.product(*choices.values())]


def _optimizers(rules: Sequence[Settings], schedule: str, clip: float | None, *, steps: int) -> list[Any]:
    """Return the optimizer of each combination."""
    return [
        optimizer_of(
            rule["optimizer"],
            rule["learning_rate"],
            rule["momentum"],
            schedule,
            steps,
            weight_decay=rule["weight_decay"],
            clip=clip,
        )
        for rule in rules
    ]


def _tried(
    split: Split,
    nets: Mapping[str, Any],
    rules: Sequence[Settings],
    optimizers: Sequence[Any],
    size: int,
    seeds: Sequence[int],
    settings: Settings,
) -> list[Tried]:
    """Return what came of all combinations with one batch size."""
    from downslope.training import sweep as train_all

    found = train_all(
        dict(nets),
        split.train,
        optimizer=dict(enumerate(optimizers)),
        batch_size=size,
        seed=list(seeds),
        validation=0.0 if split.validation is None else split.validation,
        progress=shown_progress(),
        **settings,
    )
    shared = {"batch_size": "all" if size == ALL_ROWS else size}
    return [
        Tried({"network": one["net"], **rules[one["optimizer"]], **shared, "seed": one["seed"]}, run, float(loss))
        for one, run, loss in zip(found.settings, found.runs, found.losses, strict=True)
    ]


def _ranked(tried: list[Tried], asked: int) -> list[Tried]:
    """Return the combinations with the lowest loss first, those that diverged last, without those that Ctrl-C stopped.

    Args:
        tried: what was trained.
        asked: how many combinations there are.

    Raises:
        typer.Exit: none has a loss.
    """
    compared = sorted((one for one in tried if math.isfinite(one.loss)), key=lambda one: one.loss)
    diverged = [one for one in tried if not math.isfinite(one.loss) and one.run.stop_reason == "diverged"]
    interrupted = any(one.run.stop_reason == "interrupted" for one in tried)
    if not compared:
        if interrupted:
            say("Interrupted before the first epoch ended: nothing to compare.")
            raise typer.Exit(STOPPED)
        say(f"{'The one combination' if asked == 1 else f'All {asked} combinations'} diverged. Try smaller rates.")
        raise typer.Exit(1)
    if interrupted:
        say(f"Interrupted: {len(compared)} of {asked} combinations have a loss, and only these are compared.")
    return [*compared, *diverged]


def _print(ranked: list[Tried], split: Split, asked: Settings, *, json: bool) -> None:
    """Print what the combinations reached, the best one's scores, and how to have it again."""
    from downslope.core import aligned

    best = ranked[0]
    parts = {"train": split.train, "validation": split.validation, "test": split.test}
    scores = {name: None if part is None else best.run.evaluate(part) for name, part in parts.items()}
    if json:
        runs = [
            {**one.settings, "loss": one.loss, "epochs": one.run.epochs, "stop_reason": one.run.stop_reason}
            for one in ranked
        ]
        print_json({"task": best.run.task, "runs": runs, "best": {"settings": best.settings, **scores}})
        return
    swept = _swept(ranked)
    measured = "training loss" if split.validation is None else "validation loss"
    heads = [*(name.replace("_", " ") for name in swept), measured, "epochs", "ended"]
    cells = [
        [*(str(one.settings[name]) for name in swept), f"{one.loss:.4g}", str(one.run.epochs), one.run.stop_reason]
        for one in ranked
    ]
    counts = {name: (len(part), scores[name] or {}) for name, part in parts.items() if part is not None}
    split_anew = " (its seed splits the rows anew)" if "seed" in swept else ""
    print_lines(
        [
            aligned([heads, *cells], left=0),
            "",
            "The best one:",
            *score_lines(counts),
            "",
            f"Train it again and keep it{split_anew}:",
            f"  {train_command(sweep, asked, best.settings)}",
        ]
    )


def _swept(ranked: list[Tried]) -> list[str]:
    """Return the names of the settings that differ."""
    return [name for name in ranked[0].settings if len({one.settings[name] for one in ranked}) > 1]


def _drawn(ranked: list[Tried]) -> Any:
    """Return the figure of all combinations."""
    import numpy as np

    from downslope.figures import sweep as draw
    from downslope.training import Sweep

    names = _swept(ranked) or ["learning_rate"]
    settings = tuple({name: one.settings[name] for name in names} for one in ranked)
    return draw(Sweep(settings, tuple(one.run for one in ranked), np.array([one.loss for one in ranked])))
