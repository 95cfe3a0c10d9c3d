"""Subjects by name, and opening any of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pydantic import TypeAdapter

from downslope.core import RunError, UnknownNameError
from downslope.explorer.protocol import (
    CLASSICS,
    DATA_SETS,
    ClassicSubject,
    LineSubject,
    NetworkSubject,
    RunSubject,
    Subject,
)
from downslope.explorer.subjects.classic import open_classic
from downslope.explorer.subjects.networks import open_line, open_network, open_trained_run
from downslope.explorer.subjects.subject import OpenedSubject, Report
from downslope.training import Run

LINE = "old_faithful"

Opener = Callable[[Subject, "Exhibit", Report], OpenedSubject]
"""`open_subject`, or a function in its place."""

_SUBJECT: TypeAdapter[Subject] = TypeAdapter(Subject)


@dataclass(frozen=True)
class Exhibit:
    """The subject and the run that an explorer is started with.

    Attributes:
        opens: the subject to show first.
        run: an opened run with its rows, or None.
        name: of that run: its folder, as it was given; empty for the run's own folder, or a run without one.
    """

    opens: Subject = field(default_factory=lambda: ClassicSubject(name="ravine"))
    run: Run | None = None
    name: str = ""


def subject_named(name: str) -> Subject:
    """Return the subject of a name: a classic surface, `old_faithful`, or a data set with a small network.

    Raises:
        UnknownNameError: there is none.

    Example:
        >>> subject_named("moons").kind, subject_named("old_faithful").kind
        ('network', 'line')
    """
    known = (*CLASSICS, LINE, *DATA_SETS)
    if name not in known:
        raise UnknownNameError("name", name, known)
    if name == LINE:
        return LineSubject()
    kind = "classic" if name in CLASSICS else "network"
    return _SUBJECT.validate_python({"kind": kind, "name" if kind == "classic" else "data": name})


def open_subject(subject: Subject, exhibit: Exhibit, report: Report) -> OpenedSubject:
    """Open a subject.

    Raises:
        RunError: the run was requested, and there is none.
        Cancelled: `report` stopped the work.
    """
    match subject:
        case ClassicSubject():
            return open_classic(subject)
        case LineSubject():
            return open_line(subject, report)
        case NetworkSubject():
            return open_network(subject, report)
        case RunSubject():
            if exhibit.run is None:
                raise RunError("This explorer was started without a run. Start it with one: downslope explore RUN.")
            return open_trained_run(subject, exhibit.run, exhibit.name)
