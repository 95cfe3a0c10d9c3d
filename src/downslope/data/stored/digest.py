"""Digests of what was written, by which damage is noticed before rows are learned from."""

from __future__ import annotations

import hashlib
import json
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

TITLE = b"\nsha256 of the rows: "
"""What stands between the rows of a `.npy` file and their digest; NumPy reads no farther than the rows."""

READ_BYTES = 2**22


def trailer(digest: str) -> bytes:
    """Return what follows the rows of a file."""
    return TITLE + digest.encode() + b"\n"


def is_whole(path: Path) -> bool | None:
    """Return whether the rows of a `.npy` file are those that were written; None if it has no digest.

    All of it is read, once a process as long as the file stays as it is.

    Raises:
        OSError: it cannot be read.
        ValueError: it does not begin as such a file.
    """
    status = path.stat()
    return _is_whole(path, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


@lru_cache(maxsize=64)
def _is_whole(path: Path, *facts: int) -> bool | None:
    with path.open("rb") as file:
        np.lib.format.read_magic(file)
        shape, _, dtype = np.lib.format.read_array_header_2_0(file)
        left, digest = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize, hashlib.sha256()
        if file.tell() + left == os.fstat(file.fileno()).st_size:
            return None
        while left and (block := file.read(min(READ_BYTES, left))):
            digest.update(block)
            left -= len(block)
        return not left and file.read() == trailer(digest.hexdigest())


def file_digest(path: Path) -> str:
    """Return the digest of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def facts_digest(facts: dict[str, Any]) -> str:
    """Return the digest of facts that are written as JSON, their own digest aside."""
    rest = {name: value for name, value in facts.items() if name != "digest"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()
