"""The guard at the door: who may ask, over HTTP and over WebSockets alike."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from downslope.explorer.protocol import PROTOCOL

Scope = MutableMapping[str, Any]
App = Callable[[Scope, Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]]


class Guard:
    """Lets through what is asked of our own address, by our own page, with the token.

    - `Host` must be the address with its port: a page of another name that resolves to this machine is refused.
    - A WebSocket must come from our own page (`Origin`) and offer the token as a subprotocol.

    No cookies: there is nothing that a browser would send by itself.

    Args:
        app: what is guarded.
        host: the address with its port, `127.0.0.1:PORT`.
        token: what the page got in the fragment of its address.
    """

    def __init__(self, app: App, host: str, token: str):
        self.app = app
        self.host = host.encode()
        self.origin = b"http://" + self.host
        self.token = token.encode()

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Let a request through, or refuse it."""
        if scope["type"] == "lifespan" or self._welcome(scope):
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
            await send({"type": "http.response.start", "status": 403, "headers": headers})
            await send({"type": "http.response.body", "body": b"Not here.\n"})

    def _welcome(self, scope: Scope) -> bool:
        """Return whether a request may come in."""
        if _all(scope, b"host") != [self.host]:
            return False
        if scope["type"] == "http":
            return True
        offered = [name.encode() for name in scope.get("subprotocols", ())]
        known = [hmac.compare_digest(name, self.token) for name in offered]
        return (
            scope["type"] == "websocket"
            and _all(scope, b"origin") == [self.origin]
            and PROTOCOL.encode() in offered
            and any(known)
        )


def _all(scope: Scope, name: bytes) -> list[bytes]:
    """Return every value of a header."""
    return [value for key, value in scope["headers"] if key.lower() == name]
