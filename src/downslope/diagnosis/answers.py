"""Three questions about a training, answered in sentences: stuck? how fast? which start?"""

from __future__ import annotations

import math
from collections.abc import Sequence

from downslope.core import Function, Message
from downslope.curvature import Quadratic, quadratic
from downslope.diagnosis.case import Case
from downslope.diagnosis.evidence import percent
from downslope.diagnosis.finding import Finding
from downslope.diagnosis.kinds import facts_of
from downslope.diagnosis.measurements import is_certain
from downslope.diagnosis.remedies import Trial
from downslope.diagnosis.verdict import NEGLIGIBLE, Verdict

STUCK = "Are we stuck?"
SPEED = "How fast does this converge, and can it be faster?"
START = "Which start is best?"

ILL_CONDITIONED = 100.0
"""From this condition number on, momentum pays: its factor a step is that of `√κ`."""

ROUND = 1.1
"""Up to this condition number a bowl is round, and momentum gains nothing."""


def stuck_answer(verdict: Verdict) -> Message:
    """Return the answer to the first question."""
    answer = "Yes" if verdict.stuck else "Not decided" if verdict.undecided else "No"
    return Message(f"{STUCK} {answer}: {_after_colon(verdict.statement)}", verdict.remark)


def speed_answer(case: Case, verdict: Verdict, findings: Sequence[Finding], trials: Sequence[Trial] = ()) -> Message:
    """Return the answer to the second question: theory, observation, and what the findings propose.

    Args:
        case: the run, or the point on a surface.
        verdict: where it stands.
        findings: of it.
        trials: of those of their fixes that were verified.
    """
    if verdict.name == "diverged":
        return Message(SPEED, "It does not converge.", *_helps(findings, trials))
    where = "" if case.run is None else f"Curvature of the training loss after epoch {case.run.epochs}: "
    helps = _faster_on_surface(case) if case.run is None else _faster(verdict, findings, trials)
    return Message(SPEED, f"{where}{case.condition}", *_theory(case), *_observed(case), *helps)


def start_answer(case: Case, verdict: Verdict) -> Message:
    """Return the answer to the third question: faults of the run's own start, and how starts are compared."""
    if case.run is None:
        return Message(f"{START} A bare surface has no start to judge, only the point it was measured at.")
    faults = [finding for finding in case.signals_start.findings if finding.severity != "note"]
    if faults:
        own = Message(f"The run's own start has a fault: {_after_colon(faults[0].statement)}", faults[0].fix)
    elif verdict.others is not None and verdict.others.beaten:
        own = (
            "Not the run's own: signals and gradients keep their size through its layers, but "
            f"{verdict.others.lower} of {len(verdict.others)} other starts end lower."
        )
    else:
        own = "The run's own start is sound: signals and gradients keep their size through the layers."
    restarts = case.run.restarts
    spread = "" if restarts is None else f"Of its restarts: {restarts}"
    compares = "trains from several initializers and says which is best here."
    return Message(START, own, spread, Function("compare_initializations"), compares)


def _after_colon(statement: str) -> str:
    """Return a sentence as it reads after a colon."""
    return f"{statement[:1].lower()}{statement[1:]}"


def _theory(case: Case) -> list[str]:
    """Describe the run's rate by quadratic theory."""
    limit, rate, kappa = case.stability, case.learning_rate, case.condition.kappa
    sentences = []
    if limit is not None and math.isfinite(limit.limit):
        rescaled = " by the curvature as the optimizer rescales it" if limit.preconditioned else ""
        sentences.append(
            f"The rate {limit.learning_rate:.4g} is {percent(limit.share)} of the limit {limit.limit:.4g}{rescaled}."
        )
    elif case.sharpness > case.eigenvalues.resolution and is_certain(case.eigenvalues):
        sentences.append(f"Gradient descent is stable up to a rate of {2 / case.sharpness:.4g}.")
    if kappa is None or case.condition.smallest is None:
        return sentences
    bowl = quadratic([case.condition.smallest, case.condition.largest])
    plainly = case.run is not None and limit is not None and not limit.preconditioned and limit.share < 1
    if rate is not None and plainly:
        sentences.append(
            f"At this rate it takes {_tenfold_now(case, bowl, rate)} to come ten times closer to the lowest loss."
        )
    plain, heavy = bowl.best("gradient_descent"), bowl.best("momentum")
    with_momentum = f", with momentum {heavy.momentum:.2g} {_tenfold(heavy.factor)} (rate {heavy.learning_rate:.3g})"
    sentences.append(
        f"At best, gradient descent takes {_tenfold(plain.factor)} (rate {plain.learning_rate:.3g})"
        f"{with_momentum if kappa > ROUND else ''}."
    )
    return sentences


def _tenfold_now(case: Case, bowl: Quadratic, rate: float) -> str:
    """Return how many steps a tenfold lower loss takes at the run's rate and momentum."""
    plain = case.problem.optimizer.base
    scale = 1 - case.momentum if plain.settings.get("averaged") else 1.0
    nesterov = bool(plain.settings.get("nesterov"))
    return _tenfold(bowl.factor(rate * scale, momentum=case.momentum, nesterov=nesterov))


def _tenfold(factor: float) -> str:
    """Return how many steps a tenfold lower loss takes at a factor of the error a step."""
    if factor >= 1:
        return "for ever"
    if factor <= 0:
        return "1 step"
    steps = math.ceil(math.log(10) / (-2 * math.log(factor)))
    return f"{steps:,} step{'s' if steps > 1 else ''}"


def _observed(case: Case) -> list[str]:
    """Describe how fast the loss fell over the last epochs."""
    trend = case.trend
    if trend is None:
        return []
    of = "recorded points the loss" if case.run is None else "epochs the training loss"
    if not trend.resolved or case.share(trend.fall) < NEGLIGIBLE:
        return [f"Observed: over the last {trend.epochs} {of} fell no further."]
    pace = trend.fall / (trend.epochs - 1)
    unit = "a point" if case.run is None else "an epoch"
    return [f"Observed: over the last {trend.epochs} {of} fell by {pace:.2g} {unit}."]


def _faster(verdict: Verdict, findings: Sequence[Finding], trials: Sequence[Trial]) -> list[str]:
    """Return what the findings propose for speed, so that the report has one voice."""
    helps = _helps(findings, trials)
    if helps:
        return helps
    if verdict.name in ("minimum", "local_minimum"):
        return ["It has come to rest."]
    return ["Of what was tried, nothing learns more in as many steps."]


def _helps(findings: Sequence[Finding], trials: Sequence[Trial]) -> list[str]:
    """Return the fixes that make a descent faster, of findings that are more than notes; none that was no gain."""
    outcomes = {code: [trial.helps for trial in trials if trial.code == code] for code in {t.code for t in trials}}
    fixes = [
        finding.fix
        for finding in findings
        if finding.severity != "note" and facts_of(finding).speeds and any(outcomes.get(finding.code, [True]))
    ]
    return ["What helps:", *fixes] if fixes else []


def _faster_on_surface(case: Case) -> list[str]:
    """Return what makes descent of a bare surface faster, by its curvature."""
    kappa = case.condition.kappa
    poor = kappa is not None and kappa >= ILL_CONDITIONED
    return ["What helps: curvatures are unequal, so momentum."] if poor else []
