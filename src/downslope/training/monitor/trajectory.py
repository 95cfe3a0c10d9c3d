"""The records of a training: parameters as they move, and the settings of recording."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from downslope.core import Params, check_integer, named_leaves


@dataclass(frozen=True)
class Record:
    """What to record while training. Recording does not change the result, bitwise.

    Attributes:
        parameters_every: record all parameters before the first step and after every so many steps; None for never.
            They go to `run.trajectory`.
        statistics_every: record how signals and gradients run through every layer, on the batch of the first step and
            of every so many; None for never. They go to `run.statistics`; see `Statistics`.
        memory_limit: bytes that the recorded parameters may take, 2³⁰ (1 GiB) unless given. When they would take more,
            every other one is forgotten and the period doubles, so that the whole path stays covered.

    Example:
        >>> import downslope as ds
        >>> line, every = ds.mlp([], outputs=1), ds.Record(parameters_every=1)
        >>> data = ds.load("old_faithful")
        >>> run = ds.train(line, data, batch_size=272, epochs=3, normalize="standard", record=every, progress=False)
        >>> run.trajectory.steps.tolist()
        [0, 1, 2, 3]
    """

    parameters_every: int | None = None
    statistics_every: int | None = None
    memory_limit: int = 2**30

    def __post_init__(self) -> None:
        check_integer("memory_limit", self.memory_limit)
        for name in ("parameters_every", "statistics_every"):
            if getattr(self, name) is not None:
                check_integer(name, getattr(self, name))

    @property
    def is_active(self) -> bool:
        """Whether there is anything to record."""
        return self.parameters_every is not None or self.statistics_every is not None


@dataclass(frozen=True, repr=False)
class Trajectory:
    """The parameters at recorded steps.

    Attributes:
        steps: how many steps had been made, `(n,)`.
        params: as the network's `params`, each array with a first axis of length `n`.
    """

    steps: np.ndarray
    params: tuple[Params, ...]

    def __len__(self) -> int:
        return len(self.steps)

    def __repr__(self) -> str:
        span = f", steps {self.steps[0]:,} to {self.steps[-1]:,}" if len(self) else ""
        size = sum(math.prod(np.shape(values)[1:]) for values in jax.tree.leaves(self.params))
        return f"Trajectory({len(self)} points{span}, {size:,} parameters)"

    def at(self, index: int) -> tuple[Params, ...]:
        """Return the parameters of one record, by its index."""
        return jax.tree.map(lambda values: values[index], self.params)

    def table(self) -> Any:
        """Return a polars table: the step, and a column for every single parameter, named by its path and index."""
        import polars

        columns = {"step": self.steps}
        for path, values in named_leaves(self.params).items():
            for index in np.ndindex(*values.shape[1:]):
                columns[f"{path}{list(index)}"] = np.asarray(values)[(slice(None), *index)]
        return polars.DataFrame(columns)
