"""The result of a profile of a network: as numbers, as tables, in words."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

from downslope.core import Message, Shape, aligned, bytes_text, count_text, seconds_text
from downslope.efficiency._savings import SHARE, Saving
from downslope.efficiency._throughput import GROWTH, StepTime, stops_growing
from downslope.networks import known_sum, shape_text

if TYPE_CHECKING:
    from polars import DataFrame
else:
    DataFrame = object

DOMINANT = 0.5
"""A layer with more than this share of the time is the bottleneck."""


@dataclass(frozen=True)
class LayerProfile:
    """The time and operations of one layer for a batch.

    Attributes:
        place: from 0; `"2.1"` is layer 1 inside the residual block at place 2, `"2.skip"` the projection around it.
        layer: the layer in a few letters.
        output_shape: of one example.
        parameters: how many numbers descent changes.
        connections: of one example; None for a user's own layer.
        flops: counted for the batch, forward and backward; None for a user's own layer.
        forward_seconds: of the whole batch; None where the time was up.
        backward_seconds: likewise; 0 where training needs no gradient.
        share: of the time of all layers measured; None where it was not.
        advice: what could make it cheaper.
    """

    place: str
    layer: str
    output_shape: Shape
    parameters: int
    connections: int | None
    flops: int | None
    forward_seconds: float | None
    backward_seconds: float | None
    share: float | None
    advice: str = field(default="", repr=False)

    @property
    def seconds(self) -> float | None:
        """Forward and backward together; None where it was not measured."""
        if self.forward_seconds is None or self.backward_seconds is None:
            return None
        return self.forward_seconds + self.backward_seconds

    @property
    def flops_per_second(self) -> float | None:
        """The operations counted over the time measured; None where either is unknown, or the layer takes no time."""
        return self.flops / self.seconds if self.flops is not None and self.seconds else None


@dataclass(frozen=True)
class Profile:
    """Where the time of training a network goes, measured. Printed, it is a page of tables and sentences.

    Every row is what the layer itself does: a residual block's its addition; the layers inside have rows of their own.

    Attributes:
        rows: layer by layer, each compiled and timed on its own.
        input_shape: of one example.
        step: the whole step on the same batch, compiled as one.
        peak_flops: FLOP/s of a large matrix product on this machine, measured in the same call.
        savings: every convolution beside a dense layer between the same shapes.
        throughput: steps of growing batches.
        memory_limit: bytes that a step of `throughput` might reserve.
        notes: what was left out, and why.
    """

    rows: tuple[LayerProfile, ...]
    input_shape: Shape
    step: StepTime
    peak_flops: float
    savings: tuple[Saving, ...]
    throughput: tuple[StepTime, ...]
    memory_limit: int
    notes: tuple[str, ...]

    @property
    def layer_seconds(self) -> float:
        """The times of all layers measured, together; the step, compiled as one, takes another time."""
        return math.fsum(row.seconds for row in self.rows if row.seconds is not None)

    @property
    def flops_per_second(self) -> float | None:
        """The operations counted in a step over its time; None if those of a layer are unknown."""
        flops = known_sum([row.flops for row in self.rows])
        return None if flops is None else flops / self.step.seconds

    @property
    def largest(self) -> LayerProfile | None:
        """The layer that takes longest; None if none takes any time."""
        measured = [row for row in self.rows if row.share]
        return max(measured, key=lambda row: row.share or 0.0, default=None)

    @property
    def bottleneck(self) -> LayerProfile | None:
        """The layer with more than half of the time; None if there is none: no layer should dominate."""
        largest = self.largest
        return largest if largest is not None and (largest.share or 0.0) > DOMINANT else None

    @property
    def growth_stops_at(self) -> int | None:
        """The smallest batch from which no larger measured one gives more than 10 % more examples a second.

        None where fewer than two were measured. Where it is the largest of them, throughput may still grow.
        """
        if len(self.throughput) < 2:
            return None
        return stops_growing(
            [step.batch_size for step in self.throughput], [step.examples_per_second for step in self.throughput]
        )

    def table(self) -> DataFrame:
        """Return a polars table, one row a layer."""
        import polars

        names = [field.name for field in fields(LayerProfile) if field.name != "advice"]
        columns = {name: [getattr(row, name) for row in self.rows] for name in names}
        columns["output_shape"] = [shape_text(row.output_shape) for row in self.rows]
        columns["flops_per_second"] = [row.flops_per_second for row in self.rows]
        integers = dict.fromkeys(("connections", "flops"), polars.Int64)
        floats = dict.fromkeys(("forward_seconds", "backward_seconds", "share", "flops_per_second"), polars.Float64)
        return polars.DataFrame(columns, schema_overrides={**integers, **floats})

    def throughput_table(self) -> DataFrame:
        """Return a polars table, one row a batch size."""
        import polars

        names = ("batch_size", "seconds", "examples_per_second", "memory")
        types = (polars.Int64, polars.Float64, polars.Float64, polars.Int64)
        columns = {name: [getattr(step, name) for step in self.throughput] for name in names}
        return polars.DataFrame(columns, schema=dict(zip(names, types, strict=True)))

    def savings_table(self) -> DataFrame:
        """Return a polars table, one row a convolution."""
        import polars

        columns = {name: [getattr(saving, name) for saving in self.savings] for name in Saving.__dataclass_fields__}
        floats = ("seconds", "dense_seconds")
        text = ("place", "layer")
        types = {
            name: polars.Float64 if name in floats else polars.String if name in text else polars.Int64
            for name in columns
        }
        return polars.DataFrame(columns, schema=types)

    @property
    def message(self) -> Message:
        """All tables, each followed by its conclusion."""
        parts = [
            _layers_text(self),
            self.step_sentence(),
            self.bottleneck_sentence(),
            _savings_text(self),
            _throughput_text(self),
            *self.notes,
        ]
        return Message.paragraphs(parts)

    def __str__(self) -> str:
        return str(self.message)

    def step_sentence(self) -> str:
        """Return the step beside its layers and the machine, in words."""
        rate, peak = self.flops_per_second, self.peak_flops
        share = "" if rate is None else f"The step makes {rate / 1e9:.3g} GFLOP/s, {rate / peak:.0%} of that. "
        alone = f"; its layers, each compiled alone, {seconds_text(self.layer_seconds)} together"
        complete = all(row.seconds is not None for row in self.rows)
        return (
            f"A step on {_examples(self.step.batch_size)} (forward, loss, backward), compiled as one, takes "
            f"{seconds_text(self.step.seconds)}{alone if complete else ''}. "
            f"One large matrix product makes {peak / 1e9:.3g} GFLOP/s here. {share}"
            f"The compiled step reserves {bytes_text(self.step.memory)} of memory."
        )

    def bottleneck_sentence(self) -> str:
        """Return which layer dominates, with advice, or that none does, in words."""
        largest = self.largest
        if largest is None:
            return ""
        subject = f"{largest.layer} at place {largest.place}"
        if self.bottleneck is None:
            return f"No layer dominates: {subject} takes longest, {largest.share:.0%} of the time."
        return f"The bottleneck is {subject}: {largest.share:.0%} of the time of all layers. {largest.advice}".rstrip()

    def growth_sentence(self) -> str:
        """Return from which batch size throughput stops growing, in words."""
        size = self.growth_stops_at
        if size is None:
            return ""
        rate = _per_second(next(step for step in self.throughput if step.batch_size == size))
        if size == max(step.batch_size for step in self.throughput):
            return f"Throughput was still growing at {size}, the largest batch measured: {rate} examples/s."
        return (
            f"Throughput stops growing at a batch size of {size}, {rate} examples/s: "
            f"no larger batch measured makes over {GROWTH:.0%} more."
        )


def _layers_text(profile: Profile) -> str:
    """Return the table of layers."""
    lines = [["place", "layer", "forward", "backward", "share", "GFLOP/s", "parameters", "connections"]]
    for row in profile.rows:
        share = "?" if row.share is None else f"{row.share:.1%}"
        rate = "?" if row.flops_per_second is None else f"{row.flops_per_second / 1e9:.3g}"
        times = seconds_text(row.forward_seconds), seconds_text(row.backward_seconds)
        counts = count_text(row.parameters), count_text(row.connections)
        lines.append([row.place, row.layer, *times, share, rate if row.seconds != 0 else "", *counts])
    return aligned(lines, left=2)


def _savings_text(profile: Profile) -> str:
    """Return the table of convolutions and dense layers, and why some were not measured."""
    if not profile.savings:
        return ""
    head = ["place", "convolution", "parameters", "if dense", "connections", "if dense", "time", "if dense"]
    lines = [head]
    large = []
    for saving in profile.savings:
        counts = (saving.parameters, saving.dense_parameters, saving.connections, saving.dense_connections)
        times = seconds_text(saving.seconds), seconds_text(saving.dense_seconds)
        lines.append([saving.place, saving.layer, *map(count_text, counts), *times])
        if saving.dense_bytes * SHARE > profile.memory_limit:
            large.append(f"{saving.place} ({bytes_text(saving.dense_bytes)})")
    limit = bytes_text(profile.memory_limit / SHARE)
    note = f"\nDense weights too large to measure, above {limit}: {', '.join(large)}." if large else ""
    return aligned(lines, left=2) + note


def _throughput_text(profile: Profile) -> str:
    """Return the table of batch sizes, and where throughput stops growing."""
    if not profile.throughput:
        return ""
    lines = [["batch size", "step", "examples/s", "memory"]]
    for step in profile.throughput:
        cells = [seconds_text(step.seconds), _per_second(step), bytes_text(step.memory)]
        lines.append([f"{step.batch_size}", *cells])
    return f"{aligned(lines, left=0)}\n{profile.growth_sentence()}".rstrip()


def _examples(number: int) -> str:
    """Return how many examples, in words."""
    return "1 example" if number == 1 else f"{number} examples"


def _per_second(step: StepTime) -> str:
    """Return a throughput as text."""
    rate = step.examples_per_second
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}"
