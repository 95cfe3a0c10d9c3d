"""Findings on the data as the network sees them: scale, center and order."""

from __future__ import annotations

import numpy as np

from downslope.core import Advice, Message
from downslope.diagnosis.finding import Finding
from downslope.diagnosis.kinds import Kind
from downslope.diagnosis.measurements import InputMoments, drift, input_moments
from downslope.diagnosis.remedies import Learned
from downslope.diagnosis.starts import LARGE, NORMALIZE, SHIFTED, SMALL, UNEQUAL

FAR = 0.9
"""Where so much of the mean square is that of the means, features lie three deviations off zero, and the mean makes the
largest curvature ten times what the spread makes it: short of it, an offset costs little (features in [0, 1] have about
0.75)."""

SOME_DRIFT, MOST_DRIFT = 0.1, 0.5
"""Shares of the variance of targets or inputs that lie between batches. Shuffled rows have 0, up to chance. From a half
on, batches differ more from each other than the rows in them do: each pulls towards its own answer."""

UNLIKELY = 5.0
"""A drift of so many standard errors is no chance: one in a million."""


def findings_of_data(learned: Learned) -> list[Finding]:
    """Return the findings on the targets, the inputs and the order of rows."""
    return [*_targets(learned), *_inputs(learned), *_order(learned)]


def _inputs(learned: Learned) -> list[Finding]:
    """Find inputs of unequal or extreme scale, or far from zero."""
    case = learned.case
    if case.recipe.settings.normalize == "standard" or case.part is None:
        return []
    x = np.asarray(case.part.x)
    moments = input_moments(x.reshape(len(x), -1))
    severity = "severe" if learned.crippled else "warning"
    change = {"normalize": "standard"}
    if moments.largest > UNEQUAL * moments.smallest or moments.spread > LARGE or moments.spread < SMALL:
        return [
            Kind.INPUTS_NOT_NORMALIZED.finding(
                severity,
                "The inputs are not normalized: features differ in scale from each other or from 1, which makes the "
                "loss surface a narrow ravine.",
                f"standard deviations of features from {moments.smallest:.3g} to {moments.largest:.3g}; "
                f"{_moments_text(moments)}",
                NORMALIZE,
                change,
            )
        ]
    if moments.shift <= SHIFTED:
        return []
    return [
        Kind.INPUTS_NOT_CENTERED.finding(
            severity if moments.shift > FAR else "note",
            "The inputs are shifted away from zero: their mean adds one direction of large curvature, which the "
            "learning rate has to suit.",
            f"{100 * moments.shift:.0f} % of their mean square is that of the features' means; "
            f"{_moments_text(moments)}",
            NORMALIZE,
            change,
        )
    ]


def _moments_text(moments: InputMoments) -> str:
    """Describe the effect of normalizing on the second moments, the first layer's Hessian."""
    return (
        f"the inputs' second-moment matrix (covariance plus mean outer mean, the Hessian of a linear model) has "
        f"κ = {moments.kappa:.3g}, predicted {moments.kappa_centered:.3g} once centered and "
        f"{moments.kappa_normalized:.3g} once normalized; its largest eigenvalue goes from {moments.curvature:.3g} to "
        f"{moments.curvature_normalized:.3g}."
    )


def _targets(learned: Learned) -> list[Finding]:
    """Find numbers to predict that are far from zero or from unit size: the last layer has to grow to reach them."""
    case = learned.case
    settings, problem = case.recipe.settings, case.problem
    if problem.loss.targets != "numbers" or settings.normalize_targets is not None or case.part is None:
        return []
    t = np.asarray(case.part.t, np.float64)
    mean, deviation = t.mean(axis=0), t.std(axis=0)
    spread, shift = float(np.sqrt(np.mean(deviation**2))), float(np.mean(mean**2) / np.mean(t**2)) if t.any() else 0.0
    if SMALL < spread < LARGE and shift <= FAR:
        return []
    return [
        Kind.TARGETS_NOT_NORMALIZED.finding(
            "severe" if learned.crippled else "warning",
            "The targets are not normalized: outputs start near 0 with unit size, and most of the training goes into "
            "reaching the targets' mean and scale.",
            f"targets have the mean {float(np.mean(mean)):.3g} and the standard deviation {spread:.3g}; the loss at "
            f"the start is {case.start_loss:.3g}, that of always answering the mean {learned.constant:.3g}.",
            Message(
                Advice("normalize the targets: {} (predictions stay in their own units)", normalize_targets="standard")
            ),
            {"normalize_targets": "standard"},
        )
    ]


def _order(learned: Learned) -> list[Finding]:
    """Find batches that each show another part of the data."""
    case, batches = learned.case, learned.case.problem.batches
    if batches.order in ("shuffle", "replacement") or case.full_batch:
        return []
    rows = (
        batches.at(epoch=0, step=0)
        if batches.steps == 1
        else np.concatenate([batches.at(epoch=0, step=step) for step in range(batches.steps)])
    )
    train = case.problem.train
    order_drift = drift(
        np.asarray(train.x)[rows], np.asarray(train.truth)[rows], case.batch_size or 1, task=case.recipe.data.task or ""
    )
    if order_drift.share < SOME_DRIFT or order_drift.errors < UNLIKELY:
        return []
    return [
        Kind.DATA_ORDER_CORRELATED.finding(
            "severe" if order_drift.share >= MOST_DRIFT or learned.crippled else "warning",
            "Rows are learned from in an order that is correlated: successive batches show different parts of the "
            "data, and the network swings between them.",
            f"{100 * order_drift.share:.0f} % of the variance of the {order_drift.of} lies between batches of "
            f"{case.batch_size} rows; shuffled it is 0 ± {100 * order_drift.error:.1g} %.",
            Message(Advice("shuffle the rows anew each epoch:", order="shuffle")),
            {"order": "shuffle"},
        )
    ]
