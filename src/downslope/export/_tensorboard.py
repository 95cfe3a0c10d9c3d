"""An observer that writes a training to TensorBoard's event files."""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Protocol, runtime_checkable

import numpy as np

from downslope.core import MissingExtraError, PyTree, Setting, SettingError, named_leaves
from downslope.runs import refusals_explained
from downslope.training import Moment

PARTS = ("train", "validation")


@runtime_checkable
class Event(Protocol):
    """A protocol buffer of TensorBoard's event."""

    def SerializeToString(self) -> bytes:  # noqa: N802
        """Return the event as it is written."""
        ...


class TensorBoard:
    """An observer that writes TensorBoard's event files, at the end of each epoch.

    What `run.history` will hold is written, by epoch: `train_loss` and `validation_loss` as `loss` of the runs `train`
    and `validation`, which TensorBoard draws in one chart, and metrics likewise; all else, such as `batch_loss` and
    `learning_rate`, by its name in `train`. Look at them with `tensorboard --logdir FOLDER`.

    No file stays open between epochs, so whatever ends a training, all epochs that ended are there. A training that
    goes on, or begins again, in the same folder takes the place of the epochs it repeats.

    Args:
        folder: where the folders `train` and `validation` are made, at the end of the first epoch.
        histograms: whether to write the distribution of every array of parameters, too.

    Raises:
        MissingExtraError: the package `tensorboardX` is not installed.
        SettingError: the folder is a file.

    Example:
        With tensorboardX installed::

            watch = ds.export.TensorBoard("runs/iris/tensorboard")
            ds.train(net, data, validation=0.2, observers=[watch], store="runs/iris")
    """

    def __init__(self, folder: str | os.PathLike[str], *, histograms: bool = False):
        _require_tensorboardx()
        self.folder = Path(folder)
        self.histograms = histograms
        self._files: dict[str, Path] = {}
        self._epoch = 0
        if self.folder.exists() and not self.folder.is_dir():
            raise SettingError(Setting("folder"), f"must be a folder, or nothing yet, got the file {self.folder}.")

    def __call__(self, moment: Moment) -> None:
        """Write the epoch that just ended.

        Raises:
            UnwritableRunError: the disk refuses.
        """
        if moment.epoch <= self._epoch:
            self._files = {}  # another training has begun
        self._epoch = moment.epoch
        for part, values in _by_part(moment.values).items():
            summaries = [_scalar(name, value) for name, value in values.items()]
            if part == "train" and self.histograms:
                summaries += _histograms(moment.variables.params)
            self._append(part, moment.epoch, summaries)

    def _append(self, part: str, epoch: int, summaries: list[object]) -> None:
        """Add the summaries of an epoch to the file of a part, which begins if this is the first."""
        wall_time, event = time.time(), _protocol("event_pb2").Event
        events = [event(wall_time=wall_time, step=epoch, summary=summary) for summary in summaries]
        with refusals_explained(self.folder / part):
            if part not in self._files:
                self._files[part] = _new_file(self.folder / part)
                events = [*_opening(wall_time, epoch), *events]
            with open(self._files[part], "ab") as file:
                file.write(b"".join(_framed(event.SerializeToString()) for event in events))


def _by_part(values: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """Return the values of an epoch by part, each under the name that both parts share.

    Example:
        >>> _by_part({"batch_loss": 0.3, "train_loss": 0.2, "validation_loss": 0.4})
        {'train': {'batch_loss': 0.3, 'loss': 0.2}, 'validation': {'loss': 0.4}}
    """
    parts: dict[str, dict[str, float]] = {}
    for name, value in values.items():
        part, _, rest = name.partition("_")
        own, shared = (part, rest) if part in PARTS and rest else ("train", name)
        parts.setdefault(own, {})[shared] = float(value)
    return parts


def _scalar(name: str, value: float) -> object:
    """Return a named number; tensorboardX's own function complains aloud of numbers that are not finite."""
    summary = _protocol("summary_pb2").Summary
    return summary(value=[summary.Value(tag=name, simple_value=value)])


def _histograms(params: PyTree) -> list[object]:
    """Return how the numbers of each array are distributed; arrays with infinite ones are left out."""
    from tensorboardX import summary

    arrays = {name: np.asarray(leaf) for name, leaf in named_leaves(params).items()}
    return [
        summary.histogram(f"params/{name}", array, bins="doane")
        for name, array in arrays.items()
        if array.size and np.isfinite(array).all()
    ]


def _opening(wall_time: float, epoch: int) -> list[Event]:
    """Return the first events of a file: its format, and from which step on it takes the place of earlier files."""
    protocol = _protocol("event_pb2")
    event, log = protocol.Event, protocol.SessionLog
    start = event(wall_time=wall_time, step=epoch, session_log=log(status=log.START))
    return [event(wall_time=wall_time, file_version="brain.Event:2"), start]


def _new_file(folder: Path) -> Path:
    """Return a new, empty file of a name by which TensorBoard knows it; later ones sort behind."""
    folder.mkdir(parents=True, exist_ok=True)
    number = sum(1 for _ in folder.iterdir())
    path = folder / f"events.out.tfevents.{int(time.time())}.{socket.gethostname()}.{os.getpid()}.{number}"
    path.touch(exist_ok=False)
    return path


def _framed(content: bytes) -> bytes:
    """Return one record of a TFRecord file: length, its checksum, content, its checksum; little-endian."""
    from tensorboardX.record_writer import masked_crc32c

    length = struct.pack("<Q", len(content))
    return length + struct.pack("<I", masked_crc32c(length)) + content + struct.pack("<I", masked_crc32c(content))


def _protocol(name: str) -> ModuleType:
    """Return a module of the protocol buffers that events are made of."""
    return import_module(f"tensorboardX.proto.{name}")


def _require_tensorboardx() -> None:
    """Check that the package is there.

    Raises:
        MissingExtraError: it is not.
    """
    try:
        import tensorboardX  # noqa: F401
    except ImportError:
        raise MissingExtraError("tensorboardX", "tensorboard") from None
