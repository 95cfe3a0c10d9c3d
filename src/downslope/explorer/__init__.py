"""The explorer: a local server that walks on the surfaces of real networks, for the page in the browser.

`serve` runs it. Bottom up: `protocol` holds the messages between page and server; `subjects` opens a formula or a
network; `exploration` is an opened subject, a plane through it and the descents on it; `session` answers one page;
`server` takes connections. `lessons.py` has the ready lessons, `code_export.py` writes "copy as Python".
"""

from downslope.explorer.protocol import (
    CLASSICS,
    DATA_SETS,
    ClassicSubject,
    LineSubject,
    NetworkSubject,
    RunSubject,
    Subject,
)
from downslope.explorer.server import Serving, explorer_app, listening, serve, server_of
from downslope.explorer.subjects import Exhibit, subject_named

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
    "explorer_app",
    "listening",
    "serve",
    "server_of",
    "subject_named",
]
