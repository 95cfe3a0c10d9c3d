"""Three questions about a training, answered in sentences: stuck? how fast? which start?"""

from __future__ import annotations

import math

from downslope.core import Function, Message
from downslope.curvature import Quadratic, quadratic
from downslope.diagnosis.case import Case
from downslope.diagnosis.verdict import EDGE, NEGLIGIBLE, NOISE_WINS, Verdict, percent

STUCK = "Are we stuck?"
SPEED = "How fast does this converge, and can it be faster?"
START = "Which start is best?"

ILL_CONDITIONED = 100.0
"""From this condition number on, momentum pays: its factor a step is that of `√κ`."""

ROUND = 1.1
"""Up to this condition number a bowl is round, and momentum gains nothing."""

TIMID = 0.1
"""A rate of gradient descent below this share of the limit can be raised. Of adaptive ones the limit says less: they
do well far below it."""

ROOM = 0.5
"""So large a share of the limit is advised: the best rate of gradient descent is at most twice that."""


def stuck_answer(verdict: Verdict) -> str:
    """Return the answer to the first question."""
    return f"{STUCK} {'Yes' if verdict.stuck else 'No'}: {_after_colon(verdict.statement)}"


def speed_answer(case: Case) -> str:
    """Return the answer to the second question: theory, observation, and remedies."""
    if not case.finite or (case.run is not None and case.run.divergence is not None):
        return f"{SPEED} It does not converge."
    where = "" if case.run is None else f"Curvature of the training loss after epoch {case.run.epochs}: "
    sentences = [f"{where}{case.condition}", *_theory(case), *_observed(case), *_faster(case)]
    return " ".join([SPEED, *sentences])


def start_answer(case: Case) -> Message:
    """Return the answer to the third question: faults of the run's own start, and how starts are compared."""
    if case.run is None:
        return Message(f"{START} A bare surface has no start to judge, only the point it was measured at.")
    faults = [finding for finding in case.signals_start.findings if finding.severity != "note"]
    own = (
        Message(f"The run's own start has a fault: {_after_colon(faults[0].statement)}", faults[0].fix)
        if faults
        else "The run's own start is sound: signals and gradients keep their size through the layers."
    )
    restarts = case.run.restarts
    spread = "" if restarts is None else f"Of its restarts: {restarts}"
    compares = "trains from several and says which is best here."
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
    elif case.sharpness > case.eigenvalues.resolution:
        sentences.append(f"Gradient descent is stable up to a rate of {2 / case.sharpness:.4g}.")
    if kappa is None or case.condition.smallest is None:
        return sentences
    bowl = quadratic([case.condition.smallest, case.condition.largest])
    if rate is not None and limit is not None and not limit.preconditioned:
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
        return "for ever (it diverges)"
    if factor <= 0:
        return "1 step"
    steps = math.ceil(math.log(10) / (-2 * math.log(factor)))
    return f"{steps:,} step{'s' if steps > 1 else ''}"


def _observed(case: Case) -> list[str]:
    """Describe how fast the loss fell over the last epochs."""
    trend = case.trend
    if trend is None:
        return []
    if not trend.resolved or trend.relative_fall < NEGLIGIBLE:
        return [f"Observed: over the last {trend.epochs} epochs the training loss fell no further."]
    first, last = trend.level + trend.fall / 2, trend.level - trend.fall / 2
    pace = trend.relative_fall / (trend.epochs - 1)
    if last <= 0:
        return [f"Observed: over the last {trend.epochs} epochs the training loss fell by {100 * pace:.2g} % an epoch."]
    epochs = math.ceil((trend.epochs - 1) * math.log(10) / math.log(first / last))
    return [
        f"Observed: over the last {trend.epochs} epochs the training loss fell by {100 * pace:.2g} % an epoch; at that "
        f"pace tenfold lower takes {epochs:,} epochs."
    ]


def _faster(case: Case) -> list[str]:
    """Suggest ways to make it faster, by the measurements."""
    kappa = case.condition.kappa
    poor = kappa is not None and kappa >= ILL_CONDITIONED
    advice = []
    limit, noise = case.stability, case.noise_to_gradient
    if limit is not None and limit.share >= EDGE:
        advice.append("nothing by the rate, which is as large as the curvature allows")
    elif limit is not None and limit.share < TIMID and not limit.preconditioned and (noise or 0.0) < NOISE_WINS:
        advice.append(f"a larger rate, {ROOM * limit.limit:.2g} for one")
    if case.rate_decayed:
        advice.append("to train on with a larger rate, for it has decayed")
    elif noise is not None and noise >= NOISE_WINS and case.noise is not None:
        size, rows = case.noise.value, len(case.problem.train)
        upto = "" if size is None or size >= rows else f", up to about {size:,.0f} rows,"
        advice.append(f"steps are mostly noise, so a larger batch{upto} with a rate to match, or a rate that decays")
    if poor and case.momentum < 0.5:
        advice.append("curvatures are unequal, so momentum, and normalized inputs where they are not")
    return [f"What helps: {'; '.join(advice)}."] if advice else ["What was measured suggests nothing faster."]
