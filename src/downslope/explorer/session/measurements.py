"""Measurements at a point on request: the largest eigenvalue, and the diagnosis in words."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import cast

from downslope.core import LossSurface, PyTree, worded
from downslope.curvature import eigenvalues, stability_limit
from downslope.diagnosis import Finding, diagnose
from downslope.explorer.protocol import DescentSettings, Diagnosis, Eigenvalue, FindingAnswer, Severity
from downslope.explorer.session.wording import PAGE
from downslope.optimizers import OPTIMIZERS


def interruptible(surface: LossSurface, check: Callable[[], None]) -> LossSurface:
    """Return a surface whose work can be stopped between its products.

    Args:
        surface: the loss.
        check: is called before each piece of work, and raises to stop it.
    """
    names = [name for name in dir(surface) if not name.startswith("_")]
    return cast("LossSurface", SimpleNamespace(**{name: _checked(getattr(surface, name), check) for name in names}))


def _checked(attribute: object, check: Callable[[], None]) -> object:
    """Return a method that checks first; anything else as it is."""
    if not callable(attribute):
        return attribute

    def checked(*arguments: object, **named: object) -> object:
        check()
        return attribute(*arguments, **named)

    return checked


def limit_of(settings: DescentSettings, numbers: dict[str, float], largest: float) -> float | None:
    """Return the largest rate at which descent is stable along a curvature; None where theory has none.

    Theory has one for optimizers that do not divide by the size of gradients. Weight decay adds to the curvature.

    Args:
        settings: the settings with the optimizer.
        numbers: its current numbers.
        largest: the largest eigenvalue of the loss.

    References:
        Cohen et al., "Gradient descent on neural networks typically occurs at the edge of stability" (2021), section 2.
    """
    momentum, largest = numbers.get("momentum", 0.0), largest + numbers.get("weight_decay", 0.0)
    if OPTIMIZERS[settings.optimizer].scale_invariant or not 0 < largest < math.inf:
        return None
    return stability_limit(largest, momentum=momentum, nesterov=getattr(settings, "nesterov", False))


def eigenvalue_of(
    surface: LossSurface, params: PyTree, settings: DescentSettings, numbers: dict[str, float], *, id: int, step: int
) -> Eigenvalue:
    """Return the largest eigenvalue at a point, with its residual, and the stability limit."""
    result = eigenvalues(surface, params, k=1, which="largest")
    if not len(result.values):
        text = f"No eigenvalue was found: {result.status}."
        return Eigenvalue(id=id, step=step, value=None, residual=None, converged=False, limit=None, text=text)
    value, residual = float(result.values[0]), float(result.residuals[0])
    rate, limit = numbers.get("learning_rate", math.nan), limit_of(settings, numbers, value)
    text = f"The largest curvature is {value:.4g}, give or take {residual:.1g}."
    if limit is not None:
        side = "above" if rate > limit else "not above"
        text += f" Full-batch descent is stable up to the rate {limit:.3g}; the rate is {rate:.3g}, {side} it."
    return Eigenvalue(
        id=id, step=step, value=value, residual=residual, converged=bool(result.converged[0]), limit=limit, text=text
    )


def diagnosis_of(
    surface: LossSurface, params: PyTree, report: Callable[[str], None], *, id: int, step: int
) -> Diagnosis:
    """Return the diagnosis at a point, in words."""
    diagnosis = diagnose(surface, params=params, progress=report)
    findings = tuple(_finding(finding) for finding in diagnosis.findings)
    return Diagnosis(id=id, step=step, verdict=diagnosis.stuck, findings=findings)


def _finding(finding: Finding) -> FindingAnswer:
    """Return a finding in the words of the page."""
    return FindingAnswer(
        code=finding.code,
        severity=cast("Severity", finding.severity),
        statement=finding.statement,
        evidence=finding.evidence,
        fix=worded(finding.fix, PAGE),
    )
