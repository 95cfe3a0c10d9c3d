"""A network as a table: for each layer, its shape, parameters, connections, operations and memory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from downslope.core import Shape, aligned, bytes_text, count_text
from downslope.layers import AnyLayer
from downslope.networks._costs import connections, forward_flops, known_sum
from downslope.networks._sites import itemsize, shape_text, sites_of


@dataclass(frozen=True)
class LayerSummary:
    """What one layer holds, and what one example takes in a forward pass.

    Attributes:
        place: from 0; `"2.1"` is layer 1 inside the residual block at place 2, `"2.skip"` the projection around it.
        layer: the layer in a few letters.
        output_shape: of one example.
        parameters: how many numbers descent changes.
        frozen: how many are frozen (see `ds.Frozen`).
        connections: how often a weight, or a cell of a pool's window, joins an input to an output; None for a user's
            own layer.
        flops: floating-point operations, a multiplication and an addition being two; None for a user's own layer.
        activation: how many numbers come out.
        activation_bytes: the memory they take, in the precision of the moment.
    """

    place: str
    layer: str
    output_shape: Shape
    parameters: int
    frozen: int
    connections: int | None
    flops: int | None
    activation: int
    activation_bytes: int


@dataclass(frozen=True)
class Summary:
    """A network layer by layer. Printed, it is a table.

    Every row counts what the layer itself does: a residual block's its addition; the layers inside have rows of their
    own. So columns add up.

    Attributes:
        rows: layer by layer, those inside a block after it.
        input_shape: of one example.
    """

    rows: tuple[LayerSummary, ...]
    input_shape: Shape

    @property
    def parameters(self) -> int:
        """How many numbers descent changes."""
        return sum(row.parameters for row in self.rows)

    @property
    def frozen(self) -> int:
        """How many numbers are frozen."""
        return sum(row.frozen for row in self.rows)

    @property
    def connections(self) -> int | None:
        """All connections; None if those of a layer are unknown."""
        return known_sum([row.connections for row in self.rows])

    @property
    def flops(self) -> int | None:
        """Floating-point operations of a forward pass of one example; None if those of a layer are unknown."""
        return known_sum([row.flops for row in self.rows])

    @property
    def activation_bytes(self) -> int:
        """The memory of all activations of one example, which a forward pass keeps for the backward pass."""
        return sum(row.activation_bytes for row in self.rows)

    def table(self) -> Any:
        """Return a polars table, one row a layer."""
        import polars

        columns = {name: [getattr(row, name) for row in self.rows] for name in LayerSummary.__dataclass_fields__}
        columns["output_shape"] = [shape_text(row.output_shape) for row in self.rows]
        unknown = {"connections": polars.Int64, "flops": polars.Int64}
        return polars.DataFrame(columns, schema_overrides=unknown)

    def __str__(self) -> str:
        """Return the rows as a table with a total below."""
        frozen = bool(self.frozen)
        head = ["place", "layer", "output", "parameters", "frozen", "connections", "FLOPs", "activation"]
        lines = [head]
        for row in self.rows:
            counts = (row.parameters, row.frozen, row.connections, row.flops)
            cells = [*map(count_text, counts), bytes_text(row.activation_bytes)]
            lines.append([row.place, row.layer, shape_text(row.output_shape), *cells])
        totals = [count_text(self.parameters), count_text(self.frozen)]
        totals += [_total([row.connections for row in self.rows]), _total([row.flops for row in self.rows])]
        lines.append(["total", "", "", *totals, bytes_text(self.activation_bytes)])
        if not frozen:
            lines = [[*line[:4], *line[5:]] for line in lines]
        about = f"One example of shape {shape_text(self.input_shape)}, forward; an addition is a FLOP as well."
        unknown = " ?: known to the author of the layer only." if self.flops is None else ""
        return f"{aligned(lines, left=3)}\n{about}{unknown}"


def summarize(layers: Sequence[AnyLayer], input_shape: Shape) -> Summary:
    """Return the summary of a chain of layers; see `Sequential.summary`."""
    rows = []
    for site in sites_of(layers, input_shape):
        numbers = math.prod(site.output_shape)
        rows.append(
            LayerSummary(
                place=site.place,
                layer=site.name,
                output_shape=site.output_shape,
                parameters=site.parameters,
                frozen=site.frozen,
                connections=connections(site.layer, site.input_shape),
                flops=forward_flops(site.layer, site.input_shape),
                activation=numbers,
                activation_bytes=numbers * itemsize(),
            )
        )
    return Summary(tuple(rows), tuple(input_shape))


def _total(counts: Sequence[int | None]) -> str:
    """Return the sum of what is known, and that something is not."""
    known = count_text(sum(count for count in counts if count is not None))
    return f"{known} + ?" if None in counts else known
