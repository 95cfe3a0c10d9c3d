"""scikit-learn's `alpha`: a penalty on the weights, not on the biases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from jax import Array
from jax.tree_util import DictKey, KeyPath, tree_map_with_path

from downslope.core import PyTree
from downslope.optimizers import LinearStep, Optimizer, Rule, l2, linear_step_of

Hyperparams = dict[str, Array]


@dataclass(frozen=True)
class WeightPenalty:
    """The other rule, with `λ W` added to the gradients of the weights before; biases and norms have no penalty.

    `ds.l2` decays all parameters; this is its like for `½ λ Σ ‖W‖²`, as scikit-learn has it.
    """

    rule: Rule

    def init(self, params: PyTree) -> PyTree:
        """Return the memory of the other rule."""
        return self.rule.init(params)

    def update(
        self, gradients: PyTree, memory: PyTree, params: PyTree, hyperparams: Hyperparams, step: Array, **extra: object
    ) -> tuple[PyTree, PyTree]:
        """Return the other rule's updates and memory for `g + λ W`."""
        λ = hyperparams["weight_decay"]

        def penalized(path: KeyPath, g: PyTree, θ: PyTree) -> PyTree:
            return g + λ.astype(g.dtype) * θ if path[-1] == DictKey("weight") else g

        return self.rule.update(
            tree_map_with_path(penalized, gradients, params), memory, params, hyperparams, step, **extra
        )

    def linear_step(self, memory: PyTree, numbers: Mapping[str, float], steps: int) -> LinearStep | None:
        """Return that of the other rule, with `λ`."""
        step = linear_step_of(self.rule, memory, numbers, steps)
        return None if step is None else step._replace(l2=numbers["weight_decay"])


def penalized_weights(weight_decay: float, optimizer: Optimizer) -> Optimizer:
    """Return an optimizer that descends `l + ½ λ Σ ‖W‖²`, the sum over weights only.

    Args:
        weight_decay: `λ`, 0 or more; 0 changes nothing.
        optimizer: one that decays no weights yet.

    Example:
        >>> import numpy as np
        >>> from downslope.optimizers import sgd
        >>> params = {"weight": np.array([4.0]), "bias": np.array([4.0])}
        >>> optimizer = penalized_weights(0.5, sgd(1.0))
        >>> updates, _ = optimizer.update({"weight": np.ones(1), "bias": np.ones(1)}, optimizer.init(params), params)
        >>> float(updates["weight"][0]), float(updates["bias"][0])
        (-3.0, -1.0)
    """
    if weight_decay == 0:
        return optimizer
    decayed, rule = l2(weight_decay, optimizer), WeightPenalty(optimizer.rule)
    return Optimizer(*(replace(half, rule=rule) for half in decayed))  # pyright: ignore[reportArgumentType]
