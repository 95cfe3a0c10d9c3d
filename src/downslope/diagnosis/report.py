"""The report: the verdict, the three answers, and the findings."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from downslope.core import Message
from downslope.diagnosis.case import Case
from downslope.diagnosis.finding import Finding
from downslope.diagnosis.remedies import Trial
from downslope.diagnosis.verdict import Verdict


@dataclass(frozen=True)
class Report:
    """A verdict, answers and findings. Printed, it answers the three questions and lists the findings.

    Attributes:
        verdict: where the descent stands.
        findings: faults and facts worth knowing, the most severe first; of equally severe ones, the likeliest cause
            first.
        stuck: the answer to "Are we stuck?".
        speed: the answer to "How fast does this converge, and can it be faster?".
        start: the answer to "Which start is best?".
        trials: of the fixes that were verified, in the order of the findings.
        case: the measurements.
    """

    verdict: Verdict
    findings: tuple[Finding, ...]
    stuck: Message
    speed: Message
    start: Message
    trials: tuple[Trial, ...] = ()
    case: Case | None = field(default=None, repr=False, compare=False)

    @property
    def answers(self) -> tuple[Message, Message, Message]:
        """The answers to the three questions, in order: `stuck`, `speed`, `start`."""
        return self.stuck, self.speed, self.start

    def trial(self, code: str) -> Trial | None:
        """Return the trial of the fix of a finding; None if it was not verified."""
        return next(iter(self.trials_of(code)), None)

    def trials_of(self, code: str) -> tuple[Trial, ...]:
        """Return the trials of all changes that a finding proposes."""
        return tuple(trial for trial in self.trials if trial.code == code)

    def as_json(self) -> dict[str, object]:
        """Return the report as plain data; numbers that are not finite as text."""
        plain = {
            "verdict": self.verdict.as_json(),
            "stuck": self.stuck,
            "speed": self.speed,
            "start": self.start,
            "findings": [finding.as_json() for finding in self.findings],
            "trials": [trial.as_json() for trial in self.trials],
        }
        return {name: _plain(value) for name, value in plain.items()}

    @property
    def message(self) -> Message:
        """The answers and the findings."""
        findings = tuple(self._findings_text()) or ("Nothing wrong was found.",)
        return Message.lines([self.stuck, "", self.speed, "", self.start, "", *findings])

    def __str__(self) -> str:
        return str(self.message)

    def _findings_text(self) -> Iterator[str]:
        """Yield each finding in words, with its trials."""
        for finding in self.findings:
            yield finding.message
            for trial in self.trials_of(finding.code):
                yield Message("  verified:", trial.message)


def _plain(value: object) -> object:
    """Return nested data with numbers that are not finite as text, for want of them in JSON."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
