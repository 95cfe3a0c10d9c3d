"""The local server: `app.py` is the application and its connections, behind `guard.py`; `serving.py` runs it."""

from downslope.explorer.server.app import ServerOptions, explorer_app, listening, server_of
from downslope.explorer.server.serving import Serving, running_server, serve

__all__ = [
    "ServerOptions",
    "Serving",
    "explorer_app",
    "listening",
    "running_server",
    "serve",
    "server_of",
]
