"""Constants of the connection, and answers as JSON."""

from __future__ import annotations

from downslope.explorer.protocol.answers import Answer

CREDIT = 4
"""Frames on the way at once."""

PROTOCOL = "downslope.v1"
"""The WebSocket's subprotocol; the page offers this, and the token as another."""


def to_json(answer: Answer) -> str:
    """Return an answer as JSON; numbers that are not finite are null.

    Example:
        >>> from downslope.explorer.protocol.answers import Done
        >>> to_json(Done(run=3, what="surface"))
        '{"type":"done","run":3,"what":"surface","cancelled":false}'
    """
    return answer.model_dump_json()
