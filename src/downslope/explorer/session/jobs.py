"""Long work beside a session, in a thread of its own: one job at a time."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from downslope.explorer.subjects import Cancelled

Clock = Callable[[], float]
"""Seconds from some moment on, as `time.perf_counter` has them."""

MOST_WAITING = 4
"""Jobs that wait behind another."""


@dataclass(frozen=True, eq=False)
class Job:
    """One piece of long work, as the work itself sees it."""

    work: Callable[[Job], None]
    _report: Callable[[Job, Any], None] = field(repr=False)
    clock: Clock = field(default=time.perf_counter, repr=False)
    _cancelled: threading.Event = field(default_factory=threading.Event, repr=False)

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked it to stop."""
        return self._cancelled.is_set()

    def cancel(self) -> None:
        """Ask it to stop."""
        self._cancelled.set()

    def check(self) -> None:
        """Go on only if somebody still wants it.

        Raises:
            Cancelled: nobody does.
        """
        if self.cancelled:
            raise Cancelled

    def report(self, value: Any) -> None:
        """Hand something to whoever asked for the work.

        Raises:
            Cancelled: nobody wants it anymore.
        """
        self.check()
        self._report(self, value)


class Finished:
    """What a job reports last, unless it failed."""


class Jobs:
    """Runs jobs one after another.

    Args:
        report: is called in the jobs' thread with a job and what it reports: values of its own, then `Finished` or the
            exception that ended it. Canceled jobs report nothing more.
        clock: the time, for the jobs.
    """

    def __init__(self, report: Callable[[Job, Any], None], *, clock: Clock = time.perf_counter):
        self._report = report
        self._clock = clock
        self._lock = threading.Condition(threading.RLock())
        self._current: Job | None = None
        self._waiting: deque[Job] = deque()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="downslope explorer job", daemon=True)
        self._thread.start()

    def begin(self, work: Callable[[Job], None]) -> None:
        """Cancel all that is being done or waits, and do this as soon as that has ended."""
        with self._lock:
            self.cancel()
            self.then(work)

    def then(self, work: Callable[[Job], None]) -> bool:
        """Do this after all that is being done or waits; return False if too much waits already."""
        with self._lock:
            if len(self._waiting) >= MOST_WAITING:
                return False
            self._waiting.append(Job(work, self._report, self._clock))
            self._lock.notify()
            return True

    def cancel(self) -> None:
        """Ask what is being done to stop, and forget what waits."""
        with self._lock:
            if self._current is not None:
                self._current.cancel()
            self._waiting.clear()

    def close(self) -> None:
        """Cancel everything and end the thread, waiting for it."""
        with self._lock:
            self._closed = True
            self.cancel()
            self._lock.notify()
        self._thread.join()

    def _run(self) -> None:
        """Do jobs until closed."""
        while True:
            with self._lock:
                self._current = None
                self._lock.wait_for(lambda: self._closed or bool(self._waiting))
                if self._closed:
                    return
                job = self._current = self._waiting.popleft()
            self._do(job)

    def _do(self, job: Job) -> None:
        """Do a job, and report how it ended."""
        try:
            job.work(job)
            ended: Any = Finished()
        except Cancelled:
            return
        except Exception as reason:
            ended = reason
        if not job.cancelled:
            self._report(job, ended)
