"""What to do about a run that is not there, or damaged."""

from __future__ import annotations

from pathlib import Path

from downslope.core import Function, Message, close_names

RESTORE = "Restore it from a copy, or train again."
GO_BACK = Message("Restore it from a copy, go on from the save before it with", Function("resume"), ", or train again.")
"""What to do about a damaged file."""


def other_runs(path: Path) -> Message:
    """Return which runs may have been meant by a path where there is none, or how a run is made."""
    inside = sorted(str(record.parent) for record in path.glob("*/run.json"))[:3]
    folders = dict.fromkeys([path.parent, Path("runs")])
    beside = {record.parent.name: str(record.parent) for folder in folders for record in folder.glob("*/run.json")}
    names = inside or [beside[name] for name in close_names(path.name, beside)]
    return Message(f"Did you mean {' or '.join(names)}?") if names else Message("Make one with", Function("train"), ".")
