"""An ONNX graph being written: nodes in order, and the arrays they use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from downslope.core import MissingExtraError

if TYPE_CHECKING:
    from onnx import NodeProto, TensorProto, ValueInfoProto
else:
    NodeProto = TensorProto = ValueInfoProto = object

ML = "ai.onnx.ml"
"""The standard's second set of operations, for classic machine learning; we take its encoder of text."""

VERSIONS = {"": 17, ML: 3}
"""The versions of both sets: of 2022, so that runtimes of the years since take them."""

LAYOUT = 8
"""The version of the file's layout that belongs to them."""


class Graph:
    """Nodes in order, and the arrays they use, every name once.

    Values are known by their names, as ONNX has them: what `add` returns is the name of what the node computes.

    Attributes:
        nodes: what is computed, in order.
        arrays: the constants.
    """

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.arrays: list[TensorProto] = []
        self._names: set[str] = set()

    def add(self, operation: str, *inputs: str, name: str, domain: str = "", **attributes: Any) -> str:
        """Add a node with one output, and return the output's name, which begins with `name`."""
        from onnx import helper

        output = self._unique(f"{name}/{operation}")
        self.nodes.append(helper.make_node(operation, inputs, [output], name=output, domain=domain, **attributes))
        return output

    def array(self, name: str, values: ArrayLike | Sequence | float | int, dtype: DTypeLike = np.float32) -> str:
        """Add a constant of NumPy's type `dtype`, `object` for text, and return its name."""
        from onnx import numpy_helper

        name = self._unique(name)
        self.arrays.append(numpy_helper.from_array(np.asarray(values, dtype, order="C"), name))
        return name

    def finish(self, value: str, output: str) -> None:
        """Make a value an output of the graph, under its own name."""
        from onnx import helper

        self.nodes.append(helper.make_node("Identity", [value], [output], name=output))

    def domains(self) -> set[str]:
        """Return which sets of operations the nodes are of, the first set always among them."""
        return {"", *(node.domain for node in self.nodes)}

    def _unique(self, name: str) -> str:
        """Return the name, with a number if another value has it."""
        unique, count = name, 1
        while unique in self._names:
            count += 1
            unique = f"{name}_{count}"
        self._names.add(unique)
        return unique


def require_onnx() -> None:
    """Check that the package `onnx` is there.

    Raises:
        MissingExtraError: it is not.
    """
    try:
        import onnx  # noqa: F401
    except ImportError:
        raise MissingExtraError("onnx", "onnx") from None
