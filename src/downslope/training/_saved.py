"""Trees of arrays out of a checkpoint, which holds them by name."""

from __future__ import annotations

import jax
import numpy as np

from downslope.core import PyTree, named_leaves, with_named_leaves
from downslope.runs import Checkpoint


def fitted(template: PyTree, named: dict[str, np.ndarray], *, what: str) -> PyTree:
    """Return named arrays as the tree that a template is, in the precision they were saved in."""
    leaves = named_leaves(template).items()
    typed = [leaf.astype(named[name].dtype) if name in named else leaf for name, leaf in leaves]
    return with_named_leaves(jax.tree.unflatten(jax.tree.structure(template), typed), named, what=what)


def under(prefix: str, checkpoint: Checkpoint) -> dict[str, np.ndarray]:
    """Return the arrays whose names begin with a prefix, without it."""
    return {
        name.removeprefix(f"{prefix}/"): a for name, a in checkpoint.arrays.items() if name.startswith(f"{prefix}/")
    }
