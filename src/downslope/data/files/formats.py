"""The formats of data files by their endings: the one list that reading, messages and checks go through."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from downslope.data.dataset import Dataset
from downslope.data.files.csv import csv_format
from downslope.data.files.file_table import TableFormat
from downslope.data.files.npy import read_npy, read_npz
from downslope.data.files.parquet import PARQUET
from downslope.data.files.reading import Reading

ReadArrays = Callable[[Path, str | int | None, str | None, int], Dataset]
"""Returns the data set of a file of arrays, by its path, target, task, and the size from which on arrays are large."""

MakeFormat = Callable[[Reading, Reading, Sequence[str]], TableFormat]
"""Returns the format of files that are read as a user says, and like another file where that leaves it open.

Its last argument names the columns that are text, whatever is in them.
"""

TABLE_FORMATS: dict[str, MakeFormat] = {
    ".csv": csv_format,
    ".tsv": csv_format,
    ".parquet": lambda reading, like, labels: PARQUET,
}
ARRAY_FORMATS: dict[str, ReadArrays] = {".npy": read_npy, ".npz": read_npz}
TEXT_ENDINGS = (".csv", ".tsv")
ENDINGS = (*TABLE_FORMATS, *ARRAY_FORMATS)
