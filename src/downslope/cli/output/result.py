"""The result of a training, which `downslope train` and `downslope resume` end with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from downslope.cli.output.command_line import command_line
from downslope.cli.output.printing import Scores, print_json, print_lines, say, score_lines, score_text, stop_sentence

if TYPE_CHECKING:
    from downslope.data import Dataset, Split
    from downslope.training import EarlyStopping, Run


def show_result(
    run: Run,
    split: Split | None,
    *,
    stopping: EarlyStopping,
    json: bool,
    next_steps: Sequence[str] = (),
    **facts: object,
) -> None:
    """Print how a training ended and how well the parameters it keeps do on each part, and fail if it diverged.

    Args:
        run: the training.
        split: the rows it learned from, was stopped by and has not seen; None if they are not at hand.
        stopping: when it was to stop early.
        json: whether a program reads it.
        next_steps: commands to go on with, for readers.
        facts: more for programs.

    Raises:
        typer.Exit: it diverged.
    """
    names = ("train", "validation", "test")
    parts = {name: None if split is None else getattr(split, name) for name in names}
    scores = {name: None if part is None else run.evaluate(part) for name, part in parts.items()}
    if json:
        print_json(_facts(run, scores) | facts)
    else:
        counts = {name: (len(part), scores[name] or {}) for name, part in parts.items() if part is not None}
        spread = [] if run.restarts is None else [str(run.restarts)]
        table = ["", *score_lines(counts)] if counts else []
        print_lines([stop_sentence(run, stopping), *spread, *table, *(["", *next_steps] if next_steps else [])])
    if run.divergence is not None:
        say(run.divergence.message)
        raise typer.Exit(1)
    held_out = "validation" if parts["test"] is None else "test"
    rows, score = parts[held_out], scores[held_out]
    if split is not None and rows is not None and score is not None:
        guess = equivalent_constant(split.train, rows, score)
        if guess:
            why = command_line("diagnose", run.path or "RUN")
            say(f"On the {held_out} rows this is no better than {guess}. Find out why: {why}")


def split_of(run: Run, file: Path | None = None) -> Split | None:
    """Return the rows of a run and those kept aside from it, read again; None if they cannot be had.

    Args:
        run: the training.
        file: where the file that they were read from is now.
    """
    from downslope.core import CustomPartError, DataError
    from downslope.data import Dataset, Split

    try:
        recipe = run.with_data(file=file).recipe
        if recipe is None:
            return None
        data, held_out = recipe.data, recipe.settings.validation
        kept_aside = _test_rows(data, run)
    except (DataError, CustomPartError):
        return None
    if isinstance(held_out, Dataset):
        return Split(data, held_out, kept_aside)
    return replace(data.split(validation=held_out, seed=recipe.settings.seed), test=kept_aside)


def equivalent_constant(train: Dataset, rows: Dataset, scores: Scores) -> str | None:
    """Return which constant answer does as well on rows held out, in words; None if none does.

    Args:
        train: the rows that were learned from.
        rows: the rows held out.
        scores: of the network on them.

    Example:
        >>> from downslope.data import Dataset
        >>> train, rows = Dataset([1.0, 2.0, 3.0], ["a", "a", "b"]), Dataset([1.0, 2.0], ["a", "b"])
        >>> equivalent_constant(train, rows, {"accuracy": 0.5})
        "always guessing the commonest class, 'a' (50.0 %)"
        >>> equivalent_constant(train, rows, {"accuracy": 1.0}) is None
        True
    """
    import numpy as np

    if rows.task == "regression":
        return None if not scores["r2"] <= 0 else f"always answering the mean (r2 {score_text('r2', scores['r2'])})"
    labels, counts = np.unique(train.y, return_counts=True)
    commonest = labels[counts.argmax()]
    share = float(np.mean(rows.y == commonest))
    if not scores["accuracy"] <= min(share, 1 - 1e-9):
        return None
    return f"always guessing the commonest class, {commonest.item()!r} ({score_text('accuracy', share)})"


def _facts(run: Run, scores: Mapping[str, object]) -> dict[str, object]:
    """Return the facts about a run for programs."""
    facts = {"run": str(run.path), "task": run.task, "epochs": run.epochs, "stop_reason": run.stop_reason, **scores}
    if run.restarts is not None:
        ended = run.restarts
        facts["restarts"] = {"best": ended.best, "losses": ended.losses.tolist(), "epochs": ended.epochs.tolist()}
    return facts


def _test_rows(data: Dataset, run: Run) -> Dataset | None:
    """Return the rows that were kept aside when training rows were split off, read again; None if there are none."""
    from downslope.data import arranged_as, open_origin

    if data.origin is None or not data.origin.splits:
        return None
    *before, (part, validation, test, seed) = data.origin.splits
    if part != "train" or not test:
        return None
    kept_aside = replace(data.origin, splits=(*before, ("test", validation, test, seed)))
    return arranged_as(open_origin(kept_aside), run.preprocessing.input_shape)
