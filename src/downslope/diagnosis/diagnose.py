"""Diagnose a run, or a point on a loss surface: the one call from a training to its faults."""

from __future__ import annotations

from dataclasses import replace

from downslope.core import PyTree, check_integer
from downslope.data import Dataset
from downslope.diagnosis.announcements import Announce, announcer
from downslope.diagnosis.answers import speed_answer, start_answer, stuck_answer
from downslope.diagnosis.case import Case
from downslope.diagnosis.findings import findings_of_case
from downslope.diagnosis.kinds import Kind
from downslope.diagnosis.opening import Diagnosable, case_of
from downslope.diagnosis.remedies import as_verified, verify_fixes
from downslope.diagnosis.report import Report
from downslope.diagnosis.verdict import verdict_of, without_health


def diagnose(
    run_or_surface: Diagnosable,
    data: Dataset | None = None,
    *,
    params: PyTree | None = None,
    starts: int | str | None = "auto",
    verify: int = 0,
    region: tuple[PyTree, PyTree] | None = None,
    seed: int = 0,
    progress: str | bool | Announce = "auto",
) -> Report:
    """Return whether a descent is stuck, how fast it converges, which start is best, and the faults found.

    The verdict is about the point where the last step led (`run.last`), on the loss that descends over at most 2,000
    training rows, in inference mode. It rests on the history, on eigenvalues with their residuals, on the noise of
    batches' gradients and on what steps along the gradient and the curvature gain there; how, is written at the top of
    `downslope.diagnosis.verdict`. A run that came to rest is compared with other starts, trained the same way all at
    once: the run's own restarts first, then up to eight in all, within a fixed number of multiplications (about a
    minute on two cores). Some findings rest on short trainings of their own. Nothing given is changed, and the same
    gives the same.

    Args:
        run_or_surface: what `ds.train` or `ds.open_run` returned, or a fitted estimator, whose run it is; or any loss
            surface, such as `ds.adapters.from_function(loss_fn, params)`, which has a verdict, and no findings on
            network and data.
        data: the rows that a run was trained on, if it was opened from its folder and they cannot be read again.
        params: the point on a bare surface.
        starts: how many other starts to compare a run at rest with: `"auto"` for eight, fewer but at least four where
            eight would be too much work, none where four would; a number for so many, whatever the work; 0 for none. On
            a bare surface they are descents from random points of `region`.
        verify: over how many seeds to train briefly with and without each proposed fix, from the same starts, to
            measure what it gains; 0 for none. 12 tell luck from gain.
        region: of a bare surface: the lowest and the highest of each parameter, `(low, high)`, each a number or like
            `params`. None for ten times as far around the point as its largest parameter, where there are ten
            parameters or fewer.
        seed: of what is drawn to measure with.
        progress: `"auto"` (on a terminal what is measured, and bars of trainings), `"lines"` or False; or a function
            that is called with a few words on each measurement before it is made.

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
    announce, bars = announcer(progress)
    case = case_of(run_or_surface, data, params=params, starts=starts, region=region, seed=seed, progress=announce)
    case = replace(case, bars=bars)
    seeds = check_integer("verify", verify, at_least=0, advice="It counts seeds; 12 tell luck from gain.")
    return report_of(case, seeds)


def report_of(case: Case, seeds: int = 0) -> Report:
    """Return the report on a case, its fixes verified over some seeds."""
    verdict = verdict_of(case)
    findings = findings_of_case(case, verdict, verifying=seeds > 0)
    if any(finding.code == Kind.RATE_TOO_LARGE.code for finding in findings):
        verdict = without_health(case, verdict)
    trials = verify_fixes(case, findings, seeds=seeds) if seeds else ()
    findings = as_verified(findings, trials)
    return Report(
        verdict=verdict,
        findings=findings,
        stuck=stuck_answer(verdict),
        speed=speed_answer(case, verdict, findings, trials),
        start=start_answer(case, verdict),
        trials=trials,
        case=case,
    )
