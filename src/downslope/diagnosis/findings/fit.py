"""Findings on the fit: too close, too loose, rare classes, and noisy labels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from downslope.core import Advice, Message
from downslope.diagnosis.case import Case
from downslope.diagnosis.evidence import percent
from downslope.diagnosis.finding import Change, Finding
from downslope.diagnosis.kinds import Kind
from downslope.diagnosis.measurements import ClassRecalls, HeldOut, LabelNoise, label_noise, recalls_on
from downslope.diagnosis.remedies import (
    HALF,
    SURE,
    Learned,
    advice_on_widths,
    hidden_widths,
    narrower,
    shallower,
    wider,
    with_dropout,
)
from downslope.optimizers import decoupled_weight_decay

CARRIED, HALF_CARRIED = 0.8, 0.5
"""Of the gain on the training rows a sound fit carries four fifths over to rows held out, if it learned half of what
perfect answers to its rows would gain; and half in any case."""

LEARNED_HALF, LEARNED_SOME = 0.5, 0.02
"""Shares of what perfect answers gain: only a run that learned its rows can have learned them by heart."""

LOST = 0.2
"""Or it ended with a fifth of what it had gained on rows held out lost again."""

NO_BETTER = 0.01
"""Less than this share of what perfect answers gain is no better than one answer for all rows."""

HARDLY = 0.1
"""And only where it is sure that not even so much is gained: on a few rows held out it is not."""

BEHIND = 0.05
"""Behind a linear model by so large a share of what that gains, a network is of no use."""

RARE = 10.0
"""Rows of the most frequent class for one of the rarest, from which a class counts as rare: a power of ten."""

UNEQUAL = 4.0
"""From here on it is a fault if rarer classes are recognized worse."""

BY_CHANCE = 4.0
"""Counts of rows that differ by fewer of their standard errors may differ by chance: a set of few rows."""

HIDDEN = 0.2
"""A recall so far below the accuracy is hidden by it."""

NOISY, SURELY_NOISY = 0.05, 0.03
"""The share of doubted labels, and the lower end of its interval, from which labels are called noisy: benchmark sets
that pass for clean have 3.4 % of wrong labels on average (Northcutt, Athalye and Mueller, Pervasive label errors,
2021)."""

WEIGHT_DECAY = 0.1

DROPOUTS, DECAYS, RATE_STEP = (0.2, 0.5), (0.1, 1.0), 3.0
"""What may carry more over to rows held out: shares of units dropped, decoupled weight decay (times the rate), and how
many times larger or smaller a rate."""

RECALL_ROWS = 20_000
"""Recalls are measured on so many rows at most."""


def findings_of_fit(learned: Learned) -> list[Finding]:
    """Return the findings on the fit and on the labels."""
    return [
        *_classes(learned),
        *_labels(learned),
        *_nothing_generalizes(learned),
        *_underfit(learned),
        *_overfit(learned),
        *_behind_linear(learned),
        *_gap(learned),
    ]


def _underfit(learned: Learned) -> list[Finding]:
    """Find a network that learned less than a short training of a wider one does."""
    net, loss = wider(learned.case.recipe.net), learned.wider
    severity = learned.severity(Kind.UNDERFIT.code)
    if net is None or severity is None:
        return []
    widths, more = hidden_widths(learned.case.recipe.net), hidden_widths(net)
    has = "no hidden layer" if len(widths) < len(more) else f"hidden layers of {_join(widths)} units"
    return [
        Kind.UNDERFIT.finding(
            severity,
            "The network underfits: it is too small for what is to be learned.",
            f"it has {has} and reaches {learned.reached:.3g} (training loss {learned.trained:.3g}); a short training "
            f"with {_join(more)} reaches {loss:.3g}.",
            Message(advice_on_widths("use more units or layers", net)),
            {"net": net, "start": None},
        )
    ]


def _overfit(learned: Learned) -> list[Finding]:
    """Find a network that learned its rows by heart: little of what it gains on them holds for rows held out."""
    held_out = learned.case.held_out
    if held_out is None or learned.diverged or not _learned_by_heart(learned, held_out):
        return []
    remedy = _best_regularizer(learned)
    history = learned.case.history["validation_loss"]
    return [
        Kind.OVERFIT.finding(
            "severe" if held_out.last_gained < -SURE * held_out.last_gained_error else "warning",
            "The network overfits: it learns the training rows by heart, and little of that holds for others.",
            f"at the end the training loss is {learned.trained:.3g} (one answer for all these rows: "
            f"{learned.case.scale.constant:.3g}), the validation loss {held_out.last:.3g} ± "
            f"{held_out.last_gained_error:.1g} (one answer for all: {held_out.scale.constant:.3g}; lowest after epoch "
            f"{int(np.nanargmin(history)) + 1} of {len(history)}); {learned.case.size:,} parameters for "
            f"{len(learned.case.problem.train):,} rows.{_regularizer_text(learned, remedy)}",
            Message(
                Message(Advice("get more data"), *_regularization_advice(remedy)),
                Advice("stop early, too:", early_stopping=10),
            ),
            {"early_stopping": 10} | ({} if remedy is None else dict(remedy.change)),
        )
    ]


def _learned_by_heart(learned: Learned, held_out: HeldOut) -> bool:
    """Return whether rows held out gain surely less than those learned from, or lost much of what they had gained."""
    scale = learned.case.scale
    gained, share = scale.constant - learned.trained, scale.learned(learned.trained)
    if share < LEARNED_SOME:
        return False
    sound = CARRIED if share >= LEARNED_HALF else HALF_CARRIED
    carried = held_out.last_gained + SURE * held_out.last_gained_error < sound * gained
    lost = held_out.scale.error_between(held_out.each_last, held_out.each_best)
    risen = held_out.last - held_out.best > max(LOST * max(held_out.gained, 0.0), SURE * lost)
    return carried or (risen and share >= LEARNED_HALF)


def _nothing_generalizes(learned: Learned) -> list[Finding]:
    """Find data of which nothing that was learned holds for rows held out, neither by the network nor linearly."""
    held_out = learned.case.held_out
    if held_out is None or learned.diverged or learned.crippled:
        return []
    scale, rows = held_out.scale, len(held_out.each_best)
    best = max(held_out.gained, scale.learnable)
    error = held_out.gained_error if held_out.gained >= scale.learnable else scale.error
    if best > max(NO_BETTER * scale.width, SURE * error) or best + SURE * error > HARDLY * scale.width:
        return []
    linear = "" if scale.linear is None else f", a linear model {scale.linear:.4g}"
    return [
        Kind.NOTHING_GENERALIZES.finding(
            "warning",
            "Nothing that was learned holds for other rows: on those held out the network is no better than one answer "
            "for all, and a linear model is not, either.",
            f"on {rows:,} rows held out one answer for all has a loss of {scale.constant:.4g}, the network "
            f"{held_out.best:.4g} ± {held_out.gained_error:.1g}{linear}.",
            Message(
                "The features may not hold what decides the target.", Advice("get others"), Advice("get more rows")
            ),
        )
    ]


def _behind_linear(learned: Learned) -> list[Finding]:
    """Find a network that predicts rows held out surely worse than a linear model does."""
    held_out = learned.case.held_out
    if held_out is None or held_out.behind_linear is None or learned.diverged or learned.crippled:
        return []
    behind, learnable = held_out.behind_linear, held_out.scale.learnable
    if learnable <= NO_BETTER * held_out.scale.width or behind <= max(
        BEHIND * learnable, SURE * held_out.behind_linear_error
    ):
        return []
    linear, plain = learned.case.scale.linear, shallower(learned.case.recipe.net, hidden=0)
    remedy = _best_regularizer(learned) if linear is not None and learned.trained < linear else None
    return [
        Kind.LINEAR_IS_BETTER.finding(
            "severe" if behind > HALF * learnable else "warning",
            "A linear model predicts rows held out better than this network does.",
            f"on {len(held_out.each_best):,} rows held out the linear model has a loss of {held_out.scale.linear:.4g}, "
            f"the network {held_out.best:.4g} (difference {behind:.2g} ± {held_out.behind_linear_error:.1g}; one "
            f"answer for all: {held_out.scale.constant:.4g}).{_regularizer_text(learned, remedy)}",
            Message(
                *([] if remedy is None else [remedy.advice]),
                Advice("use a linear model, a network without a hidden layer:", code="ds.mlp([], …)", network="linear"),
            ),
            None if remedy is None else dict(remedy.change),
            () if plain is None else ({"net": plain, "start": None},),
        )
    ]


def _regularizer_text(learned: Learned, remedy: Regularizer | None) -> str:
    """Return what the best remedy reached."""
    if remedy is None:
        return ""
    return f" A short training with {remedy.words} reaches {learned.tried[Kind.OVERFIT.code]:.3g}."


def _gap(learned: Learned) -> list[Finding]:
    """Find a run that gains surely less on rows held out than on those it learned from, and what may carry more over.

    That is so of most runs, and no fault. What helps against it differs from table to table, and only trainings tell.
    """
    held_out, share = learned.case.held_out, learned.case.scale.learned(learned.trained)
    if held_out is None or learned.diverged or learned.crippled or held_out.scale.width <= 0:
        return []
    width, carried = held_out.scale.width, held_out.scale.learned(held_out.best)
    alike = held_out.scale.floor + (1 - share) * (held_out.scale.each_constant - held_out.scale.floor)
    error = held_out.scale.error_between(held_out.each_best, alike) / width  # were the same share learned of each row
    sure = share - carried > max(SURE * error, NO_BETTER)
    if not sure and not (learned.verifying and carried < 1 - NO_BETTER):
        return []
    return [
        Kind.GENERALIZATION_GAP.finding(
            "note",
            "Part of what was learned does not hold for other rows."
            if sure
            else "What was learned may hold better for other rows.",
            f"of what perfect answers would gain over one for all rows, {percent(share)} was learned of the rows "
            f"learned from, and {percent(carried)} of {len(held_out.each_best):,} held out (a difference of "
            f"{100 * (share - carried):.2g} ± {100 * error:.1g} %).",
            Message(
                Advice("try more weight decay, dropout, a smaller or a larger network, or another rate, one at a time")
            ),
            None,
            tuple(_generalizers(learned)),
        )
    ]


def _generalizers(learned: Learned) -> Iterator[Change]:
    """Yield what may carry more of what is learned over to rows held out, one change at a time."""
    net, optimizer = learned.case.recipe.net, learned.case.problem.optimizer
    for rate in DROPOUTS:
        dropping = with_dropout(net, rate)
        if dropping is not None:
            yield {"net": dropping, "start": None}
    for other in (narrower(net), wider(net)):
        if other is not None:
            yield {"net": other, "start": None}
    numbers = optimizer.hyperparams
    rate = numbers.get("learning_rate")
    if rate is not None and "weight_decay" not in numbers:
        for decay in DECAYS:
            yield {"optimizer": decoupled_weight_decay(decay, optimizer)}
    if isinstance(rate, (int, float)):
        for factor in (RATE_STEP, 1 / RATE_STEP):
            yield {"optimizer": optimizer.replace(learning_rate=float(f"{rate * factor:.3g}"))}


class Regularizer(NamedTuple):
    """A remedy against overfitting.

    Attributes:
        words: its name.
        advice: how to apply it.
        change: the same as settings of `ds.train`.
    """

    words: str
    advice: Advice
    change: Change


def _regularization_advice(remedy: Regularizer | None) -> tuple[Advice, ...]:
    """Return how a network is regularized: by the remedy that worked best, or by one of the usual ones."""
    return (Advice("use a smaller network, dropout or weight decay") if remedy is None else remedy.advice,)


def _best_regularizer(learned: Learned) -> Regularizer | None:
    """Return the remedy against overfitting that works best in a short training."""
    recipe = learned.case.recipe
    candidates: list[Regularizer] = []
    smaller, dropping = narrower(recipe.net), with_dropout(recipe.net, 0.5)
    if dropping is not None:
        advice = Advice("use dropout of one half", code="ds.Dropout(0.5)", dropout=0.5)
        candidates.append(Regularizer("dropout of one half", advice, {"net": dropping, "start": None}))
    if smaller is not None:
        words = f"a smaller network, hidden layers of {_join(hidden_widths(smaller))}"
        advice = advice_on_widths("use a smaller network", smaller)
        candidates.append(Regularizer(words, advice, {"net": smaller, "start": None}))
    numbers = learned.case.problem.optimizer.hyperparams
    if "learning_rate" in numbers and "weight_decay" not in numbers:
        decaying = decoupled_weight_decay(WEIGHT_DECAY, learned.case.problem.optimizer)
        words = f"weight decay {WEIGHT_DECAY:g}"
        candidates.append(Regularizer(words, Advice(f"use {words}", optimizer=decaying), {"optimizer": decaying}))
    if not candidates:
        return None
    codes = [f"{Kind.OVERFIT.code}: {candidate.words}" for candidate in candidates]
    losses = [learned.attempt(code, candidate.change) for code, candidate in zip(codes, candidates, strict=True)]
    best = int(np.argmin(losses))
    learned.tried[Kind.OVERFIT.code] = losses[best]
    learned.spreads[Kind.OVERFIT.code] = learned.spreads[codes[best]]
    return candidates[best]


def _classes(learned: Learned) -> list[Finding]:
    """Find classes so rare that the loss and the accuracy hide how they are recognized."""
    case = learned.case
    if case.run is None or case.run.task != "classification" or case.problem.class_weight is not None:
        return []
    counts = np.bincount(np.asarray(case.problem.train.truth), minlength=len(case.run.preprocessing.class_labels))
    most, least = counts.max(), max(counts.min(), 1)
    if most < UNEQUAL * least or most - least < BY_CHANCE * np.sqrt(most + least):
        return []
    scores = _class_recalls(case)
    rare = counts * UNEQUAL <= most
    worst = int(np.nanargmin(np.where(rare, scores.recalls, np.inf))) if np.isfinite(scores.recalls[rare]).any() else 0
    hidden = scores.accuracy - scores.recalls[worst] > HIDDEN
    if most < RARE * least and not hidden:
        return []
    labels = case.run.preprocessing.class_labels
    return [
        Kind.CLASSES_UNBALANCED.finding(
            "severe" if hidden and scores.recalls[worst] < HALF else "warning",
            "The classes are unbalanced: the frequent ones make up the loss, and the accuracy hides how badly the rare "
            "ones are recognized.",
            f"training rows for each class run from {counts.min():,} ({labels[int(counts.argmin())]}) to {most:,} "
            f"({labels[int(counts.argmax())]}); on {scores.of} the accuracy is {100 * scores.accuracy:.3g} %, the "
            f"recall of {labels[worst]} {100 * scores.recalls[worst]:.3g} %, the mean recall "
            f"{100 * scores.balanced:.3g} %.",
            Message(
                Message(
                    Advice(
                        "weigh rows by their class, which costs accuracy on the frequent ones:", class_weight="balanced"
                    )
                ),
                Advice("judge by {}", metrics=["balanced_accuracy"]),
            ),
            {"class_weight": "balanced"},
        )
    ]


def _class_recalls(case: Case) -> ClassRecalls:
    """Return how well the run's best variables recognize each class, on held-out rows where there are any."""
    run, data = case.run, case.validation_data
    of = "the training rows" if data is None else "the validation rows"
    data = case.training_data if data is None else data
    data = data.take(np.arange(min(len(data), RECALL_ROWS)))
    if run is None:
        return ClassRecalls(np.empty(0), float("nan"), of)
    return recalls_on(run, data, of)


def _labels(learned: Learned) -> list[Finding]:
    """Find labels that contradict the rows around them: a floor that no honest fit gets under."""
    case = learned.case
    if case.run is None or case.run.task != "classification" or case.part is None:
        return []
    noise = label_noise(np.asarray(case.part.x), np.asarray(case.part.truth), seed=case.seed)
    if noise is None or (not (noise.share > NOISY and noise.low > SURELY_NOISY) and noise.conflicting < SURELY_NOISY):
        return []
    remedy = _best_regularizer(learned) if learned.case.history.get("validation_loss") is not None else None
    return [
        Kind.LABEL_NOISE.finding(
            "warning",
            "Many labels contradict the rows around them: they are noisy, or the features do not hold what decides "
            "them. That is a floor under the validation loss; below it a network learns errors by heart.",
            _noise_text(noise),
            Message(
                "Look through the doubted labels.",
                *(
                    (Message(Advice("until then stop early:", early_stopping=10)), *_regularization_advice(remedy))
                    if remedy
                    else (Advice("until then hold out rows and stop early:", validation=0.2, early_stopping=10),)
                ),
            ),
            None if remedy is None else {"early_stopping": 10} | dict(remedy.change),
        )
    ]


def _noise_text(noise: LabelNoise) -> str:
    """Describe the doubted labels."""
    copies = "" if not noise.conflicting else f" {100 * noise.conflicting:.2g} % have an exact copy with another label."
    rows = ", ".join(map(str, noise.doubted[:5]))
    return (
        f"of {noise.rows:,} labels {100 * noise.share:.2g} % are doubted (at least {100 * noise.low:.2g} %, 95 %): the "
        f"nearest neighbors and a linear model, neither having seen the label, are sure of the same other class "
        f"(training rows {rows}, …).{copies}"
    )


def _join(widths: list[int]) -> str:
    return ", ".join(map(str, widths))
