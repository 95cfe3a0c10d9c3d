"""`run.json`: how a run was made and how it ended, with a digest of itself."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from downslope.core import JSON, DamagedRunError, DownslopeError, Function, RunError, SettingError, ShapeError
from downslope.runs._advice import RESTORE
from downslope.runs._files import FileSystem, write_whole
from downslope.runs._upgrade import SCHEMA, upgraded


class Record(BaseModel):
    """Everything about a run but its numbers.

    Attributes:
        schema_version: the version of this layout.
        configuration: the rendered settings: network, loss, optimizer and the rest.
        data: rows, fingerprint and kind of the data it was trained on.
        preprocessing: how inputs and targets are prepared, fitted on the training part.
        seed: the one seed.
        versions: of Python and of the packages that numbers depend on.
        cpu_count: processors available; results are bitwise equal only for equal counts.
        computing: what else decides the last bits: flags of the compiler, settings of JAX, processor and devices; None
            in records of earlier versions.
        status: `"running"` until the run has ended.
        stop_reason: why it ended.
        stop_detail: more about a run that diverged.
        seconds: how long it trained, all its parts together; None until it has ended.
        notes: sentences for the user.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: int = SCHEMA
    configuration: dict[str, Any]
    data: dict[str, Any]
    preprocessing: dict[str, Any]
    seed: int
    versions: dict[str, str] = Field(default_factory=lambda: current_versions())
    cpu_count: int = Field(default_factory=lambda: cpu_count())
    computing: dict[str, Any] | None = None
    status: str = "running"
    stop_reason: str | None = None
    stop_detail: dict[str, Any] | None = None
    seconds: float | None = None
    notes: list[str] = []


def write_record(path: Path, record: Record, file_system: FileSystem) -> None:
    """Write a record with its digest."""
    content = record.model_dump()
    write_whole(path, _text(content | {"digest": _digest(content)}).encode(), file_system=file_system)


def read_record(path: Path) -> Record:
    """Return the record in a file, of this layout or of an earlier one.

    Raises:
        RunError: there is no such file, or a newer version of Downslope wrote it.
        DamagedRunError: the file is not what was written.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        digest = content.pop("digest")
        intact = digest == _digest(content)
    except FileNotFoundError:
        raise RunError(
            f"{path.parent} holds no run: expected a folder with run.json, which", Function("train"), "writes."
        ) from None
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError, OSError) as error:
        raise DamagedRunError(f"{path} is damaged: it cannot be read as a run's record ({error}).", RESTORE) from None
    if not intact:
        raise DamagedRunError(f"{path} is damaged: its digest does not fit its content.", RESTORE)
    version = content.get("schema_version")
    if not isinstance(version, int) or version < 1:
        raise DamagedRunError(f"{path} is damaged: it has no version of its layout.", RESTORE)
    if version > SCHEMA:
        versions = content.get("versions")
        writer = versions.get("downslope", "?") if isinstance(versions, dict) else "?"
        raise RunError(
            f"{path} has layout {version}, and this version of Downslope reads layouts up to {SCHEMA}. Use the version "
            f"that wrote it, downslope {writer}, or a newer one."
        )
    try:
        return Record.model_validate(upgraded(content, version))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise DamagedRunError(f"{path} is damaged: `{place}`: {first['msg']}.", RESTORE) from None


UNUSABLE = (KeyError, TypeError, AttributeError, IndexError, ValueError, ArithmeticError, RecursionError)
"""What code meets that is given values of other kinds than those that were written."""


@contextmanager
def content_explained(path: Path, *, own_parts: bool = False) -> Iterator[None]:
    """Explain what is met while the content of a run's files is made into objects again.

    A file whose digest fits may still say what cannot be: somebody changed it by hand, and its digest with it.

    Args:
        path: the run's folder.
        own_parts: whether parts of the user's own take part, which may be what does not fit.

    Raises:
        DamagedRunError: a value is missing, or is none that could have been written.
    """
    try:
        yield
    except (SettingError, ShapeError) as error:
        if own_parts:
            raise
        raise DamagedRunError(f"{path} is damaged: it holds what cannot be. {error}", RESTORE) from None
    except DownslopeError:
        raise
    except UNUSABLE as error:
        raise DamagedRunError(
            f"{path} is damaged: its files hold other values than were written ({type(error).__name__}: {error}).",
            RESTORE,
        ) from error


def current_versions() -> dict[str, str]:
    """Return the versions that numbers depend on."""
    packages = ("downslope", "jax", "jaxlib", "numpy", "optax")
    return {"python": platform.python_version()} | {name: version(name) for name in packages}


def cpu_count() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _text(content: dict[str, JSON]) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _digest(content: dict[str, JSON]) -> str:
    canonical = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
