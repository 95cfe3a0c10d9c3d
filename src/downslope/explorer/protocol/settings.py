"""Choices of the page, each within its range: the subject, the plane, and the settings of a descent."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model

from downslope.data import NORMALIZATIONS
from downslope.explorer.protocol.offers import (
    ACTIVATIONS,
    CHOICES,
    CLASSICS,
    DATA_SETS,
    DIRECTIONS,
    INITIALIZERS,
    KINDS_OF_SCHEDULES,
    NORMS,
    NUMBERS,
    SIZES,
    number_field,
)
from downslope.optimizers import OPTIMIZERS
from downslope.schedules import ScheduleFacts

MOST_DESCENTS = 4

if TYPE_CHECKING:
    DataName = ClassicName = Activation = Initializer = Norm = Normalization = OptimizerName = Direction = str
    Size = int
else:
    DataName = Literal[DATA_SETS]
    ClassicName = Literal[CLASSICS]
    Activation = Literal[ACTIVATIONS]
    Initializer = Literal[INITIALIZERS]
    Norm = Literal[NORMS]
    Normalization = Literal[tuple(NORMALIZATIONS)]
    OptimizerName = Literal[tuple(OPTIMIZERS)]
    Direction = Literal[(*DIRECTIONS, "auto")]
    Size = Literal[SIZES]
Coordinate = Annotated[float, Field(ge=-1e6, le=1e6)]
Steps = Annotated[int, Field(ge=1, le=1_000_000)]
Seed = Annotated[int, Field(ge=0, le=2**31 - 1)]
DescentId = Annotated[int, Field(ge=0, lt=MOST_DESCENTS)]
RunNumber = Annotated[int, Field(ge=0, le=2**32 - 1)]


class Part(BaseModel):
    """Base of all parts of the wire: fixed fields, no others, no number read out of text."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class ClassicSubject(Part):
    """One of the classic surfaces of two parameters."""

    kind: Literal["classic"] = "classic"
    name: ClassicName


class LineSubject(Part):
    """Old Faithful's line: intercept and slope, both columns standardized; `loss` is the sum or mean of squares."""

    kind: Literal["line"] = "line"
    loss: Literal["sum_squared_error", "mean_squared_error"] = "sum_squared_error"


class NetworkSubject(Part):
    """A small network on a shipped data set, trained for some epochs; the surface goes through where that ends.

    `noise` is the deviation of Gaussian noise added to each feature, in deviations of that feature.
    """

    kind: Literal["network"] = "network"
    data: DataName
    noise: Annotated[float, Field(ge=0, le=5, allow_inf_nan=False)] = 0.0
    normalize: Normalization | None = "standard"
    hidden: Annotated[list[Annotated[int, Field(ge=1, le=256)]], Field(max_length=8)] = [16]
    activation: Activation = "relu"
    initializer: Initializer = "auto"
    norm: Norm | None = None
    dropout: Annotated[float, Field(ge=0, le=0.9, allow_inf_nan=False)] = 0.0
    skip: bool = False
    epochs: Annotated[int, Field(ge=1, le=200)] = 20
    seed: Seed = 0


class RunSubject(Part):
    """The run that the server was started with; no message can name another."""

    kind: Literal["run"] = "run"


Subject = Annotated[ClassicSubject | LineSubject | NetworkSubject | RunSubject, Field(discriminator="kind")]


class Plane(Part):
    """The plane of a slice: through the subject's point, or through a descent's current point."""

    directions: Direction = "auto"
    size: Size = 51
    span: tuple[Annotated[float, Field(gt=0, le=1e6)], Annotated[float, Field(gt=0, le=1e6)]] | None = None
    through: DescentId | None = None
    mode: Literal["inference", "training"] = "inference"
    seed: Seed = 0


class ScheduleSettings(Part):
    """A schedule of the rate, with the numbers of its kind."""

    kind: str


def _schedule_settings(facts: ScheduleFacts) -> type[ScheduleSettings]:
    """Return the part of the wire that a schedule is: its kind and its numbers."""
    fields: dict[str, Any] = {"kind": (Literal[facts.name], facts.name)}
    for number in facts.numbers:
        fields[number.name] = (number_field(number.range, number.limits), number.default)
    return create_model(facts.name, __base__=ScheduleSettings, **fields)


SCHEDULE_SETTINGS = {name: _schedule_settings(facts) for name, facts in KINDS_OF_SCHEDULES.items()}

if TYPE_CHECKING:
    ScheduleChoice = ScheduleSettings
else:
    ScheduleChoice = Annotated[reduce(or_, SCHEDULE_SETTINGS.values()), Field(discriminator="kind")]


def fields_of_numbers() -> dict[str, object]:
    """Return the type of each number of optimizers that controls offer."""
    return {
        name: number_field(number.facts.range, number.limits)
        for name, number in NUMBERS.items()
        if number.facts.range is not None
    }


class DescentBasis(Part):
    """The settings that a descent has whatever its optimizer is.

    `batch_size` None is all rows. The descent ends after `steps`.
    """

    optimizer: OptimizerName = "sgd"
    learning_rate: float = 0.1
    weight_decay: float = 0.0
    batch_size: Annotated[int, Field(ge=1, le=100_000)] | None = None
    schedule: ScheduleChoice = SCHEDULE_SETTINGS["constant"](kind="constant")
    seed: Seed = 0
    steps: Steps = 2000


def _descent_settings() -> type[DescentBasis]:
    """Return the settings of a descent: those of every optimizer, of which each one uses its own."""
    defaults = {name: number.default for name, number in NUMBERS.items()} | {"learning_rate": 0.1}
    fields: dict[str, Any] = {name: (kind, defaults[name]) for name, kind in fields_of_numbers().items()}
    fields |= dict.fromkeys(CHOICES, (bool, False))
    return create_model("DescentSettings", __base__=DescentBasis, **fields)


if TYPE_CHECKING:
    DescentSettings = DescentBasis
else:
    DescentSettings = _descent_settings()
    DescentSettings.__doc__ = """The settings of a descent.

    Besides those that every descent has, the numbers and choices of all optimizers; each uses its own and ignores the
    others. `weight_decay` is the optimizer's own where it has one, else L2 in the gradient.
    """
