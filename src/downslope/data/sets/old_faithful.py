"""The eruptions of the Old Faithful geyser."""

from __future__ import annotations

from pathlib import Path

from downslope.data.dataset import Dataset
from downslope.data.files import read


def old_faithful() -> Dataset:
    """Return the 272 eruptions (Azzalini and Bowman, 1990, "A look at some data on the Old Faithful geyser")."""
    table = read(Path(__file__).with_name("old_faithful.csv"), target="waiting", task="regression")
    return Dataset(table.x.to_numpy(), table.y, feature_names=table.feature_names, task="regression")
