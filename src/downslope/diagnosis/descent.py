"""What is known of a descent of a bare surface, beside the point where it stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from downslope.training import Recipe


@dataclass(frozen=True, eq=False)
class Descent:
    """A descent of a bare surface.

    Attributes:
        losses: at recorded points of its path, in order, that where it stands last; not all need be finite.
        learning_rate: of the next step.
        momentum: likewise.
        limit: from a curvature to the rate from which on steps along it overshoot ever farther; None where there is no
            such limit.
        recipe: of a network's loss: how other starts are trained the same way; else None.
        epochs: how many epochs they are trained for.
    """

    losses: Float[np.ndarray, " points"]
    learning_rate: float
    momentum: float
    limit: Callable[[float], float | None]
    recipe: Recipe | None = None
    epochs: int = 1
