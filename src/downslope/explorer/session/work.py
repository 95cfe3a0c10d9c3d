"""The long work of a session, as jobs: opening a subject, cutting a plane, measuring at the point of a descent."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import cast

import numpy as np

from downslope.core import LossSurface, PyTree, worded
from downslope.curvature import eigenvalues, stability_limit
from downslope.diagnosis import Descent, Finding, case_of, report_of
from downslope.explorer.exploration import Exploration, exploration_of, slice_plane, with_directions
from downslope.explorer.protocol import (
    DescentSettings,
    Diagnosis,
    Eigenvalue,
    FindingAnswer,
    Open,
    Plane,
    Severity,
    SliceAgain,
    State,
    Status,
)
from downslope.explorer.session.jobs import Job
from downslope.explorer.session.wording import PAGE
from downslope.explorer.subjects import (
    Exhibit,
    OpenedSubject,
    Opener,
    Report,
    descent_recipe,
    params_of,
    recipe_of,
    to_host,
)
from downslope.optimizers import OPTIMIZERS
from downslope.training import Stepper

REPORT_INTERVAL = 0.05
"""Seconds between reports of progress."""

Work = Callable[[Job], None]
Measure = Callable[[LossSurface, PyTree, Report], Eigenvalue | Diagnosis]


def opening_work(request: Open, exhibit: Exhibit, open_subject: Opener) -> Work:
    """Return the work of opening a subject: it reports a `Status`, an `Exploration`, and a `Slice` for each level."""

    def work(job: Job) -> None:
        report = _throttled_report(job, request.run, "opening")
        subject = open_subject(request.subject, exhibit, report)
        _slice(job, request.run, subject, request.plane, None)
        if subject.run is not None:
            report("Making ready for descents", None)
            _compile_steps(job, subject)

    return work


def _throttled_report(job: Job, run: int, state: State) -> Report:
    """Return a function that reports the progress of a job, at most once in `REPORT_INTERVAL` seconds."""
    reported_at = -math.inf

    def report(text: str, done: float | None = None) -> None:
        nonlocal reported_at
        job.check()
        if job.clock() - reported_at >= REPORT_INTERVAL:
            job.report(Status(run=run, state=state, text=text, done=done))
            reported_at = job.clock()

    return report


def _compile_steps(job: Job, subject: OpenedSubject) -> None:
    """Make the first step of the suggested descent, and drop it: it compiles now, not at the first click."""
    stepper = subject.stepper_at(params_of(subject.variables), subject.suggested.settings)
    job.check()
    stepper.advance(1)
    job.check()
    subject.loss_and_gradient(stepper.variables)


def slicing_work(request: SliceAgain, exploration: Exploration) -> Work:
    """Return the work of cutting a plane elsewhere: it reports an `Exploration`, and a `Slice` for each level.

    Through a descent, principal directions are those of its own path.

    Raises:
        SettingError: there are no such directions, or no such descent.
    """
    subject, through = exploration.subject, request.plane.through
    with_directions(subject, request.plane)
    if through is None:
        return lambda job: _slice(job, request.run, subject, request.plane, None)
    descent = exploration.descent(through)
    variables, path = to_host(descent.stepper.variables), descent.path
    return lambda job: _slice(job, request.run, subject, request.plane, variables, path)


def eigenvalue_work(exploration: Exploration, number: int) -> Work:
    """Return the work of computing the largest eigenvalue at the point of a descent: it reports an `Eigenvalue`."""
    descent, step = exploration.descent(number), exploration.descent(number).stepper.step
    numbers = descent.stepper.hyperparams

    def measure(surface: LossSurface, params: PyTree, report: Report) -> Eigenvalue:
        return eigenvalue_of(surface, params, descent.settings, numbers, id=number, step=step)

    return _measurement(exploration, number, "Measuring the largest curvature", measure)


def diagnosis_work(exploration: Exploration, number: int) -> Work:
    """Return the work of diagnosing the point of a descent: it reports a `Diagnosis`."""
    descent, step = exploration.descent(number), exploration.descent(number).stepper.step
    numbers = descent.stepper.hyperparams
    losses = np.array([point.loss for point in descent.points])

    def limit(curvature: float) -> float | None:
        return limit_of(descent.settings, numbers, curvature)

    run, region = exploration.subject.run, exploration.region if exploration.subject.run is None else None
    stepper = descent.stepper
    facts = Descent(losses, numbers.get("learning_rate", math.nan), numbers.get("momentum", 0.0), limit)
    if run is not None and isinstance(stepper, Stepper):
        # as many as the descent has made, and the run through whose end its plane goes
        epochs = run.epochs + math.ceil(step / stepper.problem.batches.steps)
        facts = replace(facts, recipe=descent_recipe(recipe_of(run), descent.settings), epochs=epochs)

    def measure(surface: LossSurface, params: PyTree, report: Report) -> Diagnosis:
        return diagnosis_of(surface, params, report, facts, region, id=number, step=step)

    return _measurement(exploration, number, "Measuring where this stands", measure)


def _measurement(exploration: Exploration, number: int, text: str, measure: Measure) -> Work:
    """Return the work of a measurement at the current point of a descent."""
    subject, run = exploration.subject, exploration.run
    variables = to_host(exploration.descent(number).stepper.variables)

    def work(job: Job) -> None:
        report = _throttled_report(job, run, "measuring")
        report(text)
        surface = interruptible(subject.surface_in("inference", variables), job.check)
        job.report(measure(surface, params_of(variables), report))

    return work


def _slice(job: Job, run: int, subject: OpenedSubject, plane: Plane, variables: PyTree, path: PyTree = None) -> None:
    """Cut a plane and report it as it fills."""
    plane = with_directions(subject, plane)
    job.report(Status(run=run, state="slicing", text="Looking for directions"))
    parts = slice_plane(subject, plane, variables, lambda: job.cancelled, path=path)
    job.report(exploration_of(run, subject, plane, next(parts)))
    for part in parts:
        job.report(part)
        done = int(part.computed.sum()) / part.computed.size
        job.report(Status(run=run, state="slicing", text="Filling the surface", done=done))


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
    sure = bool(result.converged[0])
    text = f"The largest curvature is {value:.4g}, give or take {residual:.1g}."
    if not sure:
        text += " The search for it did not converge: it may be larger, and the limit that it sets lower."
    if limit is not None and (sure or rate > limit):
        side = "above" if rate > limit else "not above"
        text += f" Full-batch descent is stable up to the rate {limit:.3g}; the rate is {rate:.3g}, {side} it."
    return Eigenvalue(id=id, step=step, value=value, residual=residual, converged=sure, limit=limit, text=text)


@dataclass(frozen=True)
class ReportedTraining:
    """The progress of a training, as reports, which end it where the work was canceled.

    Attributes:
        report: is told how far it is.
        epochs: how many it makes.
    """

    report: Report
    epochs: int

    def chunk(self, epoch: int, share: float) -> None:
        """Report the share of an epoch that is done."""
        self.report(f"Training from other starts: epoch {epoch + 1} of {self.epochs}", (epoch + share) / self.epochs)

    def epoch(self, epoch: int, values: dict[str, float]) -> None:
        """Report an epoch that ended."""
        self.chunk(epoch - 1, 1.0)

    def close(self) -> None:
        """Do nothing."""


def diagnosis_of(
    surface: LossSurface,
    params: PyTree,
    report: Report,
    descent: Descent,
    region: tuple[PyTree, PyTree] | None,
    *,
    id: int,
    step: int,
) -> Diagnosis:
    """Return the diagnosis at a point, in words.

    Args:
        surface: the loss.
        params: the point.
        report: is told what is measured.
        descent: how it was reached: its losses, its rate, the limit of that.
        region: where descents from other points begin; None where there are too many parameters.
        id: of the descent.
        step: of the point.
    """
    case = case_of(surface, params=params, region=region, progress=report, descent=descent)
    diagnosis = report_of(replace(case, bars=ReportedTraining(report, descent.epochs)))
    findings = tuple(_finding(finding) for finding in diagnosis.findings)
    return Diagnosis(id=id, step=step, verdict=worded(diagnosis.stuck, PAGE), findings=findings)


def _finding(finding: Finding) -> FindingAnswer:
    """Return a finding in the words of the page."""
    return FindingAnswer(
        code=finding.code,
        severity=cast("Severity", finding.severity),
        statement=finding.statement,
        evidence=finding.evidence,
        fix=worded(finding.fix, PAGE),
    )
