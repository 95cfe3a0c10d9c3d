"""Convert trees of arrays to the named arrays of a checkpoint, and back."""

from __future__ import annotations

from typing import TypeVar

import jax
import numpy as np

from downslope.core import PyTree, Variables, named_leaves, with_named_leaves
from downslope.optimizers import OptimizerState
from downslope.runs import Checkpoint
from downslope.schedules import Schedule, listens

Tree = TypeVar("Tree")


def restore_tree(template: Tree, named: dict[str, np.ndarray], *, what: str) -> Tree:
    """Return named arrays as a tree with the structure of a template, in the precision they were saved in.

    Single numbers were saved with a shape of `(1,)` by the first versions.
    """
    leaves = named_leaves(template)
    named = {
        name: array.reshape(()) if array.shape == (1,) and name in leaves and leaves[name].shape == () else array
        for name, array in named.items()
    }
    typed = [leaf.astype(named[name].dtype) if name in named else leaf for name, leaf in leaves.items()]
    return with_named_leaves(jax.tree.unflatten(jax.tree.structure(template), typed), named, what=what)


def arrays_under(prefix: str, checkpoint: Checkpoint) -> dict[str, np.ndarray]:
    """Return the arrays whose names begin with a prefix, without it."""
    return {
        name.removeprefix(f"{prefix}/"): a for name, a in checkpoint.arrays.items() if name.startswith(f"{prefix}/")
    }


def prefixed_arrays(prefix: str, tree: PyTree) -> dict[str, np.ndarray]:
    """Return the arrays of a tree by their paths, behind a prefix."""
    return {f"{prefix}/{name}": np.asarray(leaf) for name, leaf in named_leaves(tree).items()}


def restore_optimizer(checkpoint: Checkpoint, fresh: OptimizerState, prefix: str = "optimizer") -> OptimizerState:
    """Return an optimizer's state.

    A schedule that was dropped while training, for a number that was set, stays dropped. Of the others, those that
    listen to losses remember them; the rest are what they were made with, or what the run was told to go on with.

    Args:
        checkpoint: that holds it.
        fresh: the state before the first step.
        prefix: of its arrays.
    """
    named = arrays_under(prefix, checkpoint)
    remaining = checkpoint.facts.get("schedules")
    names = fresh.schedules if remaining is None else str(remaining).split()
    schedules = {
        name: _restore_schedule(schedule, arrays_under(f"{prefix}/schedules/{name}", checkpoint))
        for name, schedule in fresh.schedules.items()
        if name in names
    }
    others = {path: array for path, array in named.items() if not path.startswith("schedules/")}
    restored = restore_tree(fresh._replace(schedules={}), others, what="saved array")
    return restored._replace(schedules=schedules)


def _restore_schedule(fresh: Schedule, saved: dict[str, np.ndarray]) -> Schedule:
    """Return a schedule with what it remembers of losses."""
    if not listens(fresh) or saved.keys() != named_leaves(fresh).keys():
        return fresh
    return restore_tree(fresh, saved, what="saved array")


def start_checkpoint(start: Variables) -> Checkpoint:
    """Return a checkpoint of the variables that a training starts from."""
    return Checkpoint(prefixed_arrays("variables", start), {})


def restore_variables(checkpoint: Checkpoint, template: Variables) -> Variables:
    """Return a network's variables, in the precision they were saved in."""
    return restore_tree(template, arrays_under("variables", checkpoint), what="saved array")
