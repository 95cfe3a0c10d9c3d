"""What is known of a descent of a bare surface, beside the point where it stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True, eq=False)
class Descent:
    """A descent of a bare surface.

    Attributes:
        losses: at recorded points of its path, in order, that where it stands last; not all need be finite.
        learning_rate: of the next step.
        momentum: likewise.
        limit: from a curvature to the rate from which on steps along it overshoot ever farther; None where there is no
            such limit.
    """

    losses: Float[np.ndarray, " points"]
    learning_rate: float
    momentum: float
    limit: Callable[[float], float | None]
