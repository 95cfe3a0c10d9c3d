"""All findings of a run, causes before their symptoms.

One fault has many symptoms: inputs on a large scale make the rate too large, kill units and leave the network underfit,
each of which would be found on its own. So that the fault is named first,

1. `EXPLAINS` says which finding can be the cause of which others: never the other way round, for it follows the order
   in which things act: data and start, then the descent, then what came of it;
2. where a symptom was found by a short training that would have cured it, a cause is believed if undoing it in a short
   training of its own cures about as much. What is explained is kept as a note that says from what it follows, and its
   cause becomes as severe as the symptom was;
3. a proposed cause that, when undone, brings back less than half of what the best fix does is at most a warning;
4. the rest goes by severity; within it, what was found only because a short training without it did better stands
   behind what another such training does much better without; then the order is that of `EXPLAINS`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from downslope.diagnosis.case import Case
from downslope.diagnosis.finding import SEVERITIES, Finding, by_severity
from downslope.diagnosis.findings.data import findings_of_data
from downslope.diagnosis.findings.descent import findings_of_descent
from downslope.diagnosis.findings.fit import findings_of_fit
from downslope.diagnosis.findings.learned import HALF, Learned
from downslope.diagnosis.findings.network import findings_of_network

_LEARNS_BADLY = ("ill_conditioned", "rate_too_small", "earlier_layers_slower", "bouncing", "underfit")
_UNITS = ("dead_units", "saturated_units")
_SIGNALS = ("exploding_signal", "vanishing_signal", "exploding_gradients", "vanishing_gradients")

EXPLAINS: dict[str, tuple[str, ...]] = {
    "zero_weights": (
        "rate_too_large",
        "batch_too_large",
        "batch_too_small",
        "deeper_than_needed",
        *_UNITS,
        *_LEARNS_BADLY,
    ),
    "identical_units": ("rate_too_large", "batch_too_large", "deeper_than_needed", *_SIGNALS, *_UNITS, *_LEARNS_BADLY),
    "inputs_not_normalized": (
        *_SIGNALS,
        *_UNITS,
        "batch_too_large",
        "batch_too_small",
        "rate_too_large",
        *_LEARNS_BADLY,
    ),
    "inputs_not_centered": (
        *_SIGNALS,
        *_UNITS,
        "batch_too_large",
        "batch_too_small",
        "rate_too_large",
        *_LEARNS_BADLY,
    ),
    "targets_not_normalized": (*_UNITS, "batch_too_large", "batch_too_small", "rate_too_large", *_LEARNS_BADLY),
    "data_order_correlated": ("overfit", "batch_too_small", "rate_too_large", "dead_units", *_LEARNS_BADLY),
    "weights_too_large": (*_SIGNALS, *_UNITS, "overfit", "batch_too_large", "rate_too_large", *_LEARNS_BADLY),
    "weights_too_small": (*_SIGNALS, *_UNITS, "batch_too_large", *_LEARNS_BADLY, "deeper_than_needed"),
    "classes_unbalanced": (),
    "label_noise": ("overfit", "batch_too_small", "bouncing", "underfit"),
    "widths_unequal": (*_UNITS, "vanishing_gradients", "underfit", "ill_conditioned", "bouncing", "deeper_than_needed"),
    "vanishing_signal": ("vanishing_gradients", "batch_too_large", "deeper_than_needed", *_LEARNS_BADLY),
    "vanishing_gradients": ("saturated_units", "batch_too_large", "deeper_than_needed", *_LEARNS_BADLY),
    "exploding_signal": ("exploding_gradients", *_UNITS, "rate_too_large", *_LEARNS_BADLY),
    "exploding_gradients": ("rate_too_large", *_UNITS, *_LEARNS_BADLY),
    "batch_too_small": ("rate_too_large", "overfit", "bouncing"),
    "rate_too_large": ("overfit", *_UNITS, "bouncing", "underfit", "earlier_layers_slower", "deeper_than_needed"),
    "overfit": ("batch_too_large", "rate_too_small", "underfit"),
    "batch_too_large": (*_LEARNS_BADLY, "deeper_than_needed"),
    "dead_units": (*_LEARNS_BADLY, "vanishing_gradients", "deeper_than_needed"),
    "saturated_units": (*_LEARNS_BADLY, "deeper_than_needed"),
    "ill_conditioned": ("rate_too_small", "bouncing", "underfit"),
    "rate_too_small": ("earlier_layers_slower", "underfit"),
    "deeper_than_needed": ("earlier_layers_slower",),
    "underfit": (),
    "earlier_layers_slower": (),
    "bouncing": (),
}
"""What a finding may be the cause of; the keys in the order in which they are named among equals."""

BY_TRIAL = ("batch_too_small", "rate_too_large", "batch_too_large", "ill_conditioned", "rate_too_small", "underfit")
"""What is found by short trainings alone."""

AS_GOOD = 0.8
"""A cause is believed if undoing it brings back so much of what the symptom's own fix does: short trainings from other
starts differ by that much."""

BELIEVED = {("batch_too_large", "rate_too_small"), ("widths_unequal", "underfit")}
"""Causes that are believed whatever the symptom's own fix does: a rate is too small only for the number of steps, and
batches that waste most of their rows are why there are so few; widths are made equal without more weights, which a
wider network has."""


def findings_of_case(case: Case) -> tuple[Finding, ...]:
    """Return everything found in a case, the likeliest cause first; what follows from it is kept as notes."""
    if case.run is None:
        return ()
    learned = Learned(case)
    found = [
        *findings_of_data(learned),
        *findings_of_network(learned),
        *findings_of_fit(learned),
        *findings_of_descent(learned),
    ]
    return ordered(found, learned)


def ordered(findings: Sequence[Finding], learned: Learned) -> tuple[Finding, ...]:
    """Return findings with causes before symptoms, the most severe first.

    Args:
        findings: in any order.
        learned: tries the changes that they propose, where it must be known which of two is the cause.
    """
    order = list(EXPLAINS)
    ranked = sorted(findings, key=lambda one: order.index(one.code))
    left = {id(one): one for one in ranked}  # as they stand now, by what they were
    follows: dict[int, str] = {}
    for cause in ranked:
        if id(cause) in follows or cause.severity == "note":
            continue
        symptoms = [
            one for one in ranked if one.code in EXPLAINS[cause.code] and one is not cause and id(one) not in follows
        ]
        explained = [one for one in symptoms if _causes(cause, one, learned)]
        follows |= dict.fromkeys(map(id, explained), cause.code)
        left[id(cause)] = replace(cause, severity=by_severity([cause, *explained])[0].severity)
    cures = {one.code: learned.tried_cure(one.code) for one in ranked if id(one) not in follows}
    best = max((cure for code, cure in cures.items() if cure is not None and code != "overfit"), default=0.0)
    ranked.sort(key=lambda one: one.code in BY_TRIAL and (cures.get(one.code) or 0.0) < AS_GOOD * best)
    final = [
        _note(one, follows[key]) if (key := id(each)) in follows else _judged(left[key], learned, best)
        for each in ranked
        for one in [left[id(each)]]
    ]
    return by_severity(final)


def _causes(cause: Finding, symptom: Finding, learned: Learned) -> bool:
    """Return whether undoing a cause does about as much as the symptom's own fix, where that was tried."""
    wanted = learned.tried_cure(symptom.code)
    known = (cause.code, symptom.code) in BELIEVED
    if known or wanted is None or symptom.severity == "note" or cause.change is None:
        return True
    learned.attempt(cause.code, cause.change)
    return (learned.tried_cure(cause.code) or 0.0) >= AS_GOOD * wanted


def _judged(finding: Finding, learned: Learned, best: float) -> Finding:
    """Return a finding no more than a warning if its change was tried, and does much less than the best."""
    cure = learned.tried_cure(finding.code)
    refuted = cure is not None and cure < HALF * best
    if not refuted or SEVERITIES.index(finding.severity) > 0:
        return finding
    return replace(finding, severity="warning")


def _note(finding: Finding, cause: str) -> Finding:
    """Return a symptom as a note that says from what it follows."""
    evidence = f"{finding.evidence} It follows from {cause.replace('_', ' ')}."
    return replace(finding, severity="note", evidence=evidence)
