"""One page's session: requests in, answers and frames out, in a thread of its own."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from downslope.core import DownslopeError, SettingError, worded
from downslope.explorer.code_export import code_of
from downslope.explorer.exploration import Exploration
from downslope.explorer.protocol import Code, Diagnosis, Done, Eigenvalue, Problem, Removed, State, Status
from downslope.explorer.protocol import requests as ask
from downslope.explorer.session.jobs import Clock, Finished, Job, Jobs
from downslope.explorer.session.outbox import Outbox
from downslope.explorer.session.player import Player
from downslope.explorer.session.screen import Screen
from downslope.explorer.session.welcome import welcome
from downslope.explorer.session.wording import PAGE
from downslope.explorer.session.work import Work, diagnosis_work, eigenvalue_work, opening_work, slicing_work
from downslope.explorer.subjects import Exhibit, Opener, open_subject
from downslope.landscape import Slice

MOST_WAITING = 256
"""Requests that wait at most; further ones are not read before."""


class Session:
    """A page's session.

    Two threads: this one answers requests and advances descents, that of `Jobs` does the long work. Reports of jobs
    come in between the requests, so only this thread changes the exploration.

    Args:
        send: puts a message on its way to the page; called in the session's thread.
        exhibit: the subject and the run that the explorer was started with.
        open_subject: opens a subject; called in the jobs' thread.
        clock: the time that descents are played by.
    """

    def __init__(
        self,
        send: Callable[[str | bytes], None],
        exhibit: Exhibit,
        *,
        open_subject: Opener = open_subject,
        clock: Clock = time.perf_counter,
    ):
        self.exhibit = exhibit
        self.outbox = Outbox(send)
        self.screen = Screen(self.outbox, clock)
        self.player = Player(self.screen, clock)
        self._open_subject = open_subject
        self.exploration: Exploration | None = None
        self._waiting: queue.Queue[str | bytes | tuple[Job, object] | None] = queue.Queue()
        self._closed = threading.Event()
        self._surface: tuple[int, Slice] | None = None
        self._run = 0
        self._filling = False
        self._jobs = Jobs(lambda job, value: self._waiting.put((job, value)), clock=clock)
        self._thread = threading.Thread(target=self._run_loop, name="downslope explorer session", daemon=True)
        self._thread.start()

    def receive(self, text: str | bytes) -> bool:
        """Take a message of the page; return False, and take nothing, if too many wait already."""
        if self._waiting.qsize() > MOST_WAITING:
            return False
        self._waiting.put(text)
        return True

    def close(self) -> None:
        """End the session and its threads, waiting for them."""
        self._closed.set()
        self._waiting.put(None)
        self._jobs.close()
        self._thread.join()

    def _run_loop(self) -> None:
        """Handle messages and reports; advance descents in between."""
        while not self._closed.is_set():
            try:
                self._handle(self._next())
                self._update_page()
            except Exception as reason:  # any error is sent to the page, and the session goes on
                self._report_error(reason)

    def _next(self) -> str | bytes | tuple[Job, object] | None:
        """Return the next message or report; None if none comes before something is due."""
        idle_times = (
            self.player.idle_time(self.exploration),
            None if self.exploration is None else self.screen.idle_time(),
        )
        try:
            return self._waiting.get(
                timeout=min((idle_time for idle_time in idle_times if idle_time is not None), default=None)
            )
        except queue.Empty:
            return None

    def _handle(self, message: str | bytes | tuple[Job, object] | None) -> None:
        """Handle a message of the page, or a report of a job."""
        if isinstance(message, tuple):
            self._handle_report(*message)
        elif message is not None:
            self._handle_request(message)

    def _update_page(self) -> None:
        """Send the newest slice if there is credit for it; advance descents, and show their points."""
        if self._surface is not None and self.outbox.credit > 0:
            (run, cut), self._surface = self._surface, None
            self.screen.surface(run, cut)
            if cut.complete:
                self.outbox.answer(Done(run=run, what="surface"))
        if self.exploration is not None:
            self.player.tick(self.exploration)
            self.screen.send(self.exploration)

    def _handle_request(self, text: str | bytes) -> None:
        """Answer a message of the page."""
        try:
            request = ask.parse_request(text)
        except ValidationError as reason:
            first = reason.errors(include_url=False, include_input=False, include_context=False)[0]
            location = [str(part) for part in first["loc"]]
            message = f"{'.'.join(location)}: {first['msg']}" if location else first["msg"]
            self.outbox.answer(Problem(field=location[-1] if location else "", message=message))
            return
        handler: Callable[[Any], None] = getattr(self, f"_on_{request.type}")
        handler(request)

    def _handle_report(self, job: Job, value: object) -> None:
        """Handle a report of a job; those of canceled jobs come too late."""
        if job.cancelled:
            return
        match value:
            case Exploration():
                self._set_exploration(value)
            case Slice() if self.exploration is not None:
                self.exploration.cut = value
                self._surface = (self.exploration.run, value)
                self._filling = not value.complete
            case Status() | Diagnosis() | Eigenvalue():
                self.outbox.answer(value)
            case Exception():
                self._filling = False
                self._report_error(value)
                self._report_idle()
            case Finished():
                self._report_idle()

    def _set_exploration(self, exploration: Exploration) -> None:
        """Show a new exploration; descents of the same subject stay."""
        before, self.exploration, self._surface = self.exploration, exploration, None
        if before is not None and before.subject is exploration.subject:
            exploration.descents = before.descents
        self.outbox.answer(exploration.surface_answer())
        for number in exploration.descents:
            self.screen.restart_path(exploration, number)

    def _report_error(self, reason: Exception) -> None:
        """Send an error. One that was not foreseen may come again and again: descents pause, then."""
        field = reason.setting if isinstance(reason, SettingError) else None
        if isinstance(reason, DownslopeError):
            message = worded(reason.message, PAGE)
        else:
            self.player.pause()
            message = f"Something went wrong: {type(reason).__name__}: {' '.join(str(reason).split())[:300]}"
        self.outbox.answer(Problem(field=field or "", message=message))

    def _status(self, state: State, text: str, done: float | None = None) -> None:
        """Send the state of the session."""
        self.outbox.answer(Status(run=self._run, state=state, text=text, done=done))

    def _report_idle(self, text: str = "") -> None:
        """Send the state between jobs: playing, paused or idle."""
        self._status("idle" if self.exploration is None else "playing" if self.player.playing else "paused", text)

    def _current(self) -> Exploration:
        """Return the exploration.

        Raises:
            SettingError: nothing is shown yet.
        """
        if self.exploration is None:
            raise SettingError("Nothing is shown yet. Open a subject first.", setting="type")
        return self.exploration

    def _selected(self, number: int | None) -> list[int]:
        """Return the numbers of the selected descents: one, or all for None."""
        exploration = self._current()
        if number is None:
            return list(exploration.descents)
        exploration.descent(number)
        return [number]

    def _forget(self, exploration: Exploration | None, number: int) -> None:
        """Forget a descent."""
        if exploration is not None:
            exploration.descents.pop(number, None)
        self.screen.forget(number)
        self.player.forget(number)

    def _on_hello(self, request: ask.Hello) -> None:
        self.outbox.answer(welcome(self.exhibit))

    def _on_open(self, request: ask.Open) -> None:
        self.player.pause()
        for number in list(self.exploration.descents) if self.exploration is not None else ():
            self._forget(self.exploration, number)
        self.exploration, self._surface, self._run, self._filling = None, None, request.run, True
        self._status("opening", "Opening")
        self._jobs.begin(opening_work(request, self.exhibit, self._open_subject))

    def _on_slice(self, request: ask.SliceAgain) -> None:
        work = slicing_work(request, self._current())
        self._run, self._surface, self._filling = request.run, None, True
        self._status("slicing", "Cutting")
        self._jobs.begin(work)

    def _on_start(self, request: ask.Start) -> None:
        exploration = self._current()
        descent = exploration.begin(request.a, request.b, request.settings)
        self._forget(exploration, request.id)
        exploration.descents[request.id] = descent
        self.screen.restart_path(exploration, request.id)

    def _on_play(self, request: ask.Play) -> None:
        self.player.play()
        self._status("playing", "")

    def _on_pause(self, request: ask.Pause) -> None:
        self.player.pause()
        if self.exploration is not None:
            self.screen.describe_moved(self.exploration)
        self._status("paused", "")

    def _on_step(self, request: ask.Step) -> None:
        self.player.step(self._current(), request.count)
        self._status("paused", "")

    def _on_speed(self, request: ask.Speed) -> None:
        self.player.speed = request.steps_per_second

    def _on_set(self, request: ask.Set) -> None:
        numbers = request.model_dump(exclude_none=True, exclude={"type", "id"})
        for number in self._selected(request.id):
            descent = self._current().descent(number)
            own = {name: value for name, value in numbers.items() if name in descent.hyperparams}
            if own or request.id is not None:
                descent.set(own if request.id is None else numbers)
            self.outbox.answer(self._current().descent_answer(number))

    def _on_remove(self, request: ask.Remove) -> None:
        for number in self._selected(request.id):
            self._forget(self.exploration, number)
            self.outbox.answer(Removed(id=number))

    def _on_watch(self, request: ask.Watch) -> None:
        self.screen.set_views(request)

    def _on_cancel(self, request: ask.Cancel) -> None:
        self._jobs.cancel()
        self.player.pause()
        if self._filling:
            self._filling = False
            self.outbox.answer(Done(run=self._run, what="surface", cancelled=True))
        self._report_idle("Stopped.")

    def _on_credit(self, request: ask.Credit) -> None:
        self.outbox.refill(request.frames)

    def _on_code(self, request: ask.AskCode) -> None:
        self.outbox.answer(Code(text=code_of(self._current())))

    def _on_eigenvalue(self, request: ask.AskEigenvalue) -> None:
        self._measure(eigenvalue_work(self._current(), request.id))

    def _on_diagnose(self, request: ask.AskDiagnosis) -> None:
        self._measure(diagnosis_work(self._current(), request.id))

    def _measure(self, work: Work) -> None:
        """Enqueue a measurement.

        Raises:
            SettingError: too much waits to be measured already.
        """
        if not self._jobs.enqueue(work):
            raise SettingError("Too much is being measured already. Wait, or cancel.", setting="type")
        self._status("measuring", "Waiting to measure")
