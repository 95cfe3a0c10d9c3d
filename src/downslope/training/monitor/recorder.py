"""Collects what is recorded while a run is under way: parameters, and statistics of every layer.

Step `s`, counted from 0 over the whole run, is due if `s` is a multiple of the period. What is recorded belongs to the
moment before that step: the parameters it starts from, and signals, gradients and update of its own batch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np

from downslope.core import Params, PyTree, Shape, named_leaves
from downslope.networks import Sequential
from downslope.runs import Checkpoint
from downslope.training._checkpoint_arrays import fitted, under
from downslope.training.monitor.layer_statistics import LayerStatistics
from downslope.training.monitor.statistics import Statistics, layer_names
from downslope.training.monitor.trajectory import Record, Trajectory


@dataclass
class Recorder:
    """Collects parameters and statistics.

    Attributes:
        record: what was asked for.
        parameters_every: the period of parameters; it doubles when they fill the memory they may take.
        params: parameters by step.
        statistics: statistics by step.
    """

    record: Record
    parameters_every: int | None = field(init=False)
    params: dict[int, tuple[Params, ...]] = field(default_factory=dict)
    statistics: dict[int, LayerStatistics] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.parameters_every = self.record.parameters_every

    @property
    def periods(self) -> list[int]:
        """The periods of whatever is recorded."""
        return [every for every in (self.parameters_every, self.record.statistics_every) if every is not None]

    def until_due(self, step: int) -> int | None:
        """Return how many steps there are from a step to the next one that is due; None if nothing is recorded."""
        return min((every - step % every for every in self.periods), default=None)

    def wants_parameters(self, step: int) -> bool:
        """Return whether the parameters before a step are to be recorded."""
        return self.parameters_every is not None and step % self.parameters_every == 0

    def keep_parameters(self, step: int, params: tuple[Params, ...]) -> None:
        """Record parameters; when they take more memory than they may, forget every other one."""
        self.params[step] = params
        room = self.record.memory_limit // max(1, sum(leaf.nbytes for leaf in jax.tree.leaves(params)))
        while self.parameters_every is not None and len(self.params) > max(2, room):
            self.parameters_every *= 2
            self.params = {at: kept for at, kept in self.params.items() if at % self.parameters_every == 0}

    def wants_statistics(self, step: int) -> bool:
        """Return whether the statistics of a step are to be recorded."""
        return self.record.statistics_every is not None and step % self.record.statistics_every == 0

    def settle(self, last: int) -> None:
        """Copy what was recorded up to a step to the host, and forget what came after.

        Steps were queued ahead that do not count: behind a loss that is not finite, or when Ctrl-C came.
        """
        for kept in (self.params, self.statistics):
            for step in [step for step in kept if step > last]:
                del kept[step]
            for step in reversed(kept):
                if all(isinstance(leaf, np.ndarray) for leaf in jax.tree.leaves(kept[step])):
                    break
                kept[step] = jax.tree.map(np.asarray, kept[step])

    def snapshot(self) -> Callable[[], Checkpoint] | None:
        """Return what makes a checkpoint of all that is recorded now; None if nothing is."""
        if not self.params and not self.statistics:
            return None
        params, statistics = dict(self.params), dict(self.statistics)
        facts: dict[str, Any] = {"parameters_every": self.parameters_every}
        return lambda: Checkpoint(_recorded(params) | _recorded(statistics, "statistics/"), facts)

    def go_on_from(self, checkpoint: Checkpoint, params: PyTree, last: int) -> None:
        """Take over what was recorded before, up to a step.

        Args:
            checkpoint: of `snapshot`.
            params: parameters of this network, whatever their values.
            last: the step.
        """
        every = checkpoint.facts.get("parameters_every")
        self.parameters_every = self.parameters_every if every is None else int(every)
        steps = checkpoint.arrays.get("steps", ())
        for place, step in enumerate(steps):
            named = {name: array[place] for name, array in under("params", checkpoint).items()}
            self.params[int(step)] = fitted(params, named, what="recorded array")
        found = under("statistics", checkpoint)
        for place, step in enumerate(found.pop("steps", ())):
            self.statistics[int(step)] = LayerStatistics(**{name: values[place] for name, values in found.items()})
        self.settle(last)

    def trajectory(self) -> Trajectory | None:
        """Return the recorded parameters; None if there are none."""
        return Trajectory(*_stacked(self.params)) if self.params else None

    def statistics_of(self, net: Sequential, input_shape: Shape) -> Statistics | None:
        """Return the recorded statistics; None if there are none."""
        if not self.statistics:
            return None
        steps, values = _stacked(self.statistics)
        return Statistics(steps, layer_names(net, input_shape), **values._asdict())


def _recorded(kept: dict[int, Any], prefix: str = "") -> dict[str, np.ndarray]:
    """Return what was recorded as named arrays: the steps, and each array with a first axis over them."""
    if not kept:
        return {}
    steps, tree = _stacked(kept)
    arrays = named_leaves(tree if prefix else {"params": tree})
    return {f"{prefix}steps": steps} | {f"{prefix}{name}": np.asarray(array) for name, array in arrays.items()}


def _stacked(recorded: dict[int, Any]) -> tuple[np.ndarray, Any]:
    """Return all steps, and all that was recorded at them."""
    return np.array(list(recorded)), jax.tree.map(lambda *leaves: np.stack(leaves), *recorded.values())
