"""Access control for HTTP requests and WebSockets."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from downslope.explorer.protocol import PROTOCOL

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


class Guard:
    """Lets requests through that name our own address and come from our own page, with the token.

    - `Host` must be the address with its port: a page of another name that resolves to this machine is refused.
    - A WebSocket must come from our own page (`Origin`) and offer the token as a subprotocol.

    No cookies: there is nothing that a browser would send by itself.

    Args:
        app: the application behind it.
        host: the address with its port, `127.0.0.1:PORT`.
        token: the secret in the fragment of the page's address.
    """

    def __init__(self, app: ASGIApp, host: str, token: str):
        self.app = app
        self.host = host.encode()
        self.origin = b"http://" + self.host
        self.token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
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
