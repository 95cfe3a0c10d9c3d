"""The verdict: are we stuck, and where?

The questions are asked in this order, and the first that is answered yes decides:

1. *Diverged?* The run says so, or the loss is not a number at the point.
2. *At the edge of stability, or descending?* The loss fell over the last quarter of the epochs by more than chance. If
   the rate is then at the limit that the curvature sets, that is the edge of stability, where training by large steps
   goes and keeps learning. Up and down that it is, the last half of the epochs may also tell.
3. *At the minimum?* What is left of the loss is a millionth of what it was at the start.
4. *At a saddle?* Negative curvature is certified, and a step along it gains more than descending the gradient does.
5. *Held up by steps that jump about?* The loss jumps from epoch to epoch, at a rate that has not decayed since, and the
   full gradient alone, which does not jump, lowers it within a few steps. If a step is mostly noise, that is the noise
   floor; else the rate is too large, and the descent is bouncing between the walls. For steps of rate `η` along a
   curvature `λ`, noise and gradient in the steady state are related by `tr Σ/B : |g|² = 2/(ηλ) − 1`: noise is the
   larger as long as `ηλ < 1`.
6. *Creeping?* The gradient would lower the loss within a few steps, but the rate is a small share of the limit, or has
   decayed. That is still a descent.
7. *On a plateau?* Little was learned, for most units of a layer let no gradient through; or the loss could still fall
   by much, but neither the gradient nor the rate at hand leads there; or the surface is flat as far as one can see.
8. *At a minimum?* Else.

A bare surface has no history: it descends if the gradient, or the curvature, lead down from where it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from downslope.diagnosis.case import Case
from downslope.diagnosis.kinds import Kind
from downslope.diagnosis.measurements import WayOut

Evidence = float | str | None
"""A measurement: a number, a description, or None where it was not made."""

VERDICTS = (
    "descending",
    "edge_of_stability",
    "minimum",
    "noise_floor",
    "bouncing",
    "plateau",
    "saddle",
    "diverged",
)
"""The names of all verdicts."""

NEGLIGIBLE = 0.01
"""A fall, or a gain, of less than this share of the loss does not count: nobody sees it in a curve."""

WORTHWHILE = 0.1
"""A gain of so large a share of the loss is worth having; without it within reach, a minimum it is."""

FINISHED = 1e-6
"""The rest of the loss, as a share of that at the start, below which there is nothing to gain."""

EDGE = 0.9
"""The edge of stability begins at this share of the limit: sharpness settles within 10 % of it (Cohen et al., 2021)."""

NOISE_WINS = 1.0
"""Noise over gradient from which on steps are mostly noise; see above."""

JUMPY = 1e-3
"""Jumps from epoch to epoch, as a share of the loss, below which the loss is smooth."""

CREEPING = 0.01
"""A rate below this share of the limit creeps."""

DEAD, SATURATED = 0.5, 0.75
"""Shares of a layer's units that let no gradient through, from which on the layer is a plateau."""

NOTHING_LEARNED = 0.5
"""A loss above this share of that of the best constant predictor is a plateau if units let no gradient through."""


VANISHING = (Kind.VANISHING_GRADIENTS.code, Kind.VANISHING_SIGNAL.code)
"""Findings that make a plateau of a network that answers the same to all rows."""


@dataclass(frozen=True)
class Verdict:
    """Where a descent stands.

    Attributes:
        name: `"descending"`, `"edge_of_stability"`, `"minimum"`, `"noise_floor"`, `"bouncing"`, `"plateau"`,
            `"saddle"` or `"diverged"`.
        statement: the same in a sentence or two, with the reason.
        evidence: name → measurement, numbers or text.
        way_out: of a saddle; else None.
    """

    name: str
    statement: str
    evidence: dict[str, Evidence] = field(default_factory=dict)
    way_out: WayOut | None = None

    @property
    def stuck(self) -> bool:
        """Whether training on as before would gain nothing, though there is something to be gained."""
        return self.name in ("noise_floor", "bouncing", "plateau", "saddle", "diverged")

    def as_json(self) -> dict[str, object]:
        """Return the verdict as plain data."""
        out = None if self.way_out is None else self.way_out.as_json()
        return {"name": self.name, "statement": self.statement, "evidence": self.evidence, "way_out": out}

    def __str__(self) -> str:
        lines = [f"{self.name.replace('_', ' ')}: {self.statement}"]
        return "\n".join(
            [*lines, *(f"  {name.replace('_', ' ')}: {_text(self.evidence[name])}" for name in self.evidence)]
        )


def verdict_of(case: Case) -> Verdict:
    """Return the verdict on a case."""
    name, statement = next(answer for ask in _QUESTIONS for answer in [ask(case)] if answer is not None)
    way_out = case.way_out if name == "saddle" else None
    return Verdict(name, statement, dict(_evidence(case)), way_out)


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
    at_edge = case.stability is not None and case.stability.share >= EDGE
    if at_edge and any(line.resolved and line.relative_fall >= NEGLIGIBLE for line in (trend, long)):
        return "edge_of_stability", _edge_statement(case)
    if not trend.resolved or trend.relative_fall < NEGLIGIBLE:
        return None
    return "descending", (
        f"{_the_loss(case)} still falls: over the last {trend.epochs} epochs by {percent(trend.relative_fall)}, to "
        f"{case.loss:.4g}, more than its jumps of {percent(trend.relative_jumps)} explain."
    )


def _fallen(case: Case) -> Answer:
    """Answer for a run too short for a trend: whether its loss is below that of the start."""
    if case.start_loss is None or not case.start_loss - case.loss > NEGLIGIBLE * abs(case.loss):
        return None
    return (
        "descending",
        f"{_the_loss(case)} has fallen from {case.start_loss:.4g} to {case.loss:.4g}, and training was short.",
    )


def _edge_statement(case: Case) -> str:
    stability, trend = case.stability, case.long_trend
    if stability is None or trend is None:
        return ""
    return (
        f"The curvature has grown to what the rate allows: {stability.learning_rate:.4g} is "
        f"{percent(stability.share)} of the limit {stability.limit:.4g}. This is healthy: the training loss still "
        f"falls, by {percent(trend.relative_fall)} over the last {trend.epochs} epochs; a smaller rate would only be "
        "slower."
    )


def _finished(case: Case) -> Answer:
    if case.start_loss is None or not 0 <= case.loss <= FINISHED * case.start_loss:
        return None
    return "minimum", (
        f"{_the_loss(case)} has fallen from {case.start_loss:.4g} to {case.loss:.4g}: there is nothing left to gain."
    )


def _at_a_saddle(case: Case) -> Answer:
    out = case.way_out
    if out is None or out.gained <= NEGLIGIBLE * abs(case.loss) or out.gained_within <= case.reach.along_gradient:
        return None
    return "saddle", (
        f"The gradient leads hardly anywhere, ten steps along it only {percent(_gain(case))} lower, but this is no "
        f"minimum: in one direction the loss curves downward, eigenvalue {out.eigenvalue:.4g} (certified to "
        f"{out.residual:.1g}). That is the way out: a step of {out.step:.3g} along it lowers the loss from "
        f"{out.loss:.4g} to {out.lowest_loss:.4g} (to second order: {out.predicted_loss:.4g})."
    )


def _jumping(case: Case) -> Answer:
    trend, noise = case.trend, case.noise_to_gradient
    if trend is None or case.rate_decayed or _gain(case) < NEGLIGIBLE:
        return None
    rises = trend.relative_fall <= -NEGLIGIBLE and -trend.fall > 2 * trend.error
    if trend.relative_jumps < JUMPY and not rises:
        return None
    gained = f"{percent(_gain(case))} lower"
    if noise is not None and noise >= NOISE_WINS:
        return "noise_floor", (
            f"{_the_loss(case)} falls no further because of the noise in the steps: in a batch of {case.batch_size} "
            f"rows the noise has {_times(noise)} the squared length of the gradient. Without noise, ten steps lead "
            f"{gained}. Decay the rate, or let the batch grow."
        )
    limit = case.stability
    share = "" if limit is None else f" The rate is {percent(limit.share)} of what is stable here."
    moves = "rises" if rises else f"jumps about by {percent(trend.relative_jumps)} without falling"
    return "bouncing", (
        f"{_the_loss(case)} {moves}: the steps are too long for the "
        f"curvature, and the descent bounces between the walls. Ten shorter steps along the gradient lead {gained}."
        f"{share} Lower the rate."
    )


def _creeping(case: Case) -> Answer:
    stability = case.stability
    timid = case.rate_decayed or (stability is not None and stability.share < CREEPING)
    if not timid or _gain(case) < NEGLIGIBLE or _blocked(case) is not None:
        return None
    limit = "" if stability is None else f", {percent(stability.share)} of the limit {stability.limit:.4g}"
    return "descending", (
        f"The gradient leads down, but the descent creeps: the rate {'has decayed to' if case.rate_decayed else 'is'} "
        f"{case.learning_rate:.4g}{limit}. Ten steps of the best length would lower the loss by {percent(_gain(case))}."
    )


def _flat(case: Case) -> Answer:
    blocked = _blocked(case)
    if blocked is not None:
        return "plateau", f"{blocked} The gradient has vanished, the loss of {case.loss:.4g} has not."
    if case.run is not None and _share(case, case.reach.with_curvature) >= WORTHWHILE:
        return "plateau", (
            f"{_the_loss(case)} hardly falls any more, though it could: with the curvature known, one step leads "
            f"{percent(_share(case, case.reach.with_curvature))} lower, ten steps along the gradient "
            f"{percent(_gain(case))}. The descent follows a long flat valley."
        )
    rise = 0.5 * max(case.sharpness, 0.0) * case.reach.radius**2
    level = case.eigenvalues.scale <= case.eigenvalues.resolution or case.sharpness <= case.eigenvalues.resolution
    if level or rise < NEGLIGIBLE * abs(case.loss):
        return "plateau", (
            f"The surface is flat as far as one can see: within a distance of {case.reach.radius:.3g} the gradient "
            f"changes the loss by {percent(_gain(case))}, and the curvature by {percent(_share(case, rise))}. What "
            "lies beyond cannot be told from here."
        )
    return None


def _downward(case: Case) -> Answer:
    lower = _share(case, case.reach.with_curvature)
    if (case.run is not None and case.trend is not None) or lower < NEGLIGIBLE:
        return None
    return "descending", (
        f"There is a way down: within a distance of {case.reach.radius:.3g} ten steps along the gradient lower the "
        f"loss by {percent(_gain(case))}, one step that knows the curvature by {percent(lower)}."
    )


def _at_a_minimum(case: Case) -> Answer:
    negative = case.way_out
    curves = (
        "no direction is certain to curve downward"
        if negative is None
        else f"what curves downward gains {percent(_share(case, negative.gained))} at most"
    )
    return "minimum", (
        f"This is a minimum as far as one can tell: {curves}, and within reach the loss of {case.loss:.4g} can be "
        f"lowered by {percent(_share(case, case.reach.with_curvature))}."
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


def _gain(case: Case) -> float:
    """Return the gain of ten steps along the full gradient, as a share of the loss."""
    return _share(case, case.reach.along_gradient)


def _share(case: Case, gain: float) -> float:
    """Return a gain as a share of the loss; of a loss of 0 any gain is infinite."""
    if case.loss:
        return gain / abs(case.loss)
    return float("inf") if gain > 0 else 0.0


def _blocked(case: Case) -> str | None:
    """Return a sentence on units that let no gradient through, where little was learned; else None."""
    if case.run is None or case.loss < NOTHING_LEARNED * case.constant_predictor_loss:
        return None
    for layer in case.signals_end.layers:
        for state, share, most in (("dead", layer.dead, DEAD), ("saturated", layer.saturated, SATURATED)):
            if share is not None and share >= most:
                return f"{percent(share)} of the units at layer {layer.place} ({layer.name}) are {state}."
    if case.loss < (1 - NEGLIGIBLE) * case.constant_predictor_loss:
        return None
    vanishing = [finding.statement for finding in case.signals_end.findings if finding.code in VANISHING]
    return f"Nothing was learned but the average answer. {vanishing[0]}" if vanishing else None


def _evidence(case: Case) -> Iterator[tuple[str, Evidence]]:
    """Yield the name and the value of each measurement."""
    if not case.finite or (case.run is not None and case.run.divergence is not None):
        yield "loss", case.loss
        return
    pairs, stability = case.eigenvalues, case.stability
    yield "loss", case.loss
    yield "gradient_norm", case.gradient_norm
    yield "largest_eigenvalue", float(pairs.values[0])
    yield "largest_residual", float(pairs.residuals[0])
    yield "smallest_eigenvalue", float(pairs.values[-1])
    yield "smallest_residual", float(pairs.residuals[-1])
    yield "resolution", pairs.resolution
    yield "gain_along_gradient", case.reach.along_gradient
    yield "gain_with_curvature", case.reach.with_curvature
    yield "gain_along_way_out", None if case.way_out is None else case.way_out.gained
    yield "start_loss", case.start_loss
    yield "recent_fall", None if case.trend is None else case.trend.fall
    yield "recent_fall_error", None if case.trend is None else case.trend.error
    yield "recent_jumps", None if case.trend is None else case.trend.jumps
    yield "noise_to_gradient", case.noise_to_gradient
    yield "rate", case.learning_rate
    yield "rate_limit", None if stability is None else stability.limit
    yield "surface", getattr(case.surface, "description", "") or "a bare surface"


def percent(share: float) -> str:
    """Return a share in percent, to two digits, as far as they matter.

    Example:
        >>> percent(0.1234), percent(-0.05), percent(2.5), percent(1e-9), percent(0.0)
        ('12 %', '-5 %', '250 %', 'less than 0.01 %', '0 %')
    """
    if not np.isfinite(share):
        return "any share"
    if 0 < abs(share) < 1e-4:
        return "less than 0.01 %"
    return f"{100 * share:.2g} %" if abs(share) < 0.995 else f"{100 * share:.0f} %"


def _times(ratio: float) -> str:
    return f"{ratio:.2g} times" if np.isfinite(ratio) else "infinitely many times"


def _text(value: Evidence) -> str:
    if value is None:
        return "unknown"
    return value if isinstance(value, str) else f"{value:.4g}"
