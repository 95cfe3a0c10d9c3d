"""The wire between the page and the server: one WebSocket, JSON both ways, and binary frames to the page.

The page says `hello` and is told all that can be chosen. It sends `open` with a subject and a plane, and a run number
that it counts up; the answer is `surface`, with the shape of the plane but no loss; frames of kind SURFACE of that run
fill it, coarse to fine, and `done` ends it. `slice` cuts elsewhere under a new number; descents stay, and each path is
sent again. `start` puts a ball at `(a, b)` of the plane; `play`, `pause`, `step` and `speed` hold for all balls; `set`
changes numbers without a reset. Each point of a path comes in a PATH frame, and exact in `rows`.

Frames want credit: the server sends 4, and one more for each that the page says it drew (`credit`). Without credit
descents wait, so a page that does not read costs nothing. JSON answers need none. Whatever cannot be is answered by
`error` and changes nothing. The page drops frames and answers of other runs than its last.

`_settings.py` has what can be chosen, `_requests.py` what the page asks, `_answers.py` what the server says,
`_frames.py` the bytes. `tests/wire_golden.json` holds frames with their bytes for both sides.
"""

from __future__ import annotations

from downslope.explorer._answers import Answer
from downslope.explorer._frames import Frame, Kind, packed_frame, unpacked_frame
from downslope.explorer._requests import LONGEST_REQUEST, VERSION, Request, parsed

CREDIT = 4
"""Frames on the way at once."""

PROTOCOL = "downslope.v1"
"""The WebSocket's subprotocol; the page offers this, and the token as another."""


def written(answer: Answer) -> str:
    """Return an answer as JSON; numbers that are not finite are null.

    Example:
        >>> from downslope.explorer._answers import Done
        >>> written(Done(run=3, what="surface"))
        '{"type":"done","run":3,"what":"surface","cancelled":false}'
    """
    return answer.model_dump_json()


__all__ = [
    "CREDIT",
    "LONGEST_REQUEST",
    "PROTOCOL",
    "VERSION",
    "Answer",
    "Frame",
    "Kind",
    "Request",
    "packed_frame",
    "parsed",
    "unpacked_frame",
    "written",
]
