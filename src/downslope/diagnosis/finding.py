"""A finding: a fault or a fact worth knowing, with its evidence and its fix."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from downslope.core import Message, check_choice

Change = Mapping[str, object]
"""Settings of `ds.train` to change, by name, and `"net"` for another network."""

SEVERITIES = ("severe", "warning", "note")
"""The most severe first."""


@dataclass(frozen=True)
class Finding:
    """A fault, or a fact worth knowing, of a training.

    Attributes:
        code: a short name that stays the same, such as `"vanishing_signal"`, for programs.
        severity: `"severe"` (training will fail or be crippled), `"warning"` (likely slower or worse), `"note"`.
        statement: the fault in a sentence.
        evidence: the measurements.
        fix: the remedy, in Python's words; a message that carries its advice.
        change: the same for programs: settings of `ds.train` to change, by name, and `"net"` for another network, so
            that `fixed = run.recipe.changed(change)` is what trains with the fix: `ds.train(fixed.net, fixed.data,
            **fixed.settings)`. None where no setting does it. Two findings that differ in nothing else are equal.
        alternatives: other changes that may do it; `ds.diagnose(verify=…)` tries each. Besides what `recipe.changed`
            takes they may hold `"restarts"`, which is an argument of `ds.train` and no setting of a recipe.

    Example:
        >>> print(Finding("dead_units", "warning", "Units are dead.", "12 % at layer 1.", "Center the inputs."))
        warning: Units are dead.
          measured: 12 % at layer 1.
          fix: Center the inputs.
    """

    code: str
    severity: str
    statement: str
    evidence: str
    fix: str
    change: Change | None = field(default=None, compare=False, repr=False)
    alternatives: tuple[Change, ...] = field(default=(), compare=False, repr=False)

    def __post_init__(self) -> None:
        check_choice("severity", self.severity, SEVERITIES)

    @property
    def settings(self) -> Mapping[str, object]:
        """The settings of the fix's first advice: arguments of `ds.train` or `ds.mlp`; empty if it has none."""
        return next((advice.settings for advice in Message(self.fix).advice if advice.settings), {})

    @property
    def message(self) -> Message:
        """The finding in three lines."""
        return Message.lines(
            (f"{self.severity}: {self.statement}", f"  measured: {self.evidence}", Message("  fix:", self.fix))
        )

    def as_json(self) -> dict[str, str]:
        """Return the finding as plain data."""
        return {name: getattr(self, name) for name in ("code", "severity", "statement", "evidence", "fix")}

    def __str__(self) -> str:
        return str(self.message)


def by_severity(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings with the most severe first; of equally severe ones, in the order given."""
    return tuple(sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity)))
