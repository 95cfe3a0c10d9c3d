"""`metrics.jsonl`: one checksummed line of JSON an epoch.

Numbers that JSON has no word for are written as text: `"nan"`, `"inf"`, `"-inf"`.
"""

from __future__ import annotations

import json
import math
import zlib
from pathlib import Path

from downslope.core import DamagedRunError
from downslope.runs._advice import RESTORE
from downslope.runs._files import FileSystem, refusals_explained, write_whole


def append_line(path: Path, values: dict[str, float | int], file_system: FileSystem) -> None:
    """Add the line of one epoch.

    Raises:
        UnwritableRunError: the disk refuses.
    """
    with refusals_explained(path), file_system.open(path, "ab") as file:
        file.write(_line(values).encode())


def sync_lines(path: Path, file_system: FileSystem) -> None:
    """Make all lines so far last.

    Raises:
        UnwritableRunError: the disk refuses.
    """
    if path.is_file():
        with refusals_explained(path), file_system.open(path, "rb") as file:
            file_system.fsync(file.fileno())


def write_lines(path: Path, lines: list[dict[str, float | int]], file_system: FileSystem) -> None:
    """Write all lines anew.

    Raises:
        UnwritableRunError: the disk refuses.
    """
    write_whole(path, "".join(map(_line, lines)).encode(), file_system=file_system)


def read_lines(path: Path, at_least: int, most: int | None = None) -> list[dict[str, float | int]]:
    """Return the values of every epoch, or of the first `most`; a last line that was cut off does not count.

    Raises:
        DamagedRunError: a line is not what was written, or there are fewer than there must be.
    """
    content = path.read_bytes() if path.is_file() else b""
    lines = content.split(b"\n")[:-1]
    if len(lines) < at_least:
        raise DamagedRunError(f"{path} is damaged: of {at_least} epochs it has {len(lines)} whole lines.", RESTORE)
    return [_values(path, number, line) for number, line in enumerate(lines[:most], start=1)]


def _line(values: dict[str, float | int]) -> str:
    body = json.dumps({name: _written(value) for name, value in values.items()})
    return f'{body[:-1]}, "crc32": {zlib.crc32(body.encode())}}}\n'


def _values(path: Path, number: int, line: bytes) -> dict[str, float | int]:
    damaged = DamagedRunError(f"{path} is damaged in line {number}: its checksum does not fit.", RESTORE)
    try:
        content = json.loads(line)
        checksum = content.pop("crc32")
        intact = zlib.crc32(json.dumps(content).encode()) == checksum
        values = {name: value if isinstance(value, int) else float(value) for name, value in content.items()}
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError, OverflowError):
        raise damaged from None
    if not intact:
        raise damaged
    return values


def _written(value: float | int) -> float | int | str:
    if isinstance(value, int):
        return value
    return float(value) if math.isfinite(value) else str(float(value))
