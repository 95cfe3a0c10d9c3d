"""Choices of the page, each within its range: the subject, the plane, and the settings of a descent."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

DATA_SETS = ("digits", "iris", "wine", "moons", "circles", "spirals", "quadrants", "mnist1d")
CLASSICS = ("bowl", "ravine", "saddle", "two_minima", "plateau", "rosenbrock", "himmelblau", "beale")
MOST_DESCENTS = 4

DataName = Literal["digits", "iris", "wine", "moons", "circles", "spirals", "quadrants", "mnist1d"]
ClassicName = Literal["bowl", "ravine", "saddle", "two_minima", "plateau", "rosenbrock", "himmelblau", "beale"]
Activation = Literal[
    "relu", "leaky_relu", "tanh", "scaled_tanh", "sigmoid", "softplus", "elu", "gelu", "silu", "identity"
]
Initializer = Literal[
    "auto", "zeros", "orthogonal", "lecun_normal", "lecun_uniform", "fan_out_normal", "fan_out_uniform",
    "glorot_normal", "glorot_uniform", "he_normal", "he_uniform",
]  # fmt: skip
OptimizerName = Literal["sgd", "rmsprop", "adam", "adamw", "nadam", "adagrad", "adadelta"]
Coordinate = Annotated[float, Field(ge=-1e6, le=1e6)]
Rate = Annotated[float, Field(ge=0, le=1e4, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
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
    normalize: Literal["standard", "minmax", "symmetric"] | None = "standard"
    hidden: Annotated[list[Annotated[int, Field(ge=1, le=256)]], Field(max_length=8)] = [16]
    activation: Activation = "relu"
    initializer: Initializer = "auto"
    norm: Literal["batch", "layer"] | None = None
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

    directions: Literal["filter", "pca", "eigen", "axes", "auto"] = "auto"
    size: Literal[9, 17, 25, 33, 41, 51, 65, 81, 101, 129] = 51
    span: tuple[Annotated[float, Field(gt=0, le=1e6)], Annotated[float, Field(gt=0, le=1e6)]] | None = None
    through: DescentId | None = None
    mode: Literal["inference", "training"] = "inference"
    seed: Seed = 0


class Constant(Part):
    """No schedule: the rate stays."""

    kind: Literal["constant"] = "constant"


class StepDecay(Part):
    """The rate times `factor` every so many steps."""

    kind: Literal["step_decay"] = "step_decay"
    factor: Annotated[float, Field(gt=0, le=1)] = 0.5
    every: Steps = 100


class ExponentialDecay(Part):
    """The rate times `rate ** (step / every)`."""

    kind: Literal["exponential_decay"] = "exponential_decay"
    rate: Annotated[float, Field(gt=0, le=1)] = 0.9
    every: Steps = 100


class InverseTimeDecay(Part):
    """The rate over `(1 + rate · step) ** power`."""

    kind: Literal["inverse_time_decay"] = "inverse_time_decay"
    rate: Annotated[float, Field(gt=0, le=1e3)] = 0.01
    power: Annotated[float, Field(gt=0, le=2)] = 1.0


class CosineDecay(Part):
    """The rate falls to 0 along half a cosine of so many steps."""

    kind: Literal["cosine_decay"] = "cosine_decay"
    steps: Steps = 1000


class OneCycle(Part):
    """Up to the rate and down again within so many steps."""

    kind: Literal["one_cycle"] = "one_cycle"
    steps: Steps = 1000


class Cyclic(Part):
    """Between a tenth of the rate and the rate, a full cycle every so many steps."""

    kind: Literal["cyclic"] = "cyclic"
    period: Annotated[int, Field(ge=2, le=1_000_000)] = 200


class Warmup(Part):
    """Up to the rate within so many steps, constant after."""

    kind: Literal["warmup"] = "warmup"
    steps: Steps = 100


ScheduleChoice = Annotated[
    Constant | StepDecay | ExponentialDecay | InverseTimeDecay | CosineDecay | OneCycle | Cyclic | Warmup,
    Field(discriminator="kind"),
]


class DescentSettings(Part):
    """The settings of a descent.

    `momentum` is that of sgd and rmsprop, `nesterov` sgd's, `b1` and `b2` those of adam, adamw and nadam, `decay` that
    of rmsprop and adadelta; other optimizers ignore them. `batch_size` None is all rows. `weight_decay` is decoupled
    for adamw, L2 in the gradient for all others. The descent ends after `steps`.
    """

    optimizer: OptimizerName = "sgd"
    learning_rate: Rate = 0.1
    momentum: Share = 0.0
    nesterov: bool = False
    b1: Share = 0.9
    b2: Share = 0.999
    decay: Share = 0.9
    weight_decay: Annotated[float, Field(ge=0, le=10)] = 0.0
    batch_size: Annotated[int, Field(ge=1, le=100_000)] | None = None
    schedule: ScheduleChoice = Constant()
    seed: Seed = 0
    steps: Steps = 2000
