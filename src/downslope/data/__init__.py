"""From files and arrays to batches, the order given by seed and epoch."""

from downslope.data._arranged import arranged, arranged_as
from downslope.data._batches import ORDERS, Batches
from downslope.data._dataset import Dataset, Split
from downslope.data._files import read
from downslope.data._origin import Origin
from downslope.data._preprocessing import Preprocessing
from downslope.data._scaling import NORMALIZATIONS
from downslope.data._sets import SetInfo, available, load
from downslope.data._targets import TASKS

__all__ = [
    "NORMALIZATIONS",
    "ORDERS",
    "TASKS",
    "Batches",
    "Dataset",
    "Origin",
    "Preprocessing",
    "SetInfo",
    "Split",
    "arranged",
    "arranged_as",
    "available",
    "load",
    "read",
]
