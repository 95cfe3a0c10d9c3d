"""A network before its first step, layer by layer: measured, and beside it predicted by theory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from downslope.core import Message, Shape, aligned
from downslope.diagnosis.finding import Finding
from downslope.layers import Activation, AnyLayer, Frozen


@dataclass(frozen=True)
class LayerStart:
    """One layer at the start. A field with a `_theory` beside it is predicted as well; None where there is no theory.

    Attributes:
        place: where it is: `"2"`, or `"2.0"` for the first layer inside the block at place 2; `"input"`.
        layer: the layer; None for the input.
        shape: of its output for one example.
        mean: of its outputs `h`, over rows and units; `mean_theory`.
        variance: of the same; `variance_theory`.
        gradient: the root mean square of `∂l/∂h`, over rows and units, with `l` the loss of all rows;
            `gradient_theory`.
        dead: of an activation, the share of units whose slope is about 0 on all rows. None for other layers.
        saturated: of a bounded activation, the share of numbers where the slope is below a tenth of that at 0.
        gain: `n_in · mean(W²)`, by which a layer with weights multiplies the mean square of its inputs.
        weight_gradient: the root mean square of `∂l/∂W`; None where nothing learns.
        weight_cosine: the root mean square of the cosines between the incoming weights of different units.
        weight_cosine_theory: `1/√n_in`, for independent random weights.
        activation_cosine: the same between the activations of different units over the rows, each less its mean.
        identical: whether all units have the same weights and the same gradients, so that they stay alike for ever.
    """

    place: str
    layer: AnyLayer | None
    shape: Shape
    mean: float
    mean_theory: float | None
    variance: float
    variance_theory: float | None
    gradient: float
    gradient_theory: float | None
    dead: float | None = None
    saturated: float | None = None
    gain: float | None = None
    weight_gradient: float | None = None
    weight_cosine: float | None = None
    weight_cosine_theory: float | None = None
    activation_cosine: float | None = None
    identical: bool = False

    @property
    def name(self) -> str:
        """The name of the layer's type; of a frozen layer, that of the layer inside."""
        layer = self.layer.layer if isinstance(self.layer, Frozen) else self.layer
        return "" if layer is None else type(layer).__name__

    @property
    def mean_square(self) -> float:
        """The mean square of its outputs, which a sound start keeps."""
        return self.mean * self.mean + self.variance

    @property
    def mean_square_theory(self) -> float | None:
        """The mean square predicted by theory."""
        if self.mean_theory is None or self.variance_theory is None:
            return None
        return self.mean_theory * self.mean_theory + self.variance_theory

    @property
    def inside(self) -> bool:
        """Whether it is inside a block."""
        return "." in self.place


class Stage(NamedTuple):
    """A layer with weights, or a block, and the layers behind it up to the next.

    Attributes:
        weights: the layer with weights.
        activation: the activation that follows, if any.
        last: the last layer of the stage.
    """

    weights: LayerStart
    activation: LayerStart | None
    last: LayerStart


@dataclass(frozen=True)
class Inputs:
    """The inputs as the network sees them.

    Attributes:
        size: their root mean square.
        shift: the share of their mean square that is the features' means: 0 where they are centered.
        deviations: the smallest and the largest standard deviation of a feature that varies; zeros if none does.
    """

    size: float
    shift: float
    deviations: tuple[float, float]


@dataclass(frozen=True)
class InitializationReport:
    """A network at the start. Printed, it is a table with findings below.

    Wanted: activations of mean 0, and variances and gradients that are equal across layers.

    Attributes:
        layers: the input, then every layer, blocks before what is inside them.
        inputs: the inputs as the network sees them.
        findings: faults of the start, the most severe first.
        loss: the name of the loss whose gradients are shown.
        rows: how many rows were measured on.
        seed: of the weights; None where they were given.
    """

    layers: tuple[LayerStart, ...]
    inputs: Inputs
    findings: tuple[Finding, ...]
    loss: str
    rows: int
    seed: int | None

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The layers with weights, each with the layers behind it; the last makes the output."""
        return stages_of(self.layers)

    def table(self) -> Any:
        """Return a polars table, one row a layer."""
        import polars

        numbers = [name for name in LayerStart.__dataclass_fields__ if name not in ("place", "layer", "shape")]
        columns = {
            "place": [layer.place for layer in self.layers],
            "layer": [layer.name for layer in self.layers],
            "shape": [_shape(layer.shape) for layer in self.layers],
        }
        return polars.DataFrame(columns | {name: [getattr(layer, name) for layer in self.layers] for name in numbers})

    @property
    def message(self) -> Message:
        """The table, aligned, and the findings."""
        table = aligned([_HEADS, *map(_cells, self.layers)], left=3)
        origin = "given weights" if self.seed is None else f"seed {self.seed}"
        about = f"At the start ({origin}, {self.rows} rows, loss {self.loss.replace('_', ' ')}); theory in brackets:"
        findings = [finding.message for finding in self.findings] or ["Nothing wrong was found at this start."]
        return Message.lines([about, table, "", *findings])

    def __str__(self) -> str:
        return str(self.message)


def stages_of(layers: Sequence[LayerStart]) -> tuple[Stage, ...]:
    """Return the stages of a network, from its layers outside of blocks."""
    holds = {layer.place.split(".")[0] for layer in layers if layer.gain is not None}
    stages: list[Stage] = []
    for layer in (layer for layer in layers if not layer.inside):
        if layer.place in holds:
            stages.append(Stage(layer, None, layer))
        elif stages:
            activation = layer if isinstance(layer.layer, Activation) else stages[-1].activation
            stages[-1] = stages[-1]._replace(activation=activation, last=layer)
    return tuple(stages)


_HEADS = (
    "place",
    "layer",
    "shape",
    "mean",
    "",
    "variance",
    "",
    "gradient",
    "",
    "dead",
    "saturated",
    "gain",
    "cos W",
    "",
    "cos h",
)


def _cells(layer: LayerStart) -> tuple[str, ...]:
    """Return a layer's line of the table."""
    predicted = _predicted if layer.layer is not None else lambda value: ""
    return (
        layer.place,
        layer.name,
        _shape(layer.shape),
        f"{layer.mean:.2g}",
        predicted(layer.mean_theory),
        f"{layer.variance:.2g}",
        predicted(layer.variance_theory),
        f"{layer.gradient:.2g}",
        predicted(layer.gradient_theory),
        _share(layer.dead),
        _share(layer.saturated),
        _number(layer.gain),
        _number(layer.weight_cosine),
        "" if layer.weight_cosine is None else _predicted(layer.weight_cosine_theory),
        _number(layer.activation_cosine),
    )


def _shape(shape: Shape) -> str:
    return " × ".join(map(str, shape))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2g}"


def _share(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.0f} %"


def _predicted(value: float | None) -> str:
    return "(–)" if value is None else f"({value:.2g})"
