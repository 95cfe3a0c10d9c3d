"""Finding that other starts end lower, and what may get a descent out of where it rests."""

from __future__ import annotations

from collections.abc import Iterator

from downslope.core import Advice, Message
from downslope.diagnosis.finding import Change, Finding
from downslope.diagnosis.kinds import Kind
from downslope.diagnosis.measurements import OtherStarts
from downslope.diagnosis.remedies import Learned, wider
from downslope.optimizers import facts_of
from downslope.schedules import Schedule

SEVERE = 0.25
"""Where so much of what can be gained is missed, another start is a different network."""

STARTS_TO_TRY = 8
"""So many starts are proposed. With one start in four that is good, the best of eight is good with a chance of 0.9."""

LARGER_RATE = 5.0
MOMENTUM = 0.9
SMALLER_BATCH, FEWEST = 8, 4
"""Batches an eighth as large, of four rows or more, shake a descent out of what is narrow."""


def findings_of_starts(learned: Learned, others: OtherStarts | None) -> list[Finding]:
    """Return the finding that other starts end lower than the run did."""
    if others is None or not others.beaten:
        return []
    at_rest = learned.verdict == "local_minimum"  # else it is held up by something that has a finding of its own
    words = "a larger rate, momentum, smaller batches, more units" if at_rest else "more units"
    return [
        Kind.LOCAL_MINIMUM.finding(
            "severe" if others.missed >= SEVERE else "warning",
            "The run rests where other starts get below: it depends on the start how low the loss gets.",
            others.statement[:1].upper() + others.statement[1:],
            Message(
                Advice("train from several starts and keep the best:", restarts=STARTS_TO_TRY),
                Advice(f"try what may get out from this start: {words}"),
            ),
            None,
            ({"restarts": STARTS_TO_TRY, "start": None}, *(_ways_out(learned) if at_rest else _wider(learned))),
        )
    ]


def _ways_out(learned: Learned) -> Iterator[Change]:
    """Yield changes that may get a descent out of a local minimum, one at a time."""
    case = learned.case
    optimizer, facts = case.problem.optimizer, facts_of(case.problem.optimizer)
    rate = optimizer.hyperparams.get("learning_rate")
    if isinstance(rate, (int, float)) and not isinstance(rate, Schedule):
        yield {"optimizer": optimizer.replace(learning_rate=float(f"{LARGER_RATE * rate:.6g}"))}
    has_momentum = facts is not None and facts.momentum == "momentum"
    if has_momentum and case.momentum < MOMENTUM:
        yield {"optimizer": optimizer.replace(momentum=MOMENTUM)}
    size = case.batch_size or 1
    if size > FEWEST:
        yield {"batch_size": max(FEWEST, size // SMALLER_BATCH)}
    yield from _wider(learned)


def _wider(learned: Learned) -> Iterator[Change]:
    """Yield the change to more units."""
    net = wider(learned.case.recipe.net)
    if net is not None:
        yield {"net": net, "start": None}
