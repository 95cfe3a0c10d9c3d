"""Findings on the fit: too close, too loose, rare classes, and noisy labels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from downslope.core import Advice, Message
from downslope.diagnosis.case import Case
from downslope.diagnosis.finding import Change, Finding
from downslope.diagnosis.kinds import Kind
from downslope.diagnosis.measurements import ClassRecalls, LabelNoise, label_noise, recalls_on
from downslope.diagnosis.remedies import HALF, Learned, advice_on_widths, hidden_widths, narrower, wider, with_dropout
from downslope.optimizers import decoupled_weight_decay

CARRIED = 0.8
"""The share of the gain on the training rows that carries over to held-out rows in a sound fit, at least."""

RISEN = 1.5
"""Or the validation loss ends so many times above its lowest."""

LEARNED_ALL = 0.5
"""Of the loss of one answer for all rows: only a run that learned its rows can have learned them by heart."""

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

RECALL_ROWS = 20_000
"""Recalls are measured on so many rows at most."""


def findings_of_fit(learned: Learned) -> list[Finding]:
    """Return the findings on the fit and on the labels."""
    return [*_classes(learned), *_labels(learned), *_underfit(learned), *_overfit(learned)]


def _underfit(learned: Learned) -> list[Finding]:
    """Find a network that learned less than a short training of a wider one does."""
    net, loss = wider(learned.case.recipe.net), learned.wider
    severity = learned.severity(loss)
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
    """Find a network that learned its rows by heart."""
    held_out = learned.case.history.get("validation_loss", np.empty(0))
    held_out = held_out[np.isfinite(held_out)]
    constant, trained = learned.constant, learned.trained
    if not len(held_out) or learned.diverged or trained > LEARNED_ALL * constant:
        return []
    last, lowest = float(held_out[-1]), float(held_out.min())
    carried = (constant - last) / (constant - trained)
    risen = last > RISEN * lowest and last - trained > (1 - CARRIED) * constant
    if carried >= CARRIED and not risen:
        return []
    remedy = _best_regularizer(learned)
    return [
        Kind.OVERFIT.finding(
            "severe" if last > constant else "warning",
            "The network overfits: it learns the training rows by heart, and little of that holds for others.",
            f"at the end the training loss is {trained:.3g}, the validation loss {last:.3g} (lowest {lowest:.3g} after "
            f"epoch {int(held_out.argmin()) + 1} of {len(held_out)}; one answer for all rows {constant:.3g}); "
            f"{learned.case.size:,} parameters for {len(learned.case.problem.train):,} rows."
            + (
                ""
                if remedy is None
                else f" A short training with {remedy.words} reaches {learned.tried[Kind.OVERFIT.code]:.3g}."
            ),
            Message(
                Message(Advice("get more data"), *_regularization_advice(remedy)),
                Advice("stop early, too:", early_stopping=10),
            ),
            {"early_stopping": 10} | ({} if remedy is None else dict(remedy.change)),
        )
    ]


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
    losses = [learned.attempt(f"{Kind.OVERFIT.code}: {candidate.words}", candidate.change) for candidate in candidates]
    best = int(np.argmin(losses))
    learned.tried[Kind.OVERFIT.code] = losses[best]
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
                Message(Advice("weigh rows by their class:", class_weight="balanced")),
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
