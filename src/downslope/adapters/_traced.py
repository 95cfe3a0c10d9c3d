"""A user's function of JAX, read once: what it refers to may change later."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.extend.core import jaxpr_as_fun

from downslope.core import PyTree, own_array


@dataclass(frozen=True, eq=False)
class Traced:
    """A function that computes what it did when it was first called with arguments of some shapes.

    A function may refer to arrays outside of it, which compiled programs take in when they are made: the gradient's
    would hold other numbers than the loss's, if one changes in between. So the function is traced once, and what it
    refers to is copied.

    Attributes:
        function: the user's.
        traces: by the form of the arguments, the function as traced and the structure of its result.
    """

    function: Callable[..., PyTree]
    traces: dict[Any, tuple[Callable[..., Any], Any]] = field(default_factory=dict)

    @property
    def __name__(self) -> str:
        """The function's own name."""
        return getattr(self.function, "__name__", type(self.function).__name__)

    def __call__(self, *arguments: PyTree) -> PyTree:
        """Return the function's value."""
        leaves, structure = jax.tree.flatten(arguments)
        form = structure, tuple((np.shape(leaf), jnp.result_type(leaf)) for leaf in leaves)
        if form not in self.traces:
            self.traces[form] = self._trace(leaves, structure)
        compute, result = self.traces[form]
        return jax.tree.unflatten(result, compute(*(jnp.asarray(leaf) for leaf in leaves)))

    def again(self) -> Traced:
        """Return the function, to be traced anew."""
        return Traced(self.function)

    def _trace(self, leaves: list[Any], structure: Any) -> tuple[Callable[..., Any], Any]:
        """Return the function of the leaves as traced, and the structure of its result."""
        shapes = [jax.ShapeDtypeStruct(np.shape(leaf), jnp.result_type(leaf)) for leaf in leaves]

        def of_leaves(*leaves: Any) -> PyTree:
            return self.function(*jax.tree.unflatten(structure, leaves))

        closed, result = jax.make_jaxpr(of_leaves, return_shape=True)(*shapes)
        own = closed.replace(consts=[_own(constant) for constant in closed.consts])
        return jaxpr_as_fun(own), jax.tree.structure(result)


def _own(constant: Any) -> Any:
    """Return a copy on the host, of an array of JAX, too: it may share the memory of one of NumPy."""
    if isinstance(constant, Tracer) or jnp.issubdtype(jnp.result_type(constant), jax.dtypes.prng_key):
        return constant
    return own_array(np.asarray(constant))
