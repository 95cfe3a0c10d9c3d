"""Files as data sets: CSV, Parquet, NumPy's own, and folders of rows that a user stored."""

from downslope.data.files.npy import UNREADABLE
from downslope.data.files.reader import column_names, read, read_other
from downslope.data.files.reading import OPEN, Reading, checked_reading
from downslope.data.files.row_store import store_rows

__all__ = ["OPEN", "UNREADABLE", "Reading", "checked_reading", "column_names", "read", "read_other", "store_rows"]
