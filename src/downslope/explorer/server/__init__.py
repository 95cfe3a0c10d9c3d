"""The local server: `app.py` is the application, its connections and its thread, behind `guard.py`.

`visitors.py` bounds the connections that are no page.
"""

from downslope.explorer.server.app import (
    ServerOptions,
    Serving,
    explorer_app,
    listening,
    running_server,
    serve,
    server_of,
)

__all__ = [
    "ServerOptions",
    "Serving",
    "explorer_app",
    "listening",
    "running_server",
    "serve",
    "server_of",
]
