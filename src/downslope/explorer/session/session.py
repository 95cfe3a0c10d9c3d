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
from downslope.explorer.exploration import Stage
from downslope.explorer.protocol import Code, Diagnosis, Done, Eigenvalue, Problem, Removed, Status
from downslope.explorer.protocol import requests as ask
from downslope.explorer.session.jobs import Clock, Finished, Job, Jobs
from downslope.explorer.session.outbox import Outbox
from downslope.explorer.session.player import Player
from downslope.explorer.session.screen import Screen
from downslope.explorer.session.welcome import welcome
from downslope.explorer.session.wording import PAGE
from downslope.explorer.session.work import Work, cutting, diagnosing, finding_eigenvalue, opening
from downslope.explorer.subjects import Exhibit, Opener, open_subject
from downslope.landscape import Slice

MOST_WAITING = 256
"""Requests that wait; the rest of what a page says is not read before there is room."""


class Session:
    """A page's session.

    Two threads: this one answers requests and lets balls roll, that of `Jobs` does what takes long. What a job reports
    comes in between the requests, so only this thread changes what is on screen.

    Args:
        send: puts a message on its way to the page; called in the session's thread.
        exhibit: what the explorer was started with.
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
        self.stage: Stage | None = None
        self._waiting: queue.Queue[Any] = queue.Queue()
        self._closed = threading.Event()
        self._surface: tuple[int, Slice] | None = None
        self._run = 0
        self._filling = False
        self._jobs = Jobs(lambda job, value: self._waiting.put((job, value)), clock=clock)
        self._thread = threading.Thread(target=self._work, name="downslope explorer session", daemon=True)
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

    def _work(self) -> None:
        """Answer what waits; between, let balls roll."""
        while not self._closed.is_set():
            try:
                self._heard(self._next())
                self._show()
            except Exception as reason:  # whatever it was, the page is told, and the session lives on
                self._refuse(reason)

    def _next(self) -> Any:
        """Return what comes next, after a while None if nothing does."""
        pauses = (self.player.pause(self.stage), None if self.stage is None else self.screen.pause())
        try:
            return self._waiting.get(timeout=min((pause for pause in pauses if pause is not None), default=None))
        except queue.Empty:
            return None

    def _heard(self, waiting: Any) -> None:
        """Take a message of the page, or what a job reports."""
        if isinstance(waiting, tuple):
            self._reported(*waiting)
        elif waiting is not None:
            self._requested(waiting)

    def _show(self) -> None:
        """Send the newest of the plane if there is credit for it; let balls roll, and show where they are."""
        if self._surface is not None and self.outbox.credit > 0:
            (run, cut), self._surface = self._surface, None
            self.screen.surface(run, cut)
            if cut.complete:
                self.outbox.answer(Done(run=run, what="surface"))
        if self.stage is not None:
            self.player.tick(self.stage)
            self.screen.send(self.stage)

    def _requested(self, text: str | bytes) -> None:
        """Answer a message of the page."""
        try:
            request = ask.parsed(text)
        except ValidationError as reason:
            first = reason.errors(include_url=False, include_input=False, include_context=False)[0]
            where = [str(part) for part in first["loc"]]
            message = f"{'.'.join(where)}: {first['msg']}" if where else first["msg"]
            self.outbox.answer(Problem(field=where[-1] if where else "", message=message))
            return
        handler: Callable[[Any], None] = getattr(self, f"_on_{request.type}")
        handler(request)

    def _reported(self, job: Job, value: Any) -> None:
        """Take what a job reports; those of canceled jobs come too late."""
        if job.cancelled:
            return
        match value:
            case Stage():
                self._set(value)
            case Slice() if self.stage is not None:
                self.stage.cut = value
                self._surface = (self.stage.run, value)
                self._filling = not value.complete
            case Status() | Diagnosis() | Eigenvalue():
                self.outbox.answer(value)
            case Exception():
                self._filling = False
                self._refuse(value)
                self._stand()
            case Finished():
                self._stand()

    def _set(self, stage: Stage) -> None:
        """Show a new stage; balls of the same ground stay."""
        before, self.stage, self._surface = self.stage, stage, None
        if before is not None and before.ground is stage.ground:
            stage.descents = before.descents
        self.outbox.answer(stage.surface_answer())
        for number in stage.descents:
            self.screen.anew(stage, number)

    def _refuse(self, reason: Exception) -> None:
        """Say what cannot be. What nobody foresaw might come again and again: balls rest, then."""
        field = reason.setting if isinstance(reason, SettingError) else None
        if isinstance(reason, DownslopeError):
            message = worded(reason.message, PAGE)
        else:
            self.player.rest()
            message = f"Something went wrong: {type(reason).__name__}: {' '.join(str(reason).split())[:300]}"
        self.outbox.answer(Problem(field=field or "", message=message))

    def _status(self, state: Any, text: str, done: float | None = None) -> None:
        """Say what is being done."""
        self.outbox.answer(Status(run=self._run, state=state, text=text, done=done))

    def _stand(self, text: str = "") -> None:
        """Say that nothing else is being done than letting balls roll, or not."""
        self._status("idle" if self.stage is None else "playing" if self.player.playing else "paused", text)

    def _shown(self) -> Stage:
        """Return the stage.

        Raises:
            SettingError: nothing is shown yet.
        """
        if self.stage is None:
            raise SettingError("Nothing is shown yet. Open a subject first.", setting="type")
        return self.stage

    def _meant(self, number: int | None) -> list[int]:
        """Return the numbers of the balls that are meant: one, or all for None."""
        stage = self._shown()
        if number is None:
            return list(stage.descents)
        stage.descent(number)
        return [number]

    def _forget(self, stage: Stage | None, number: int) -> None:
        """Forget a ball."""
        if stage is not None:
            stage.descents.pop(number, None)
        self.screen.forget(number)
        self.player.forget(number)

    def _on_hello(self, request: ask.Hello) -> None:
        self.outbox.answer(welcome(self.exhibit))

    def _on_open(self, request: ask.Open) -> None:
        self.player.rest()
        for number in list(self.stage.descents) if self.stage is not None else ():
            self._forget(self.stage, number)
        self.stage, self._surface, self._run, self._filling = None, None, request.run, True
        self._status("opening", "Opening")
        self._jobs.begin(opening(request, self.exhibit, self._open_subject))

    def _on_slice(self, request: ask.SliceAgain) -> None:
        work = cutting(request, self._shown())
        self._run, self._surface, self._filling = request.run, None, True
        self._status("slicing", "Cutting")
        self._jobs.begin(work)

    def _on_start(self, request: ask.Start) -> None:
        stage = self._shown()
        descent = stage.begin(request.a, request.b, request.settings)
        self._forget(stage, request.id)
        stage.descents[request.id] = descent
        self.screen.anew(stage, request.id)

    def _on_play(self, request: ask.Play) -> None:
        self.player.play()
        self._status("playing", "")

    def _on_pause(self, request: ask.Pause) -> None:
        self.player.rest()
        if self.stage is not None:
            self.screen.tell_all(self.stage)
        self._status("paused", "")

    def _on_step(self, request: ask.Step) -> None:
        self.player.step(self._shown(), request.count)
        self._status("paused", "")

    def _on_speed(self, request: ask.Speed) -> None:
        self.player.speed = request.steps_per_second

    def _on_set(self, request: ask.Set) -> None:
        numbers = request.model_dump(exclude_none=True, exclude={"type", "id"})
        for number in self._meant(request.id):
            descent = self._shown().descent(number)
            own = {name: value for name, value in numbers.items() if name in descent.hyperparams}
            if own or request.id is not None:
                descent.set(own if request.id is None else numbers)
            self.outbox.answer(self._shown().descent_answer(number))

    def _on_remove(self, request: ask.Remove) -> None:
        for number in self._meant(request.id):
            self._forget(self.stage, number)
            self.outbox.answer(Removed(id=number))

    def _on_watch(self, request: ask.Watch) -> None:
        self.screen.look_at(request)

    def _on_cancel(self, request: ask.Cancel) -> None:
        self._jobs.cancel()
        self.player.rest()
        if self._filling:
            self._filling = False
            self.outbox.answer(Done(run=self._run, what="surface", cancelled=True))
        self._stand("Stopped.")

    def _on_credit(self, request: ask.Credit) -> None:
        self.outbox.refill(request.frames)

    def _on_code(self, request: ask.AskCode) -> None:
        self.outbox.answer(Code(text=code_of(self._shown())))

    def _on_eigenvalue(self, request: ask.AskEigenvalue) -> None:
        self._measure(finding_eigenvalue(self._shown(), request.id))

    def _on_diagnose(self, request: ask.AskDiagnosis) -> None:
        self._measure(diagnosing(self._shown(), request.id))

    def _measure(self, work: Work) -> None:
        """Measure something after what is being done.

        Raises:
            SettingError: too much waits to be measured already.
        """
        if not self._jobs.then(work):
            raise SettingError("Too much is being measured already. Wait, or cancel.", setting="type")
        self._status("measuring", "Waiting to measure")
