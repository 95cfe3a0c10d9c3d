"""Rows and tables that stay on disk: written block by block, read a batch at a time."""

from downslope.data.stored.npy_writer import NpyWriter
from downslope.data.stored.records import COLUMNS, ROWS, RecordWriter, field_of, open_records
from downslope.data.stored.rows import LARGE, PREPARED_PREFIX, StoredRows, stays_on_disk, stored
from downslope.data.stored.table import StoredTable

__all__ = [
    "COLUMNS",
    "LARGE",
    "PREPARED_PREFIX",
    "ROWS",
    "NpyWriter",
    "RecordWriter",
    "StoredRows",
    "StoredTable",
    "field_of",
    "open_records",
    "stays_on_disk",
    "stored",
]
