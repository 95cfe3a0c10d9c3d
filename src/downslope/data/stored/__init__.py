"""Rows and tables that stay on disk: how they are laid out, written block by block, and read a batch at a time."""

from downslope.data.stored.npy_writer import NpyWriter
from downslope.data.stored.records import COLUMNS, ROWS, RecordWriter, field_of, open_records
from downslope.data.stored.rows import KEPT, LARGE, StoredRows, stays_on_disk, stored
from downslope.data.stored.table import StoredTable

__all__ = [
    "COLUMNS",
    "KEPT",
    "LARGE",
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
