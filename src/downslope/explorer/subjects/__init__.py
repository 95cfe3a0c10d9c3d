"""Subjects, opened: a formula or a network, with the point that planes go through and the descents on it.

`opening.py` opens any subject as an `OpenedSubject` (`subject.py`): a formula (`classic.py`), a network or a stored run
(`networks.py`). `optimizer.py` makes the optimizer of a descent, as an object and as Python.
"""

from downslope.explorer.subjects.networks import noisy, recipe_of
from downslope.explorer.subjects.opening import Exhibit, Opener, open_subject, subject_named
from downslope.explorer.subjects.optimizer import NUMBERS, changeable, optimizer_code, optimizer_of, with_room
from downslope.explorer.subjects.subject import Cancelled, Ground, Walker, host, params_of

__all__ = [
    "NUMBERS",
    "Cancelled",
    "Exhibit",
    "Ground",
    "Opener",
    "Walker",
    "changeable",
    "host",
    "noisy",
    "open_subject",
    "optimizer_code",
    "optimizer_of",
    "params_of",
    "recipe_of",
    "subject_named",
    "with_room",
]
