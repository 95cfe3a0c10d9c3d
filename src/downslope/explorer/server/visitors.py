"""Connections that do not become a page: each may stay for a while, and only so many at once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uvicorn.protocols.http.h11_impl import H11Protocol


class Visitors:
    """The connections that have not become a WebSocket: a request that never ends, or an answer that nobody reads.

    The oldest leaves when there are too many, so that half-open connections cannot keep a page out.

    Args:
        limit: how many there are at most.
        patience: seconds that one of them may stay.
    """

    def __init__(self, limit: int, patience: float):
        self.limit = limit
        self.patience = patience
        self._connections: dict[asyncio.Transport, asyncio.BaseProtocol] = {}

    def came(self, transport: asyncio.Transport) -> None:
        """Note a connection, and let it go in time."""
        self._connections = {other: own for other, own in self._connections.items() if _stays(other, own)}
        if len(self._connections) >= self.limit:
            self._send_away(next(iter(self._connections)))
        self._connections[transport] = transport.get_protocol()
        asyncio.get_running_loop().call_later(self.patience, self._send_away, transport)

    def _send_away(self, transport: asyncio.Transport) -> None:
        """End a connection, unless it has ended or become a page."""
        own = self._connections.pop(transport, None)
        if own is not None and _stays(transport, own):
            transport.abort()


def _stays(transport: asyncio.Transport, own: asyncio.BaseProtocol) -> bool:
    """Return whether a connection is open, and still spoken over by the same protocol."""
    return not transport.is_closing() and transport.get_protocol() is own


def http_protocol(visitors: Visitors) -> type[H11Protocol]:
    """Return the protocol of uvicorn for HTTP, whose connections are visitors."""
    from uvicorn.protocols.http.h11_impl import H11Protocol

    class VisitorProtocol(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            visitors.came(transport)

    return VisitorProtocol
