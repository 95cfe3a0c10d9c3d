"""An opened subject: a loss, a point that planes go through, and the stepper of a descent on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

import jax
import numpy as np

from downslope.core import LossSurface, PyTree, RunError, Variables
from downslope.explorer.protocol import DescentSettings, DescentStart, Subject
from downslope.optimizers import Optimizer
from downslope.training import Recipe, Run, Trajectory


class Cancelled(Exception):  # noqa: N818  (no error: it was requested)
    """Work was canceled on request."""


@runtime_checkable
class Report(Protocol):
    """A function that receives the progress of long work; raises `Cancelled` to stop it."""

    def __call__(self, text: str, done: float | None = None) -> None:
        """Report a description of the work, and the share that is done."""
        ...


@runtime_checkable
class DescentStepper(Protocol):
    """A descent that is made step by step: `downslope.training.Stepper`, or `SurfaceStepper`."""

    velocity: PyTree
    diverged: bool

    @property
    def variables(self) -> PyTree:
        """The parameters; of a network its `Variables`, with the state of layers."""
        ...

    @property
    def params(self) -> PyTree:
        """The parameters."""
        ...

    @property
    def step(self) -> int:
        """The number of steps made."""
        ...

    @property
    def epoch_steps(self) -> int:
        """The number of steps of an epoch."""
        ...

    @property
    def hyperparams(self) -> dict[str, float]:
        """The optimizer's numbers."""
        ...

    def set(self, **hyperparams: Any) -> None:
        """Change numbers from the next step on."""
        ...

    def switch_optimizer(self, optimizer: Optimizer) -> None:
        """Replace the optimizer by another of its kind; its state is carried over."""
        ...

    def advance(self, steps: int) -> int:
        """Make steps; return the number made."""
        ...


@dataclass(frozen=True, eq=False)
class OpenedSubject:
    """An opened subject.

    Attributes:
        spec: the subject as it was requested.
        title: its name.
        loss_label: the name of the loss.
        variables: the point that planes go through, unless they go through a descent: see `DescentStepper.variables`.
        surface_in: the loss in a mode, `"inference"` or `"training"`, with the state of layers as in some variables.
        loss_and_gradient: the true loss, and its gradient, at some variables.
        directions: those it has, the one for `"auto"` first.
        span: the half-widths for that one, or `"auto"`.
        trajectory: a path to find principal directions by, or None.
        stepper_at: begins a descent at some parameters.
        suggested: a descent that suits it, in coordinates of its own plane.
        code: Python lines that make `surface` and `center`, the point.
        rows: how many rows the loss is over; None for a formula.
        layers: names of the layers, for signals.
        run: the training whose network it is; None for a formula.
        labels: names of the axes for `"axes"`, or None.
    """

    spec: Subject
    title: str
    loss_label: str
    variables: PyTree
    surface_in: Callable[[str, PyTree], LossSurface]
    loss_and_gradient: Callable[[PyTree], tuple[float, PyTree]]
    directions: tuple[str, ...]
    span: tuple[float, float] | Literal["auto"]
    trajectory: Trajectory | None
    stepper_at: Callable[[PyTree, DescentSettings], DescentStepper]
    suggested: DescentStart
    code: tuple[str, ...]
    rows: int | None = None
    layers: tuple[str, ...] = ()
    run: Run | None = field(default=None, repr=False)
    labels: tuple[str, str] | None = None


def to_host(tree: PyTree) -> PyTree:
    """Return a tree of NumPy arrays."""
    return jax.tree.map(np.asarray, tree)


def params_of(variables: PyTree) -> PyTree:
    """Return the parameters among variables; those of a formula are nothing but parameters."""
    return variables.params if isinstance(variables, Variables) else variables


def recipe_of(run: Run) -> Recipe:
    """Return the recipe of a run that has its rows.

    Raises:
        RunError: it was opened from its folder, and its rows were not read.
    """
    if run.recipe is None:
        raise RunError("The rows of this run were not read. Pass `run.with_data()`.")
    return run.recipe
