"""Diagnose a run, or a point on a loss surface: the one call from a training to its faults."""

from __future__ import annotations

from downslope.core import LossSurface, PyTree, check_integer
from downslope.data import Dataset
from downslope.diagnosis.case import Case, Progress, case_of
from downslope.diagnosis.findings import findings_of_case
from downslope.diagnosis.questions import speed_answer, start_answer, stuck_answer
from downslope.diagnosis.remedies import verify_fixes
from downslope.diagnosis.report import Report
from downslope.diagnosis.verdict import verdict_of
from downslope.training import Run


def diagnose(
    run_or_surface: Run | LossSurface,
    data: Dataset | None = None,
    *,
    params: PyTree | None = None,
    verify: int = 0,
    seed: int = 0,
    progress: Progress | None = None,
) -> Report:
    """Return whether a descent is stuck, how fast it converges, which start is best, and the faults found.

    The verdict is about the point where the last step led (`run.last`), on the loss that descends over at most 2,000
    training rows, in inference mode. It rests on the history, on eigenvalues with their residuals, on the noise of
    batches' gradients and on what steps along the gradient and the curvature gain there; how, is written at the top of
    `downslope.diagnosis.verdict`. Some findings rest on short trainings of their own. Nothing given is changed, and
    the same gives the same.

    Args:
        run_or_surface: what `ds.train` or `ds.open_run` returned; or any loss surface, such as
            `ds.adapters.from_function(loss_fn, params)`, which has a verdict, and no findings on network and data.
        data: the rows that a run was trained on, if it was opened from its folder and they cannot be read again.
        params: the point on a bare surface.
        verify: over how many seeds to train briefly with and without each proposed fix, from the same starts, to
            measure what it gains; 0 for none. 3 tells luck from gain.
        seed: of what is drawn to measure with.
        progress: called with a few words on each measurement before it is made.

    Returns:
        The verdict, the findings, and the three answers in sentences.

    Raises:
        SettingError: what was passed is neither run nor surface, or a point is missing or one too many.
        DataError: the rows of the run are not at hand, or others.

    Example:
        >>> import jax.numpy as jnp, numpy as np
        >>> from downslope.core import FunctionSurface
        >>> from downslope.diagnosis import diagnose
        >>> surface = FunctionSurface(lambda p: 1 + p[0] ** 2 - p[1] ** 2 + p[1] ** 4, np.zeros(2))
        >>> report = diagnose(surface, params=np.zeros(2))
        >>> report.verdict.name, round(report.verdict.way_out.gained, 4)
        ('saddle', 0.2304)
        >>> report.verdict.way_out.applied_to(np.zeros(2)).round(6).tolist() in ([0.0, 0.8], [0.0, -0.8])
        True
    """
    case = case_of(run_or_surface, data, params=params, seed=seed, progress=progress)
    seeds = check_integer("verify", verify, at_least=0, advice="It counts seeds; 3 tells luck from gain.")
    return report_of(case, seeds)


def report_of(case: Case, seeds: int = 0) -> Report:
    """Return the report on a case, its fixes verified over some seeds."""
    verdict = verdict_of(case)
    findings = () if case.run is None else findings_of_case(case)
    return Report(
        verdict=verdict,
        findings=findings,
        stuck=stuck_answer(verdict),
        speed=speed_answer(case),
        start=start_answer(case),
        trials=verify_fixes(case, findings, seeds=seeds) if seeds else (),
        case=case,
    )
