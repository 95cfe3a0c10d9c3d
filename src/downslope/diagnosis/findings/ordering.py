"""All findings of a run, causes before their symptoms.

One fault has many symptoms, each of which would be found on its own. So that the fault is named first,

1. `downslope.diagnosis.kinds` says which finding can be the cause of which others;
2. where a symptom was found by a short training that would have cured it, a cause is believed if undoing it in a short
   training of its own cures about as much. What is explained is kept as a note that says from what it follows, and its
   cause becomes as severe as the symptom was;
3. a proposed cause that, when undone, brings back less than half of what the best fix does is at most a warning;
4. the rest goes by severity; within it, what was found only because a short training without it did better stands
   behind what another such training does much better without; then the order is that of the kinds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from downslope.diagnosis.case import Case
from downslope.diagnosis.finding import SEVERITIES, Finding, by_severity
from downslope.diagnosis.findings.data import findings_of_data
from downslope.diagnosis.findings.descent import findings_of_descent
from downslope.diagnosis.findings.fit import findings_of_fit
from downslope.diagnosis.findings.network import findings_of_network
from downslope.diagnosis.findings.stuck import findings_of_starts
from downslope.diagnosis.kinds import Kind, facts_of, rank_of
from downslope.diagnosis.remedies import HALF, Learned
from downslope.diagnosis.verdict import Verdict

AS_GOOD = 0.8
"""A cause is believed if undoing it brings back this share of the gain of the symptom's own fix: short trainings
from other starts differ by that much."""


def findings_of_case(case: Case, verdict: Verdict, *, verifying: bool = False) -> tuple[Finding, ...]:
    """Return all findings on a case that its verdict leaves room for, the likeliest cause first.

    Symptoms are kept as notes.

    Args:
        case: the run; a bare surface has no findings.
        verdict: where it stands.
        verifying: whether fixes will be verified.
    """
    if case.run is None:
        return ()
    learned = Learned(case, verdict.name, verifying)
    findings = [
        *findings_of_starts(learned, verdict.others),
        *findings_of_data(learned),
        *findings_of_network(learned),
        *findings_of_fit(learned),
        *findings_of_descent(learned),
    ]
    return ordered([finding for finding in findings if verdict.name not in facts_of(finding).refuted_by], learned)


def ordered(findings: Sequence[Finding], learned: Learned) -> tuple[Finding, ...]:
    """Return findings with causes before symptoms, the most severe first.

    Args:
        findings: in any order.
        learned: tries the changes that they propose, where it must be known which of two is the cause.
    """
    ranked = sorted(findings, key=rank_of)
    judged = list(ranked)  # a cause becomes as severe as its symptoms
    causes: dict[int, str] = {}  # of symptoms, by their index
    for index, cause in enumerate(ranked):
        if index in causes or cause.severity == "note":
            continue
        explains = facts_of(cause).explains
        symptoms = [
            other
            for other, symptom in enumerate(ranked)
            if symptom.code in explains and other != index and other not in causes
        ]
        explained = [other for other in symptoms if _causes(cause, ranked[other], learned)]
        causes |= dict.fromkeys(explained, cause.code)
        severity = by_severity([cause, *(ranked[other] for other in explained)])[0].severity
        judged[index] = replace(cause, severity=severity)
    cures = {finding.code: learned.tried_cure(finding.code) for i, finding in enumerate(ranked) if i not in causes}
    best = max((cure for code, cure in cures.items() if cure is not None and code != Kind.OVERFIT.code), default=0.0)
    final = sorted(enumerate(judged), key=lambda item: _is_minor(item[1], cures, best))
    return by_severity(
        _note(finding, causes[index]) if index in causes else _limited(finding, learned, best)
        for index, finding in final
    )


def _causes(cause: Finding, symptom: Finding, learned: Learned) -> bool:
    """Return whether undoing a cause does about as much as the symptom's own fix, where that was tried."""
    cure = learned.tried_cure(symptom.code)
    sure = symptom.code in facts_of(cause).surely
    if sure or cure is None or symptom.severity == "note" or cause.change is None:
        return True
    learned.attempt(cause.code, cause.change)
    return (learned.tried_cure(cause.code) or 0.0) >= AS_GOOD * cure


def _is_minor(finding: Finding, cures: dict[str, float | None], best: float) -> bool:
    """Return whether a finding rests on short trainings alone, and another fix does much better than its own."""
    return facts_of(finding).by_trial and (cures.get(finding.code) or 0.0) < AS_GOOD * best


def _limited(finding: Finding, learned: Learned, best: float) -> Finding:
    """Return a finding no more than a warning if its change was tried, and does much less than the best."""
    cure = learned.tried_cure(finding.code)
    refuted = cure is not None and cure < HALF * best
    if not refuted or SEVERITIES.index(finding.severity) > 0:
        return finding
    return replace(finding, severity="warning")


def _note(finding: Finding, cause: str) -> Finding:
    """Return a symptom as a note that names its cause."""
    evidence = f"{finding.evidence} It follows from {cause.replace('_', ' ')}."
    return replace(finding, severity="note", evidence=evidence)
