"""What is measured where a descent is, if somebody asks: the largest eigenvalue, and where it stands in words."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from downslope.core import LossSurface, PyTree, worded
from downslope.curvature import eigenvalues
from downslope.diagnosis import Finding, diagnose
from downslope.explorer.protocol import DescentSettings, Diagnosis, Eigenvalue, FindingAnswer
from downslope.explorer.session.wording import PAGE


class Interruptible:
    """A surface that can be stopped between its products.

    Args:
        surface: the loss.
        check: is called before each piece of work, and raises to stop it.
    """

    def __init__(self, surface: LossSurface, check: Callable[[], None]):
        for name in dir(surface):
            if not name.startswith("_"):
                setattr(self, name, _checked(getattr(surface, name), check))


def _checked(attribute: Any, check: Callable[[], None]) -> Any:
    """Return a method that checks first; anything else as it is."""
    if not callable(attribute):
        return attribute

    def checked(*arguments: Any, **named: Any) -> Any:
        check()
        return attribute(*arguments, **named)

    return checked


def limit_of(settings: DescentSettings, numbers: dict[str, float], largest: float) -> float | None:
    """Return the largest rate at which descent is stable along a curvature; None where theory has none.

    `2 (1 + μ) / λ` for gradient descent with momentum, `2 (1 + μ) / ((1 + 2μ) λ)` with Nesterov's. Weight decay adds
    to the curvature.

    Args:
        settings: whose optimizer it is.
        numbers: as they are now.
        largest: the largest eigenvalue of the loss.

    References:
        Cohen et al., "Gradient descent on neural networks typically occurs at the edge of stability" (2021), section 2.
    """
    momentum, largest = numbers.get("momentum", 0.0), largest + numbers.get("weight_decay", 0.0)
    if settings.optimizer != "sgd" or not 0 < largest < math.inf:
        return None
    return 2 * (1 + momentum) / ((1 + 2 * momentum if settings.nesterov else 1) * largest)


def eigenvalue_of(
    surface: LossSurface, params: PyTree, settings: DescentSettings, numbers: dict[str, float], *, id: int, step: int
) -> Eigenvalue:
    """Return the largest eigenvalue at a point, with its residual, and the stability limit."""
    found = eigenvalues(surface, params, k=1, which="largest")
    if not len(found.values):
        words = f"No eigenvalue was found: {found.status}."
        return Eigenvalue(id=id, step=step, value=None, residual=None, converged=False, limit=None, text=words)
    value, residual = float(found.values[0]), float(found.residuals[0])
    rate, limit = numbers.get("learning_rate", math.nan), limit_of(settings, numbers, value)
    words = f"The largest curvature is {value:.4g}, give or take {residual:.1g}."
    if limit is not None:
        side = "above" if rate > limit else "not above"
        words += f" Full-batch descent is stable up to the rate {limit:.3g}; the rate is {rate:.3g}, {side} it."
    return Eigenvalue(
        id=id, step=step, value=value, residual=residual, converged=bool(found.converged[0]), limit=limit, text=words
    )


def diagnosis_of(surface: LossSurface, params: PyTree, tell: Callable[[str], None], *, id: int, step: int) -> Diagnosis:
    """Return where a point stands, in words."""
    report = diagnose(surface, params=params, progress=tell)
    findings = tuple(_finding(finding) for finding in report.findings)
    return Diagnosis(id=id, step=step, verdict=report.stuck, findings=findings)


def _finding(found: Finding) -> FindingAnswer:
    """Return a finding in the words of the page."""
    severity: Any = found.severity
    return FindingAnswer(
        code=found.code,
        severity=severity,
        statement=found.statement,
        evidence=found.evidence,
        fix=worded(found.fix, PAGE),
    )
