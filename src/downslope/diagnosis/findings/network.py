"""Findings on the network: its start, its signals, its units, widths and depth."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np

from downslope.core import Advice, Message, tree_size
from downslope.diagnosis.finding import SEVERITIES, Change, Finding
from downslope.diagnosis.kinds import Kind
from downslope.diagnosis.remedies import (
    Learned,
    advice_on_widths,
    even,
    hidden_widths,
    narrower,
    shallower,
    with_activations,
    with_norms,
)
from downslope.diagnosis.starts import LEAKY, MANY_DEAD, SKIPS, SOME_DEAD, Stage, rectified, suited
from downslope.layers import BatchNorm, LayerNorm, LeakyReLU, Tanh
from downslope.networks import Sequential, with_initializer

OFF = 10.0
"""Weights whose variance is above ten times `1/min(n_in, n_out)`, or below a tenth of `1/max(n_in, n_out)`, times 2 for
the relu family: between these two bounds lie the formulas that keep activations, gradients, or the mean of both, and a
factor of ten a layer outside of them no such formula gives."""

UNEVEN = 8.0
"""Neighboring hidden layers whose widths differ by more: pyramids halve or quarter from layer to layer."""

DEEP = 4
"""Hidden layers from which on fewer are tried."""

WIDE = 2.0
"""Parameters for each row from which on narrower layers are tried."""

NARROW, MOST_NARROWED = 8, 3
"""None below so many units, and no more than so many times a quarter."""

AS_MUCH = 0.02
"""Losses that differ by so small a share of the learnable, or by no more than starts do, are as good as each other."""

SLOWER = 30.0
"""The first hidden layer's weights moved so many times less, for their size, than the last one's: one and a half powers
of ten, which no choice of a single rate makes good."""

AT_START = tuple(kind.code for kind in (Kind.ZERO_WEIGHTS, Kind.IDENTICAL_UNITS, Kind.DEAD_UNITS, Kind.SATURATED_UNITS))
"""Faults of given weights that drawing them by a formula undoes."""


def findings_of_network(learned: Learned) -> list[Finding]:
    """Return the findings on the start, on the units since, on widths, depth and slow layers."""
    start = [_as_it_turned_out(learned, finding) for finding in _start(learned)]
    return [
        *start,
        *_units_at_the_end(learned, start),
        *_widths(learned),
        *_depth(learned),
        *_wide(learned),
        *_slow_layers(learned),
    ]


def _start(learned: Learned) -> list[Finding]:
    """Return the findings on the start, each with its change; those on inputs are left to the data."""
    of_inputs = (Kind.INPUTS_NOT_NORMALIZED.code, Kind.INPUTS_NOT_CENTERED.code)
    alike = (Kind.ZERO_WEIGHTS.code, Kind.IDENTICAL_UNITS.code)
    findings = [finding for finding in learned.case.signals_start.findings if finding.code not in of_inputs]
    if not any(finding.code in alike for finding in findings):
        findings = [*_scale(learned), *findings]
    return [replace(finding, change=_change(learned, finding)) for finding in findings]


def _as_it_turned_out(learned: Learned, finding: Finding) -> Finding:
    """Return a finding of the start as severe as it turned out: less where the run learned its rows all the same."""
    if not learned.mostly_fitted:
        return finding
    return replace(finding, severity=SEVERITIES[min(SEVERITIES.index(finding.severity) + 1, 2)])


def _change(learned: Learned, finding: Finding) -> Change | None:
    """Return the settings that a finding of the start asks for."""
    recipe, advised = learned.case.recipe, finding.settings
    if "normalize" in advised:
        return dict(advised)
    if "activation" in advised:
        net = with_activations(recipe.net, lambda layer: layer if layer.centered else Tanh())
        return {"net": net, "start": None}
    initializer = advised.get("initializer")
    if isinstance(initializer, str):
        has_start = recipe.settings.start is not None
        if has_start and finding.code in AT_START and not _is_odd(recipe.net):
            return {"start": None}
        return {"net": with_initializer(recipe.net, initializer), "start": None}
    if "norm" in advised:
        return {"net": with_norms(recipe.net, LayerNorm()), "start": None}
    return None


def _is_odd(net: Sequential) -> bool:
    """Return whether some weights are not drawn by a formula that suits the layer."""
    initializers = [getattr(layer, "initializer", "auto") for layer in net.layers]
    return any(not isinstance(initializer, str) or initializer == "zeros" for initializer in initializers)


def _scale(learned: Learned) -> list[Finding]:
    """Find weights drawn much too large or too small for their layer."""
    report = learned.case.signals_start
    stages = [stage for stage in report.stages if stage.weights.gain and stage.weights.weight_cosine_theory]
    normed = any(isinstance(layer, (BatchNorm, LayerNorm)) for layer in learned.case.recipe.net.layers)
    if len(stages) < 2 or normed:
        return []
    too_large, too_small = (float(np.median(ratios)) for ratios in zip(*map(_excess, stages), strict=True))
    if too_small >= 1 / OFF and too_large <= OFF:
        return []
    large = too_large > OFF
    kind = Kind.WEIGHTS_TOO_LARGE if large else Kind.WEIGHTS_TOO_SMALL
    ruinous = learned.crippled or too_large > OFF**2 or too_small < OFF**-2
    effect = (
        "signals grow from layer to layer, outputs start far from any target, and bounded units saturate"
        if large
        else "signals fade from layer to layer, and the start is a plateau near zero"
    )
    return [
        kind.finding(
            "severe" if ruinous else "warning",
            f"The weights start much too {'large' if large else 'small'}: {effect}.",
            f"their variance is {too_large if large else too_small:.2g} times the "
            f"{'largest' if large else 'smallest'} that keeps signals as they pass a layer (median over layers); the "
            f"loss at the start is {learned.case.start_loss:.3g}, that of one answer for all rows "
            f"{learned.constant:.3g}.",
            Message(
                Advice("draw the weights by a formula that keeps signals:", initializer=suited(report.layers)),
                Advice("leave it at 'auto'"),
            ),
        )
    ]


def _excess(stage: Stage) -> tuple[float, float]:
    """Return a layer's variance over the largest, and over the smallest, that keeps signals or gradients."""
    layer = stage.weights
    n_in, n_out = round((layer.weight_cosine_theory or 1.0) ** -2), layer.shape[-1]
    rectifies = stage.activation is not None and rectified([stage.activation])
    variance = (layer.gain or 0.0) / n_in / (2.0 if rectifies else 1.0)
    return variance * min(n_in, n_out), variance * max(n_in, n_out)


def _units_at_the_end(learned: Learned, start: list[Finding]) -> list[Finding]:
    """Find units that died or saturated while training; a few are no harm."""
    if not learned.case.finite:
        return []
    known = {finding.code for finding in start}
    return [
        _after_training(learned, finding)
        for finding in learned.case.signals_end.findings
        if finding.code not in known and _is_new(learned, finding)
    ]


def _is_new(learned: Learned, finding: Finding) -> bool:
    """Return whether a finding is that many units died or saturated since the start."""
    start, end = learned.case.signals_start.layers, learned.case.signals_end.layers
    if finding.code == Kind.DEAD_UNITS.code:
        return _largest(layer.dead for layer in end) - _largest(layer.dead for layer in start) >= SOME_DEAD
    if finding.code == Kind.SATURATED_UNITS.code:
        return _largest(layer.saturated for layer in end) - _largest(layer.saturated for layer in start) >= MANY_DEAD
    return False


def _after_training(learned: Learned, finding: Finding) -> Finding:
    """Return a finding on units as a finding on the training that made them so."""
    died = finding.code == Kind.DEAD_UNITS.code
    rates = learned.rates
    lower = rates is None or rates.best <= rates.own
    advice = (Advice("lower the learning rate, which threw them there"), LEAKY) if lower else (LEAKY,)
    leaky = with_activations(learned.case.recipe.net, lambda layer: LeakyReLU() if layer.rectifier else layer)
    return replace(
        finding,
        severity=finding.severity if learned.crippled else "note",
        statement=f"Units {'died' if died else 'saturated'} while training: nothing is learned through them any more.",
        fix=Message(*advice),
        change={"net": leaky, "start": None} if died else None,
    )


def _largest(shares: Iterable[float | None]) -> float:
    """Return the largest share of dead units, or of saturated numbers, of a layer; None counts as 0."""
    return max((share or 0.0 for share in shares), default=0.0)


def _widths(learned: Learned) -> list[Finding]:
    """Find a hidden layer much narrower, or much wider, than its neighbors."""
    case = learned.case
    widths, outputs = hidden_widths(case.recipe.net), case.signals_start.layers[-1].shape[-1]
    steps = [max(pair) / min(pair) for pair in pairwise(widths)]
    net = even(case.recipe.net, case.problem.preprocessing.input_shape)
    if not steps or max(steps) <= UNEVEN or net is None:
        return []
    change = {"net": net, "start": None}
    loss = None if learned.fitted else learned.attempt(Kind.WIDTHS_UNEQUAL.code, change)
    narrow = min(widths)
    bottleneck = f" All that the network knows of a row passes through {narrow} numbers." if narrow < outputs else ""
    return [
        Kind.WIDTHS_UNEQUAL.finding(
            learned.severity(Kind.WIDTHS_UNEQUAL.code) or "warning",
            "The widths of hidden layers are very unequal, which makes curvatures unequal too, and the narrowest layer "
            "a bottleneck.",
            f"widths {' → '.join(map(str, widths))}, neighbors differ by a factor of {max(steps):.3g}.{bottleneck}"
            + _trial_text(learned, loss),
            Message(advice_on_widths("give all hidden layers about the same width", net)),
            change,
        )
    ]


def _depth(learned: Learned) -> list[Finding]:
    """Find a deep network whose first two hidden layers do as well alone."""
    net = shallower(learned.case.recipe.net, hidden=2)
    depth = len(hidden_widths(learned.case.recipe.net))
    if net is None or depth < DEEP or learned.fitted:
        return []
    change = {"net": net, "start": None}
    loss = learned.attempt(Kind.DEEPER_THAN_NEEDED.code, change)
    if not loss <= learned.reached:
        return []
    return [
        Kind.DEEPER_THAN_NEEDED.finding(
            learned.severity(Kind.DEEPER_THAN_NEEDED.code) or "note",
            "The network is deeper than needed: with its first two hidden layers alone it learns as much.",
            f"it has {depth} hidden layers." + _trial_text(learned, loss),
            Message(Advice("use 2 hidden layers"), SKIPS),
            change,
        )
    ]


def _wide(learned: Learned) -> list[Finding]:
    """Find hidden layers much wider than needed: with a quarter of the units, or less, the network learns as much."""
    case = learned.case
    net, rows = case.recipe.net, len(case.problem.train)
    if learned.diverged or learned.crippled or case.size < WIDE * rows:
        return []
    shape = case.problem.preprocessing.input_shape
    enough: Sequential | None = None
    for smaller in _narrowed(net):
        code = f"{Kind.WIDER_THAN_NEEDED.code}: {hidden_widths(smaller)}"
        loss = learned.attempt(code, {"net": smaller, "start": None})
        chance = AS_MUCH * learned.learnable
        if not loss <= learned.reached + chance:
            break
        enough = smaller
        learned.tried[Kind.WIDER_THAN_NEEDED.code], learned.spreads[Kind.WIDER_THAN_NEEDED.code] = loss, chance
    if enough is None:
        return []
    size = tree_size(enough.init(0, shape).params)
    return [
        Kind.WIDER_THAN_NEEDED.finding(
            "note",
            "The network is wider than needed: a narrower one learns as much, with fewer parameters and in less time.",
            f"hidden layers of {_joined(net)} units have {case.size:,} parameters for {rows:,} rows, and reach "
            f"{learned.reached:.3g}; a short training with {_joined(enough)} units, {size:,} parameters, reaches "
            f"{learned.tried[Kind.WIDER_THAN_NEEDED.code]:.3g}.",
            Message(advice_on_widths("use fewer units", enough)),
            {"net": enough, "start": None},
        )
    ]


def _narrowed(net: Sequential) -> Iterator[Sequential]:
    """Yield the network with a quarter of the units, a quarter of these, and so on."""
    for _ in range(MOST_NARROWED):
        smaller = narrower(net)
        if smaller is None or hidden_widths(smaller) == hidden_widths(net) or min(hidden_widths(smaller)) < NARROW:
            return
        yield smaller
        net = smaller


def _joined(net: Sequential) -> str:
    return ", ".join(map(str, hidden_widths(net)))


def _slow_layers(learned: Learned) -> list[Finding]:
    """Find earlier layers that moved much less than later ones."""
    case = learned.case
    if case.run is None or not case.finite:
        return []
    moved = []
    for start, end in zip(case.problem.start.params, case.run.last.params, strict=True):
        if "weight" in start and np.any(np.asarray(start["weight"])):
            W = np.asarray(start["weight"], np.float64)
            moved.append(float(np.linalg.norm(np.asarray(end["weight"], np.float64) - W) / np.linalg.norm(W)))
    if len(moved) < 3 or not moved[0] < moved[-2] / SLOWER or not math.isfinite(moved[-2]):
        return []
    return [
        Kind.EARLIER_LAYERS_SLOWER.finding(
            "note" if learned.fitted else "warning",
            "Earlier layers learn much slower than later ones.",
            f"the weights moved by {', '.join(f'{100 * m:.2g} %' for m in moved)} of their size, first to last.",
            Message(SKIPS, Advice("use batch norm", norm="batch")),
        )
    ]


def _trial_text(learned: Learned, loss: float | None) -> str:
    """Describe the losses of a trial and of the run."""
    return (
        "" if loss is None else f" A short training with the change reaches {loss:.3g}, this run {learned.reached:.3g}."
    )
