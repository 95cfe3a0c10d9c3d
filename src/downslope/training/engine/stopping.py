"""Why training ends: patience that ran out, and losses that are no longer numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from downslope.core import Message


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
        loss = f"the last finite loss was {self.loss:.4g}" if math.isfinite(self.loss) else "no earlier loss is known"
        return (
            f"Diverged at step {self.step} (epoch {self.epoch + 1}): {loss}, "
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
