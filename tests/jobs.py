"""Trainings by the parts of `ds.train`: chunks of a few steps, saves at every chance, faults on the way."""

import sys
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import downslope as ds
from downslope.runs import LocalFileSystem, RunFolder
from downslope.training import Recipe, TrainingSettings
from downslope.training.checkpointing import CheckpointPolicy
from downslope.training.engine.progress import Silent
from downslope.training.job import TrainingJob, run_job
from downslope.training.resume import load_job

LOCAL = LocalFileSystem()


def training_job(net, data, *, chunk=None, record=None, track=None, restarts=1, **settings):
    """Return the job of `ds.train`, with chunks of at most so many steps."""
    recipe = Recipe(net, data, TrainingSettings.of(settings))
    problem = replace(recipe.problem(), longest_chunk=chunk)
    return TrainingJob.start(recipe, problem, record=record, track=track, restarts=restarts)


def train_in_chunks(
    net, data, *, store=None, overwrite=False, files=LOCAL, observers=(), progress=False, policy=None, **settings
):
    """Train as `ds.train` does, with `chunk=…` in chunks of at most so many steps, saving by a policy."""
    job = training_job(net, data, **settings)
    folder = None if store is None else RunFolder.create(store, overwrite=overwrite, file_system=files)
    return run_job(job, folder=folder, observers=tuple(observers), progress=progress or Silent(), policy=policy)


def resume_in_chunks(path, epochs, *, chunk=None, policy=None, observers=()):
    """Resume as `ds.resume` does, in chunks of at most so many steps, saving by a policy."""
    job, folder = load_job(path, epochs)
    job.problem = replace(job.problem, longest_chunk=chunk)
    return run_job(job, folder=folder, progress=Silent(), policy=policy, observers=tuple(observers))


def failing_file_system(name, error, *, from_call):
    """Return the local file system, whose calls of a name raise an error from the so many-eth on."""
    numbers = count(1)
    calls = {call: getattr(LOCAL, call) for call in ("open", "fsync", "link", "replace")}

    def fail(*arguments):
        if next(numbers) >= from_call:
            raise error
        return calls[name](*arguments)

    return SimpleNamespace(**calls | {name: fail})


class Failing(Silent):
    """Progress that raises an error at a chunk, or at the end of an epoch, counted from 1."""

    def __init__(self, error=KeyboardInterrupt, *, at_chunk=None, at_epoch=None):
        self.error, self.at = error, {"chunk": at_chunk, "epoch": at_epoch}
        self.calls = {"chunk": 0, "epoch": 0}

    def chunk(self, epoch, share):
        self.count("chunk")

    def epoch(self, epoch, values):
        self.count("epoch")

    def count(self, name):
        """Count a call; raise the error if it is time."""
        self.calls[name] += 1
        if self.calls[name] == self.at[name]:
            raise self.error


class AtOnce:
    """An executor that does its work where it is submitted, so that saves come at the same moments each time."""

    def submit(self, function, *arguments):
        """Call the function."""
        future = Future()
        try:
            future.set_result(function(*arguments))
        except ds.RunError as reason:
            future.set_exception(reason)
        return future

    def shutdown(self):
        """Do nothing."""


ALWAYS_SAVE = CheckpointPolicy(0.0, 0.0, 0.0, executor=AtOnce)
"""Save at every chance, at once."""


@contextmanager
def failing_at_call(number, *files, error=KeyboardInterrupt):
    """Raise an error in the so many-eth call of a Python function defined in some files; yield the count of calls."""
    paths, calls = {str(Path(path).resolve()) for path in files}, [0]

    def trace(frame, event, argument):
        if frame.f_code.co_filename in paths and not frame.f_code.co_name.startswith("<"):
            calls[0] += 1
            if calls[0] == number:
                raise error
        return

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield calls
    finally:
        sys.settrace(before)
