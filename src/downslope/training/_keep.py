"""What a training under way writes to disk, and when."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np

from downslope.core import named_leaves
from downslope.runs import Checkpoint, Record, RunFolder
from downslope.training._descent import Descent
from downslope.training._restarts import Restarts
from downslope.training._run import Run

SECONDS_BETWEEN_SAVES = 5.0


@runtime_checkable
class Keeper(Protocol):
    """Who keeps a run."""

    def epoch_ended(self, descent: Descent, values: dict[str, float]) -> None:
        """Keep what an epoch ended with."""
        ...


class Forgetful:
    """Keeps nothing: the run lives in memory only."""

    def epoch_ended(self, descent: Descent, values: dict[str, float]) -> None:
        """Ignore it."""


@dataclass
class FolderKeeper:
    """Keeps a run in its folder, from before the first step.

    Attributes:
        folder: where.
        record: how the run was made.
    """

    folder: RunFolder
    record: Record
    saved: float = field(default_factory=time.monotonic)
    best_saved: int = 0

    def begin(self, descent: Descent) -> None:
        """Write the record and the state before the first step."""
        self.folder.write_record(self.record)
        self._save(descent)

    def epoch_ended(self, descent: Descent, values: dict[str, float]) -> None:
        """Add the epoch's line; save the state if the last save was a while ago."""
        self.folder.append_metrics({"epoch": descent.epoch, **values})
        if time.monotonic() - self.saved >= SECONDS_BETWEEN_SAVES:
            self._save(descent)

    def end(self, descent: Descent, run: Run, restarts: Restarts | None) -> None:
        """Save the last state, the best parameters, and how it ended."""
        if restarts is not None:
            self._add_restarts(descent, restarts)
        self._save(descent)
        recorded = {}
        if run.trajectory is not None:
            recorded |= {"steps": run.trajectory.steps} | _named("params", run.trajectory.params)
        if run.statistics is not None:
            recorded |= _named("statistics", {"steps": run.statistics.steps} | run.statistics.values)
        if recorded:
            self.folder.save_trajectory(Checkpoint(recorded, {}))
        if run.tracking is not None:
            facts = run.tracking.facts | {"status": ", ".join(run.tracking.status)}
            self.folder.save_tracking(Checkpoint(run.tracking.values, facts))
        detail = None if descent.divergence is None else descent.divergence.as_json()
        ended = {"status": "finished", "stop_reason": descent.stop_reason, "stop_detail": detail}
        self.record = self.record.model_copy(update=ended)
        self.folder.write_record(self.record)

    def _add_restarts(self, descent: Descent, restarts: Restarts) -> None:
        """Add the history of the start that was kept, and how all of them ended."""
        for epoch, values in enumerate(descent.history, start=1):
            self.folder.append_metrics({"epoch": epoch, **values})
        arrays = _named("histories", restarts.histories)
        arrays |= {"losses": restarts.losses, "epochs": restarts.epochs}
        facts = {"best": restarts.best, "stop_reasons": " ".join(restarts.stop_reasons)}
        self.folder.save_restarts(Checkpoint(arrays, facts))

    def _save(self, descent: Descent) -> None:
        state = descent.state
        facts = {
            "epoch": descent.epoch,
            "step": descent.step,
            "best_loss": str(float(descent.best.loss)),
            "best_epoch": descent.best.epoch,
        }
        arrays = variables_arrays(state.variables) | _named("optimizer", state.optimizer)
        self.folder.save_last(Checkpoint(arrays | _named("epoch", (state.total, state.weight)), facts))
        if descent.best.epoch != self.best_saved:
            self.folder.save_best(Checkpoint(variables_arrays(descent.best_variables), facts))
            self.best_saved = descent.best.epoch
        self.saved = time.monotonic()


def variables_arrays(variables: Any) -> dict[str, Any]:
    """Return a network's variables as named arrays."""
    return _named("variables", variables)


def _named(prefix: str, tree: Any) -> dict[str, Any]:
    return {f"{prefix}/{name}": np.asarray(leaf) for name, leaf in named_leaves(tree).items()}
