"""Why training ends: patience that ran out, and losses that are no longer numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np

from downslope.core import Advice, Message, Params, tree_norm


class Best(NamedTuple):
    """The best epoch so far, on the validation rows.

    Attributes:
        loss: its loss; by another metric its score, which is best where it is lowest: see `monitored_score`.
        epoch: after how many epochs it was reached; 0 before the first.
    """

    loss: float
    epoch: int


@dataclass(frozen=True)
class Divergence:
    """A run that diverged, as a result.

    Attributes:
        step: the step whose loss was not finite, counted from 0.
        epoch: the epoch it belongs to, counted from 0.
        loss: the last finite loss of a batch.
        norm: the norm of all parameters at the last finite state, which the run keeps.
        cause: the likely cause, in a sentence.
        remedy: what to do about it.
    """

    step: int
    epoch: int
    loss: float
    norm: float
    cause: str
    remedy: Message

    @property
    def evidence(self) -> str:
        """What happened, and the likely cause."""
        return (
            f"Diverged at step {self.step} (epoch {self.epoch + 1}): the last finite loss was {self.loss:.4g}, "
            f"the norm of the parameters {self.norm:.4g}. {self.cause}"
        )

    @property
    def message(self) -> Message:
        """What happened, why, and what to do about it."""
        return Message(self.evidence, self.remedy)

    def __str__(self) -> str:
        return str(self.message)

    def as_json(self) -> dict[str, Any]:
        """Return the facts as plain JSON; numbers that are not finite as text."""
        facts = {field.name: getattr(self, field.name) for field in fields(self)}
        numbers = {name: str(n) for name, n in facts.items() if isinstance(n, float) and not math.isfinite(n)}
        return {**facts, **numbers, "remedy": self.remedy.as_json()}

    @classmethod
    def from_json(cls, facts: dict[str, Any]) -> Divergence:
        """Return what `as_json` wrote."""
        numbers = {name: float(facts[name]) for name in ("loss", "norm")}
        return cls(**{**facts, **numbers, "remedy": Message.from_json(facts["remedy"])})


SAMPLE_ROWS = 2000
"""So many rows tell how large inputs are."""


def explain_divergence(
    *,
    step: int,
    epoch: int,
    first_loss: float,
    last_loss: float,
    params: tuple[Params, ...],
    inputs: np.ndarray,
    learning_rate: float | None,
) -> Divergence:
    """Return a divergence with its likely cause: the data's scale, the start, or the rate."""
    spread = _root_mean_square(inputs)
    rate = "the learning rate" if learning_rate is None else f"the learning rate {learning_rate:g}"
    lower = "lower it" if learning_rate is None else f"try {learning_rate / 10:g}"
    if step == 0:
        cause = "The loss is not finite before the first step: inputs, targets or starting weights are too large."
        remedy = Message(Advice("normalize the data", normalize="standard"), Advice("start from smaller weights"))
    elif spread > 10:
        cause = f"The inputs are not normalized (their root mean square is {spread:.3g}), which makes {rate} too large."
        remedy = Message(Advice("normalize them", normalize="standard"), f"If that is not enough, {lower}.")
    else:
        grew = f" (it was {first_loss:.4g} at the start)" if last_loss > first_loss else ""
        cause = f"Most likely {rate} is too large: the loss grew{grew} instead of falling."
        remedy = Message(Advice(lower), Advice("clip the gradient", code="ds.clip(1.0, …)", clip=1))
    return Divergence(step, epoch, last_loss, float(np.asarray(tree_norm(params))), cause, remedy)


def _root_mean_square(inputs: np.ndarray) -> float:
    """Return the root mean square of all numbers."""
    return float(np.sqrt(np.mean(np.square(np.asarray(inputs, np.float64)))))
