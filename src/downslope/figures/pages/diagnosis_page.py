"""A diagnosis as one page: verdict, answers, findings, measurements and pictures, all in one file."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Sequence
from html import escape
from io import BytesIO
from pathlib import Path
from string import Template

from matplotlib.figure import Figure

from downslope.core import PYTHON, DataError, Face, worded
from downslope.curvature import spectral_density, step_model
from downslope.diagnosis import Finding, Report, Trial
from downslope.figures.curvature import gradient_shares, spectrum
from downslope.figures.runs import initialization, loss_curves, tracking
from downslope.figures.style import alt_text, save_into


def diagnosis_page(report: Report, *, title: str = "Diagnosis", face: Face = PYTHON) -> str:
    """Return a report as an HTML page with its figures inside; it needs no network and runs no script.

    Drawing takes two more measurements: the spectral density, and the gradient along the eigenvectors.

    Args:
        report: the result of `ds.diagnose`.
        title: the heading.
        face: the face whose words name settings: Python's, unless a command writes the page.

    Example:
        >>> import downslope as ds
        >>> import numpy as np
        >>> bowl = ds.FunctionSurface(lambda p: p[0] ** 2 + 9 * p[1] ** 2, np.ones(2))
        >>> page = diagnosis_page(ds.diagnose(bowl, params=np.ones(2)), title="A bowl")
        >>> page.count("<img"), page.count("<script")
        (2, 0)
    """
    verdict = report.verdict
    template = Path(__file__).with_suffix(".html").read_text(encoding="utf-8")
    return Template(template).substitute(
        title=escape(title),
        about=escape(_about(report)),
        stuck=" stuck" if verdict.stuck else "",
        verdict=escape(verdict.name.replace("_", " ")),
        statement=_html(verdict.statement, face),
        answers="\n".join(f"<p>{_html(answer, face)}</p>" for answer in report.answers),
        findings="\n".join(_finding(finding, report.trials_of(finding.code), face) for finding in report.findings)
        or "<p>Nothing wrong was found.</p>",
        evidence="".join(
            f"<tr><th>{escape(name.replace('_', ' '))}</th><td>{escape(_format_value(value))}</td></tr>"
            for name, value in verdict.evidence.items()
        ),
        figures="\n".join(_picture(caption, figure) for caption, figure in _figures(report)),
    )


def _about(report: Report) -> str:
    """Describe the diagnosed run or point."""
    case = report.case
    if case is None or case.run is None:
        return "A point on a loss surface."
    run, ended = case.run, case.run.stop_reason.replace("_", " ")
    return (
        f"{run.task.capitalize()}, {len(case.problem.train):,} training rows, {case.size:,} parameters, "
        f"{case.problem.optimizer!r}, batches of {case.batch_size}, {run.epochs} epochs ({ended})."
    )


def _html(text: str, face: Face) -> str:
    """Return a message as HTML, in the words of a face: what stands between back-ticks as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(worded(text, face)))


def _finding(finding: Finding, trials: Sequence[Trial], face: Face) -> str:
    """Return one finding as HTML."""
    lines = [("measured", _html(finding.evidence, face)), ("fix", _html(finding.fix, face))]
    for trial in trials:
        mark = ' class="helps"' if trial.helps else ""
        lines.append(("verified", f"<span{mark}>{_html(trial.message, face)}</span>"))
    facts = "".join(f"<dt>{name}</dt><dd>{text}</dd>" for name, text in lines)
    head = f'<span class="{finding.severity}">{finding.severity}:</span> {_html(finding.statement, face)}'
    return f'<article class="finding"><h3>{head}</h3><dl>{facts}</dl></article>'


def _figures(report: Report) -> Iterator[tuple[str, Figure]]:
    """Yield the figures for which there are data, each with a caption."""
    case = report.case
    if case is None:
        return
    if case.run is not None and case.run.epochs:
        yield "The loss, epoch by epoch.", loss_curves(case.run)
    if not case.finite:
        return
    if case.run is not None:
        yield "Signals through the layers, at the end of the training.", initialization(case.signals_end)
    if case.tracking is not None:
        yield "Curvature and noise while training.", tracking(case.run)  # pyright: ignore[reportArgumentType]
    try:
        density = spectral_density(case.surface, case.params, key=case.seed)
        model = step_model(case.surface, case.params, case.learning_rate, key=case.seed, max_hvps=case.products)
    except DataError:
        return
    yield "The spectrum of the Hessian at the end of the training.", spectrum(density, case.eigenvalues)
    yield "The gradient along the eigenvectors of the Hessian.", gradient_shares(model)


def _picture(caption: str, figure: Figure) -> str:
    """Return a figure as HTML."""
    content = BytesIO()
    save_into(content, figure, ".svg")
    data = base64.b64encode(content.getvalue()).decode("ascii")
    image = f'<img alt="{escape(alt_text(figure))}" src="data:image/svg+xml;base64,{data}">'
    return f"<figure>{image}<figcaption>{escape(caption)}</figcaption></figure>"


def _format_value(value: object) -> str:
    """Return a measurement as text."""
    if value is None:
        return "unknown"
    return f"{value:.5g}" if isinstance(value, float) else str(value)
