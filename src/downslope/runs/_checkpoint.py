"""Checkpoints: named arrays in a safetensors file, with a digest that is checked on loading.

Anyone can read one with the `safetensors` package alone; no pickle anywhere.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

from downslope.core import DamagedRunError, RunError
from downslope.runs._advice import GO_BACK, RESTORE
from downslope.runs._files import FileSystem, write_whole


class Checkpoint(NamedTuple):
    """What one file holds.

    Attributes:
        arrays: by path, such as `"params/0/weight"`.
        facts: small numbers and words, such as the epoch.
    """

    arrays: dict[str, np.ndarray]
    facts: dict[str, int | float | str | None]


def write_checkpoint(
    path: Path, checkpoint: Checkpoint, file_system: FileSystem, *, earlier: Path | None = None
) -> None:
    """Write a checkpoint in one piece; what was there before goes to `earlier`, if that is named."""
    from safetensors.numpy import save

    arrays = {name: np.asarray(array, order="C") for name, array in checkpoint.arrays.items()}
    facts = json.dumps(checkpoint.facts)
    content = save(arrays, metadata={"facts": facts, "digest": _digest(arrays, facts)})
    write_whole(path, content, earlier=earlier, file_system=file_system)


def read_checkpoint(path: Path) -> Checkpoint:
    """Return the checkpoint in a file.

    Raises:
        RunError: there is no such file.
        DamagedRunError: the file is not what was written.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise RunError(f"{path} is missing: the run has no such checkpoint.", _remedy(path))
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no dict)
        facts = json.loads(metadata["facts"])
        intact = metadata["digest"] == _digest(arrays, metadata["facts"])
        facts = facts if isinstance(facts, dict) else {}
    except (SafetensorError, KeyError, TypeError, ValueError, RecursionError, MemoryError, OSError) as error:
        raise DamagedRunError(
            f"{path} is damaged: it cannot be read as a checkpoint ({error}).", _remedy(path)
        ) from None
    if not intact:
        raise DamagedRunError(f"{path} is damaged: its digest does not fit its content.", _remedy(path))
    return Checkpoint(arrays, facts)


def _remedy(path: Path) -> str:
    """Return what to do about a checkpoint that is not what was written."""
    earlier = path.with_name(f"previous{path.suffix}")
    return GO_BACK if path.stem == "last" and earlier.is_file() else RESTORE


def _digest(arrays: dict[str, np.ndarray], facts: str) -> str:
    """Return a digest of all names, shapes, types and bytes."""
    digest = hashlib.sha256(facts.encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
