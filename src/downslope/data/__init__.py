"""From files and arrays to batches, the order given by seed and epoch."""

from downslope.data.arrangement import arranged, arranged_as
from downslope.data.batches import ORDERS, Batches, DropLast, check_drop_last
from downslope.data.blocks import row_blocks
from downslope.data.dataset import Dataset, Split, with_roles
from downslope.data.files import Reading, checked_reading, column_names, read, store_rows
from downslope.data.opening import open_origin, read_like
from downslope.data.origin import Origin
from downslope.data.preprocessing import NORMALIZATIONS, Calendar, Categories, Preprocessing, Scaling, fit_scaling
from downslope.data.sets import SetInfo, available, load
from downslope.data.stored import StoredRows, StoredTable
from downslope.data.targets import TASKS

__all__ = [
    "NORMALIZATIONS",
    "ORDERS",
    "TASKS",
    "Batches",
    "Calendar",
    "Categories",
    "Dataset",
    "DropLast",
    "Origin",
    "Preprocessing",
    "Reading",
    "Scaling",
    "SetInfo",
    "Split",
    "StoredRows",
    "StoredTable",
    "arranged",
    "arranged_as",
    "available",
    "check_drop_last",
    "checked_reading",
    "column_names",
    "fit_scaling",
    "load",
    "open_origin",
    "read",
    "read_like",
    "row_blocks",
    "store_rows",
    "with_roles",
]
