"""Large CSV and Parquet files, converted once to records that are read from disk as they are wanted."""

from __future__ import annotations

import glob
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from downslope.core import Advice, DataError, open_meter
from downslope.data._columns import ColumnKind, as_kinds, column_kinds
from downslope.data._csv import TextTable, text_tables
from downslope.data._records import RecordWriter, field_of, open_records
from downslope.data._stored_table import StoredTable

FORMAT = 1
BYTES_A_BLOCK = 2**24
ROWS_A_BLOCK = 2**16
DECLARED = "declared.json"
"""The name of the file that says which columns were to be numbers, and which text."""

DEFAULT_CACHE = Path("runs") / ".cache"
"""Where the converted rows of large files lie, unless said otherwise."""


def converted(
    file: Path,
    wanted: list[str],
    *,
    numeric: list[str],
    categorical: list[str],
    cache: Path,
    progress: str | bool,
) -> StoredTable:
    """Return columns of a CSV or Parquet file as a table on disk, which is made the first time.

    The file is read twice, block by block: once to see what each column is, once to write the records. The folder they
    are written to is there only when it is whole, so that a conversion that was stopped is made again.

    Args:
        file: the CSV or Parquet file.
        wanted: the columns.
        numeric: those to read as numbers.
        categorical: those to read as text.
        cache: the folder in which converted files lie.
        progress: `"auto"`, `"bar"`, `"lines"`, or False for nothing.

    Raises:
        DataError: the file is damaged or holds cells that cannot be used, or the records cannot be written.
    """
    status = file.stat()
    name = f"{file.stem}-{_digest(FORMAT, str(file.resolve()), status.st_size, status.st_mtime_ns)}"
    declared = {"numeric": numeric, "categorical": categorical}
    for folder in sorted(cache.glob(f"{glob.escape(name)}-*")):
        if (folder / DECLARED).is_file() and _serves(folder, wanted, declared):
            return open_records(folder).select(wanted)
    folder = cache / f"{name}-{_digest(wanted, declared)}"
    try:
        _convert(file, folder, wanted, declared, progress)
    except OSError as error:
        raise DataError(
            f"{file.name!r} is too large to be read into memory, and its rows cannot be written to {str(cache)!r}: "
            f"{error.strerror or error}.",
            Advice("name another folder for them: {}", cache=...),
            Advice("make room"),
        ) from error
    return open_records(folder)


def _digest(*facts: Any) -> str:
    """Return a few letters that tell facts from others."""
    return hashlib.blake2b(json.dumps(facts).encode(), digest_size=6).hexdigest()


def _serves(folder: Path, wanted: list[str], declared: dict[str, list[str]]) -> bool:
    """Return whether a file was converted before in a way that gives wanted columns as they would be now."""
    table, before = open_records(folder), json.loads((folder / DECLARED).read_text(encoding="utf-8"))
    return set(wanted) <= set(table.columns) and all(_same_kind(table, name, declared, before) for name in wanted)


def _same_kind(table: StoredTable, name: str, declared: dict[str, list[str]], before: dict[str, list[str]]) -> bool:
    """Return whether a column that was converted before is what it would be now."""
    now, then = ([how for how, names in each.items() if name in names] for each in (declared, before))
    if now == then:
        return True
    if then:
        return False
    is_number = not table.is_text(name) and table.records.dtype[table.fields[name]] != np.dtype(bool)
    return table.is_text(name) if now == ["categorical"] else is_number


def _convert(file: Path, folder: Path, wanted: list[str], declared: dict[str, list[str]], progress: str | bool) -> None:
    """Write the records of a file into a folder, which is there when all is written."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f"{folder.name}.part-", dir=folder.parent))
    meter = open_meter(progress, max(1, 2 * file.stat().st_size // 2**20), f"MiB of {file.name!r}", "convert")
    try:
        watched = _watched(meter.update, meter.total)
        kinds = column_kinds(watched(_blocks(file, wanted)), wanted, **declared)
        _write(part, watched(_blocks(file, wanted)), kinds)
        (part / DECLARED).write_text(json.dumps(declared), encoding="utf-8")
        meter.update(meter.total, 0.0)
        part.chmod(0o755)
        if not folder.is_dir():
            os.rename(part, folder)
    finally:
        meter.close()
        shutil.rmtree(part, ignore_errors=True)


def _write(folder: Path, blocks: Iterator[TextTable], kinds: dict[str, ColumnKind]) -> None:
    """Write blocks of rows as records."""
    first = as_kinds(next(blocks), kinds)
    layout = {name: field_of(dtype, gaps=kinds[name].gaps) for name, dtype in first.schema.items()}
    with RecordWriter(folder, layout) as writer:
        writer.append(first)
        for block in blocks:
            writer.append(as_kinds(block, kinds))


def _blocks(file: Path, wanted: list[str]) -> Iterator[tuple[TextTable, float]]:
    """Yield a file's rows in blocks, and the share of the file that was read."""
    if file.suffix.lower() == ".parquet":
        yield from _parquet_blocks(file, wanted)
        return
    blocks = file.stat().st_size / BYTES_A_BLOCK
    for i, table in enumerate(text_tables(file, BYTES_A_BLOCK)):
        yield table, min(1.0, (i + 1) / blocks)


def _parquet_blocks(file: Path, wanted: list[str]) -> Iterator[tuple[TextTable, float]]:
    """Yield the columns of a Parquet file in blocks of rows."""
    import polars as pl

    try:
        lazy = pl.scan_parquet(file)
        rows, read = lazy.select(pl.len()).collect().item(), 0
        for table in lazy.select(wanted).collect_batches(chunk_size=ROWS_A_BLOCK, lazy=True):
            yield TextTable(table, None, file.name, decimal_comma=False, before=read), (read + table.height) / rows
            read += table.height
    except pl.exceptions.PolarsError as error:
        first_line = str(error).partition("\n")[0]
        raise DataError(f"{file.name!r} must be a Parquet file, but cannot be read: {first_line}") from error


def _watched(update: Callable[[int, float], None], total: int) -> Callable[..., Iterator[TextTable]]:
    """Return what passes blocks on and tells how far the work is, over two readings of one file."""
    begun, earlier = time.monotonic(), 0

    def watched(blocks: Iterator[tuple[TextTable, float]]) -> Iterator[TextTable]:
        nonlocal earlier
        for block, share in blocks:
            yield block
            done = earlier + int(share * total / 2)
            update(done, (time.monotonic() - begun) / max(1, done))
        earlier += total // 2

    return watched
