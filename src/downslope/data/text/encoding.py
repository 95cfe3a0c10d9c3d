"""Text files of any encoding as bytes in UTF-8, lines ended by a line feed."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator
from pathlib import Path

from downslope.core import Advice, DataError

MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose mark begins the same
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""The byte order marks, and the encodings that they announce."""

START = 2**16
"""Bytes of a file that tell text from other data."""


def utf8_encoding(path: Path, encoding: str | None, *, otherwise: str | None = None) -> str:
    """Return the encoding of a text file.

    Args:
        path: the file.
        encoding: what the user says that it is; None to go by its byte order mark, or else take UTF-8.
        otherwise: the encoding of a file that has no mark and is not in UTF-8; None refuses that where it is read.

    Raises:
        DataError: the file is no text.
    """
    with path.open("rb") as file:
        start = file.read(START)
    announced = next((name for mark, name in MARKS.items() if start.startswith(mark)), None)
    if encoding is not None and codecs.lookup(encoding).name not in ("utf-8", "utf-8-sig"):
        return encoding
    if announced is not None:
        return announced
    if otherwise is not None and not _is_utf8(path):
        return otherwise
    if b"\x00" in start:
        _refuse_binary(start, path)
    return "utf-8"


def read_text(path: Path, encoding: str, size: int | None = None) -> Iterator[bytes]:
    """Yield the text of a file as bytes in UTF-8, lines ended by a line feed.

    Args:
        path: the file.
        encoding: of it, as `utf8_encoding` returns it.
        size: bytes of the file to read at once; None for all.

    Raises:
        DataError: bytes that are not in this encoding, when they are reached.
    """
    recode, pending, line = _recoder(encoding), b"", 1
    with path.open("rb") as file:
        final = False
        while not final:
            read = file.read(-1 if size is None else size)
            final = size is None or not read
            try:
                content = recode(read, final) if not pending else pending + recode(read, final)
            except UnicodeError as error:
                raise _foreign(path, encoding, line, error) from None
            pending = b"\r" if content.endswith(b"\r") and not final else b""  # its line feed may come next
            content = content[: len(content) - len(pending)] if pending else content
            if b"\r" in content:
                content = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            line += content.count(b"\n")
            if content:
                yield content


def _recoder(encoding: str) -> Callable[[bytes, bool], bytes]:
    """Return the function from the next bytes of a file to the same text in UTF-8."""
    decoder = codecs.getincrementaldecoder(encoding)()
    if encoding != "utf-8":
        return lambda read, final: decoder.decode(read, final).encode()

    def checked(read: bytes, final: bool) -> bytes:
        pending = decoder.getstate()[0]
        if read.isascii() and not pending:
            return read
        decoder.decode(read, final)
        rest = len(decoder.getstate()[0])
        return pending + read[: len(read) - rest] if rest <= len(read) else b""

    return checked


def _is_utf8(path: Path) -> bool:
    """Return whether a file is text in UTF-8."""
    try:
        for content in read_text(path, "utf-8", size=2**24):
            if b"\x00" in content:
                return False
    except DataError:
        return False
    return True


def _foreign(path: Path, encoding: str, line: int, error: UnicodeError) -> DataError:
    """Return the error for bytes that are not in an encoding."""
    if encoding not in ("utf-8", "utf-8-sig"):
        return DataError(
            f"{path.name!r} must be text in the encoding {encoding}, got other bytes, first after line {line}.",
            Advice("name another encoding:", encoding="cp1252"),
            Advice("save it as UTF-8"),
        )
    if isinstance(error, UnicodeDecodeError):
        before = error.object[: error.start]
        line += before.count(b"\n") + before.replace(b"\r\n", b"").count(b"\r")
    return DataError(
        f"{path.name!r} must be text in UTF-8, got other bytes in line {line}.",
        Advice("name its encoding, such as that of Windows in the West:", encoding="cp1252"),
        Advice("save it again as UTF-8"),
    )


def _refuse_binary(start: bytes, path: Path) -> None:
    """Refuse a file that holds zero bytes.

    Raises:
        DataError: always; UTF-16 without a mark is told from other data.
    """
    zeros = [start[first::2].count(0) / max(1, len(start[first::2])) for first in (0, 1)]
    if max(zeros) > 0.9 and min(zeros) < 0.1:
        name = "utf-16-le" if zeros[1] > zeros[0] else "utf-16-be"
        raise DataError(
            f"{path.name!r} must be text in UTF-8, got UTF-16 without a byte order mark.",
            Advice("name its encoding:", encoding=name),
            Advice("save it again as UTF-8"),
        )
    raise DataError(f"{path.name!r} must be a text file with columns, got binary data. Check what it is.")
