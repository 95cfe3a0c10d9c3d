"""Subjects, opened: a formula or a network, with the point that planes go through and the descents on it.

`opening.py` opens any subject as an `OpenedSubject` (`subject.py`): a formula (`classic.py`), a network or a stored run
(`networks.py`). `optimizer.py` makes the optimizer of a descent, as an object and as Python.
"""

from downslope.explorer.subjects.networks import descent_recipe
from downslope.explorer.subjects.opening import Exhibit, Opener, open_subject, subject_named
from downslope.explorer.subjects.optimizer import changeable, make_optimizer, optimizer_code, settings_of, with_slots
from downslope.explorer.subjects.subject import (
    Cancelled,
    DescentStepper,
    OpenedSubject,
    Report,
    params_of,
    recipe_of,
    to_host,
)

__all__ = [
    "Cancelled",
    "DescentStepper",
    "Exhibit",
    "OpenedSubject",
    "Opener",
    "Report",
    "changeable",
    "descent_recipe",
    "make_optimizer",
    "open_subject",
    "optimizer_code",
    "params_of",
    "recipe_of",
    "settings_of",
    "subject_named",
    "to_host",
    "with_slots",
]
