"""`metrics.jsonl`: one checksummed line of JSON an epoch.

Numbers that JSON has no word for are written as text: `"nan"`, `"inf"`, `"-inf"`.
"""

from __future__ import annotations

import json
import math
import zlib
from pathlib import Path

from downslope.core import DamagedRunError, RunError


def append_line(path: Path, values: dict[str, float | int]) -> None:
    """Add the line of one epoch.

    Raises:
        RunError: the disk refuses.
    """
    try:
        with open(path, "a", encoding="utf-8") as file:
            file.write(_line(values))
    except OSError as error:
        raise RunError(f"{path} cannot be written: {error.strerror}. What was saved before is still there.") from error


def read_lines(path: Path) -> list[dict[str, float | int]]:
    """Return the values of every epoch; a last line that was cut off does not count.

    Raises:
        DamagedRunError: a line is not what was written.
    """
    if not path.is_file():
        return []
    lines = path.read_bytes().split(b"\n")[:-1]
    return [_values(path, number, line) for number, line in enumerate(lines, start=1)]


def _line(values: dict[str, float | int]) -> str:
    body = json.dumps({name: _written(value) for name, value in values.items()})
    return f'{body[:-1]}, "crc32": {zlib.crc32(body.encode())}}}\n'


def _values(path: Path, number: int, line: bytes) -> dict[str, float | int]:
    damaged = DamagedRunError(f"{path} is damaged in line {number}: its checksum does not fit.")
    try:
        content = json.loads(line)
        checksum = content.pop("crc32")
    except (ValueError, AttributeError, KeyError):
        raise damaged from None
    if zlib.crc32(json.dumps(content).encode()) != checksum:
        raise damaged
    return {name: value if isinstance(value, int) else float(value) for name, value in content.items()}


def _written(value: float | int) -> float | int | str:
    if isinstance(value, int):
        return value
    return float(value) if math.isfinite(value) else str(float(value))
