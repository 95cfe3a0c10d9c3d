"""Runs: what a training leaves on disk, how it is read back, and runs side by side."""

from downslope.runs._advice import GO_BACK, RESTORE
from downslope.runs._checkpoint import Checkpoint
from downslope.runs._comparison import Compared, Comparison, compare, differing_settings, setting_text
from downslope.runs._files import FileSystem, LocalFileSystem, refusals_explained, write_whole
from downslope.runs._folder import RunFolder
from downslope.runs._record import Record, content_explained, cpu_count, current_versions

__all__ = [
    "GO_BACK",
    "RESTORE",
    "Checkpoint",
    "Compared",
    "Comparison",
    "FileSystem",
    "LocalFileSystem",
    "Record",
    "RunFolder",
    "compare",
    "content_explained",
    "cpu_count",
    "current_versions",
    "differing_settings",
    "refusals_explained",
    "setting_text",
    "write_whole",
]
