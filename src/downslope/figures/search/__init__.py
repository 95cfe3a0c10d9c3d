"""Figures of searches: sweeps, races, and how a learning rate and a batch size were chosen."""

from downslope.figures.search.batch_size import batch_size
from downslope.figures.search.learning_rate import learning_rate
from downslope.figures.search.race import race
from downslope.figures.search.sweep import sweep

__all__ = [
    "batch_size",
    "learning_rate",
    "race",
    "sweep",
]
