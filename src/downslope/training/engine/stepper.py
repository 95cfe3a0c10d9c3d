"""A training made step by step by its caller, with hyperparameters that change on the way."""

from __future__ import annotations

from dataclasses import replace

import jax
import numpy as np

from downslope.core import PyTree, Variables, check_integer, own_tree
from downslope.optimizers import Optimizer, OptimizerState, initial_state, set_hyperparam
from downslope.training.engine.batches import Chunk, epoch_chunks, gather
from downslope.training.engine.epoch import next_epoch
from downslope.training.engine.evaluate import loss_of, outputs_of
from downslope.training.engine.state import begin_training
from downslope.training.engine.step import StepState, run_steps
from downslope.training.problem.part import GatheredBatches
from downslope.training.problem.problem import Problem


class Stepper:
    """The training of `ds.train`, made step by step by its caller.

    After `n` epochs the variables are those of `ds.train` with the same recipe, bit by bit, however the steps were
    divided. Nothing is measured on the way; schedules that wait for a loss at the end of an epoch see none.

    Args:
        problem: what is learned, and how: `Recipe.problem()`.
        start: variables to begin from; None for those of the problem.

    Attributes:
        problem: what is learned.
        state: parameters, what layers remember, and the optimizer's state.
        epoch: how many epochs have ended.
        step_in_epoch: how many steps of this epoch were made.
        velocity: the last step, `θₜ − θₜ₋₁`, a tree like the parameters; zeros before the first.
        diverged: whether the loss of a batch was not finite: the state then is the one before that batch.

    Example:
        >>> import downslope as ds
        >>> net, data = ds.mlp([4], outputs=3), ds.load("iris")
        >>> run = ds.train(net, data, epochs=2, progress=False)
        >>> stepper = Stepper(run.recipe.problem())
        >>> stepper.advance(3), stepper.advance(7), stepper.step, stepper.epoch
        (3, 7, 10, 2)
        >>> bool((stepper.params[0]["weight"] == run.params[0]["weight"]).all())
        True
    """

    def __init__(self, problem: Problem, start: Variables | None = None):
        self.problem = problem
        self.state: StepState = begin_training(problem).state
        if start is not None:
            variables: Variables = own_tree(start)
            optimizer = initial_state(problem.optimizer, variables.params)
            self.state = self.state._replace(variables=variables, optimizer=optimizer)
        self.epoch = 0
        self.step_in_epoch = 0
        self.velocity: PyTree = jax.tree.map(np.zeros_like, self.params)
        self.diverged = False
        self._chunks: tuple[int, list[Chunk]] = (-1, [])
        self._gathered: tuple[int, int, GatheredBatches] | None = None

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
        return sum(chunk.steps for chunk in self._epoch_chunks)

    @property
    def hyperparams(self) -> dict[str, float]:
        """The numbers of the last step; where there is no schedule, also of the next one."""
        return {name: float(value) for name, value in self.state.optimizer.hyperparams.items()}

    def loss(self) -> float:
        """Return the loss over the rows of `train_loss` at the current parameters, in inference mode."""
        part = self.problem.subset
        outputs = outputs_of(self.problem.architecture, self.variables, part.x)
        return loss_of(self.problem.loss, outputs, part.t, part.weights)

    def set(self, **hyperparams: float) -> None:
        """Change numbers of the optimizer from the next step on; nothing is reset, and nothing compiles again.

        Raises:
            UnknownNameError: the optimizer uses no number of that name.
            SettingError: a number is out of bounds.
        """
        self.state = self.state._replace(optimizer=set_hyperparam(self.state.optimizer, **hyperparams))

    def switch_optimizer(self, optimizer: Optimizer) -> None:
        """Continue with another optimizer; see `transfer_state`."""
        state = transfer_state(self.state.optimizer, optimizer, self.params)
        self.problem = replace(self.problem, optimizer=optimizer)
        self.state = self.state._replace(optimizer=state)

    def advance(self, steps: int) -> int:
        """Make so many steps, and return how many were made: fewer if the loss of a batch was not finite."""
        remaining = check_integer("steps", steps, at_least=0)
        while remaining and not self.diverged:
            remaining -= self._advance_in_chunk(remaining)
        return steps - remaining

    def _advance_in_chunk(self, most: int) -> int:
        """Make steps up to the end of the chunk, the last one by itself to know it; return how many were made."""
        chunk, index = self._position
        steps = min(most, self._epoch_chunks[chunk].steps - index)
        batches = self._gather(chunk)
        count = self._run(batches, index, steps - 1) if steps > 1 else 0
        if not self.diverged:
            before = self.params
            count += self._run(batches, index + count, 1)
            if not self.diverged:
                self.velocity = jax.tree.map(lambda new, old: np.asarray(new) - np.asarray(old), self.params, before)
        self.step_in_epoch += count
        if self.step_in_epoch == self.epoch_steps:
            self.state = next_epoch(self.state)
            self.epoch, self.step_in_epoch = self.epoch + 1, 0
        return count

    def _run(self, batches: GatheredBatches, index: int, steps: int) -> int:
        """Make steps within a chunk; return how many, without one whose loss is not finite, which is undone."""
        result = run_steps(self.problem, self.state, batches, index, steps)
        count = int(result.steps)
        if not np.isfinite(float(result.loss)):
            self.diverged, count = True, count - 1
            result = run_steps(self.problem, self.state, batches, index, count)
        self.state = result.state
        return count

    @property
    def _epoch_chunks(self) -> list[Chunk]:
        """The chunks of the current epoch."""
        if self._chunks[0] != self.epoch:
            self._chunks = self.epoch, epoch_chunks(self.problem, self.epoch)
        return self._chunks[1]

    @property
    def _position(self) -> tuple[int, int]:
        """The index of the current chunk in the epoch, and of the next step in the chunk."""
        index, chunks = self.step_in_epoch, self._epoch_chunks
        return divmod(index, chunks[0].steps) if len(chunks) > 1 else (0, index)

    def _gather(self, chunk: int) -> GatheredBatches:
        """Return the batches of a chunk of the current epoch, gathered once."""
        if self._gathered is None or self._gathered[:2] != (self.epoch, chunk):
            self._gathered = self.epoch, chunk, gather(self.problem.train, self._epoch_chunks[chunk])
        return self._gathered[2]


def transfer_state(state: OptimizerState, optimizer: Optimizer, params: PyTree) -> OptimizerState:
    """Return the state of another optimizer that continues where this one is.

    What both know is kept: the step, the numbers with their schedules, and what is remembered. So momentum can be
    raised from a zero that left it out: `transfer_state(state, ds.sgd(0.1, momentum=0.9), params)`.

    Example:
        >>> from downslope.optimizers import adam, l2
        >>> weights = {"weight": np.ones(3)}
        >>> state = initial_state(adam(0.5), weights)
        >>> sorted(transfer_state(state, l2(0.25, adam(0.1)), weights).hyperparams)
        ['b1', 'b2', 'eps', 'learning_rate', 'weight_decay']
    """
    fresh = initial_state(optimizer, params)
    return fresh._replace(
        step=state.step,
        hyperparams=fresh.hyperparams | state.hyperparams,
        schedules=fresh.schedules | state.schedules,
        memory=fresh.memory | state.memory,
    )
