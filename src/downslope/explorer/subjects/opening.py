"""Subjects opened: what a session can show, and what it shows first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

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
from downslope.explorer.subjects.classic import classic_ground
from downslope.explorer.subjects.networks import Tell, line_ground, network_ground, run_ground
from downslope.explorer.subjects.subject import Ground

LINE = "old_faithful"

Opener = Callable[[Subject, "Exhibit", Tell], Ground]
"""`open_subject`, or a function in its place."""

_SUBJECT: TypeAdapter[Subject] = TypeAdapter(Subject)


@dataclass(frozen=True)
class Exhibit:
    """What an explorer was started with.

    Attributes:
        opens: the subject to show first.
        run: an opened run with its rows, or None.
        name: of that run: its folder, as it was given.
    """

    opens: Subject = field(default_factory=lambda: ClassicSubject(name="ravine"))
    run: Any = None
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


def open_subject(subject: Subject, exhibit: Exhibit, tell: Tell) -> Ground:
    """Return the ground that a subject is.

    Raises:
        RunError: the run was asked for, and there is none.
        Cancelled: `tell` did not want to go on.
    """
    match subject:
        case ClassicSubject():
            return classic_ground(subject)
        case LineSubject():
            return line_ground(subject, tell)
        case NetworkSubject():
            return network_ground(subject, tell)
        case RunSubject():
            if exhibit.run is None:
                raise RunError("This explorer was started without a run. Start it with one: downslope explore RUN.")
            return run_ground(subject, exhibit.run, exhibit.name)
