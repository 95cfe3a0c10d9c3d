"""How trainings from several starting weights ended, of which a run keeps the one with the lowest loss.

Many minima are good enough; the spread of final losses shows how much the start matters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Restarts:
    """The ends of trainings from several starts.

    Attributes:
        losses: the lowest validation loss of each where there are validation rows, else the last training loss; NaN for
            one that diverged in its first epoch. Where early stopping goes by another metric, the validation loss of
            the epoch that was best by it. `(restarts,)`
        best: which one the run kept: the one of the lowest loss, or the best by that metric.
        epochs: how many epochs each made, `(restarts,)`.
        stop_reasons: why each stopped.
        histories: name → values, `(epochs, restarts)`; NaN after a start has stopped.
    """

    losses: np.ndarray
    best: int
    epochs: np.ndarray
    stop_reasons: tuple[str, ...]
    histories: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.losses)

    def table(self) -> Any:
        """Return a polars table of all starts, the lowest loss first."""
        import polars

        columns = {
            "restart": np.arange(len(self)),
            "loss": self.losses,
            "epochs": self.epochs,
            "stop_reason": list(self.stop_reasons),
        }
        return polars.DataFrame(columns).sort("loss", nulls_last=True)

    def __str__(self) -> str:
        losses = self.losses[np.isfinite(self.losses)]
        if not len(losses):
            return f"All {len(self)} starts diverged."
        low, middle, high = np.quantile(losses, [0, 0.5, 1])
        lost = f"; {len(self) - len(losses)} diverged" if len(losses) < len(self) else ""
        return f"{len(self)} starts: lowest loss {low:.4g}, median {middle:.4g}, highest {high:.4g}{lost}."
