"""What training records on request: parameters as they move."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np

from downslope.core import Params, check_integer, named_leaves


@dataclass(frozen=True)
class Record:
    """What to record while training. Recording does not change the result, bitwise.

    Attributes:
        parameters_every: record all parameters before the first step and after every so many steps; None for never.

    Example:
        >>> import downslope as ds
        >>> line, every = ds.mlp([], outputs=1), ds.Record(parameters_every=1)
        >>> data = ds.load("old_faithful")
        >>> run = ds.train(line, data, batch_size=272, epochs=3, normalize="standard", record=every, progress=False)
        >>> run.trajectory.steps.tolist()
        [0, 1, 2, 3]
    """

    parameters_every: int | None = None

    def __post_init__(self) -> None:
        if self.parameters_every is not None:
            check_integer("parameters_every", self.parameters_every)


@dataclass(frozen=True)
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

    def at(self, place: int) -> tuple[Params, ...]:
        """Return the parameters at one of the recorded places."""
        return jax.tree.map(lambda values: values[place], self.params)

    def table(self) -> Any:
        """Return a polars table: the step, and a column for every single parameter, named by its path and index."""
        import polars

        columns = {"step": self.steps}
        for path, values in named_leaves(self.params).items():
            for index in np.ndindex(*values.shape[1:]):
                columns[f"{path}{list(index)}"] = np.asarray(values)[(slice(None), *index)]
        return polars.DataFrame(columns)


@dataclass
class Recorder:
    """Collects parameters while a run is under way."""

    every: int | None
    steps: list[int] = field(default_factory=list)
    params: list[tuple[Params, ...]] = field(default_factory=list)

    def steps_until_due(self, step: int) -> int | None:
        """Return how many steps to make before recording again; None if nothing is recorded."""
        return None if self.every is None else self.every - step % self.every

    def observe(self, step: int, params: tuple[Params, ...]) -> None:
        """Record, if it is time."""
        if self.every is not None and step % self.every == 0 and (not self.steps or self.steps[-1] != step):
            self.steps.append(step)
            self.params.append(jax.tree.map(np.asarray, params))

    def trajectory(self) -> Trajectory | None:
        """Return what was recorded; None if nothing was asked for."""
        if self.every is None:
            return None
        return Trajectory(np.array(self.steps), jax.tree.map(lambda *values: np.stack(values), *self.params))
