"""What a verdict rests on: measurements by name, as numbers and in words."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from downslope.core import Message
from downslope.diagnosis.case import Case
from downslope.diagnosis.measurements import OtherStarts

Evidence = float | str | None
"""A measurement: a number, a description, or None where it was not made."""


def evidence_of(case: Case, others: OtherStarts | Message | None) -> dict[str, Evidence]:
    """Return the name and the value of each measurement, and of what the comparison with other starts measured."""
    return dict(_at_the_point(case)) | dict(_of_others(others))


def _at_the_point(case: Case) -> Iterator[tuple[str, Evidence]]:
    """Yield the name and the value of each measurement."""
    if not case.finite or (case.run is not None and case.run.divergence is not None):
        yield "loss", case.loss
        return
    pairs, stability = case.eigenvalues, case.stability
    yield "loss", case.loss
    yield "gradient_norm", case.gradient_norm
    yield "largest_eigenvalue", float(pairs.values[0])
    yield "largest_residual", float(pairs.residuals[0])
    yield "smallest_eigenvalue", float(pairs.values[-1])
    yield "smallest_residual", float(pairs.residuals[-1])
    yield "resolution", pairs.resolution
    yield "gain_along_gradient", case.reach.along_gradient
    yield "gain_with_curvature", case.reach.with_curvature
    yield "gain_along_way_out", None if case.way_out is None else case.way_out.gained
    yield "start_loss", case.start_loss
    yield "recent_fall", None if case.trend is None else case.trend.fall
    yield "recent_fall_error", None if case.trend is None else case.trend.error
    yield "recent_jumps", None if case.trend is None else case.trend.jumps
    yield "noise_to_gradient", case.noise_to_gradient
    yield "rate", case.learning_rate
    yield "rate_limit", None if stability is None else stability.limit
    yield "surface", getattr(case.surface, "description", "") or "a bare surface"


def _of_others(others: OtherStarts | Message | None) -> Iterator[tuple[str, Evidence]]:
    """Yield the name and the value of what the comparison with other starts measured."""
    if isinstance(others, OtherStarts):
        yield "other_starts", float(len(others))
        yield "other_starts_lower", float(others.lower)
        yield "best_known_loss", others.best
        yield "missed_of_best_known", others.missed


def percent(share: float) -> str:
    """Return a share in percent, to two digits, as far as they matter.

    Example:
        >>> percent(0.1234), percent(-0.05), percent(2.5), percent(1e-9), percent(0.0)
        ('12 %', '-5 %', '250 %', 'less than 0.01 %', '0 %')
    """
    if not np.isfinite(share):
        return "any share"
    if 0 < abs(share) < 1e-4:
        return "less than 0.01 %"
    return f"{100 * share:.2g} %" if abs(share) < 0.995 else f"{100 * share:.0f} %"


def evidence_text(value: Evidence) -> str:
    """Return a measurement in words."""
    if value is None:
        return "unknown"
    return value if isinstance(value, str) else f"{value:.4g}"
