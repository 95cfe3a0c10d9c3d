"""Runs: what a training leaves on disk, and how it is read back."""

from downslope.runs._checkpoint import Checkpoint
from downslope.runs._folder import RunFolder
from downslope.runs._record import Record, cpu_count, current_versions

__all__ = ["Checkpoint", "Record", "RunFolder", "cpu_count", "current_versions"]
