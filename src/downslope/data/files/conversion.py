"""Large CSV and Parquet files, converted once to records that stay on disk."""

from __future__ import annotations

import glob
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import numpy as np

from downslope.core import Advice, DataError, Meter, open_meter
from downslope.data.files.columns import TableKinds, as_kinds, column_kinds
from downslope.data.files.file_table import FileTable, ReadSizes, TableFormat
from downslope.data.stored import (
    RecordWriter,
    StoredTable,
    field_of,
    file_digest,
    open_records,
    publish,
    unfinished_folder,
)

LAYOUT_VERSION = 3
DECLARED = "declared.json"
"""The name of the file that says which columns were to be numbers, and which text."""

SOURCE = "source.json"
"""The name of the file that tells the content that was converted."""

READ = "read.json"
"""The name of the file that says how the text was read, and what is to be said about it."""

Declared = dict[str, list[str]]
"""The columns declared `"numeric"` and those declared `"categorical"`."""

SharedBlocks = Iterator[tuple[FileTable, float]]
"""Blocks of a file's rows, each with the share of the file that was read."""

DEFAULT_CACHE = Path("runs") / ".cache"
"""Where the converted rows of large files lie, unless said otherwise."""


def convert(
    file: Path,
    table_format: TableFormat,
    columns: list[str],
    *,
    numeric: list[str],
    categorical: list[str],
    cache: Path,
    progress: str | bool,
    sizes: ReadSizes,
) -> StoredTable:
    """Return columns of a CSV or Parquet file as a table on disk, which is written the first time.

    The file is read twice, block by block: once for the kinds of the columns, once to write the records. Their folder
    appears only when it is complete, so that an interrupted conversion is repeated.

    Args:
        file: the CSV or Parquet file.
        table_format: of that file.
        columns: the names of the columns to take.
        numeric: those to read as numbers.
        categorical: those to read as text.
        cache: the folder in which converted files lie.
        progress: `"auto"`, `"bar"`, `"lines"`, or False for nothing.
        sizes: of the blocks.

    Raises:
        DataError: the file is damaged or holds cells that cannot be used, or the records cannot be written.
    """
    status = file.stat()
    state = str(file.resolve()), status.st_size, status.st_mtime_ns
    name = f"{file.stem}-{_digest(LAYOUT_VERSION, *state, table_format.facts)}"
    declared = {"numeric": numeric, "categorical": categorical}
    for folder in sorted(cache.glob(f"{glob.escape(name)}-*")):
        if (folder / DECLARED).is_file() and _serves(folder, file, columns, declared):
            return open_records(folder).select(columns)
    folder = cache / f"{name}-{_digest(columns, declared)}"
    meter = open_meter(progress, max(1, 2 * status.st_size // 2**20), f"MiB of {file.name!r}", "convert")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with closing(meter):
            read_blocks = partial(table_format.read_blocks, file, columns, sizes)
            _write_folder(folder, file, read_blocks, columns, declared, meter)
    except OSError as error:
        raise DataError(
            f"{file.name!r} is too large to be read into memory, and its rows cannot be written to {str(cache)!r}: "
            f"{error.strerror or error}.",
            Advice("name another folder for them: {}", cache=...),
            Advice("make room"),
        ) from error
    return open_records(folder)


def _digest(*facts: str | int | list[str] | Declared) -> str:
    """Return a few letters that tell facts from others."""
    return hashlib.blake2b(json.dumps(facts).encode(), digest_size=6).hexdigest()


def _serves(folder: Path, file: Path, columns: list[str], declared: Declared) -> bool:
    """Return whether an earlier conversion holds these columns as they would be converted now.

    One that is damaged, or of a file that was another then, is removed.
    """
    try:
        table, before = open_records(folder), json.loads((folder / DECLARED).read_text(encoding="utf-8"))
        intact = _is_of(folder, file)
    except (DataError, OSError, ValueError, KeyError, TypeError):
        intact = False
    if not intact:
        shutil.rmtree(folder, ignore_errors=True)
        return False
    return set(columns) <= set(table.columns) and all(_same_kind(table, name, declared, before) for name in columns)


def _is_of(folder: Path, file: Path) -> bool:
    """Return whether an earlier conversion is of a file's content as it is now.

    The system notes the time of a change apart from the time that a file shows, which can be set. Where only the former
    differs, or means something else, the content is compared.
    """
    source = json.loads((folder / SOURCE).read_text(encoding="utf-8"))
    changed = _changed(file)
    if os.name != "nt" and source["changed"] == changed:
        return True
    if file_digest(file) != source["digest"]:
        return False
    (folder / SOURCE).write_text(json.dumps(source | {"changed": changed}), encoding="utf-8")
    return True


def _changed(file: Path) -> list[int]:
    """Return what of a file changes whenever its content does."""
    status = file.stat()
    return [status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns]


def _same_kind(table: StoredTable, column: str, declared: Declared, before: Declared) -> bool:
    """Return whether a column of an earlier conversion is of the kind that it would be now."""
    kinds, kinds_before = ([kind for kind, names in record.items() if column in names] for record in (declared, before))
    if kinds == kinds_before:
        return True
    if kinds_before:
        return False
    is_number = not table.is_text(column) and table.records.dtype[table.fields[column]] != np.dtype(bool)
    return table.is_text(column) if kinds == ["categorical"] else is_number


def _write_folder(
    folder: Path,
    file: Path,
    read_blocks: Callable[[], SharedBlocks],
    columns: list[str],
    declared: Declared,
    meter: Meter,
) -> None:
    """Write the records of a file into a folder, which appears when all is written.

    Raises:
        DataError: the file changes meanwhile.
    """
    changed = _changed(file)
    with unfinished_folder(folder) as part:
        metered = _metered(meter)
        kinds = column_kinds(metered(read_blocks()), columns, **declared)
        _write_records(part, metered(read_blocks()), kinds)
        (part / READ).write_text(json.dumps(kinds.text.as_json()), encoding="utf-8")
        (part / DECLARED).write_text(json.dumps(declared), encoding="utf-8")
        source = {"changed": changed, "digest": file_digest(file)}
        (part / SOURCE).write_text(json.dumps(source), encoding="utf-8")
        if _changed(file) != changed:
            raise DataError(f"{file.name!r} must stay as it is while it is read, but it changed. Read it again.")
        meter.update(meter.total, 0.0)
        try:
            publish(part, folder)
        except OSError:
            if not folder.is_dir():  # another process has converted it, too
                raise


def _write_records(folder: Path, blocks: Iterator[FileTable], kinds: TableKinds) -> None:
    """Write blocks of rows as records."""
    first = as_kinds(next(blocks), kinds)
    layout = {name: field_of(dtype, gaps=kinds.columns[name].gaps) for name, dtype in first.schema.items()}
    with RecordWriter(folder, layout) as writer:
        writer.append(first)
        for block in blocks:
            writer.append(as_kinds(block, kinds))


def _metered(meter: Meter) -> Callable[[SharedBlocks], Iterator[FileTable]]:
    """Return a function that passes on blocks of a file and moves the meter, over two readings of it."""
    start, earlier = time.monotonic(), 0

    def pass_on(blocks: SharedBlocks) -> Iterator[FileTable]:
        nonlocal earlier
        for block, share in blocks:
            yield block
            done = earlier + int(share * meter.total / 2)
            meter.update(done, (time.monotonic() - start) / max(1, done))
        earlier += meter.total // 2

    return pass_on
