"""Long work beside a session, in a thread of its own: one job at a time."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from downslope.explorer.subjects import Cancelled

Clock = Callable[[], float]
"""A function like `time.perf_counter`."""

MOST_WAITING = 4
"""Jobs that wait behind another."""


@dataclass(frozen=True, eq=False)
class Job:
    """One piece of long work."""

    work: Callable[[Job], None]
    _report: Callable[[Job, object], None] = field(repr=False)
    clock: Clock = field(default=time.perf_counter, repr=False)
    _cancelled: threading.Event = field(default_factory=threading.Event, repr=False)

    @property
    def cancelled(self) -> bool:
        """Whether it was canceled."""
        return self._cancelled.is_set()

    def cancel(self) -> None:
        """Cancel it."""
        self._cancelled.set()

    def check(self) -> None:
        """Raise if it was canceled.

        Raises:
            Cancelled: it was.
        """
        if self.cancelled:
            raise Cancelled

    def report(self, value: object) -> None:
        """Report a value of the work.

        Raises:
            Cancelled: it was canceled.
        """
        self.check()
        self._report(self, value)


class Finished:
    """The last report of a job that did not fail."""


class Jobs:
    """Runs jobs one after another.

    Args:
        report: is called in the jobs' thread with a job and each of its reports: values of its own, then `Finished` or
            the exception that ended it. Canceled jobs report nothing more.
        clock: the time, for the jobs.
    """

    def __init__(self, report: Callable[[Job, object], None], *, clock: Clock = time.perf_counter):
        self._report = report
        self._clock = clock
        self._lock = threading.Condition(threading.RLock())
        self._current: Job | None = None
        self._waiting: deque[Job] = deque()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="downslope explorer job", daemon=True)
        self._thread.start()

    def begin(self, work: Callable[[Job], None]) -> None:
        """Cancel the current job and those that wait, and run this work next."""
        with self._lock:
            self.cancel()
            self.enqueue(work)

    def enqueue(self, work: Callable[[Job], None]) -> bool:
        """Run this work after all other; return False if too much waits already."""
        with self._lock:
            if len(self._waiting) >= MOST_WAITING:
                return False
            self._waiting.append(Job(work, self._report, self._clock))
            self._lock.notify()
            return True

    def cancel(self) -> None:
        """Cancel the current job, and drop those that wait."""
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
        """Run jobs until closed."""
        while True:
            with self._lock:
                self._current = None
                self._lock.wait_for(lambda: self._closed or bool(self._waiting))
                if self._closed:
                    return
                job = self._current = self._waiting.popleft()
            self._do(job)

    def _do(self, job: Job) -> None:
        """Run a job, and report its outcome."""
        try:
            job.work(job)
            outcome: object = Finished()
        except Cancelled:
            return
        except Exception as reason:
            outcome = reason
        if not job.cancelled:
            self._report(job, outcome)
