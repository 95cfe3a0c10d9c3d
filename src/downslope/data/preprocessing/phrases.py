"""Parts of the sentences about columns and cells."""

from __future__ import annotations

import numpy as np


def column_text(names: list[str], index: int | np.integer, unit: str = "column") -> str:
    """Return the name of a column in a note."""
    return repr(names[index]) if names else f"{unit} {index}"


def cells_text(count: int) -> str:
    """Return a count of cells in words."""
    return f"{count} cell" + ("s" if count > 1 else "")


def items_text(items: list[str], limit: int = 10) -> str:
    """Return up to `limit` items, and how many more there are."""
    return ", ".join(items[:limit]) + (f" and {len(items) - limit} more" if len(items) > limit else "")
