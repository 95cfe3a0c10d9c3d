"""The local server: one page, one WebSocket, nothing else; run in a thread for as long as a `with` block lasts."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from downslope.core import Setting, SettingError
from downslope.explorer.protocol import LONGEST_REQUEST, PROTOCOL, Subject
from downslope.explorer.server.guard import Guard
from downslope.explorer.server.visitors import Visitors, http_protocol
from downslope.explorer.session import Session
from downslope.explorer.subjects import Exhibit
from downslope.figures.pages import BUILT

if TYPE_CHECKING:
    import uvicorn
    from starlette.types import ASGIApp
    from starlette.websockets import WebSocket

FULL_PAUSE = 0.02
"""Seconds until a full session is tried again."""

ADDRESS = "127.0.0.1"


@dataclass(frozen=True)
class ServerOptions:
    """Limits of a server, and how it makes the session of a page.

    Attributes:
        unsent_limit: messages that wait to be sent; a page that lets more gather does not read, and is disconnected.
        page_limit: pages at once.
        visitor_limit: connections at once that are no page.
        patience: seconds until a connection that has not become a page is ended, whatever it waits for.
        new_session: makes a session, from a function that sends a message and the exhibit.
    """

    unsent_limit: int = 512
    page_limit: int = 8
    visitor_limit: int = 64
    patience: float = 30.0
    new_session: Callable[[Callable[[str | bytes], None], Exhibit], Session] = Session


DEFAULT_OPTIONS = ServerOptions()


def explorer_app(exhibit: Exhibit, *, port: int, token: str, options: ServerOptions = DEFAULT_OPTIONS) -> ASGIApp:
    """Return the guarded application.

    Args:
        exhibit: the subject and the run to start with.
        port: where it is served.
        token: the secret that a page needs to connect.
        options: limits, and the sessions.
    """
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route, WebSocketRoute

    host = f"{ADDRESS}:{port}"
    text, policy = page_of(host)
    headers = {
        "Content-Security-Policy": policy,
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    open_pages: set[object] = set()

    async def page(request: Request) -> Response:
        return Response(text, media_type="text/html", headers=headers)

    async def icon(request: Request) -> Response:
        return Response(status_code=204, headers=headers)

    async def talk(websocket: WebSocket) -> None:
        if len(open_pages) >= options.page_limit:
            await websocket.close(1013)
            return
        open_pages.add(websocket)
        try:
            await _talk(websocket, exhibit, options)
        finally:
            open_pages.discard(websocket)

    routes = [Route("/", page), Route("/favicon.ico", icon), WebSocketRoute("/ws", talk)]
    return Guard(Starlette(routes=routes), host, token)


def page_of(host: str) -> tuple[str, str]:
    """Return the live page for an address, and its policy, as the page itself says it."""
    built = BUILT.read_text(encoding="utf-8")
    start = built.index('content="default-src') + len('content="')
    policy = built[start : built.index('"', start)]
    live_policy = policy.replace("default-src 'none';", f"default-src 'none'; connect-src ws://{host};", 1)
    live = json.dumps({"format": "downslope-live", "version": 1})
    text = built.replace(policy, live_policy, 1).replace("<!--title-->", "Downslope explorer", 1)
    return text.replace("<!--document-->", live, 1), f"{live_policy}; frame-ancestors 'none'"


def listening(port: int) -> socket.socket:
    """Return a socket that listens on a port of this machine alone; 0 is any free one.

    Raises:
        SettingError: the port is taken, or not one that may be listened on.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((ADDRESS, port))
        listener.listen()
    except (OSError, OverflowError) as error:
        listener.close()
        why = getattr(error, "strerror", None) or "ports go from 0 to 65535"
        raise SettingError(
            Setting("port"),
            f"must be one that is free on this machine, got {port}: {why}. Choose another; 0 is any free one.",
        ) from error
    return listener


def server_of(
    exhibit: Exhibit, listener: socket.socket, *, token: str | None = None, options: ServerOptions = DEFAULT_OPTIONS
) -> tuple[uvicorn.Server, str]:
    """Return a server on a socket, to be run with `server.run(sockets=[listener])`, and the address to open.

    Args:
        exhibit: the subject and the run to start with.
        listener: a socket that listens.
        token: the secret that a page needs to connect; None for a new one of 256 bits.
        options: limits, and the sessions.
    """
    import uvicorn

    visitors = Visitors(options.visitor_limit, options.patience)
    port, secret = listener.getsockname()[1], token or secrets.token_urlsafe(32)
    config = uvicorn.Config(
        explorer_app(exhibit, port=port, token=secret, options=options), log_config=None, log_level="critical",
        access_log=False, lifespan="off", loop="asyncio", http=http_protocol(visitors), ws="websockets-sansio",
        ws_max_size=LONGEST_REQUEST, ws_per_message_deflate=False, server_header=False, timeout_graceful_shutdown=2,
    )  # fmt: skip
    return uvicorn.Server(config), f"http://{ADDRESS}:{port}/#{secret}"


async def _talk(websocket: WebSocket, exhibit: Exhibit, options: ServerOptions) -> None:
    """Serve a page until one of the two ends the connection."""
    from starlette.websockets import WebSocketDisconnect

    await websocket.accept(PROTOCOL)
    unsent = _Unsent(options.unsent_limit)
    session = options.new_session(unsent.put, exhibit)
    doing = [asyncio.create_task(task) for task in (unsent.send(websocket), unsent.over(), _read(websocket, session))]
    try:
        await asyncio.wait(doing, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in doing:
            task.cancel()
        await asyncio.gather(*doing, return_exceptions=True)
        await asyncio.to_thread(session.close)
    with contextlib.suppress(RuntimeError, WebSocketDisconnect):
        await websocket.close(1008)


class _Unsent:
    """Messages on their way from a session's thread to the page.

    Args:
        limit: how many wait at most.
    """

    def __init__(self, limit: int):
        self._loop = asyncio.get_running_loop()
        self._messages: asyncio.Queue[str | bytes] = asyncio.Queue(limit)
        self._over = asyncio.Event()

    def put(self, message: str | bytes) -> None:
        """Put a message on its way; called in any thread."""
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._put, message)

    def _put(self, message: str | bytes) -> None:
        """Queue a message; once the limit is exceeded, drop it and all later ones."""
        if self._messages.full():
            self._over.set()
        elif not self._over.is_set():
            self._messages.put_nowait(message)

    async def over(self) -> None:
        """Wait until the limit is exceeded."""
        await self._over.wait()

    async def send(self, websocket: WebSocket) -> None:
        """Send the messages in order."""
        while True:
            message = await self._messages.get()
            if isinstance(message, str):
                await websocket.send_text(message)
            else:
                await websocket.send_bytes(message)


async def _read(websocket: WebSocket, session: Session) -> None:
    """Hand messages of the page to the session until it leaves; while the session is full, read nothing more."""
    while (message := await websocket.receive())["type"] == "websocket.receive":
        while not session.receive(message.get("text") or message.get("bytes") or ""):
            await asyncio.sleep(FULL_PAUSE)


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
