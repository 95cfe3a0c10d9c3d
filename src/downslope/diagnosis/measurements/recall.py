"""How well each class is recognized."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from downslope.data import Dataset
from downslope.training import Run


class ClassRecalls(NamedTuple):
    """How well each class is recognized.

    Attributes:
        recalls: of the rows of each class, the share that is recognized; NaN for a class without rows.
        accuracy: the share of all rows.
        of: which rows, in words.
    """

    recalls: Float[np.ndarray, " classes"]
    accuracy: float
    of: str

    @property
    def balanced(self) -> float:
        """The mean recall."""
        return float(np.nanmean(self.recalls))


def recalls_on(run: Run, data: Dataset, of: str) -> ClassRecalls:
    """Return how well a run recognizes each class of some rows."""
    truth = run.preprocessing.targets(data.y)
    predicted = run.preprocessing.targets(run.predict(data))
    classes = len(run.preprocessing.class_labels)
    hits = np.bincount(truth[truth == predicted], minlength=classes)
    rows = np.bincount(truth, minlength=classes)
    with np.errstate(invalid="ignore"):
        return ClassRecalls(hits / rows, float(np.mean(truth == predicted)), of)
