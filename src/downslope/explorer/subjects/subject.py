"""What is walked on: a loss with a point that planes go through, and how a descent on it begins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import jax
import numpy as np

from downslope.core import LossSurface, PyTree, Variables
from downslope.explorer.protocol import DescentSettings, SceneStart, Subject


class Cancelled(Exception):  # noqa: N818  (no error: somebody asked for it)
    """Somebody asked to stop."""


@runtime_checkable
class Walker(Protocol):
    """A descent that is made step by step: `downslope.training.Walk`, or `SurfaceWalk`."""

    velocity: Any
    diverged: bool

    @property
    def variables(self) -> Any:
        """All that it has: parameters, and of a network what layers remember."""
        ...

    @property
    def params(self) -> PyTree:
        """Where it is."""
        ...

    @property
    def step(self) -> int:
        """How many steps were made."""
        ...

    @property
    def epoch_steps(self) -> int:
        """How many steps an epoch has."""
        ...

    @property
    def hyperparams(self) -> dict[str, float]:
        """The optimizer's numbers."""
        ...

    def set(self, **hyperparams: Any) -> None:
        """Change numbers from the next step on."""
        ...

    def adopt(self, optimizer: Any) -> None:
        """Go on with another optimizer of the kind."""
        ...

    def advance(self, steps: int) -> int:
        """Make steps; return how many were made."""
        ...


@dataclass(frozen=True, eq=False)
class Ground:
    """A subject, opened.

    Attributes:
        subject: as it was asked for.
        title: its name.
        loss_label: what the loss is.
        variables: what planes go through, unless they go through a descent: see `Walker.variables`.
        surface_in: the loss in a mode, `"inference"` or `"training"`, with what layers remember as in some variables.
        measured: the true loss, and its gradient, at some variables.
        directions: those it has, the one for `"auto"` first.
        span: the half-widths for that one, or `"auto"`.
        trajectory: a path to find principal directions by, or None.
        walk_from: begins a descent at some parameters.
        suggested: a descent that suits it, in coordinates of its own plane.
        center_code: Python lines that make `surface` and `center`, the point.
        rows: how many rows the loss is over; None for a formula.
        layers: names of the layers, for signals.
        run: the training whose network it is; None for a formula.
        labels: names of the axes for `"axes"`, or None.
    """

    subject: Subject
    title: str
    loss_label: str
    variables: Any
    surface_in: Callable[[str, Any], LossSurface]
    measured: Callable[[Any], tuple[float, PyTree]]
    directions: tuple[str, ...]
    span: Any
    trajectory: Any
    walk_from: Callable[[PyTree, DescentSettings], Walker]
    suggested: SceneStart
    center_code: tuple[str, ...]
    rows: int | None = None
    layers: tuple[str, ...] = ()
    run: Any = field(default=None, repr=False)
    labels: tuple[str, str] | None = None


def host(tree: PyTree) -> PyTree:
    """Return a tree of NumPy arrays."""
    return jax.tree.map(np.asarray, tree)


def params_of(variables: Any) -> PyTree:
    """Return the parameters among variables; those of a formula are nothing but parameters."""
    return variables.params if isinstance(variables, Variables) else variables
