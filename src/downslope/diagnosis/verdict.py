"""The verdict: are we stuck, and where?

The questions are asked in this order, and the first that is answered yes decides:

1. *Diverged?* The run says so, or the loss is not a number at the point.
2. *At the edge of stability, or descending?* The loss fell over the last quarter of the epochs by more than chance. If
   the rate is then at the limit that the curvature sets, that is the edge of stability, where training by large steps
   goes and keeps learning. Up and down that it is, the last half of the epochs may also tell.
3. *At the minimum?* What is left of the loss is a millionth of what it was at the start.
4. *At a saddle?* Negative curvature is certified, and a step along it gains more than descending the gradient does.
5. *Held up by steps that jump about?* The loss jumps from epoch to epoch, at a rate that has not decayed since, and the
   full gradient alone, which does not jump, lowers it within a few steps; by what it jumps, or by that, it could be
   lower by a worthwhile share. If a step is mostly noise, that is the noise floor; else the rate is too large, and the
   descent is bouncing between the walls. For steps of rate `η` along a curvature `λ`, noise and gradient in the steady
   state are related by `tr Σ/B : |g|² = 2/(ηλ) − 1`: noise is the larger as long as `ηλ < 1`.
6. *Creeping?* The gradient would lower the loss within a few steps, but the rate is a small share of the limit, or has
   decayed. That is still a descent.
7. *On a plateau?* Little was learned, for most units of a layer let no gradient through; or the loss could still fall
   by much, but neither the gradient nor the rate at hand leads there; or the surface is flat as far as one can see.
8. *At a minimum?* Else.

A bare surface has no history: it descends if the gradient, or the curvature, lead down from where it stands.

Nothing measured at a point tells whether there is something lower elsewhere. So where a descent came to rest, and there
is something left to gain, it is compared with descents from other starts: a minimum that they get below is a local one.

Falls and gains are judged as shares of what can be gained (`Case.unit`), never of the loss's own value, which may have
an offset or be negative.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from downslope.core import Message
from downslope.diagnosis.case import Case
from downslope.diagnosis.evidence import Evidence, evidence_of, evidence_text, percent
from downslope.diagnosis.kinds import Kind
from downslope.diagnosis.measurements import OtherStarts, Trend, WayOut

VERDICTS = (
    "descending",
    "edge_of_stability",
    "minimum",
    "local_minimum",
    "noise_floor",
    "bouncing",
    "plateau",
    "saddle",
    "diverged",
)
"""The names of all verdicts."""

AT_REST = ("minimum", "plateau", "saddle", "noise_floor", "bouncing")
"""Verdicts on descents that get no lower by themselves: they are compared with other starts."""

LEARNED_ALL = 0.99
"""A run that learned so much of what perfect answers would gain is not compared with others: nothing is left to
gain."""

NEGLIGIBLE = 0.01
"""A fall, or a gain, of less than this share of what can be gained does not count: nobody sees it in a curve."""

WORTHWHILE = 0.1
"""A gain of so large a share is worth having; without it within reach, a minimum it is."""

FINISHED = 1e-6
"""The rest of the loss, as a share of that at the start, below which there is nothing to gain."""

EDGE, BEYOND = 0.9, 2.0
"""The edge of stability begins at this share of the limit: sharpness settles within 10 % of it (Cohen et al., 2021). It
overshoots on the way, but at twice the limit it does not settle."""

NOISE_WINS = 1.0
"""Noise over gradient from which on steps are mostly noise; see above."""

JUMPY = 1e-3
"""Jumps from epoch to epoch, as a share of what can be gained, below which the loss is smooth."""

CREEPING = 0.01
"""A rate below this share of the limit creeps."""

DEAD, SATURATED = 0.5, 0.75
"""Shares of a layer's units that let no gradient through, from which on the layer is a plateau."""

LITTLE_LEARNED, AS_LINEAR = 0.5, 0.8
"""A run that learned less than half of what perfect answers gain is on a plateau if units let no gradient through; not
if it learned most of what a linear model does, which may be all there is."""


VANISHING = (Kind.VANISHING_GRADIENTS.code, Kind.VANISHING_SIGNAL.code)
"""Findings that make a plateau of a network that answers the same to all rows."""


@dataclass(frozen=True)
class Verdict:
    """Where a descent stands.

    Attributes:
        name: `"descending"`, `"edge_of_stability"`, `"minimum"`, `"local_minimum"`, `"noise_floor"`, `"bouncing"`,
            `"plateau"`, `"saddle"` or `"diverged"`.
        statement: the same in a sentence or two, with the reason.
        evidence: name → measurement, numbers or text.
        way_out: of a saddle; else None.
        others: where descents from other starts end, if the descent came to rest and was compared; else None.
        remark: why it was not compared with other starts, and how to have it compared; empty where it was, or need not.
    """

    name: str
    statement: str
    evidence: dict[str, Evidence] = field(default_factory=dict)
    way_out: WayOut | None = None
    others: OtherStarts | None = None
    remark: Message = field(default_factory=Message)

    @property
    def stuck(self) -> bool:
        """Whether training on as before would gain nothing, though there is something to be gained."""
        return self.name in ("local_minimum", "noise_floor", "bouncing", "plateau", "saddle", "diverged")

    @property
    def undecided(self) -> bool:
        """Whether it rests at what looks like a minimum from where it is, and was not compared with other starts."""
        return self.name == "minimum" and bool(self.remark)

    def as_json(self) -> dict[str, object]:
        """Return the verdict as plain data."""
        out = None if self.way_out is None else self.way_out.as_json()
        return {
            "name": self.name,
            "statement": self.statement,
            "remark": self.remark,
            "evidence": self.evidence,
            "way_out": out,
        }

    def __str__(self) -> str:
        lines = [f"{self.name.replace('_', ' ')}: {self.statement}"]
        return "\n".join(
            [*lines, *(f"  {name.replace('_', ' ')}: {evidence_text(self.evidence[name])}" for name in self.evidence)]
        )


def verdict_of(case: Case) -> Verdict:
    """Return the verdict on a case."""
    name, statement = next(answer for ask in _QUESTIONS for answer in [ask(case)] if answer is not None)
    others = _others(case, name)
    if isinstance(others, OtherStarts):
        if name != "minimum":  # it does not get to the bottom below it, which is what others are compared with else
            others = replace(others, own=max(case.loss, others.own))
        name, statement = _compared(case, name, statement, others)
    evidence = evidence_of(case, others)
    way_out = case.way_out if name == "saddle" else None
    if isinstance(others, OtherStarts):
        return Verdict(name, statement, evidence, way_out, others)
    return Verdict(name, statement, evidence, way_out, remark=others or Message())


def without_health(case: Case, verdict: Verdict) -> Verdict:
    """Return the verdict on a descent at the edge of stability that does better with a smaller rate."""
    trend, stability = case.long_trend, case.stability
    if verdict.name != "edge_of_stability" or trend is None or stability is None:
        return verdict
    statement = (
        f"{_the_loss(case)} still falls, by {trend.fall:.2g} over the last {_epochs(case, trend)}, to {case.loss:.4g}, "
        f"at a rate that is {percent(stability.share)} of the limit {stability.limit:.4g}; a smaller one gets lower."
    )
    return replace(verdict, name="descending", statement=statement)


def _others(case: Case, name: str) -> OtherStarts | Message | None:
    """Return where other starts end, the reason why they were not compared, or None where nothing is left to gain."""
    if name not in AT_REST or not case.finite or _is_finished(case):
        return None
    if case.run is not None and case.scale.learned(case.loss) >= LEARNED_ALL:
        return None
    return case.other_starts


def _compared(case: Case, name: str, statement: str, others: OtherStarts) -> tuple[str, str]:
    """Return the verdict once the ends of other starts are known."""
    if name != "minimum":
        return name, f"{statement} {_capitalized(others.statement)}"
    kind = "a local minimum" if others.beaten else "a minimum, as good as other starts find"
    return "local_minimum" if others.beaten else "minimum", f"This is {kind}: {others.statement} {_around(case)}"


Answer = tuple[str, str] | None
"""A verdict's name and statement; None for no verdict yet."""


def _diverged(case: Case) -> Answer:
    if case.run is not None and case.run.divergence is not None:
        return "diverged", str(case.run.divergence)
    if not case.finite:
        return "diverged", "The loss, its gradient or the parameters are not finite here: there is nothing to descend."
    return None


def _falling(case: Case) -> Answer:
    trend, long = case.trend, case.long_trend
    if trend is None or long is None:
        return _fallen(case)
    at_edge = case.stability is not None and EDGE <= case.stability.share <= BEYOND
    falling = [line for line in (long, trend) if line.resolved and case.share(line.fall) >= NEGLIGIBLE]
    if at_edge and falling:
        return "edge_of_stability", _edge_statement(case, falling[0])
    if not trend.resolved or case.share(trend.fall) < NEGLIGIBLE:
        return None
    return "descending", (
        f"{_the_loss(case)} still falls: over the last {_epochs(case, trend)} by {trend.fall:.2g}, to {case.loss:.4g}, "
        f"which is {_of_unit(case, trend.fall)} and more than its jumps of {trend.jumps:.1g} explain."
    )


def _fallen(case: Case) -> Answer:
    """Answer for a run too short for a trend: whether its loss is below that of the start."""
    if case.start_loss is None or not case.share(case.start_loss - case.loss) > NEGLIGIBLE:
        return None
    return (
        "descending",
        f"{_the_loss(case)} has fallen from {case.start_loss:.4g} to {case.loss:.4g}, and training was short.",
    )


def _edge_statement(case: Case, trend: Trend) -> str:
    """Describe a rate at its limit, where a trend still falls."""
    stability = case.stability
    if stability is None:
        return ""
    return (
        f"The curvature has grown to what the rate allows: {stability.learning_rate:.4g} is "
        f"{percent(stability.share)} of the limit {stability.limit:.4g}. This is healthy: the training loss still "
        f"falls, by {trend.fall:.2g} over the last {_epochs(case, trend)}."
    )


def _finished(case: Case) -> Answer:
    if not _is_finished(case):
        return None
    return "minimum", (
        f"{_the_loss(case)} has fallen from {case.start_loss:.4g} to {case.loss:.4g}: there is nothing left to gain."
    )


def _is_finished(case: Case) -> bool:
    """Return whether hardly anything of what was above the lowest possible loss at the start is left."""
    if case.start_loss is None or case.run is None:  # of a bare surface the lowest loss is not known
        return False
    floor = case.scale.floor
    return bool(0 <= case.loss - floor <= FINISHED * (case.start_loss - floor))


def _at_a_saddle(case: Case) -> Answer:
    out = case.way_out
    if out is None or case.share(out.gained) <= NEGLIGIBLE or out.gained_within <= case.reach.along_gradient:
        return None
    return "saddle", (
        "The gradient leads hardly anywhere, ten steps along it gain only "
        f"{_of_unit(case, case.reach.along_gradient)}, but this is no minimum: in one direction the loss curves "
        "downward, eigenvalue "
        f"{out.eigenvalue:.4g} (certified to {out.residual:.1g}). That is the way out: a step of {out.step:.3g} along "
        f"it lowers the loss from {out.loss:.4g} to {out.lowest_loss:.4g} (to second order: {out.predicted_loss:.4g})."
    )


def _jumping(case: Case) -> Answer:
    trend, noise = case.trend, case.noise_to_gradient
    if trend is None or case.rate_decayed or _gain(case) < NEGLIGIBLE:
        return None
    if max(_gain(case), case.share(trend.jumps)) < WORTHWHILE:
        return None
    rises = case.share(trend.fall) <= -NEGLIGIBLE and -trend.fall > 2 * trend.error
    if case.share(trend.jumps) < JUMPY and not rises:
        return None
    gained = f"gain {_of_unit(case, case.reach.along_gradient)}"
    if noise is not None and noise >= NOISE_WINS:
        return "noise_floor", (
            f"{_the_loss(case)} falls no further because of the noise in the steps: in a batch of {case.batch_size} "
            f"rows the noise has {_times(noise)} the squared length of the gradient. Without noise, ten steps {gained}."
        )
    limit = case.stability
    share = "" if limit is None else f" The rate is {percent(limit.share)} of what is stable here."
    moves = "rises" if rises else f"jumps about by {trend.jumps:.2g} without falling"
    return "bouncing", (
        f"{_the_loss(case)} {moves}: the steps are too long for the "
        f"curvature, and the descent bounces between the walls. Ten shorter steps along the gradient {gained}.{share}"
    )


def _creeping(case: Case) -> Answer:
    stability = case.stability
    timid = case.rate_decayed or (stability is not None and stability.share < CREEPING)
    if not timid or _gain(case) < NEGLIGIBLE or _blocked(case) is not None:
        return None
    limit = "" if stability is None else f", {percent(stability.share)} of the limit {stability.limit:.4g}"
    return "descending", (
        f"The gradient leads down, but the descent creeps: the rate {'has decayed to' if case.rate_decayed else 'is'} "
        f"{case.learning_rate:.4g}{limit}. Ten steps of the best length would gain "
        f"{_of_unit(case, case.reach.along_gradient)}."
    )


def _flat(case: Case) -> Answer:
    blocked = _blocked(case)
    if blocked is not None:
        return "plateau", f"{blocked} The gradient has vanished, the loss of {case.loss:.4g} has not."
    if case.run is not None and case.share(case.reach.with_curvature) >= WORTHWHILE:
        return "plateau", (
            f"{_the_loss(case)} hardly falls any more, though it could: with the curvature known, one step gains "
            f"{_of_unit(case, case.reach.with_curvature)}, ten steps along the gradient "
            f"{percent(_gain(case))}. The descent follows a long flat valley."
        )
    rise = 0.5 * max(case.sharpness + float(case.eigenvalues.residuals[0]), 0.0) * case.reach.radius**2
    level = case.eigenvalues.scale <= case.eigenvalues.resolution or case.sharpness <= case.eigenvalues.resolution
    if level or case.share(rise) < NEGLIGIBLE:
        return "plateau", (
            f"The surface is flat as far as one can see: within a distance of {case.reach.radius:.3g} the gradient "
            f"changes the loss by {_of_unit(case, case.reach.along_gradient)}, and the curvature by "
            f"{percent(case.share(rise))}."
        )
    return None


def _downward(case: Case) -> Answer:
    lower = case.share(case.reach.with_curvature)
    if case.trend is not None or lower < NEGLIGIBLE:
        return None
    return "descending", (
        f"There is a way down: within a distance of {case.reach.radius:.3g} ten steps along the gradient gain "
        f"{_of_unit(case, case.reach.along_gradient)}, one step that knows the curvature {percent(lower)}."
    )


def _at_a_minimum(case: Case) -> Answer:
    return "minimum", f"This is a minimum as far as one can tell from here. {_around(case)}"


def _around(case: Case) -> str:
    """Return what speaks for a minimum around the point."""
    negative = case.way_out
    curves = (
        "no direction is certain to curve downward"
        if negative is None
        else f"what curves downward gains {_of_unit(case, negative.gained)} at most"
    )
    jumps = 0.0 if case.trend is None else case.trend.jumps
    jumping = f" From epoch to epoch it jumps by {jumps:.2g}." if case.share(jumps) >= NEGLIGIBLE else ""
    return (
        f"Around here {curves}, and within reach the loss of {case.loss:.4g} can be lowered by "
        f"{case.reach.with_curvature:.1g}.{jumping}"
    )


_QUESTIONS: tuple[Callable[[Case], Answer], ...] = (
    _diverged,
    _falling,
    _finished,
    _at_a_saddle,
    _jumping,
    _creeping,
    _downward,
    _flat,
    _at_a_minimum,
)
"""Asked in this order."""


def _the_loss(case: Case) -> str:
    """Return how a sentence about the loss begins."""
    return "The loss" if case.run is None else "The training loss"


def _epochs(case: Case, trend: Trend) -> str:
    """Return what a trend is of, in words."""
    return f"{trend.epochs} {'recorded points' if case.run is None else 'epochs'}"


def _of_unit(case: Case, gain: float) -> str:
    """Return a gain as a share of what can be gained, in words; see `Case.unit`."""
    share, unit = case.share(gain), "what can be gained" if case.run is None else "what can be learned"
    return f"{share:.2g} times {unit}" if 1 < share < float("inf") else f"{percent(share)} of {unit}"


def _gain(case: Case) -> float:
    """Return the gain of ten steps along the full gradient, as a share of what can be gained."""
    return case.share(case.reach.along_gradient)


def _blocked(case: Case) -> str | None:
    """Return a sentence on units that let no gradient through, where little was learned; else None."""
    if case.run is None or not _little_learned(case):
        return None
    for layer in case.signals_end.layers:
        for state, share, most in (("dead", layer.dead, DEAD), ("saturated", layer.saturated, SATURATED)):
            if share is not None and share >= most:
                return f"{percent(share)} of the units at layer {layer.place} ({layer.name}) are {state}."
    if case.scale.learned(case.loss) > NEGLIGIBLE:
        return None
    vanishing = [finding.statement for finding in case.signals_end.findings if finding.code in VANISHING]
    return f"Nothing was learned but the average answer. {vanishing[0]}" if vanishing else None


def _little_learned(case: Case) -> bool:
    """Return whether little was learned of what perfect answers gain, and of what a linear model does."""
    scale, gained = case.scale, case.scale.constant - case.loss
    as_linear = scale.learnable > NEGLIGIBLE * scale.width and gained >= AS_LINEAR * scale.learnable
    return scale.learned(case.loss) < LITTLE_LEARNED and not as_linear


def _capitalized(sentence: str) -> str:
    return f"{sentence[:1].upper()}{sentence[1:]}"


def _times(ratio: float) -> str:
    return f"{ratio:.2g} times" if np.isfinite(ratio) else "infinitely many times"
