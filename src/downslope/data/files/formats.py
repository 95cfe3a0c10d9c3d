"""The formats of data files by their endings: the one list that reading, messages and checks go through."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from downslope.data.dataset import Dataset
from downslope.data.files.csv import CSV
from downslope.data.files.file_table import TableFormat
from downslope.data.files.npy import read_npy, read_npz
from downslope.data.files.parquet import PARQUET

ReadArrays = Callable[[Path, str | int | None, str | None, int], Dataset]
"""Returns the data set of a file of arrays, by its path, target, task, and the size from which on arrays are large."""

TABLE_FORMATS: dict[str, TableFormat] = {".csv": CSV, ".tsv": CSV, ".parquet": PARQUET}
ARRAY_FORMATS: dict[str, ReadArrays] = {".npy": read_npy, ".npz": read_npz}
ENDINGS = (*TABLE_FORMATS, *ARRAY_FORMATS)
