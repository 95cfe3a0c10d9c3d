"""Record a training under way: parameters, and statistics of every layer.

Step `s`, counted from 0 over the whole run, is due if `s` is a multiple of the period. A record belongs to the
moment before that step: the parameters it starts from, and signals, gradients and update of its own batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import jax
import numpy as np

from downslope.core import Params, PyTree, Shape, named_leaves
from downslope.networks import Sequential
from downslope.runs import Checkpoint
from downslope.training.checkpoint_arrays import arrays_under, restore_tree
from downslope.training.monitor.layer_statistics import LayerStatistics
from downslope.training.monitor.statistics import Statistics, layer_names
from downslope.training.monitor.trajectory import Record, Trajectory


@dataclass
class Recorder:
    """Records of a training under way.

    Attributes:
        record: the settings.
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
        """The periods of all that is recorded."""
        return [every for every in (self.parameters_every, self.record.statistics_every) if every is not None]

    def steps_until_due(self, step: int) -> int | None:
        """Return how many steps there are from a step to the next one that is due; None if nothing is recorded."""
        return min((every - step % every for every in self.periods), default=None)

    def parameters_due(self, step: int) -> bool:
        """Return whether the parameters before a step are to be recorded."""
        return self.parameters_every is not None and step % self.parameters_every == 0

    def record_parameters(self, step: int, params: tuple[Params, ...]) -> None:
        """Record parameters; when they take more memory than they may, forget every other one."""
        self.params[step] = params
        room = self.record.memory_limit // max(1, sum(leaf.nbytes for leaf in jax.tree.leaves(params)))
        while self.parameters_every is not None and len(self.params) > max(2, room):
            self.parameters_every *= 2
            self.params = {due: self.params[due] for due in self.params if due % self.parameters_every == 0}

    def statistics_due(self, step: int) -> bool:
        """Return whether the statistics of a step are to be recorded."""
        return self.record.statistics_every is not None and step % self.record.statistics_every == 0

    def truncate(self, last: int) -> None:
        """Copy the records up to a step to the host, and drop those after it.

        Steps were queued ahead that do not count: behind a loss that is not finite, or when Ctrl-C came.
        """
        for records in (self.params, self.statistics):
            for step in [step for step in records if step > last]:
                del records[step]
            for step in reversed(records):
                if all(isinstance(leaf, np.ndarray) for leaf in jax.tree.leaves(records[step])):
                    break
                records[step] = jax.tree.map(np.asarray, records[step])

    def snapshot(self) -> Callable[[], Checkpoint] | None:
        """Return a function that makes a checkpoint of all that is recorded now; None if nothing is."""
        if not self.params and not self.statistics:
            return None
        params, statistics = dict(self.params), dict(self.statistics)
        facts: dict[str, int | float | str | None] = {"parameters_every": self.parameters_every}
        return lambda: Checkpoint(_named_arrays(params) | _named_arrays(statistics, "statistics/"), facts)

    def restore(self, checkpoint: Checkpoint, params: PyTree, last: int) -> None:
        """Restore the records of a checkpoint, up to a step.

        Args:
            checkpoint: of `snapshot`.
            params: parameters of this network, of any values.
            last: the step.
        """
        every = checkpoint.facts.get("parameters_every")
        self.parameters_every = self.parameters_every if every is None else int(every)
        steps = checkpoint.arrays.get("steps", ())
        for index, step in enumerate(steps):
            named = {name: array[index] for name, array in arrays_under("params", checkpoint).items()}
            self.params[int(step)] = restore_tree(params, named, what="recorded array")
        statistics = arrays_under("statistics", checkpoint)
        for index, step in enumerate(statistics.pop("steps", ())):
            self.statistics[int(step)] = LayerStatistics(**{name: values[index] for name, values in statistics.items()})
        self.truncate(last)

    def trajectory(self) -> Trajectory | None:
        """Return the recorded parameters; None if there are none."""
        return Trajectory(*_stacked(self.params)) if self.params else None

    def statistics_of(self, net: Sequential, input_shape: Shape) -> Statistics | None:
        """Return the recorded statistics; None if there are none."""
        if not self.statistics:
            return None
        steps, values = _stacked(self.statistics)
        return Statistics(steps, layer_names(net, input_shape), **values._asdict())


def _named_arrays(records: Mapping[int, PyTree], prefix: str = "") -> dict[str, np.ndarray]:
    """Return records as named arrays: the steps, and each array with a first axis over them."""
    if not records:
        return {}
    steps, tree = _stacked(records)
    arrays = named_leaves(tree if prefix else {"params": tree})
    return {f"{prefix}steps": steps} | {f"{prefix}{name}": np.asarray(array) for name, array in arrays.items()}


def _stacked(records: Mapping[int, PyTree]) -> tuple[np.ndarray, PyTree]:
    """Return all steps, and the records at them, stacked."""
    return np.array(list(records)), jax.tree.map(lambda *leaves: np.stack(leaves), *records.values())
