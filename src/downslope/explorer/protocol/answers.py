"""Answers of the server in JSON: a closed set of messages, told apart by `type`.

Numbers that are not finite are null.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from downslope.explorer.protocol.settings import DescentSettings, Part, Plane, Subject
from downslope.figures.pages import Array, LineView, Surface


class Range(Part):
    """The range and the default of a number; `log` asks for a logarithmic control.

    `label` is how a control calls it; empty where the page has words of its own.
    """

    name: str
    label: str = ""
    low: float
    high: float
    default: float
    log: bool = False
    whole: bool = False


class DescentStart(Part):
    """The start of a descent, in coordinates of the plane, and its settings."""

    name: str
    a: float
    b: float
    settings: DescentSettings


class Lesson(Part):
    """A lesson: a subject with descents, two sentences, and one experiment to try."""

    name: str
    title: str
    text: str
    to_try: str
    subject: Subject
    plane: Plane
    descents: tuple[DescentStart, ...]
    steps_per_second: float = 30.0


class DataInfo(Part):
    """A data set to choose."""

    name: str
    rows: int
    features: int
    about: str


class FormulaInfo(Part):
    """A line of an update rule in plain signs, and the names of the numbers in it.

    It holds where all settings in `needs` are on, or not 0, and none in `lacks` is.
    """

    text: str
    needs: tuple[str, ...]
    lacks: tuple[str, ...]
    numbers: tuple[str, ...]


class OptimizerInfo(Part):
    """An optimizer to choose: its numbers and choices, its usual rate, and the lines of its update rule.

    `stride` is the share of a plane's half-width that a good rate is, for optimizers whose rate is a length; else None.
    """

    name: str
    numbers: tuple[str, ...]
    choices: tuple[str, ...]
    learning_rate: float
    stride: float | None
    formula: tuple[FormulaInfo, ...]


class ScheduleInfo(Part):
    """A schedule to choose, and the numbers that shape it."""

    name: str
    numbers: tuple[Range, ...]


class Welcome(Part):
    """The answer to `hello`: all that can be chosen.

    `opens` is the subject to show unless the address has another. `descent` is what a descent is unless it is changed.
    `labels` say how people write names, where it differs from words with blanks; `letters` are the signs for numbers in
    formulas.
    """

    type: Literal["hello"] = "hello"
    version: Literal[1] = 1
    title: str
    opens: Subject
    has_run: bool
    classics: tuple[str, ...]
    data_sets: tuple[DataInfo, ...]
    activations: tuple[str, ...]
    initializers: tuple[str, ...]
    norms: tuple[str, ...]
    normalizations: tuple[str, ...]
    optimizers: tuple[OptimizerInfo, ...]
    schedules: tuple[ScheduleInfo, ...]
    directions: tuple[str, ...]
    sizes: tuple[int, ...]
    ranges: tuple[Range, ...]
    labels: dict[str, str]
    letters: dict[str, str]
    descent: DescentSettings
    scenes: tuple[Lesson, ...]
    credit: int


class PointsView(Part):
    """Rows of two features with their classes, and the grid that boundaries are drawn on.

    `x` is `(rows, 2)`, `labels` class numbers `(rows,)`; grids of frames have a value at each `(y, x)` of `grid`.
    """

    kind: Literal["points"] = "points"
    x: Array
    labels: Array
    classes: tuple[str, ...]
    feature_names: tuple[str, str]
    grid: tuple[Array, Array]


class ExamplesView(Part):
    """Some rows to show predictions for: images `(n, height, width)` in [0, 1], series likewise with height 1."""

    kind: Literal["images", "series"] = "images"
    rows: Array
    values: Array
    labels: Array
    classes: tuple[str, ...]


class RowsView(Part):
    """Rows that have no picture: only their number."""

    kind: Literal["rows"] = "rows"
    count: int
    features: int


View = Annotated[LineView | PointsView | ExamplesView | RowsView, Field(discriminator="kind")]


class SurfaceAnswer(Part):
    """A new plane: a surface of the offline page, with no loss computed yet; frames of `run` fill it.

    `plane` is as it was requested, with the directions chosen for `"auto"`. `can_redirect` lists the directions that
    this subject has. `layers` names the rows of frames of layer signals, in order. `suggested` is a descent that suits
    the subject.
    """

    type: Literal["surface"] = "surface"
    run: int
    subject: Subject
    plane: Plane
    title: str
    description: str
    loss_label: str
    surface: Surface
    can_redirect: tuple[str, ...]
    rows: int | None
    parameters: int
    layers: tuple[str, ...]
    suggested: DescentStart
    beside: View | None


State = Literal["opening", "slicing", "playing", "paused", "idle", "measuring"]


class Status(Part):
    """The current work: its state, a description, and the share that is done where that is known."""

    type: Literal["status"] = "status"
    run: int
    state: State
    text: str
    done: float | None = None


class Problem(Part):
    """A request that was refused or failed: the setting it is about (empty for none), and a sentence or two."""

    type: Literal["error"] = "error"
    field: str
    message: str


class DescentAnswer(Part):
    """The state of a descent: sent when it starts, when its numbers change, at intervals, and when it pauses.

    `hyperparams` are its current numbers. `ended` is empty while it can go on. `explained` is the share of the
    path's variance that the plane shows.
    """

    type: Literal["descent"] = "descent"
    run: int
    id: int
    a: float
    b: float
    settings: DescentSettings
    hyperparams: dict[str, float]
    step: int
    epoch: float
    batch_size: int
    steps_an_epoch: int
    loss: float | None
    ended: Literal["", "completed", "diverged"]
    text: str
    explained: float | None = None


class Removed(Part):
    """A descent was removed."""

    type: Literal["removed"] = "removed"
    id: int


class Row(Part):
    """A line of the table of a run, exact."""

    step: int
    epoch: float
    loss: float | None
    gradient_norm: float | None
    learning_rate: float | None


class Rows(Part):
    """New lines of the table of a descent, those of the path frame that follows; `replaces` all lines so far."""

    type: Literal["rows"] = "rows"
    run: int
    id: int
    replaces: bool = False
    rows: tuple[Row, ...]


Severity = Literal["severe", "warning", "note"]


class FindingAnswer(Part):
    """A finding of the diagnosis."""

    code: str
    severity: Severity
    statement: str
    evidence: str
    fix: str


class Diagnosis(Part):
    """The answer to `diagnose`."""

    type: Literal["diagnosis"] = "diagnosis"
    id: int
    step: int
    verdict: str
    findings: tuple[FindingAnswer, ...]


class Eigenvalue(Part):
    """The answer to `eigenvalue`: λ_max, its residual, and the largest stable rate, `limit`, where there is one."""

    type: Literal["eigenvalue"] = "eigenvalue"
    id: int
    step: int
    value: float | None
    residual: float | None
    converged: bool
    limit: float | None
    text: str


class Code(Part):
    """The answer to `code`."""

    type: Literal["code"] = "code"
    text: str


class Done(Part):
    """The surface or all descents are complete; `cancelled` where they were stopped instead."""

    type: Literal["done"] = "done"
    run: int
    what: Literal["surface", "descents"]
    cancelled: bool = False


Answer = (
    Welcome | SurfaceAnswer | Status | Problem | DescentAnswer | Removed | Rows | Diagnosis | Eigenvalue | Code | Done
)
