"""The settings of a training: what its numbers depend on besides the network and the rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from downslope.core import Advice, Setting, SettingError, UnknownNameError, Variables, check_integer, own_tree
from downslope.data import Dataset, DropLast, check_drop_last
from downslope.losses import Loss
from downslope.optimizers import Optimizer, OptimizerLike, adam
from downslope.schedules import Schedule
from downslope.training.early_stopping import EarlyStopping, as_early_stopping

ClassWeight = str | Mapping[Any, Any] | None
"""`"balanced"`, weights by label, or None for none."""

_ADAM = adam(1e-3)


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingSettings(Mapping[str, Any]):
    """What `ds.train` can be told that the result depends on; each setting is explained there.

    It is a mapping, too: `ds.train(net, data, **settings)`, and `settings | {"epochs": 5}` are the same settings with
    some changed.

    Raises:
        SettingError: a number that cannot be, or early stopping without validation rows to watch.

    Example:
        >>> settings = TrainingSettings(epochs=20, normalize="standard")
        >>> changed = settings | {"epochs": 5}
        >>> changed.epochs, changed.normalize, changed["batch_size"]
        (5, 'standard', 32)
    """

    loss: str | Loss = "auto"
    optimizer: OptimizerLike = _ADAM
    batch_size: int | Schedule | str = 32
    epochs: int = 50
    order: str = "shuffle"
    validation: float | Dataset = 0.0
    early_stopping: int | EarlyStopping | None = None
    seed: int = 0
    normalize: str | None = None
    normalize_targets: str | None = None
    start: Variables | None = None
    metrics: Sequence[str] = ()
    class_weight: ClassWeight = None
    drop_last: DropLast | None = None

    def __post_init__(self) -> None:
        check_integer("epochs", self.epochs)
        check_integer("seed", self.seed, at_least=0)
        object.__setattr__(self, "start", _own_start(self.start))
        if isinstance(self.class_weight, Mapping):
            object.__setattr__(self, "class_weight", dict(self.class_weight))
        if self.drop_last is not None:
            check_drop_last(self.drop_last)
        object.__setattr__(self, "early_stopping", _checked_stopping(self.early_stopping, held_out=self.holds_out))

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> TrainingSettings:
        """Return settings by name, the others as they are by default.

        Raises:
            UnknownNameError: there is no setting of that name.
            SettingError: as for the class.
        """
        known = [field.name for field in fields(cls)]
        for name in settings:
            if name not in known:
                raise UnknownNameError("settings", name, known)
        return cls(**settings)

    @property
    def holds_out(self) -> bool:
        """Whether there are validation rows."""
        return isinstance(self.validation, Dataset) or self.validation != 0

    @property
    def stopping(self) -> EarlyStopping:
        """When it stops early, and by what."""
        return as_early_stopping(self.early_stopping)

    @property
    def split_by_seed(self) -> bool:
        """Whether the rows to learn from depend on the seed."""
        return self.holds_out and not isinstance(self.validation, Dataset)

    @property
    def first_batch_size(self) -> Any:
        """The rows of a batch; of a schedule, those in the first epoch."""
        return size_at(self.batch_size, 0) if isinstance(self.batch_size, Schedule) else self.batch_size

    def for_trial(self, optimizer: Optimizer) -> TrainingSettings:
        """Return the settings of short trainings to measure by: with an optimizer, batches of one size, no metrics."""
        return self | {
            "optimizer": optimizer,
            "batch_size": self.first_batch_size,
            "early_stopping": None,
            "metrics": (),
        }

    def for_other_rows(self) -> TrainingSettings:
        """Return the settings for fewer or other rows than they were made for.

        Whether a batch of theirs holds a single row, which batch norm cannot take, is not for the user to see to: it is
        left out.
        """
        return self | {"drop_last": "lone"} if self.drop_last is None else self

    def __getitem__(self, name: str) -> Any:
        if name not in self.__dataclass_fields__:
            raise KeyError(name)
        return getattr(self, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.__dataclass_fields__)

    def __len__(self) -> int:
        return len(self.__dataclass_fields__)

    def __or__(self, changes: Mapping[str, Any]) -> TrainingSettings:
        """Return the settings with some changed."""
        return TrainingSettings.of({**self, **changes})

    def __ror__(self, others: Mapping[str, Any]) -> dict[str, Any]:
        """Return a dictionary with these settings over others."""
        return {**others, **self}


def size_at(schedule: Schedule, epoch: int) -> int:
    """Return the size that a schedule gives to the batches of an epoch, rounded to a whole number of rows."""
    return round(float(schedule(epoch)))


def _own_start(start: Variables | None) -> Variables | None:
    """Return variables to begin from, which share no memory with those of the user.

    Raises:
        SettingError: it is something else, such as a run or params alone.
    """
    if start is None or isinstance(start, Variables):
        return own_tree(start)
    raise SettingError(
        Setting("start"),
        f"must be ds.Variables, got {type(start).__name__}.",
        Advice("begin with those of a run:", code="start=run.variables"),
        Advice("make them of both parts:", code="start=ds.Variables(params, state)"),
    )


def _checked_stopping(early_stopping: int | EarlyStopping | None, *, held_out: bool) -> int | EarlyStopping | None:
    """Return when to stop early, checked; 0 means never, as None does."""
    if early_stopping is None or early_stopping == 0:
        return None
    if not held_out:
        raise SettingError(
            Setting("early_stopping"),
            f"watches the validation {as_early_stopping(early_stopping).metric}, got {early_stopping!r} without "
            "validation rows.",
            Advice("hold some out", validation=0.2),
            Advice("leave it off"),
        )
    if isinstance(early_stopping, EarlyStopping):
        return early_stopping
    return check_integer("early_stopping", early_stopping, advice="It counts epochs; 0 or None is never.")


DEFAULTS = TrainingSettings()
