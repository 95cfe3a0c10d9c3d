"""A race: several optimizers from one start, on the same batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from downslope.core import DownslopeError, Setting, SettingError, Variables
from downslope.data import Dataset
from downslope.networks import Sequential
from downslope.optimizers import as_optimizer
from downslope.training.run import Run
from downslope.training.sweep import Unfit, compared_loss
from downslope.training.train import train


@dataclass(frozen=True)
class Race:
    """Runs of several optimizers from one start.

    Attributes:
        runs: each optimizer's run, by name.
        unfit: the optimizers that cannot train this network, and why; they have no run, and end the table.
    """

    runs: dict[str, Run]
    unfit: tuple[Unfit, ...] = ()

    def __len__(self) -> int:
        return len(self.runs)

    @property
    def losses(self) -> dict[str, float]:
        """Where each got to: its lowest validation loss, or its last training loss; NaN if it diverged at once."""
        return {name: compared_loss(run) for name, run in self.runs.items()}

    @property
    def winner(self) -> str:
        """The name of the optimizer with the lowest loss."""
        finite = {name: loss for name, loss in self.losses.items() if np.isfinite(loss)}
        return min(finite or self.losses, key=lambda name: finite.get(name, np.inf))

    def table(self) -> Any:
        """Return a polars table, the lowest loss first, with the epochs each took to come within 10 % of the winner."""
        import polars

        rows: list[dict[str, Any]] = [
            {
                "optimizer": name,
                "loss": loss,
                "epochs": self.runs[name].epochs,
                "epochs_to_near": self._epochs_to(1.1 * self.losses[self.winner], name),
                "stop_reason": self.runs[name].stop_reason,
            }
            for name, loss in self.losses.items()
        ]
        rows += [unfit.settings | {"epochs": 0, "stop_reason": "unfit"} for unfit in self.unfit]
        return polars.DataFrame(rows, infer_schema_length=None).sort("loss", nulls_last=True)

    def _epochs_to(self, loss: float, name: str) -> int | None:
        """Return after how many epochs a loss was reached; None if it was not."""
        history = self.runs[name].history
        values = history.get("validation_loss", history.get("train_loss", np.zeros(0)))
        return int(np.argmax(values <= loss)) + 1 if np.any(values <= loss) else None


def race(
    net: Sequential,
    data: Dataset,
    *,
    optimizers: dict[str, Any] | list[Any],
    start: Variables | None = None,
    **settings: Any,
) -> Race:
    """Train with several optimizers from one start, on the same batches.

    One that cannot train this network does not end the race: it is in `unfit`, with the reason.

    Args:
        net: the network.
        data: rows with targets.
        optimizers: name → optimizer; or a list, whose entries name themselves.
        start: variables to begin from; None for the network's own, drawn from the seed.
        **settings: of `ds.train`, the same for all.

    Raises:
        SettingError: a setting that cannot be, or that a race has no use for; no optimizer that can train.

    Example:
        >>> import downslope as ds
        >>> racers = {"sgd": ds.sgd(0.01), "momentum": ds.sgd(0.01, momentum=0.9), "adam": ds.adam(0.01)}
        >>> net, data = ds.mlp([8], outputs=3), ds.load("iris")
        >>> found = ds.race(net, data, optimizers=racers, epochs=20, normalize="standard", progress=False)
        >>> found.winner != "sgd", list(found.runs)
        (True, ['sgd', 'momentum', 'adam'])
    """
    if not optimizers:
        raise SettingError(Setting("optimizers"), "must hold one optimizer at least, got none.")
    for name in settings:
        if name in ("optimizer", "store", "overwrite", "restarts"):
            raise SettingError(Setting(name), "is for one run, not for a race of several optimizers.")
    named = optimizers if isinstance(optimizers, dict) else {str(optimizer): optimizer for optimizer in optimizers}
    for optimizer in named.values():
        as_optimizer(optimizer)  # no name that means nothing, before the first trains
    runs: dict[str, Run] = {}
    unfit: list[Unfit] = []
    for name, optimizer in named.items():
        try:
            runs[name] = train(net, data, optimizer=optimizer, start=start, **settings)
        except DownslopeError as error:
            unfit.append(Unfit({"optimizer": name}, error))
    if not runs:
        raise unfit[0].error
    return Race(runs, tuple(unfit))
