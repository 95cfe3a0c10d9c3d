"""A training walked by hand: as many steps as are asked for, with numbers that change on the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import numpy as np

from downslope.core import PyTree, Variables, check_integer
from downslope.optimizers import Optimizer, OptimizerState, initial_state, set_hyperparam
from downslope.training.engine.batches import chunk_steps, epoch_rows, filled
from downslope.training.engine.evaluate import loss_of, outputs_of
from downslope.training.engine.state import begin
from downslope.training.engine.step import Batches, ChunkResult, State, batches_at, run_chunk
from downslope.training.problem.problem import Problem


class Walk:
    """The training of `ds.train`, made step by step by whoever holds it.

    After `n` epochs the variables are those of `ds.train` with the same recipe, bit by bit, however the steps were
    divided. Nothing is measured on the way; schedules that wait for a loss at the end of an epoch see none.

    Args:
        problem: what is learned, and how: `Recipe.problem()`.
        start: variables to begin from; None for those of the problem.

    Attributes:
        problem: what is learned.
        state: parameters, what layers remember, and the optimizer's state.
        epoch: how many epochs have ended.
        place: how many steps of this epoch were made.
        velocity: the last step, `θₜ − θₜ₋₁`, a tree like the parameters; zeros before the first.
        diverged: whether the loss of a batch was not finite: the walk then stays before that batch.

    Example:
        >>> import downslope as ds
        >>> net, data = ds.mlp([4], outputs=3), ds.load("iris")
        >>> run = ds.train(net, data, epochs=2, progress=False)
        >>> walk = Walk(run.recipe.problem())
        >>> walk.advance(3), walk.advance(7), walk.step, walk.epoch
        (3, 7, 10, 2)
        >>> bool((walk.params[0]["weight"] == run.params[0]["weight"]).all())
        True
    """

    def __init__(self, problem: Problem, start: Variables | None = None):
        self.problem = problem
        self.state: State = begin(problem).state
        if start is not None:
            self.state = self.state._replace(variables=start, optimizer=initial_state(problem.optimizer, start.params))
        self.epoch = 0
        self.place = 0
        self.velocity: PyTree = jax.tree.map(np.zeros_like, self.params)
        self.diverged = False
        self._rows = _Kept(lambda epoch: epoch_rows(problem, epoch))
        self._batches = _Kept(self._gathered)

    @property
    def variables(self) -> Variables:
        """The parameters, and what layers remember."""
        return self.state.variables

    @property
    def params(self) -> PyTree:
        """The parameters."""
        return self.state.variables.params

    @property
    def step(self) -> int:
        """How many steps were made."""
        return int(self.state.optimizer.step)

    @property
    def epoch_steps(self) -> int:
        """How many steps this epoch has."""
        return len(self._rows(self.epoch)[0])

    @property
    def hyperparams(self) -> dict[str, float]:
        """The numbers of the last step; where there is no schedule, also of the next one."""
        return {name: float(value) for name, value in self.state.optimizer.hyperparams.items()}

    def loss(self) -> float:
        """Return the loss over all training rows where the walk stands, in inference mode: what `train_loss` is."""
        part = self.problem.subset
        outputs = outputs_of(self.problem.architecture, self.variables, part.x)
        return loss_of(self.problem.loss, outputs, part.t, part.weights)

    def set(self, **hyperparams: Any) -> None:
        """Change numbers of the optimizer from the next step on; nothing is reset, and nothing compiles again.

        Raises:
            UnknownNameError: the optimizer uses no number of that name.
            SettingError: a number is out of bounds.
        """
        self.state = self.state._replace(optimizer=set_hyperparam(self.state.optimizer, **hyperparams))

    def adopt(self, optimizer: Optimizer) -> None:
        """Go on with another optimizer of the kind; see `carried_over`."""
        state = carried_over(self.state.optimizer, optimizer, self.params)
        self.problem = replace(self.problem, optimizer=optimizer)
        self.state = self.state._replace(optimizer=state)

    def advance(self, steps: int) -> int:
        """Make so many steps, and return how many were made: fewer if the loss of a batch was not finite."""
        left = check_integer("steps", steps, at_least=0)
        while left and not self.diverged:
            left -= self._stretch(left)
        return steps - left

    def _stretch(self, most: int) -> int:
        """Make steps up to the end of the chunk, the last one by itself to know it; return how many were made."""
        size = chunk_steps(self.problem, self.epoch)
        batches, count = self._batches(self.epoch, self.place // size)
        place = self.place % size
        steps = min(most, count - place)
        made = self._run(batches, place, steps - 1) if steps > 1 else 0
        if not self.diverged:
            before = self.params
            made += self._run(batches, place + made, 1)
            if not self.diverged:
                self.velocity = jax.tree.map(lambda new, old: np.asarray(new) - np.asarray(old), self.params, before)
        self.place += made
        if self.place == self.epoch_steps:
            zero = np.zeros_like(self.state.total)
            self.state = self.state._replace(total=zero, weight=zero)
            self.epoch, self.place = self.epoch + 1, 0
        return made

    def _run(self, batches: Batches, place: int, steps: int) -> int:
        """Make steps within a chunk; of those that end in a loss that is not finite, keep all but the last."""
        result = self._result(batches, place, steps)
        made = int(result.steps)
        if not np.isfinite(float(result.loss)):
            self.diverged, made = True, made - 1
            result = self._result(batches, place, made)
        self.state = result.state
        return made

    def _result(self, batches: Batches, place: int, steps: int) -> ChunkResult:
        """Return what some steps make of the state."""
        static = self.problem.architecture, self.problem.loss, self.problem.optimizer.rule
        return run_chunk(*static, self.state, batches, self.problem.key, np.int32(place), np.int32(steps))

    def _gathered(self, epoch: int, chunk: int) -> tuple[Batches, int]:
        """Return the batches of a chunk of an epoch, and how many they are."""
        indices, weights = self._rows(epoch)
        size = chunk_steps(self.problem, epoch)
        part = slice(chunk * size, (chunk + 1) * size)
        rows = filled(indices[part], size), filled(weights[part], size)
        return batches_at(self.problem.train, *rows), len(indices[part])


def carried_over(state: OptimizerState, optimizer: Optimizer, params: PyTree) -> OptimizerState:
    """Return the state for another optimizer that goes on where this one is.

    What both know is kept: the step, the numbers with their schedules, and what is remembered. So momentum can be
    raised from a zero that left it out: `carried_over(state, ds.sgd(0.1, momentum=0.9), params)`.

    Example:
        >>> from downslope.optimizers import adam, l2
        >>> weights = {"weight": np.ones(3)}
        >>> state = initial_state(adam(0.5), weights)
        >>> sorted(carried_over(state, l2(0.25, adam(0.1)), weights).hyperparams)
        ['b1', 'b2', 'eps', 'learning_rate', 'weight_decay']
    """
    fresh = initial_state(optimizer, params)
    return fresh._replace(
        step=state.step,
        hyperparams=fresh.hyperparams | state.hyperparams,
        schedules=fresh.schedules | state.schedules,
        memory=fresh.memory | state.memory,
    )


class _Kept:
    """A function that keeps its last answer."""

    def __init__(self, function: Callable[..., Any]):
        self.function = function
        self.known: tuple[Any, Any] | None = None

    def __call__(self, *asked: int) -> Any:
        if self.known is None or self.known[0] != asked:
            self.known = (asked, self.function(*asked))
        return self.known[1]
