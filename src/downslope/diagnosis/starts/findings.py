"""Findings on a start, each with its evidence and its fix."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from downslope.core import Advice, Message
from downslope.diagnosis.finding import Finding, by_severity
from downslope.diagnosis.kinds import Kind
from downslope.diagnosis.starts.report import Inputs, LayerStart, Stage, stages_of
from downslope.layers import Activation, Frozen

CHANGED, RUINED = 1e2, 1e4
"""Mean squares of signals that grow or shrink by so much from the first hidden layer to the last: warned of, severe."""
SOME_DEAD, MANY_DEAD = 0.1, 0.5
"""Shares of dead units."""
SOME_SATURATED, MANY_SATURATED = 0.25, 0.75
"""Shares of saturated numbers."""
LARGE, SMALL, UNEQUAL, SHIFTED = 5.0, 0.02, 30.0, 0.5
"""Inputs whose root mean square is above `LARGE` or below `SMALL`, whose features' deviations differ by a factor of
`UNEQUAL`, or whose mean square is by more than `SHIFTED` that of their means, want normalizing."""

NORMALIZE = Message(Advice("normalize the inputs:", normalize="standard"))
SKIPS = Advice("lead skips around the layers", code="ds.mlp(…, skip=True)", skip=True)
LEAKY = Advice("use leaky units", code="ds.LeakyReLU()", activation="leaky_relu")
KEEP_SIZE = (
    Advice("put layer norm before the activations", code="ds.LayerNorm()", norm="layer"),
    Advice("put batch norm there", code="ds.BatchNorm()", norm="batch"),
    SKIPS,
)
"""Ways to keep the size of signals from layer to layer."""


def findings_of(layers: Sequence[LayerStart], inputs: Inputs) -> tuple[Finding, ...]:
    """Return the findings on a start, the most severe first."""
    stages = stages_of(layers)
    zero = _zero_weights(layers)
    if zero:
        return by_severity([*zero, *_inputs(inputs)])
    effects = [
        *_identical_units(layers),
        *_signal(layers, stages),
        *_gradients(layers, stages),
        *_saturated(layers, inputs),
        *_dead(layers, inputs),
    ]
    # effects of the inputs stand behind them, so they are as severe as those
    causes = [
        replace(
            cause,
            severity=_worst_severity(cause, effects),
        )
        for cause in _inputs(inputs)
    ]
    return by_severity([*causes, *effects])


def _worst_severity(cause: Finding, effects: Sequence[Finding]) -> str:
    """Return the severity of the most severe of a finding on the inputs and those with the same fix."""
    return by_severity([cause, *(effect for effect in effects if effect.settings == cause.settings)])[0].severity


def _zero_weights(layers: Sequence[LayerStart]) -> list[Finding]:
    """Find layers of zeros that let no gradient through."""
    weighted = [layer for layer in layers if layer.gain is not None]
    zero = [layer for layer in weighted if layer.gain == 0]
    cut = [layer for layer in layers if layer.layer is not None and layer.gradient == 0 and not layer.inside]
    if not zero or not cut:
        return []
    learning = sum(bool(layer.weight_gradient) for layer in weighted)
    every = len(zero) == len(weighted)
    severe = every or len(zero) > 1 or learning == 0
    statement = (
        "All-zero weights carry no gradient to earlier layers: the network learns only the mean of the targets, E[y]."
        if severe
        else "A layer of zeros carries no gradient to earlier layers until it has moved itself."
    )
    evidence = (
        f"the weights of {'all layers' if every else _layer_list(zero)} are 0; the gradient is 0 at "
        f"{_layer_list(cut)}; {learning} of {len(weighted)} layers with weights get any."
    )
    fix = _drawn_anew(layers)
    return [Kind.ZERO_WEIGHTS.finding("severe" if severe else "warning", statement, evidence, fix)]


def _identical_units(layers: Sequence[LayerStart]) -> list[Finding]:
    """Find layers whose units are all the same and get the same gradients."""
    alike = [layer for layer in layers if layer.identical]
    if not alike:
        return []
    return [
        Kind.IDENTICAL_UNITS.finding(
            "severe",
            "All units of a layer are identical, and stay so: they get the same gradients. Descent can only reach a "
            "point of that symmetric subspace, which has negative curvature outside of it.",
            f"the units of {_layer_list(alike)} have equal weights (cosines 1) and equal gradients.",
            _drawn_anew(layers),
        )
    ]


def _signal(layers: Sequence[LayerStart], stages: Sequence[Stage]) -> list[Finding]:
    """Find activations that grow or shrink exponentially with depth."""
    hidden = [stage.last for stage in stages[:-1]]
    sound = [layer for layer in hidden if math.isfinite(layer.mean_square)]
    if len(sound) < 2:
        return []
    ratio, last = _ratio(sound[-1].mean_square, sound[0].mean_square), sound[-1]
    if math.isnan(ratio) or 1 / CHANGED < ratio < CHANGED:
        return []
    kind = Kind.EXPLODING_SIGNAL if ratio > 1 else Kind.VANISHING_SIGNAL
    total = _power(_ratio(last.mean_square, layers[0].mean_square))
    predicted = _ratio(last.mean_square_theory, layers[0].mean_square)
    theory = "" if math.isnan(predicted) else f"; theory: {_power(predicted)}"
    overflow = f". Behind it, they are too large for {len(hidden) - len(sound)} layers more"
    return [
        kind.finding(
            _severity(ratio),
            f"Activations {'grow' if ratio > 1 else 'shrink'} exponentially with depth, by {total} in mean square over "
            f"{len(sound)} hidden layers.",
            f"the mean square changes by a factor of {ratio ** (1 / (len(sound) - 1)):.2g} a layer, {total} from the "
            f"input to layer {last.place}{theory}{'' if len(sound) == len(hidden) else overflow}.",
            _scale_fix(layers, too_large=ratio > 1),
        )
    ]


def _gradients(layers: Sequence[LayerStart], stages: Sequence[Stage]) -> list[Finding]:
    """Find gradients that grow or shrink on the way back."""
    hidden = [stage.last for stage in stages[:-1]]
    if len(hidden) < 2:
        return []
    ratio = _square(_ratio(hidden[0].gradient, hidden[-1].gradient))
    if math.isnan(ratio) or 1 / CHANGED < ratio < CHANGED:
        return []
    grows = ratio > 1
    kind = Kind.EXPLODING_GRADIENTS if grows else Kind.VANISHING_GRADIENTS
    verb, speed = ("explode", "faster") if grows else ("vanish", "slower")
    return [
        kind.finding(
            _severity(ratio),
            f"Gradients with respect to activations {verb} on the way back: earlier layers learn much {speed} than "
            "later ones.",
            f"from layer {hidden[-1].place} back to layer {hidden[0].place} their mean square changes by "
            f"{_power(ratio)}, a factor of {ratio ** (1 / (len(hidden) - 1)):.2g} a layer.",
            _gradient_fix(layers, too_large=grows),
        )
    ]


def _saturated(layers: Sequence[LayerStart], inputs: Inputs) -> list[Finding]:
    """Find bounded activations on their plateaus."""
    worst = max(layers, key=lambda layer: layer.saturated or 0)
    share = worst.saturated or 0
    if share < SOME_SATURATED:
        return []
    return [
        Kind.SATURATED_UNITS.finding(
            "severe" if share >= MANY_SATURATED else "warning",
            "Units are saturated: they sit on plateaus, where the slope is below a tenth of that at 0.",
            f"{_percent(share)} of the activations at layer {worst.place} ({worst.name}).",
            NORMALIZE if _too_large(inputs) else Message(Advice("draw smaller weights:", initializer="glorot_normal")),
        )
    ]


def _dead(layers: Sequence[LayerStart], inputs: Inputs) -> list[Finding]:
    """Find units that pass no gradient on any row."""
    worst = max(layers, key=lambda layer: layer.dead or 0)
    share = worst.dead or 0
    if share < SOME_DEAD:
        return []
    first = next(layer.dead for layer in layers if layer.dead is not None)
    if inputs.shift > SHIFTED or _too_large(inputs):
        fix = NORMALIZE
    elif first < share / 2:
        fix = Message("Rows come out of many layers alike.", *KEEP_SIZE, LEAKY)
    else:
        fix = Message(Advice("start biases at 0, and weights with {}", initializer=suited(layers)), LEAKY)
    return [
        Kind.DEAD_UNITS.finding(
            "severe" if share >= MANY_DEAD else "warning",
            "Units are dead from the start: their slope is 0 on every row, so that nothing is learned through them.",
            f"{_percent(share)} of the units at layer {worst.place} ({worst.name}).",
            fix,
        )
    ]


def _inputs(inputs: Inputs) -> list[Finding]:
    """Find inputs that want normalizing."""
    low, high = inputs.deviations
    if _too_large(inputs) or inputs.size < SMALL or high > UNEQUAL * low:
        statement = "The inputs are not normalized, which scales all signals and makes the loss surface narrow."
        evidence = (
            f"their root mean square is {inputs.size:.3g}, the standard deviations of features lie between {low:.3g} "
            f"and {high:.3g}."
        )
        return [Kind.INPUTS_NOT_NORMALIZED.finding("warning", statement, evidence, NORMALIZE)]
    if inputs.shift > SHIFTED:
        statement = "The inputs are not centered, which correlates the units of the first layer."
        evidence = f"{_percent(inputs.shift)} of their mean square is that of the features' means."
        return [Kind.INPUTS_NOT_CENTERED.finding("note", statement, evidence, NORMALIZE)]
    return []


def _drawn_anew(layers: Sequence[LayerStart]) -> Message:
    """Return the fix of weights that were not drawn at random."""
    return Message(Advice("draw the weights at random:", initializer=suited(layers)), Advice("leave it at 'auto'"))


def _scale_fix(layers: Sequence[LayerStart], *, too_large: bool) -> Message:
    """Return the fix that keeps the size of signals: another initializer, if that is the cause, else norms or skips."""
    gains = [layer.gain for layer in layers if layer.gain is not None][:-1]
    suitable = 2.0 if rectified(layers) else 1.0
    off = np.median(gains) > 1.1 * suitable if too_large else np.median(gains) < 0.9 * suitable
    if not off:
        return Message(*KEEP_SIZE)
    reason = f"the weights' n_in · variance is {np.median(gains):.2g}, {suitable:g} suits these activations"
    return Message(Advice(f"use {{}}: {reason}", initializer=suited(layers)))


def _gradient_fix(layers: Sequence[LayerStart], *, too_large: bool) -> Message:
    """Return the fix that keeps the size of gradients."""
    activation = next(filter(None, map(_activation, layers)), None)
    if activation is not None and not too_large and not activation.centered and not activation.rectifier:
        return Message(
            Advice("use activations of slope 1 at 0:", activation="tanh"),
            Advice("use {}", activation="relu", initializer="he_normal"),
        )
    return _scale_fix(layers, too_large=too_large)


def suited(layers: Sequence[LayerStart]) -> str:
    """Return the initializer that suits the activations."""
    return "he_normal" if rectified(layers) else "glorot_normal"


def rectified(layers: Sequence[LayerStart]) -> bool:
    """Return whether the first activation halves the signal, about."""
    activation = next(filter(None, map(_activation, layers)), None)
    return activation is not None and activation.rectifier


def _activation(start: LayerStart) -> Activation | None:
    """Return a layer if it is an activation."""
    layer = start.layer.layer if isinstance(start.layer, Frozen) else start.layer
    return layer if isinstance(layer, Activation) else None


def _too_large(inputs: Inputs) -> bool:
    return inputs.size > LARGE


def _ratio(a: float | None, b: float | None) -> float:
    """Return `a / b`; NaN where one of them is missing or not finite, or `b` is 0."""
    if a is None or b is None or not math.isfinite(a) or not math.isfinite(b) or b == 0:
        return math.nan
    return a / b


def _square(a: float) -> float:
    """Return `a²`, infinite where it overflows, where `**` would raise."""
    return a * a


def _severity(ratio: float) -> str:
    return "severe" if not 1 / RUINED < ratio < RUINED else "warning"


def _power(ratio: float) -> str:
    """Return a factor as a power of two."""
    return f"2^{math.log2(ratio):.0f}" if 0 < ratio < math.inf else f"a factor of {ratio:g}"


def _layer_list(layers: Sequence[LayerStart]) -> str:
    """Return the places of layers in words."""
    places = ", ".join(layer.place for layer in layers[:6]) + (", …" if len(layers) > 6 else "")
    return f"layer{'s' if len(layers) > 1 else ''} {places}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
