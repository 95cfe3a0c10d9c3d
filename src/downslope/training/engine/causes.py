"""The likely cause of a loss that is no longer a number: weights of rows, inputs, targets, the start, or the rate.

What is extreme is named by its row and column. Only where nothing is, the learning rate is to blame.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Shaped

from downslope.core import Advice, Message, Params, named_leaves, tree_norm
from downslope.optimizers import facts_of
from downslope.training.engine.stopping import Divergence
from downslope.training.problem.problem import Problem

SAMPLE_ROWS = 2000
"""So many rows of a table on disk tell how large inputs are."""

LARGE = 10.0
"""Numbers that are so large in the mean, or weights of a network, are not normalized."""

FAR = 100.0
"""Normalized numbers so far from the mean are no part of any distribution."""

HEAVY = 1e3
"""So many times the usual weight of a row makes a sum over rows its own; a mean bears what squares to a number."""

USUAL_RATE, ABSURD = 0.01, 1e4
"""A rate above so many times the usual one of its optimizer is not lowered tenfold, but to the usual one."""


class Cause(NamedTuple):
    """The cause of a loss that is no longer a number.

    Attributes:
        text: in a sentence.
        remedy: what to do about it.
    """

    text: str
    remedy: Message


def explain_divergence(
    problem: Problem,
    *,
    step: int,
    epoch: int,
    first_loss: float,
    last_loss: float,
    params: tuple[Params, ...],
    learning_rate: float | None,
    stepped: bool,
) -> Divergence:
    """Return a divergence with its likely cause.

    Args:
        problem: what was learned.
        step: the step whose loss was not finite.
        epoch: the epoch it belongs to.
        first_loss: the training loss after the first epoch; NaN if none ended.
        last_loss: the last finite loss.
        params: the last whose loss was finite.
        learning_rate: of the last step; None where none is known.
        stepped: whether a step may have been made.
    """
    rate = _given_rate(problem, learning_rate)
    if stepped:
        blamed = _rate_cause(problem, rate, first_loss, last_loss)
        cause = blamed if _is_absurd(problem, rate) else extreme_cause(problem, rate) or blamed
    else:
        cause = _before_any_step(extreme_cause(problem))
    return Divergence(step, epoch, last_loss, float(np.asarray(tree_norm(params))), cause.text, cause.remedy)


def extreme_cause(problem: Problem, rate: float | None = None) -> Cause | None:
    """Return what is extreme in the rows or at the start of a training; None where nothing is.

    Args:
        problem: what is learned.
        rate: the learning rate, which inputs that are large make too large; None for no word on it.
    """
    for extreme in (_heavy_rows(problem), _large_inputs(problem, rate), _large_targets(problem), _large_start(problem)):
        if extreme is not None:
            return extreme
    return None


def _heavy_rows(problem: Problem) -> Cause | None:
    """Return the row that outweighs all others by more than sums or means bear."""
    weights = problem.train.weights
    if weights is None:
        return None
    w = np.asarray(weights, np.float64)
    usual, row = float(np.median(w[w > 0])), int(np.argmax(w))
    bearable = HEAVY * usual if problem.loss.reduction == "sum" else math.sqrt(np.finfo(weights.dtype).max)
    if w[row] <= bearable:
        return None
    weight = f"{w[row]:.3g}" if np.isfinite(w[row]) else f"more than {weights.dtype} holds"
    return Cause(
        f"The row weights are extreme: training row {row} (counting from 0) weighs {weight}, the usual row "
        f"{usual:.3g}.",
        Message(Advice("give that row a weight like the others'"), Advice("leave it out")),
    )


def _large_inputs(problem: Problem, rate: float | None) -> Cause | None:
    """Return the inputs that are too large for weights of usual size: normalized or not."""
    part, preprocessing = problem.train, problem.preprocessing
    x = np.asarray(part.x[:SAMPLE_ROWS] if part.on_disk else part.x)
    rows = np.asarray(x, np.float64).reshape(len(x), -1)
    row, column = _most_extreme(rows)
    place = f"row {row} (counting from 0){_column_text(problem, column)}"
    normalized = preprocessing.scaling is not None
    if not np.isfinite(rows).all():
        whole = not np.isfinite(rows[:, column]).any()  # an extreme number leaves no mean to normalize the others by
        return Cause(
            f"The inputs hold numbers too large for {x.dtype}{', though they are normalized' if normalized else ''}: "
            f"in {f'all rows{_column_text(problem, column)}' if whole else f'training {place}'}.",
            Message(
                Advice("divide that column by a power of ten"),
                Advice("correct its largest numbers"),
                Advice("leave it out"),
            ),
        )
    peak = float(abs(rows[row, column]))
    if normalized:
        if peak < FAR:
            return None
        return Cause(
            f"The inputs are normalized, but training {place} is still {peak:.3g}, far from all others.",
            Message(Advice("correct that cell"), Advice("leave that row out")),
        )
    size = float(np.sqrt(np.mean(np.square(rows / max(peak, 1.0))))) * max(peak, 1.0)
    if size <= LARGE:
        return None
    makes = "" if rate is None else f", which makes the learning rate {rate:g} too large"
    lower = () if rate is None else (f"If that is not enough, try {_lower(problem, rate):g}.",)
    return Cause(
        f"The inputs are not normalized (their root mean square is {size:.3g}, the largest, {peak:.3g}, is in training "
        f"{place}){makes}.",
        Message(Advice("normalize them", normalize="standard"), *lower),
    )


def _large_targets(problem: Problem) -> Cause | None:
    """Return the targets that are so large that their squares, or steps towards them, are."""
    if problem.loss.targets != "numbers" or problem.loss.one_answer is not None:  # the slope of those is bounded
        return None
    t = np.asarray(problem.train.t)
    rows = np.asarray(t, np.float64).reshape(len(t), -1)
    row, column = _most_extreme(rows)
    peak, scaled = float(abs(rows[row, column])), problem.preprocessing.target_scaling is not None
    if np.isfinite(peak) and peak < (FAR if scaled else LARGE * FAR):
        return None
    where = f"the largest is {peak:.3g}, of training row {row} (counting from 0)"
    if scaled:
        advice = (Advice("correct that target"), Advice("leave that row out"))
        return Cause(f"The targets are normalized, but {where}, far from all others.", Message(*advice))
    return Cause(
        f"The targets are large: {where}.", Message(Advice("normalize the targets", normalize_targets="standard"))
    )


def _large_start(problem: Problem) -> Cause | None:
    """Return the layer whose weights start too large."""
    sizes = {name: float(np.sqrt(_mean_square(leaf))) for name, leaf in named_leaves(problem.start.params).items()}
    name = max(sizes, key=lambda name: sizes[name] if np.isfinite(sizes[name]) else np.inf, default="")
    if not name or sizes[name] <= LARGE:
        return None
    return Cause(
        f"The weights start too large: {name} has a root mean square of {sizes[name]:.3g}.",
        Message(Advice("draw them by a formula that suits the layer", initializer="auto")),
    )


def _before_any_step(extreme: Cause | None) -> Cause:
    """Return the cause where no step was made: what is extreme, or that nothing stands out."""
    words = "The loss is not finite before the first step"
    if extreme is None:
        return Cause(f"{words}, though nothing stands out.", Message(Advice("start from smaller weights")))
    return Cause(f"{words}. {extreme.text}", extreme.remedy)


def _rate_cause(problem: Problem, rate: float | None, first_loss: float, last_loss: float) -> Cause:
    """Return that the rate is too large, and a lower one."""
    named = "the learning rate" if rate is None else f"the learning rate {rate:g}"
    lower = "lower it" if rate is None else f"try {_lower(problem, rate):g}"
    grew = f" (it was {first_loss:.4g} at the start)" if last_loss > first_loss else ""
    return Cause(
        f"Most likely {named} is too large: the loss grew{grew} instead of falling.",
        Message(Advice(lower), Advice("clip the gradient", code="ds.clip(1.0, …)", clip=1)),
    )


def _given_rate(problem: Problem, learning_rate: float | None) -> float | None:
    """Return the rate as it was given, where it is constant: it may be more than the precision holds."""
    chosen = problem.optimizer.hyperparams.get("learning_rate")
    same = isinstance(chosen, (int, float)) and learning_rate is not None and not math.isfinite(learning_rate)
    return float(chosen) if same else learning_rate  # pyright: ignore[reportArgumentType]


def _usual_rate(problem: Problem) -> float:
    """Return the usual rate of the optimizer."""
    facts = facts_of(problem.optimizer)
    return USUAL_RATE if facts is None else facts.learning_rate


def _is_absurd(problem: Problem, rate: float | None) -> bool:
    """Return whether a rate is beyond anything that its optimizer is used with."""
    return rate is not None and not rate <= ABSURD * _usual_rate(problem)


def _lower(problem: Problem, rate: float) -> float:
    """Return a finite rate below one."""
    return _usual_rate(problem) if _is_absurd(problem, rate) else rate / 10


def _most_extreme(rows: np.ndarray) -> tuple[int, int]:
    """Return the row and the column of the number that is not finite, or else the largest."""
    sizes = np.where(np.isfinite(rows), np.abs(rows), np.inf)
    row, column = np.unravel_index(int(np.argmax(sizes)), rows.shape)
    return int(row), int(column)


def _column_text(problem: Problem, column: int) -> str:
    """Return the name of an input, or its number where inputs have none."""
    names = problem.preprocessing.feature_names
    return f", column {column}" if names is None or column >= len(names) else f", column {names[column]!r}"


def _mean_square(leaf: Shaped[Array | np.ndarray, ...]) -> float:
    """Return the mean square of all numbers."""
    return float(np.mean(np.square(np.asarray(leaf, np.float64)))) if np.size(leaf) else 0.0
