"""From files and arrays to batches, the order given by seed and epoch."""

from downslope.data._arranged import arranged, arranged_as
from downslope.data._batches import ORDERS, Batches
from downslope.data._blocks import row_blocks
from downslope.data._categories import Categories
from downslope.data._dataset import Dataset, Split
from downslope.data._files import column_names, read
from downslope.data._origin import Origin
from downslope.data._preprocessing import Preprocessing
from downslope.data._scaling import NORMALIZATIONS, Scaling, fit_scaling
from downslope.data._sets import SetInfo, available, load
from downslope.data._store_rows import store_rows
from downslope.data._stored import StoredRows
from downslope.data._stored_table import StoredTable
from downslope.data._targets import TASKS

__all__ = [
    "NORMALIZATIONS",
    "ORDERS",
    "TASKS",
    "Batches",
    "Categories",
    "Dataset",
    "Origin",
    "Preprocessing",
    "Scaling",
    "SetInfo",
    "Split",
    "StoredRows",
    "StoredTable",
    "arranged",
    "arranged_as",
    "available",
    "column_names",
    "fit_scaling",
    "load",
    "read",
    "row_blocks",
    "store_rows",
]
