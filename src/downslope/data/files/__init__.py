"""Files as data sets: CSV, Parquet, NumPy's own, and folders of rows that a user stored."""

from downslope.data.files.npy import UNREADABLE
from downslope.data.files.reader import column_names, read
from downslope.data.files.row_store import store_rows

__all__ = ["UNREADABLE", "column_names", "read", "store_rows"]
