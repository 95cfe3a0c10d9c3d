"""Parameters in groups: by layer, by neuron, by leaf, by filter."""

from __future__ import annotations

import jax
import numpy as np

from downslope.core import PyTree, check_choice, named_leaves, unit_of

GROUPINGS = ("layer", "neuron", "leaf")


def groups(params: PyTree, by: str) -> tuple[tuple[str, ...], np.ndarray]:
    """Return the names of groups, and the number of the group that each parameter is in, in the vector's order.

    By `"layer"`, leaves with the same path but for the last word are together (`0/weight` and `0/bias` in `0`, as well
    as PyTorch's `0.weight` and `0.bias`); where that would put all into one, each leaf stands alone. By `"neuron"`, the
    last axis of a leaf counts units, and the leaves of a layer that have equally many are together: a column of weights
    with its bias. By `"leaf"`, each leaf.
    """
    check_choice("by", by, GROUPINGS)
    leaves = named_leaves(params)
    parents = {name: name.rpartition("/")[0] or name.rpartition(".")[0] for name in leaves}
    if by == "leaf" or (by == "layer" and len(set(parents.values())) == 1):
        parents = {name: name for name in leaves}
    numbers: dict[str, int] = {}
    labels = []
    for name, leaf in leaves.items():
        shape = np.shape(leaf)
        if by == "neuron" and shape:
            words = [f"{parents[name]}[{unit}]" for unit in range(shape[-1])]
            of_units = np.array([numbers.setdefault(word, len(numbers)) for word in words])
            labels.append(np.broadcast_to(of_units, shape).reshape(-1))
        else:
            label = numbers.setdefault(name if by == "neuron" else parents[name], len(numbers))
            labels.append(np.full(int(np.prod(shape)), label))
    return tuple(numbers), np.concatenate(labels)


def filter_scales(params: PyTree) -> np.ndarray:
    """Return for each parameter the root mean square of its filter, and 0 for biases and norms (leaves of one axis).

    A filter is what feeds one unit: all weights with the same index on the last axis.
    """
    parts = []
    for leaf in jax.tree.leaves(params):
        weights = np.asarray(leaf, np.float64)
        if weights.ndim < 2:
            parts.append(np.zeros(weights.size))
        else:
            unit = unit_of(weights)
            rms = np.sqrt(np.mean((weights / unit) ** 2, axis=tuple(range(weights.ndim - 1)))) * unit
            parts.append(np.broadcast_to(rms, weights.shape).reshape(-1))
    return np.concatenate(parts)
