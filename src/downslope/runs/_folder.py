"""A run's folder: what is in it, and where.

run.json                          how the run was made and how it ended
metrics.jsonl                     a line an epoch
checkpoints/last.safetensors      the newest state, with everything that going on needs
checkpoints/previous.safetensors  the one before
checkpoints/best.safetensors      the parameters with the lowest validation loss
trajectory.safetensors            recorded parameters, when asked for
tracking.safetensors              curvature and noise along the way, when asked for
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from downslope.core import RunError
from downslope.runs._checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from downslope.runs._metrics import append_line, read_lines
from downslope.runs._record import Record, read_record, write_record

CHECKPOINTS = ("last", "previous", "best")


@dataclass(frozen=True)
class RunFolder:
    """The place on disk that one run is kept in.

    Attributes:
        path: the folder.
    """

    path: Path

    @classmethod
    def create(cls, path: str | os.PathLike[str], *, overwrite: bool = False) -> RunFolder:
        """Return a new, empty run folder.

        Args:
            path: the folder; made if it is not there.
            overwrite: whether a run that is already there may be replaced. Files that are no part of a run stay.

        Raises:
            RunError: the folder is not empty, is a file, or cannot be written.
        """
        folder = cls(Path(path))
        try:
            if folder.path.is_dir() and any(folder.path.iterdir()):
                if not overwrite:
                    raise RunError(
                        f"The folder to store in must be new or empty, got {folder.path}, which is neither. "
                        "Choose another folder, or overwrite it on purpose (--overwrite, overwrite=True)."
                    )
                folder._remove_run()
            (folder.path / "checkpoints").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"The folder {folder.path} cannot be made: {error.strerror}. Choose another.") from error
        return folder

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> RunFolder:
        """Return the folder of a run that is there.

        Raises:
            RunError: there is no run.
        """
        folder = cls(Path(path))
        if not folder.path.is_dir():
            what = "a file" if folder.path.exists() else "nothing"
            raise RunError(f"A run is a folder that `train` wrote; there is {what} at {folder.path}.")
        if not folder._record.is_file():
            raise RunError(f"{folder.path} holds no run: expected a folder with run.json, which `train` writes.")
        return folder

    def write_record(self, record: Record) -> None:
        """Write `run.json`."""
        write_record(self._record, record)

    def read_record(self) -> Record:
        """Return what `run.json` says."""
        return read_record(self._record)

    def append_metrics(self, values: dict[str, float | int]) -> None:
        """Add the values of one epoch."""
        append_line(self._metrics, values)

    def read_history(self) -> dict[str, np.ndarray]:
        """Return the values of all epochs by name, without the epoch's number."""
        lines = read_lines(self._metrics)
        return {
            name: np.array([line[name] for line in lines]) for name in (lines[0] if lines else {}) if name != "epoch"
        }

    def save_last(self, checkpoint: Checkpoint) -> None:
        """Write the newest state; the one before stays as `previous`."""
        last = self.checkpoint_path("last")
        if last.exists():
            os.replace(last, self.checkpoint_path("previous"))
        write_checkpoint(last, checkpoint)

    def save_best(self, checkpoint: Checkpoint) -> None:
        """Write the best parameters so far."""
        write_checkpoint(self.checkpoint_path("best"), checkpoint)

    def save_trajectory(self, trajectory: Checkpoint) -> None:
        """Write the recorded parameters."""
        write_checkpoint(self.path / "trajectory.safetensors", trajectory)

    def save_tracking(self, tracking: Checkpoint) -> None:
        """Write what was measured along the way."""
        write_checkpoint(self.path / "tracking.safetensors", tracking)

    def save_restarts(self, restarts: Checkpoint) -> None:
        """Write how several starts ended."""
        write_checkpoint(self.path / "restarts.safetensors", restarts)

    def read(self, name: str) -> Checkpoint:
        """Return the checkpoint `last`, `previous` or `best`."""
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
        optional = [self.path / f"{name}.safetensors" for name in ("trajectory", "tracking", "restarts")]
        for path in (self._record, self._metrics, *optional, *checkpoints):
            path.unlink(missing_ok=True)
