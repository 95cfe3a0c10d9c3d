"""A run's folder: what is in it, and where.

run.json                          how the run was made and how it ended
run.lock                          who writes here, if anybody does
metrics.jsonl                     a line an epoch
checkpoints/last.safetensors      the newest state, with everything that going on needs
checkpoints/previous.safetensors  the one before
checkpoints/best.safetensors      the parameters with the lowest validation loss
checkpoints/start.safetensors     what it began from, if that was given
checkpoints/members.safetensors   the newest state of every restart, if there are several
trajectory.safetensors            recorded parameters, when asked for
tracking.safetensors              curvature and noise along the way, when asked for
restarts.safetensors              how several starts ended, if there were several
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from downslope.core import Advice, Function, RunError
from downslope.runs._advice import other_runs
from downslope.runs._checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from downslope.runs._files import LOCAL, FileSystem
from downslope.runs._lock import FolderLock
from downslope.runs._metrics import append_line, read_lines, sync_lines, write_lines
from downslope.runs._record import Record, read_record, write_record

CHECKPOINTS = ("last", "previous", "best", "start", "members")
OTHERS = ("trajectory", "tracking", "restarts")
LOCK = "run.lock"


@dataclass(frozen=True)
class RunFolder:
    """The place on disk that one run is kept in.

    Attributes:
        path: the folder.
        lock: the right to write there; None for a reader.
        file_system: what files are written by.
    """

    path: Path
    lock: FolderLock | None = field(default=None, repr=False, compare=False)
    file_system: FileSystem = field(default=LOCAL, repr=False, compare=False)

    @classmethod
    def create(
        cls, path: str | os.PathLike[str], *, overwrite: bool = False, file_system: FileSystem = LOCAL
    ) -> RunFolder:
        """Return a new, empty run folder, to write into.

        Args:
            path: the folder; made if it is not there.
            overwrite: whether a run that is already there may be replaced. Files that are no part of a run stay.
            file_system: what files are written by.

        Raises:
            RunError: the folder is not empty, is a file, cannot be written, or another process writes there.
        """
        directory = Path(path)
        try:
            if directory.is_dir() and any(child.name != LOCK for child in directory.iterdir()) and not overwrite:
                raise _occupied(directory)
            directory.mkdir(parents=True, exist_ok=True)
            folder = cls(directory, FolderLock(directory / LOCK), file_system)
            folder._remove_run()
            (directory / "checkpoints").mkdir(exist_ok=True)
        except OSError as error:
            raise RunError(f"The folder {directory} cannot be made: {error.strerror}. Choose another.") from error
        return folder

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, to_write: bool = False) -> RunFolder:
        """Return the folder of a run that is there.

        Args:
            path: the folder.
            to_write: whether the run goes on.

        Raises:
            RunError: there is no run, or it is to go on and another process writes there.
        """
        folder = cls(Path(path))
        if not folder.path.is_dir():
            content = "a file" if folder.path.exists() else "nothing"
            state = f"there is {content} at {folder.path}"
            raise RunError("A run is a folder that", Function("train"), f"wrote; {state}.", other_runs(folder.path))
        if not folder._record.is_file():
            raise RunError(
                f"{folder.path} holds no run: expected a folder with run.json, which",
                Function("train"),
                "writes.",
                other_runs(folder.path),
            )
        return replace(folder, lock=FolderLock(folder.path / LOCK)) if to_write else folder

    @classmethod
    def was_begun(cls, path: str | os.PathLike[str]) -> bool:
        """Return whether a folder holds nothing but the beginning of a run that was stopped before its first save."""
        folder = cls(Path(path))
        if not folder.path.is_dir() or folder.has_state or folder._has_ended:
            return False
        own = {
            LOCK,
            "checkpoints",
            folder._record.name,
            folder._metrics.name,
            *(f"{name}.safetensors" for name in OTHERS),
        }
        return all(child.name.removesuffix(".new") in own for child in folder.path.iterdir())

    @property
    def has_state(self) -> bool:
        """Whether a run was saved here at least once."""
        return self._record.is_file() and any(self.has(name) for name in ("last", "previous"))

    @property
    def _has_ended(self) -> bool:
        """Whether the record of a run says that it has ended."""
        with suppress(RunError):
            return self.read_record().status != "running"
        return False

    def release(self) -> None:
        """Let others write."""
        if self.lock is not None:
            self.lock.release()

    def write_record(self, record: Record) -> None:
        """Write `run.json`."""
        write_record(self._record, record, self.file_system)

    def read_record(self) -> Record:
        """Return what `run.json` says."""
        return read_record(self._record)

    def append_metrics(self, values: dict[str, float | int]) -> None:
        """Add the values of one epoch."""
        append_line(self._metrics, values, self.file_system)

    def read_epochs(self, at_least: int, most: int | None = None) -> list[dict[str, float | int]]:
        """Return the values of each epoch, its number among them; of the first ones only, if `most` says how many.

        Raises:
            DamagedRunError: a line is not what was written, or there are fewer epochs.
        """
        return read_lines(self._metrics, at_least, most)

    def write_epochs(self, epochs: list[dict[str, float | int]]) -> None:
        """Write the values of all epochs anew."""
        write_lines(self._metrics, epochs, self.file_system)

    def save_last(self, checkpoint: Checkpoint) -> None:
        """Write the newest state, after the lines of its epochs; the one before stays as `previous`."""
        sync_lines(self._metrics, self.file_system)
        last, previous = self.checkpoint_path("last"), self.checkpoint_path("previous")
        write_checkpoint(last, checkpoint, self.file_system, earlier=previous)

    def save(self, name: str, checkpoint: Checkpoint) -> None:
        """Write the checkpoint `best`, `start` or `members`."""
        write_checkpoint(self.checkpoint_path(name), checkpoint, self.file_system)

    def save_trajectory(self, trajectory: Checkpoint) -> None:
        """Write the recorded parameters."""
        write_checkpoint(self.path / "trajectory.safetensors", trajectory, self.file_system)

    def save_tracking(self, tracking: Checkpoint) -> None:
        """Write what was measured along the way."""
        write_checkpoint(self.path / "tracking.safetensors", tracking, self.file_system)

    def save_restarts(self, restarts: Checkpoint) -> None:
        """Write how several starts ended."""
        write_checkpoint(self.path / "restarts.safetensors", restarts, self.file_system)

    def read(self, name: str) -> Checkpoint:
        """Return a checkpoint: `last`, `previous`, `best`, `start` or `members`."""
        return read_checkpoint(self.checkpoint_path(name))

    def read_trajectory(self) -> Checkpoint | None:
        """Return the recorded parameters, if there are any."""
        return self._read_optional("trajectory.safetensors")

    def read_tracking(self) -> Checkpoint | None:
        """Return what was measured along the way, if anything was."""
        return self._read_optional("tracking.safetensors")

    def read_restarts(self) -> Checkpoint | None:
        """Return how several starts ended, if there were several."""
        return self._read_optional("restarts.safetensors")

    def discard(self, name: str) -> None:
        """Remove a checkpoint that is no longer true."""
        self.checkpoint_path(name).unlink(missing_ok=True)

    def has(self, name: str) -> bool:
        """Return whether the checkpoint is there."""
        return self.checkpoint_path(name).is_file()

    def checkpoint_path(self, name: str) -> Path:
        """Return the file of a checkpoint."""
        return self.path / "checkpoints" / f"{name}.safetensors"

    @property
    def _record(self) -> Path:
        return self.path / "run.json"

    @property
    def _metrics(self) -> Path:
        return self.path / "metrics.jsonl"

    def _read_optional(self, name: str) -> Checkpoint | None:
        path = self.path / name
        return read_checkpoint(path) if path.is_file() else None

    def _remove_run(self) -> None:
        """Remove the files of a run, and no others."""
        checkpoints = [self.checkpoint_path(name) for name in CHECKPOINTS]
        optional = [self.path / f"{name}.safetensors" for name in OTHERS]
        for path in (self._record, self._metrics, *optional, *checkpoints):
            path.unlink(missing_ok=True)


def _occupied(directory: Path) -> RunError:
    """Return the error that a folder to store in holds something."""
    folder = RunFolder(directory)
    goes_on = [Advice("go on with the run in it", resume="auto")]
    return RunError(
        f"The folder to store in must be new or empty, got {directory}, which is neither.",
        Advice("choose another folder"),
        *(goes_on if folder.has_state or RunFolder.was_begun(directory) else []),
        Advice("overwrite it on purpose", overwrite=True),
    )
