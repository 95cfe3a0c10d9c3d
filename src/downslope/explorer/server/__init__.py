"""The local server: `app.py` is the application and its connections, behind `guard.py`; `serving.py` runs it."""

from downslope.explorer.server.app import explorer_app, listening, server_of
from downslope.explorer.server.serving import Serving, serve

__all__ = [
    "Serving",
    "explorer_app",
    "listening",
    "serve",
    "server_of",
]
