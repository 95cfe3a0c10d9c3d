"""Digests of what was written, by which damage is noticed before rows are learned from."""

from __future__ import annotations

import hashlib
import json
import math
import os
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

from numpy.lib.format import read_array_header_1_0, read_array_header_2_0, read_magic

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
        left, digest = _bytes_of_rows(file), hashlib.sha256()
        if file.tell() + left == os.fstat(file.fileno()).st_size:
            return None
        while left and (block := file.read(min(READ_BYTES, left))):
            digest.update(block)
            left -= len(block)
        return not left and file.read() == trailer(digest.hexdigest())


def _bytes_of_rows(file: IO[bytes]) -> int:
    """Return how many bytes of rows follow the header of a `.npy` file, which is read.

    Raises:
        ValueError: it has no such header.
    """
    try:
        read_header = read_array_header_1_0 if read_magic(file) == (1, 0) else read_array_header_2_0
        shape, _, dtype = read_header(file)
    except Exception as error:  # NumPy parses it as Python, which fails in many ways
        raise ValueError("it does not begin as a file of rows") from error
    return math.prod(shape) * dtype.itemsize


def file_digest(path: Path) -> str:
    """Return the digest of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def facts_digest(facts: dict[str, Any]) -> str:
    """Return the digest of facts that are written as JSON, their own digest aside."""
    rest = {name: value for name, value in facts.items() if name != "digest"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()
