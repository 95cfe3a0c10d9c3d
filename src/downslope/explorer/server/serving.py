"""The server in a thread of its own, for as long as a `with` block lasts."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from downslope.explorer.protocol import Subject
from downslope.explorer.server.app import DEFAULT_OPTIONS, ServerOptions, listening, server_of
from downslope.explorer.subjects import Exhibit


@dataclass(frozen=True)
class Serving:
    """A server that runs.

    Attributes:
        url: the address to open in a browser; the token is behind the `#`.
    """

    url: str

    @property
    def host(self) -> str:
        """The address with its port, `127.0.0.1:PORT`."""
        return self.url.removeprefix("http://").partition("/")[0]

    @property
    def token(self) -> str:
        """The secret that a page offers to connect."""
        return self.url.partition("#")[2]


@contextmanager
def serve(first: Exhibit | Subject | None = None, *, port: int = 0, token: str | None = None) -> Iterator[Serving]:
    """Serve the explorer while the block runs.

    Args:
        first: a subject to open first, an `Exhibit` with a run, or None for the ravine.
        port: where, on 127.0.0.1; 0 is any free one.
        token: the secret that a page needs to connect; None for a new one.

    Yields:
        The server that runs.

    Raises:
        SettingError: the port is taken.

    Example:
        >>> from urllib.request import urlopen
        >>> with serve() as server:
        ...     urlopen(server.url).status
        200
    """
    exhibit = first if isinstance(first, Exhibit) else Exhibit() if first is None else Exhibit(first)
    with running_server(exhibit, port=port, token=token) as server:
        yield server


@contextmanager
def running_server(
    exhibit: Exhibit, *, port: int = 0, token: str | None = None, options: ServerOptions = DEFAULT_OPTIONS
) -> Iterator[Serving]:
    """Run a server in a thread while the block runs; `serve` explains the arguments."""
    listener = listening(port)
    server, url = server_of(exhibit, listener, token=token, options=options)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="downslope explorer server")
    thread.start()
    try:
        yield Serving(url)
    finally:
        server.should_exit = True
        thread.join()
