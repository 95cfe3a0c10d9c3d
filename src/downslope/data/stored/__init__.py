"""Rows and tables that stay on disk: written block by block, read a batch at a time."""

from downslope.data.stored.digest import file_digest
from downslope.data.stored.npy_writer import NpyWriter
from downslope.data.stored.records import COLUMNS, ROWS, RecordWriter, check_whole, field_of, open_records
from downslope.data.stored.rows import LARGE, PREPARED_PREFIX, StoredRows, stays_on_disk, stored
from downslope.data.stored.table import MISSING_LEVEL, StoredTable
from downslope.data.stored.unfinished import publish, unfinished_folder

__all__ = [
    "COLUMNS",
    "LARGE",
    "MISSING_LEVEL",
    "PREPARED_PREFIX",
    "ROWS",
    "NpyWriter",
    "RecordWriter",
    "StoredRows",
    "StoredTable",
    "check_whole",
    "field_of",
    "file_digest",
    "open_records",
    "publish",
    "stays_on_disk",
    "stored",
    "unfinished_folder",
]
