"""Findings on the descent: its rate, its momentum, its batches."""

from __future__ import annotations

from downslope.core import Advice, Message, SettingError
from downslope.curvature import quadratic
from downslope.diagnosis.finding import Finding
from downslope.diagnosis.kinds import Kind
from downslope.diagnosis.measurements import trend_of
from downslope.diagnosis.remedies import Learned, Trials, advice_on_optimizer
from downslope.diagnosis.verdict import NOISE_WINS
from downslope.optimizers import Optimizer, sgd
from downslope.schedules import cosine_decay, step_decay

USUAL_BATCH = 32
"""The size proposed in place of batches too small or too large: Masters and Luschi (2018), Revisiting small batch
training, find the best results between 2 and 32, and 32 uses the hardware better."""

USE_USUAL_BATCH = Message(Advice("use {}", batch_size=USUAL_BATCH))

SMALL_BATCH = 8
"""Only batches up to here are called too small: from 16 on (mission's "typically 16 to 256") a lower rate does."""

WASTEFUL = 10.0
"""A batch of so many noise scales: nine rows in ten are wasted, for the efficiency is `1 / (1 + B / B_noise)`."""

ILL_CONDITIONED = 100.0
"""`λ_max` over the curvature of directions that are left to descend, from which on it makes the descent slow: at the
best rate `κ ln(10)/4 ≈ 58` steps then go into a tenth of the loss, with the best momentum a tenth of that."""

NEAR_LIMIT = 0.1
"""A rate above this share of the stability limit cannot be raised tenfold: where progress is slow then, curvatures are
too unequal, not the rate too small."""

JUMPS = 0.1
"""Jumps of the loss from epoch to epoch of a tenth of what can be gained, without a trend, are bouncing."""

MOST_MOMENTUM = 0.99

MORE, LONGER = 0.05, 4
"""A run is too short if as many epochs more would gain a twentieth of the learnable at the pace of the last quarter;
four times as many are proposed."""


def findings_of_descent(learned: Learned) -> list[Finding]:
    """Return the findings on the rate, the momentum and the batch size."""
    rate = _rate(learned)
    bouncing = [] if any(finding.code == Kind.RATE_TOO_SMALL.code for finding in rate) else _bouncing(learned)
    return [*_batch(learned), *_conditioning(learned), *rate, *_epochs(learned), *bouncing]


def _rate(learned: Learned) -> list[Finding]:
    """Find a rate with which the run learned less than a short training with another rate does."""
    trials = learned.rates
    if trials is None or trials.best == trials.own:
        return _diverged(learned)
    large, change = trials.best < trials.own, _with_rate(learned, trials)
    kind = Kind.RATE_TOO_LARGE if large else Kind.RATE_TOO_SMALL
    severity = learned.severity(kind.code)
    if severity is None:
        return _diverged(learned)
    statement = (
        "The learning rate is too large: steps overshoot, and the loss bounces or grows instead of falling."
        if large
        else "The learning rate is too small: the loss creeps down and would need many more steps."
    )
    return [
        kind.finding(
            severity,
            statement,
            f"{_progress_text(learned)} with the rate {trials.own:.3g}; trials of {trials.steps:,} steps from the same "
            f"start reach, by rate, {trials}.{_limit_text(learned)}",
            Message(
                advice_on_optimizer(
                    f"use a learning rate of {trials.best:.3g}{_decaying(learned)}:",
                    change["optimizer"],
                    learned.case.steps,
                )
            ),
            change,
        )
    ]


def _with_rate(learned: Learned, trials: Trials) -> dict[str, Optimizer]:
    """Return the rate of the best trial; where steps already jump about, one that decays from there."""
    rate = cosine_decay(trials.best, learned.case.steps) if _decaying(learned) else trials.best
    return {"optimizer": learned.case.problem.optimizer.replace(learning_rate=rate)}


def _decaying(learned: Learned) -> str:
    """Return that a larger rate has to decay, for a run whose steps jump about in the end."""
    trials = learned.rates
    larger = trials is not None and trials.best > trials.own
    return " at first, which decays" if larger and learned.verdict in ("bouncing", "noise_floor") else ""


def _epochs(learned: Learned) -> list[Finding]:
    """Find a run that ended while it still got better."""
    case = learned.case
    losses = case.history.get("validation_loss", case.losses)
    trend = trend_of(losses)
    if case.run is None or case.run.stop_reason != "completed" or learned.fitted or learned.diverged:
        return []
    if trend is None or not trend.resolved or case.rate_decayed:
        return []
    more = trend.fall / (trend.epochs - 1) * len(losses)
    if more < MORE * max(learned.learnable, learned.chance):
        return []
    epochs = LONGER * case.recipe.settings.epochs
    of = "validation" if "validation_loss" in case.history else "training"
    return [
        Kind.TOO_FEW_EPOCHS.finding(
            "warning",
            "The training was too short: it ended while the loss still fell.",
            f"over the last {trend.epochs} of {len(losses)} epochs the {of} loss fell by {trend.fall:.2g}; at that "
            f"pace {len(losses)} more would gain {more:.2g}, where {learned.learnable:.3g} is known to be learnable.",
            Message(Advice("train longer:", epochs=epochs)),
            {"epochs": epochs},
        )
    ]


def _diverged(learned: Learned) -> list[Finding]:
    """Return the run's own account of its divergence, for want of a trial that knows better."""
    run = learned.case.run
    if run is None or run.divergence is None:
        return []
    statement = "The descent diverged: the learning rate is too large for this loss surface."
    return [Kind.RATE_TOO_LARGE.finding("severe", statement, run.divergence.evidence, run.divergence.remedy)]


def _limit_text(learned: Learned) -> str:
    """Return how the rate compares with the one that is unstable, at the end of the run."""
    stability = learned.case.stability if learned.case.finite else None
    if stability is None or not 0 < stability.limit < float("inf"):
        return ""
    return f" At the end the run's rate is {stability.share:.2g} of the stability limit {stability.limit:.3g}."


def _conditioning(learned: Learned) -> list[Finding]:
    """Find a plain gradient descent that creeps along a ravine, and the momentum that suits it."""
    case = learned.case
    optimizer = case.problem.optimizer
    if learned.fitted or not case.finite or optimizer.base.maker is not sgd or case.momentum > 0:
        return []
    kappa, stability = _kappa(learned), case.stability
    if kappa < ILL_CONDITIONED or stability is None:
        return []
    momentum = round(min(quadratic([1.0, kappa]).best("momentum").momentum, MOST_MOMENTUM), 2)
    change = {"optimizer": optimizer.replace(momentum=momentum)}
    learned.attempt(Kind.ILL_CONDITIONED.code, change)
    severity = learned.severity(Kind.ILL_CONDITIONED.code)
    if stability.share < NEAR_LIMIT or severity is None:
        return []
    return [
        Kind.ILL_CONDITIONED.finding(
            severity,
            "The loss is ill-conditioned: the rate that its steepest direction allows is much too small for the "
            "directions that are left to descend.",
            f"λ_max is {case.sharpness:.3g}, κ = {kappa:.3g} times the curvature that is left to descend; the rate is "
            f"{stability.share:.2g} of the stability limit {stability.limit:.3g}. A short training with momentum "
            f"{momentum:g} reaches {learned.tried[Kind.ILL_CONDITIONED.code]:.3g}, this run {learned.reached:.3g}.",
            Message(
                Advice(f"use momentum {momentum:g}, which suits this κ:", optimizer=change["optimizer"]),
                Advice("normalize inputs and layers"),
            ),
            change,
        )
    ]


def _kappa(learned: Learned) -> float:
    """Return by how much the largest curvature exceeds that of the directions that are left to descend.

    That is `λ_max` over the curvature along the gradient, which descent leaves in ever flatter directions; or `κ`,
    where no curvature is negative.
    """
    case = learned.case
    along, kappa = case.step_model.rayleigh_quotient, case.condition.kappa
    return max(case.sharpness / along if along and along > 0 else 1.0, kappa or 1.0)


def _batch(learned: Learned) -> list[Finding]:
    """Find batches that are mostly noise, or mostly waste."""
    case, size = learned.case, learned.case.batch_size or 1
    if SMALL_BATCH < size <= USUAL_BATCH:
        return []
    noise = case.noise if case.finite else None
    ratio = case.noise_to_gradient if case.finite else None
    if size <= SMALL_BATCH and (ratio is None or ratio >= NOISE_WINS):
        statement = "The batch is too small for this rate: steps are mostly noise, and the loss stays above its floor."
        return _batch_by_trial(learned, Kind.BATCH_TOO_SMALL, statement)
    high = float("inf") if noise is None or noise.value is None else noise.interval[1]
    if size <= max(USUAL_BATCH, high):
        return []
    return _batch_by_trial(learned, Kind.BATCH_TOO_LARGE, _WASTE) or _wasteful(learned, high)


_WASTE = "The batch is needlessly large: the same passes over the data would make many more steps, each nearly as good."


def _batch_by_trial(learned: Learned, kind: Kind, statement: str) -> list[Finding]:
    """Return a finding on the batch size, if a usual one learns more in as many epochs."""
    case, change = learned.case, {"batch_size": USUAL_BATCH}
    if learned.fitted:
        return []
    try:
        loss = learned.attempt(kind.code, change)
    except SettingError:  # batch norm, and a last batch of one row
        return []
    severity = learned.severity(kind.code)
    if severity is None:
        return []
    measured = f"; at the end: {case.noise}" if case.finite and case.noise is not None else "."
    return [
        kind.finding(
            severity,
            statement,
            f"batches of {case.batch_size} rows, {case.steps:,} steps{measured} A short training with "
            f"{USUAL_BATCH} rows reaches {loss:.3g}, this run {learned.reached:.3g}.",
            USE_USUAL_BATCH,
            change,
        )
    ]


def _wasteful(learned: Learned, high: float) -> list[Finding]:
    """Return a note on batches of which nine rows in ten were wasted even at the end, where noise is largest."""
    case = learned.case
    if (case.batch_size or 1) < WASTEFUL * high:
        return []
    evidence = f"batches of {case.batch_size} rows; even at the end: {case.noise}"
    change = {"batch_size": USUAL_BATCH}
    return [Kind.BATCH_TOO_LARGE.finding("note", _WASTE, evidence, USE_USUAL_BATCH, change)]


def _bouncing(learned: Learned) -> list[Finding]:
    """Find a loss that jumps up and down without falling."""
    case, trend = learned.case, learned.case.trend
    if trend is None or learned.fitted or learned.diverged or trend.resolved or case.share(trend.jumps) < JUMPS:
        return []
    rate, lower_at, change = case.learning_rate, max(1, case.steps * 2 // 3), None
    words, code = "lower the learning rate tenfold after two thirds of the steps:", "ds.schedules.step_decay"
    if rate is not None and "learning_rate" in case.problem.optimizer.hyperparams:
        rate = float(f"{rate:.6g}")  # the history holds 0.01 as 0.00999999977648
        change = {"optimizer": case.problem.optimizer.replace(learning_rate=step_decay(rate, 0.1, every=lower_at))}
        code = f"ds.schedules.step_decay({rate:g}, 0.1, every={lower_at})"
    return [
        Kind.BOUNCING.finding(
            "warning",
            "The loss bounces: from epoch to epoch it jumps up and down, and no longer falls.",
            f"over the last {trend.epochs} epochs the training loss of {trend.level:.3g} jumps by {trend.jumps:.2g}, "
            f"and falls by {trend.fall:.2g}.",
            Message(Advice(words, code=code, schedule=f"step:0.1:{lower_at}")),
            change,
        )
    ]


def _progress_text(learned: Learned) -> str:
    """Describe how far the run came."""
    if learned.diverged:
        return "the run diverged"
    return f"the run reached {learned.reached:.3g} in {learned.case.steps:,} steps"
