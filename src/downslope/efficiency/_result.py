"""The result of a profile of a network: as numbers, as tables, in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from downslope.core import Message, Piece, Setting, Shape, aligned, bytes_text, count_text, seconds_text
from downslope.efficiency._savings import SHARE, Saving
from downslope.efficiency._throughput import GROWTH, StepTime, growth_between
from downslope.efficiency._timing import LEAST_ROUNDS, Timing, timing_text, together
from downslope.networks import known_sum, shape_text

if TYPE_CHECKING:
    from polars import DataFrame
else:
    DataFrame = object

DOMINANT = 0.5
"""A layer with more than this share of the time is the bottleneck."""
TOO_NOISY = "Too noisy to say whether a layer has more than half of the time"
NOTABLE = 0.02
"""Less than this share of other work is not worth a word."""
MORE = 2
"""A layer that makes so many times the operations of the one that takes longest contradicts it."""
MOST_OF_PEAK = 1.1
"""No layer makes so many times the operations a second of a large matrix product."""


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
        forward: the time of the whole batch; None where the time was up.
        backward: likewise; 0 where training needs no gradient.
        share: of the time of all layers measured, by the fastest rounds; None where it was not.
        share_between: what it may be within the spread: this layer's least time among the most of all others, and the
            reverse.
        advice: what could make it cheaper.
    """

    place: str
    layer: str
    output_shape: Shape
    parameters: int
    connections: int | None
    flops: int | None
    forward: Timing | None
    backward: Timing | None
    share: float | None
    share_between: tuple[float, float] | None
    advice: str = field(default="", repr=False)

    @property
    def timing(self) -> Timing | None:
        """Forward and backward together; None where it was not measured."""
        return None if self.forward is None or self.backward is None else together((self.forward, self.backward))

    @property
    def seconds(self) -> float | None:
        """Forward and backward together, in the fastest rounds; None where it was not measured."""
        return None if self.timing is None else self.timing.seconds

    @property
    def forward_seconds(self) -> float | None:
        """Forward, in the fastest round."""
        return None if self.forward is None else self.forward.seconds

    @property
    def backward_seconds(self) -> float | None:
        """Backward, in the fastest round."""
        return None if self.backward is None else self.backward.seconds

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
        peak_flops: FLOP/s of a large matrix product on this machine, measured in the same rounds.
        least_peak_flops: the same at least, within the spread of its time.
        savings: every convolution beside a dense layer between the same shapes.
        throughput: steps of growing batches.
        memory_limit: bytes that a step of `throughput` might reserve.
        notes: what was left out, and why.
    """

    rows: tuple[LayerProfile, ...]
    input_shape: Shape
    step: StepTime
    peak_flops: float
    least_peak_flops: float
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
        """The layer that takes longest in the fastest rounds; None if none takes any time."""
        return max(self._timed, key=lambda row: row.share or 0.0, default=None)

    @property
    def bottleneck(self) -> LayerProfile | None:
        """The layer with more than half of the time, whatever the spread; None if there is none, or it is not known.

        No layer should dominate. See `bottleneck_known`.
        """
        largest = self.largest
        return largest if largest is not None and self._settled and _share_between(largest)[0] > DOMINANT else None

    @property
    def bottleneck_known(self) -> bool:
        """Whether the spread of the times allows to say which layer has more than half of them, or that none has."""
        none = self._settled and all(_share_between(row)[1] <= DOMINANT for row in self._timed)
        return self.bottleneck is not None or none

    @property
    def growth_stops_at(self) -> int | None:
        """The smallest batch from which no larger measured one gives more than 10 % more examples a second.

        None where fewer than two were measured, or the spread of the times leaves it open: see `growth_between`. Where
        it is the largest of them, throughput may still grow.
        """
        between = self.growth_between
        return between[0] if between is not None and between[0] == between[1] else None

    @property
    def growth_between(self) -> tuple[int, int] | None:
        """The batch sizes between which throughput stops growing, as far as the spread of the times allows.

        None where fewer than two were measured.
        """
        return growth_between(self.throughput) if len(self.throughput) > 1 else None

    @property
    def _timed(self) -> list[LayerProfile]:
        """The layers that take time."""
        return [row for row in self.rows if row.share]

    @property
    def _settled(self) -> bool:
        """Whether all layers were measured, in rounds enough."""
        return all(row.timing is not None and row.timing.settled for row in self.rows)

    def table(self) -> DataFrame:
        """Return a polars table, one row a layer."""
        import polars

        facts = {name: [getattr(row, name) for row in self.rows] for name in ("place", "layer")}
        facts["output_shape"] = [shape_text(row.output_shape) for row in self.rows]
        counts = {name: [getattr(row, name) for row in self.rows] for name in ("parameters", "connections", "flops")}
        between = [row.share_between or (None, None) for row in self.rows]
        numbers = {
            **_columns("forward_", [row.forward for row in self.rows]),
            **_columns("backward_", [row.backward for row in self.rows]),
            "share": [row.share for row in self.rows],
            "share_low": [low for low, _ in between],
            "share_high": [high for _, high in between],
            "flops_per_second": [row.flops_per_second for row in self.rows],
        }
        types = {**dict.fromkeys(counts, polars.Int64), **dict.fromkeys(numbers, polars.Float64)}
        return polars.DataFrame({**facts, **counts, **numbers}, schema_overrides=types)

    def throughput_table(self) -> DataFrame:
        """Return a polars table, one row a batch size."""
        import polars

        columns = {
            "batch_size": [step.batch_size for step in self.throughput],
            **_columns("", [step.timing for step in self.throughput]),
            "examples_per_second": [step.examples_per_second for step in self.throughput],
            "most_examples_per_second": [step.most_examples_per_second for step in self.throughput],
            "least_examples_per_second": [step.least_examples_per_second for step in self.throughput],
            "memory": [step.memory for step in self.throughput],
        }
        integers = ("batch_size", "memory")
        types = {name: polars.Int64 if name in integers else polars.Float64 for name in columns}
        return polars.DataFrame(columns, schema=types)

    def savings_table(self) -> DataFrame:
        """Return a polars table, one row a convolution."""
        import polars

        times = ("timing", "dense_timing")
        counts = [name for name in Saving.__dataclass_fields__ if name not in times]
        columns = {name: [getattr(saving, name) for saving in self.savings] for name in counts}
        seconds = {
            **_columns("", [saving.timing for saving in self.savings]),
            **_columns("dense_", [saving.dense_timing for saving in self.savings]),
        }
        text = ("place", "layer")
        types = {
            **{name: polars.String if name in text else polars.Int64 for name in columns},
            **dict.fromkeys(seconds, polars.Float64),
        }
        return polars.DataFrame({**columns, **seconds}, schema=types)

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

    @property
    def rounds(self) -> int:
        """In how many rounds layers and step were measured."""
        return self.step.timing.rounds

    def step_sentence(self) -> str:
        """Return the step beside its layers and the machine, in words."""
        rate, peak = self.flops_per_second, self.peak_flops
        share = "" if rate is None else f"The step makes {rate / 1e9:.3g} GFLOP/s, {rate / peak:.0%} of that. "
        alone = f"; its layers, each compiled alone, {seconds_text(self.layer_seconds)} together"
        complete = all(row.seconds is not None for row in self.rows)
        return (
            f"A step on {_examples(self.step.batch_size)} (forward, loss, backward), compiled as one, takes "
            f"{self.step.timing}{alone if complete else ''}. "
            f"One large matrix product makes {peak / 1e9:.3g} GFLOP/s here ({self.least_peak_flops / 1e9:.3g} "
            f"at least). {share}The compiled step reserves {bytes_text(self.step.memory)} of memory."
        )

    def bottleneck_sentence(self) -> str:
        """Return which layer dominates, with advice, or that none does, or that it is too noisy to say, in words."""
        largest = self.largest
        if largest is None:
            return ""
        subject, share = _subject(largest), _share_text(largest)
        if self.bottleneck is not None:
            words = f"The bottleneck is {subject}: {share} of the time of all layers. {largest.advice}".rstrip()
        elif not self.bottleneck_known:
            words = Message(*self._doubt(f"{subject} takes {share}"))
        else:
            near = [
                row for row in self._timed if _share_between(row)[1] >= _share_between(largest)[0] and row != largest
            ]
            others = "".join(f", or {_subject(row)}, {_share_text(row)}" for row in near)
            words = f"No layer dominates: {subject} takes longest, {share} of the time{others}."
        return Message(words, self.operations_sentence())

    def _doubt(self, largest: str) -> list[Piece]:
        """Return why it is not known whether a layer dominates, and what to do."""
        missing = sum(row.timing is None for row in self.rows)
        if missing:
            words = (
                f"Whether a layer has more than half of the time is not known: {largest} of that of the layers measured"
            )
            return [f"{words}, {missing} of {len(self.rows)} were not."]
        if self.rounds < LEAST_ROUNDS:
            return [
                f"{TOO_NOISY}: {largest} of it in {_rounds_text(self.rounds)}. More",
                Setting("seconds"),
                "tell more.",
            ]
        return [f"{TOO_NOISY}: {largest} of it. Measure again while the machine has no other work."]

    def operations_sentence(self) -> str:
        """Return where the operations counted contradict the times measured, in words; empty where they do not."""
        counted = {row.place: row.flops for row in self._timed if row.flops is not None}
        timed = [row for row in self._timed if row.place in counted]
        if not timed or self.largest not in timed:
            return ""
        largest, most = self.largest, max(timed, key=lambda row: counted[row.place])
        sentences = []
        if counted[most.place] > MORE * counted[largest.place]:
            shares = [f"{counted[row.place] / sum(counted.values()):.0%}" for row in (most, largest)]
            sure = self._settled and _share_between(largest)[0] > _share_between(most)[1]
            why = "most of the time does not go into arithmetic" if sure else "their times may be in the wrong order"
            makes = f"{_subject(most)} makes {shares[0]}, {_subject(largest)} {shares[1]}"
            sentences.append(f"Of the operations counted, {makes}: {why}.")
        too_fast = [row for row in timed if (row.flops_per_second or 0.0) > MOST_OF_PEAK * self.peak_flops]
        if too_fast:
            sentences.append(
                f"{_subject(too_fast[0])} makes more operations a second than the large matrix product, so one of the "
                "two times is wrong."
            )
        return " ".join(sentences)

    def growth_sentence(self) -> str:
        """Return from which batch size throughput stops growing, as far as the spread allows, in words."""
        between = self.growth_between
        if between is None:
            return ""
        low, high = between
        largest = max(step.batch_size for step in self.throughput)
        if low != high:
            still = ", if it does at all" if high == largest else ""
            words = f"Throughput stops growing somewhere from a batch size of {low} to {high}{still}"
            return f"{words}: too noisy to say where."
        rate = _per_second(next(step for step in self.throughput if step.batch_size == low).examples_per_second)
        if low == largest:
            return f"Throughput was still growing at {low}, the largest batch measured: {rate} examples/s."
        return (
            f"Throughput stops growing at a batch size of {low}, {rate} examples/s: "
            f"no larger batch measured makes over {GROWTH:.0%} more."
        )


def share_of(totals: Sequence[Timing | None], index: int) -> tuple[float | None, tuple[float, float] | None]:
    """Return the share of one of several times in their sum, and between what it may be within their spreads.

    Example:
        >>> share_of([Timing(3.0, 1.0, 9), Timing(1.0, 0.5, 9), None], 0)
        (0.75, (0.666..., 0.8))
        >>> share_of([Timing(3.0, 1.0, 9), Timing(1.0, 0.5, 9), None], 2)
        (None, None)
    """
    own = totals[index]
    others = together(timing for place, timing in enumerate(totals) if timing is not None and place != index)
    if own is None or not own.seconds + others.seconds:
        return None, None
    if not own.seconds:
        return 0.0, (0.0, 0.0)
    low, high = own.least / (own.least + others.most), own.most / (own.most + others.least)
    return own.seconds / (own.seconds + others.seconds), (low, high)


def _columns(prefix: str, timings: Sequence[Timing | None]) -> dict[str, list[float | None]]:
    """Return times and their spreads as columns of a table."""
    return {
        f"{prefix}{name}": [None if timing is None else getattr(timing, name) for timing in timings]
        for name in ("seconds", "spread", "other_work")
    }


def _share_between(row: LayerProfile) -> tuple[float, float]:
    """Return what a layer's share may be; anything, where it is not known."""
    return row.share_between or (0.0, 1.0)


def _subject(row: LayerProfile) -> str:
    """Return a layer within a sentence."""
    return f"{row.layer} at place {row.place}"


def _share_text(row: LayerProfile) -> str:
    """Return a share with what it may be within the spread."""
    low, high = _share_between(row)
    return f"{row.share:.0%} ({low:.0%} to {high:.0%})"


def _rounds_text(rounds: int) -> str:
    """Return how many rounds, in words."""
    return "a single round" if rounds == 1 else f"{rounds} rounds"


def _layers_text(profile: Profile) -> str:
    """Return the table of layers."""
    lines = [["place", "layer", "forward", "backward", "share", "within", "GFLOP/s", "parameters", "connections"]]
    for row in profile.rows:
        share = "?" if row.share is None else f"{row.share:.1%}"
        low, high = _share_between(row)
        between = "?" if row.share is None else f"{100 * low:.0f}–{high:.0%}"
        rate = "?" if row.flops_per_second is None else f"{row.flops_per_second / 1e9:.3g}"
        times = timing_text(row.forward), timing_text(row.backward)
        counts = count_text(row.parameters), count_text(row.connections)
        lines.append([row.place, row.layer, *times, share, between, rate if row.seconds != 0 else "", *counts])
    rounds, others = profile.step.timing.rounds, profile.step.timing.other_work
    caption = f"Times: the fastest of {_rounds_text(rounds)}, + by how much the fastest quarter of them differ."
    if others >= NOTABLE:
        caption += f" Other work took {others:.0%} of the processors meanwhile, so they may be up to that much shorter."
    return f"{aligned(lines, left=2)}\n{caption}"


def _savings_text(profile: Profile) -> str:
    """Return the table of convolutions and dense layers, and why some were not measured."""
    if not profile.savings:
        return ""
    head = ["place", "convolution", "parameters", "if dense", "connections", "if dense", "time", "if dense"]
    lines = [head]
    large = []
    for saving in profile.savings:
        counts = (saving.parameters, saving.dense_parameters, saving.connections, saving.dense_connections)
        times = timing_text(saving.timing), timing_text(saving.dense_timing)
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
    lines = [["batch size", "step", "examples/s", "at least", "memory"]]
    for step in profile.throughput:
        rates = _per_second(step.examples_per_second), _per_second(step.least_examples_per_second)
        cells = [timing_text(step.timing), *rates, bytes_text(step.memory)]
        lines.append([f"{step.batch_size}", *cells])
    return f"{aligned(lines, left=0)}\n{profile.growth_sentence()}".rstrip()


def _examples(number: int) -> str:
    """Return how many examples, in words."""
    return "1 example" if number == 1 else f"{number} examples"


def _per_second(rate: float) -> str:
    """Return a throughput as text."""
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}"
