"""A path of parameters seen on a slice, honestly: with its true losses, and how far it runs off the plane."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int


@dataclass(frozen=True)
class Projection:
    """A path on the plane (or line) of a slice.

    Attributes:
        steps: how many steps had been made at each point of the path.
        coordinates: where each point falls on the plane: the coefficients of the nearest point of the plane.
        losses: the true loss at each point of the path.
        heights: the loss of the surface below: at the nearest point of the plane.
        distances: how far each point lies off the plane, in the parameters' own units.
        explained: the share of the path's variance, about its mean, that lies in the plane; None for a path that
            does not move.
    """

    steps: Int[np.ndarray, " points"]
    coordinates: Float[np.ndarray, "points directions"]
    losses: Float[np.ndarray, " points"]
    heights: Float[np.ndarray, " points"]
    distances: Float[np.ndarray, " points"]
    explained: float | None

    def __len__(self) -> int:
        return len(self.steps)
