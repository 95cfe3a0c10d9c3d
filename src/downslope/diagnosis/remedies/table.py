"""The table of remedies: how each changes the condition of the loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from downslope.core import aligned
from downslope.diagnosis.measurements import Tangents


@dataclass(frozen=True)
class Remedy:
    """The condition of the loss with one remedy.

    Attributes:
        name: of the remedy.
        starts: the tangent kernel at each start.
        after: the same after the short training, if there was one that did not diverge.
        loss: the training loss that it reached; infinite if it diverged, None without training.
    """

    name: str
    starts: tuple[Tangents, ...]
    after: Tangents | None
    loss: float | None

    @property
    def kappa(self) -> float:
        """The condition number at the start, the geometric mean over starts; infinite where one is."""
        return float(np.exp(np.mean(np.log(self._kappas))))

    @property
    def spread(self) -> float:
        """The largest κ over the smallest, between starts."""
        return float(np.max(self._kappas) / np.min(self._kappas)) if np.isfinite(self._kappas).all() else float("inf")

    @property
    def largest(self) -> float:
        """The largest eigenvalue at the start, which limits the learning rate; the mean over starts."""
        return float(np.mean([start.largest for start in self.starts]))

    @property
    def _kappas(self) -> np.ndarray:
        return np.array([start.kappa for start in self.starts])


@dataclass(frozen=True)
class RemedyTable:
    """Remedies side by side. Printed, it is a table with an answer below.

    Attributes:
        remedies: the network as it is, then with each remedy.
        rows: how many rows were measured on.
        epochs: of the short training; 0 for none.
    """

    remedies: tuple[Remedy, ...]
    rows: int
    epochs: int

    @property
    def plain(self) -> Remedy:
        """The network as it is."""
        return self.remedies[0]

    @property
    def best(self) -> Remedy:
        """The remedy of the lowest κ at the start, or the network as it is."""
        return min(self.remedies, key=lambda remedy: remedy.kappa)

    @property
    def gains(self) -> dict[str, float]:
        """The factor by which each remedy lowers κ; below 1 it raises it."""
        plain = self.plain.kappa
        return {remedy.name: plain / remedy.kappa if np.isfinite(remedy.kappa) else 0.0 for remedy in self.remedies[1:]}

    @property
    def answer(self) -> str:
        """The remedy that helps most and its gain, compared with chance, in a sentence or more."""
        best, plain = self.best, self.plain
        if best is plain or not np.isfinite(best.kappa):
            return f"None of these remedies helps here: as it is, κ is {plain.kappa:.3g}."
        gain, chance = plain.kappa / best.kappa, max(best.spread, plain.spread if np.isfinite(plain.kappa) else 1.0)
        if gain <= chance:
            return (
                f"No remedy helps for sure: with {best.name} κ is {gain:.2g} times lower, but between starts it "
                f"differs {chance:.2g}-fold."
            )
        fall = f"κ falls {gain:.3g}-fold, from {plain.kappa:.3g} to {best.kappa:.3g}."
        if not np.isfinite(gain):
            fall = f"κ falls to {best.kappa:.3g}; as it is, most of what is to be learned is beyond this precision."
        return f"What helps most here: {best.name}. {fall}{self._others(chance)}{self._trained()}"

    def _others(self, chance: float) -> str:
        """Name the other remedies that help by more than chance."""
        gains = {name: gain for name, gain in self.gains.items() if name != self.best.name and gain > chance}
        if not gains:
            return ""
        texts = (name if np.isinf(gain) else f"{name} ({gain:.2g}-fold)" for name, gain in gains.items())
        return f" Also: {', '.join(texts)}."

    def _trained(self) -> str:
        """Describe the losses of the short trainings."""
        if not self.epochs:
            return ""
        losses = [np.inf if remedy.loss is None else remedy.loss for remedy in self.remedies]
        lowest = int(np.argmin(losses))
        if lowest == 0:
            return f" After {self.epochs} epochs no remedy reached a lower loss than without: {losses[0]:.3g}."
        return (
            f" After {self.epochs} epochs the lowest loss is that with {self.remedies[lowest].name}: "
            f"{losses[lowest]:.3g} against {losses[0]:.3g}."
        )

    def table(self) -> Any:
        """Return a polars table, one row a remedy."""
        import polars

        columns: dict[str, list] = {
            "remedy": [remedy.name for remedy in self.remedies],
            "kappa": [remedy.kappa for remedy in self.remedies],
            "gain": [1.0, *self.gains.values()],
            "largest": [remedy.largest for remedy in self.remedies],
            "rank": [int(np.median([start.rank for start in remedy.starts])) for remedy in self.remedies],
        }
        if self.epochs:
            columns["kappa_after"] = [None if remedy.after is None else remedy.after.kappa for remedy in self.remedies]
            columns["loss_after"] = [remedy.loss for remedy in self.remedies]
        return polars.DataFrame(columns)

    def __str__(self) -> str:
        """Return the table, aligned, and the answer."""
        heads = ["remedy", "κ", "gain", "λ_max", "rank"]
        heads += ["κ after", "loss after"] if self.epochs else []
        cells = [[_cell(value) for value in row] for row in self.table().rows()]
        about = f"Tangent kernel over {self.rows} rows at the start, mean of {len(self.plain.starts)} starts:"
        return "\n".join([about, aligned([heads, *cells], left=1), "", self.answer])


def _cell(value: str | int | float | None) -> str:
    """Return a cell of the table."""
    return value if isinstance(value, str) else "–" if value is None else f"{value:.3g}"
