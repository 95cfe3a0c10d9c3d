"""Parquet files as tables with the types that they give."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from downslope.core import DataError
from downslope.data.files.file_table import FileTable, ReadSizes, TableFormat
from downslope.data.tables import selected


def _column_names(path: Path) -> list[str]:
    """Return the names of the columns, from the file's schema.

    Raises:
        DataError: the file is damaged.
    """
    import polars as pl

    try:
        return list(pl.read_parquet_schema(path))
    except Exception as error:
        raise _damaged(path, error) from error


def _read(path: Path) -> FileTable:
    """Return all columns.

    Raises:
        DataError: the file is damaged or has no rows.
    """
    import polars as pl

    try:
        table = pl.read_parquet(path)
    except Exception as error:
        raise _damaged(path, error) from error
    if not table.height:
        raise DataError(f"{path.name!r} must hold rows, got column names only.")
    return FileTable(table, None, path.name)


def _read_blocks(path: Path, columns: list[str], sizes: ReadSizes) -> Iterator[tuple[FileTable, float]]:
    """Yield columns in blocks of rows, and the share of the rows that was read.

    Raises:
        DataError: the file is damaged.
    """
    import polars as pl
    import polars.selectors

    try:
        lazy = pl.scan_parquet(path)
        rows, before = lazy.select(pl.len()).collect().item(), 0
        chosen = lazy.select(polars.selectors.by_name(*columns))
        for table in chosen.collect_batches(chunk_size=sizes.row_block, lazy=True):
            block = FileTable(selected(table, columns), None, path.name, before=before)
            before += table.height
            yield block, before / rows
    except pl.exceptions.PolarsError as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> DataError:
    """Return the error for a file that polars cannot read."""
    first_line = str(error).partition("\n")[0]
    return DataError(f"{path.name!r} must be a Parquet file, but cannot be read: {first_line}")


PARQUET = TableFormat(_column_names, _read, _read_blocks)
