"""Sending with flow control: answers at once, frames as far as the page gave credit."""

from __future__ import annotations

from collections.abc import Callable

from downslope.explorer.protocol import CREDIT, Answer, Frame, pack_frame, to_json


class Outbox:
    """Counts the credit of frames.

    Args:
        send: puts a message on the way, text or bytes.
    """

    def __init__(self, send: Callable[[str | bytes], None]):
        self._send = send
        self.credit = CREDIT

    def answer(self, answer: Answer) -> None:
        """Send an answer."""
        self._send(to_json(answer))

    def frame(self, frame: Frame) -> None:
        """Send a frame; there must be credit."""
        self.credit -= 1
        self._send(pack_frame(frame))

    def refill(self, frames: int) -> None:
        """Take note that the page drew frames."""
        self.credit = min(CREDIT, self.credit + frames)
