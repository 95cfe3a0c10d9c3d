"""Convert trees of arrays to the named arrays of a checkpoint, and back."""

from __future__ import annotations

from typing import TypeVar

import jax
import numpy as np

from downslope.core import PyTree, Variables, named_leaves, with_named_leaves
from downslope.runs import Checkpoint

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


def start_checkpoint(start: Variables) -> Checkpoint:
    """Return a checkpoint of the variables that a training starts from."""
    return Checkpoint(prefixed_arrays("variables", start), {})


def restore_variables(checkpoint: Checkpoint, template: Variables) -> Variables:
    """Return a network's variables, in the precision they were saved in."""
    return restore_tree(template, arrays_under("variables", checkpoint), what="saved array")
