"""A page of the explorer, played by tests: over the real WebSocket, or straight on a session."""

import json
import queue
import time

import numpy as np
from websockets.sync.client import connect

from downslope.explorer.protocol import Kind, unpack_frame
from downslope.explorer.session import Session
from downslope.explorer.subjects import Exhibit

PATIENCE = 30


class Page:
    """A page that draws whatever comes, and notes it.

    Attributes:
        answers: all JSON so far, as dicts.
        frames: all frames so far.
        draws: whether it gives credit for frames.
    """

    def __init__(self, *, draws=True):
        self.answers, self.frames, self.draws = [], [], draws

    def until(self, *kinds, where=lambda answer: True):
        """Take what comes until an answer of one of these types; return it. An error that is not waited for raises."""
        while True:
            came = self.take()
            if isinstance(came, dict):
                if came["type"] in kinds and where(came):
                    return came
                if came["type"] == "error":
                    raise RuntimeError(came["message"])

    def take(self):
        """Return the next thing that comes: a dict, or a frame."""
        raw = self.recv()
        if isinstance(raw, bytes):
            self.frames.append(unpack_frame(raw))
            if self.draws:
                self.say("credit", frames=1)
            return self.frames[-1]
        self.answers.append(json.loads(raw))
        return self.answers[-1]

    def say(self, type, **words):
        """Ask something; what is known of a ball that is started or taken away is forgotten."""
        if type in ("start", "remove"):
            gone = words.get("id")
            of_others = [one for one in self.answers if one["type"] not in ("rows", "descent") or one["id"] != gone]
            self.answers = [] if gone is None else of_others
            self.frames = [one for one in self.frames if one.kind != Kind.PATH or one.descent != gone]
        self.send(json.dumps({"type": type, **words}))

    def open(self, subject, *, run=1, **plane):
        """Open a subject, and wait until its surface is complete; return the answer that tells of it."""
        self.say("open", run=run, subject=subject, plane={"size": 9, **plane})
        told = self.until("surface", where=lambda one: one["run"] == run)
        self.until("done", where=lambda one: one["run"] == run)
        return told

    def walk(self, count, *, numbers=(0,)):
        """Make steps with balls, and wait until all their points are here."""
        until = {number: self.last(number)["step"] + count if self.rows(number) else count for number in numbers}
        self.say("step", count=count)
        self.meet(lambda: all(self.ended(n) or (self.rows(n) and self.last(n)["step"] >= until[n]) for n in numbers))
        self.settle()

    def play(self):
        """Let all balls roll until they end."""
        self.say("speed", steps_per_second=100_000)
        self.say("play")
        self.until("done", where=lambda one: one["what"] == "descents")
        self.settle()

    def settle(self):
        """Take what comes until every ball's table and path end where the ball is."""
        balls = {one["id"] for one in self.answers if one["type"] == "descent"}
        self.meet(lambda: all(len(self.path(n)) and self.path(n)[-1][0] == self.descent(n)["step"] for n in balls))

    def meet(self, condition):
        """Take what comes until something is so."""
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end, "that never came"
            self.take()

    def rows(self, number=0):
        """Return the table of a ball."""
        table = []
        for answer in self.answers:
            if answer["type"] == "rows" and answer["id"] == number:
                table = ([] if answer["replaces"] else table) + answer["rows"]
        return table

    def last(self, number=0):
        return self.rows(number)[-1]

    def ended(self, number=0):
        told = [one for one in self.answers if one["type"] == "descent" and one["id"] == number]
        return bool(told) and bool(told[-1]["ended"])

    def descent(self, number=0):
        """Return how a ball stood last."""
        return [one for one in self.answers if one["type"] == "descent" and one["id"] == number][-1]

    def path(self, number=0):
        """Return the rows of a ball's path frames."""
        rows = []
        for frame in self.frames:
            if frame.kind == Kind.PATH and frame.descent == number:
                rows = [*([] if frame.flags else rows), *frame.values[0]]
        return np.array(rows)


class SocketPage(Page):
    """A page over the real WebSocket."""

    def __init__(self, server, *, draws=True):
        super().__init__(draws=draws)
        self.door = connect(
            f"ws://{server.host}/ws",
            origin=f"http://{server.host}",
            subprotocols=["downslope.v1", server.token],
            compression=None,
        )

    def send(self, text):
        self.socket.send(text)

    def recv(self):
        return self.socket.recv(timeout=PATIENCE)

    def __enter__(self):
        self.socket = self.door.__enter__()
        return self

    def __exit__(self, *reason):
        self.door.__exit__(*reason)


class DirectPage(Page):
    """A page without a network: straight on a session.

    Args:
        exhibit: what the explorer was started with.
        draws: whether it gives credit for frames.
        options: of the session, such as its clock.
    """

    def __init__(self, exhibit=None, *, draws=True, **options):
        super().__init__(draws=draws)
        self.inbox = queue.Queue()
        self.session = Session(self.inbox.put, exhibit or Exhibit(), **options)
        self.send = self.session.receive

    def recv(self):
        return self.inbox.get(timeout=PATIENCE)

    def __enter__(self):
        return self

    def __exit__(self, *reason):
        self.session.close()
