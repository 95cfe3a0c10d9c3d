"""Trees of arrays out of a checkpoint, which holds them by name, and into one."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from downslope.core import PyTree, Variables, named_leaves, with_named_leaves
from downslope.runs import Checkpoint


def fitted(template: PyTree, named: dict[str, np.ndarray], *, what: str) -> PyTree:
    """Return named arrays as the tree that a template is, in the precision they were saved in.

    Single numbers were saved with a shape of `(1,)` by the first versions.
    """
    leaves = named_leaves(template).items()
    first = [name for name, leaf in leaves if leaf.shape == () and name in named and named[name].shape == (1,)]
    named = named | {name: named[name].reshape(()) for name in first}
    typed = [leaf.astype(named[name].dtype) if name in named else leaf for name, leaf in leaves]
    return with_named_leaves(jax.tree.unflatten(jax.tree.structure(template), typed), named, what=what)


def under(prefix: str, checkpoint: Checkpoint) -> dict[str, np.ndarray]:
    """Return the arrays whose names begin with a prefix, without it."""
    return {
        name.removeprefix(f"{prefix}/"): a for name, a in checkpoint.arrays.items() if name.startswith(f"{prefix}/")
    }


def named_under(prefix: str, tree: PyTree) -> dict[str, Any]:
    """Return the arrays of a tree by their paths, behind a prefix."""
    return {f"{prefix}/{name}": np.asarray(leaf) for name, leaf in named_leaves(tree).items()}


def start_checkpoint(start: Variables) -> Checkpoint:
    """Return the variables that a training was given to begin from."""
    return Checkpoint(named_under("variables", start), {})


def variables_of(checkpoint: Checkpoint, template: Variables) -> Variables:
    """Return a network's variables, in the precision they were saved in."""
    return fitted(template, under("variables", checkpoint), what="saved array")
