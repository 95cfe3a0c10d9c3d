"""A descent of a bare surface, step by step, as `downslope.landscape.descend` makes it, with numbers that change."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from downslope.core import LossSurface, Number, PyTree, all_finite
from downslope.landscape import surface_step
from downslope.optimizers import Optimizer, OptimizerState, initial_state, set_hyperparam
from downslope.training import transfer_state


class SurfaceStepper:
    """A descent along the surface's own gradient, with the interface of `downslope.training.Stepper`.

    Attributes:
        surface: the loss.
        params: the current parameters.
        loss: there.
        velocity: the last step, `θₜ − θₜ₋₁`.
        diverged: whether loss or parameters were not finite after a step: it then stays before that step.

    Example:
        >>> import downslope as ds
        >>> bowl = ds.surfaces.bowl()
        >>> stepper = SurfaceStepper(bowl, np.array([1.0, 0.0]), ds.sgd(0.5))
        >>> stepper.advance(3), [float(number) for number in stepper.params]
        (3, [0.125, 0.0])
    """

    def __init__(self, surface: LossSurface, params: PyTree, optimizer: Optimizer):
        self.surface = surface
        self.rule = optimizer.rule
        self.params = params
        self.loss: Number = surface.value(params)
        self.state: OptimizerState = initial_state(optimizer, params)
        self.velocity: PyTree = jax.tree.map(np.zeros_like, params)
        self.diverged = False
        self.epoch_steps = 1

    @property
    def variables(self) -> PyTree:
        """The parameters: there is nothing else."""
        return self.params

    @property
    def step(self) -> int:
        """The number of steps made."""
        return int(self.state.step)

    @property
    def hyperparams(self) -> dict[str, float]:
        """The numbers of the last step; where there is no schedule, also of the next one."""
        return {name: float(value) for name, value in self.state.hyperparams.items()}

    def set(self, **hyperparams: Any) -> None:
        """Change numbers of the optimizer from the next step on; nothing is reset."""
        self.state = set_hyperparam(self.state, **hyperparams)

    def switch_optimizer(self, optimizer: Optimizer) -> None:
        """Go on with another optimizer of the kind; see `transfer_state`."""
        self.state = transfer_state(self.state, optimizer, self.params)
        self.rule = optimizer.rule

    def advance(self, steps: int) -> int:
        """Make steps, and return the number made: fewer if one led where the loss is not finite."""
        for count in range(steps):
            if self.diverged or not self._advance_once():
                return count
        return steps

    def _advance_once(self) -> bool:
        """Make a step; return whether it was finite."""
        params, state = surface_step(self.surface, self.rule, self.state, self.params, self.loss)
        loss = self.surface.value(params)
        self.diverged = not np.isfinite(loss) or not all_finite(params)
        if not self.diverged:
            self.loss = loss
            self.velocity = jax.tree.map(lambda new, old: np.asarray(new) - np.asarray(old), params, self.params)
            self.params, self.state = params, state
        return not self.diverged
