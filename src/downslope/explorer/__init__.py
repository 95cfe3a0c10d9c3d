"""The explorer: a local server that walks on the surfaces of real networks, for the page in the browser.

`serve` runs it. To find the way: `_wire.py` says what page and server tell each other; `_server.py` takes connections,
past `_guard.py`; `_session.py` has one page's session, with long work (`_work.py`) in a thread beside it (`_jobs.py`).
A subject, once opened (`_opening.py`), is ground to walk on (`_ground.py`: a formula in `_classic.py`, a network in
`_networks.py`). A plane through it (`_planes.py`) and the balls on it (`_descent.py`) make a stage (`_stage.py`), which
`_player.py` sets in motion and `_screen.py` shows. `_scenes.py` has the lessons, `_python.py` "copy as Python".
"""

from downslope.explorer._networks import noisy
from downslope.explorer._opening import Exhibit, subject_named
from downslope.explorer._server import explorer_app, listening, server_of
from downslope.explorer._serving import Serving, serve
from downslope.explorer._settings import (
    CLASSICS,
    DATA_SETS,
    ClassicSubject,
    LineSubject,
    NetworkSubject,
    RunSubject,
    Subject,
)
from downslope.training.engine.stepper import carried_over

__all__ = [
    "CLASSICS",
    "DATA_SETS",
    "ClassicSubject",
    "Exhibit",
    "LineSubject",
    "NetworkSubject",
    "RunSubject",
    "Serving",
    "Subject",
    "carried_over",
    "explorer_app",
    "listening",
    "noisy",
    "serve",
    "server_of",
    "subject_named",
]
