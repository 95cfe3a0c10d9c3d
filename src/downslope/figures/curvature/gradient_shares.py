"""The gradient taken apart along the Hessian's eigenvectors: how much of it lies along each, and what that curves."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from downslope.core import Advice, DataError
from downslope.curvature import StepModel
from downslope.figures.style import BLUE, GRAY, VERMILLION, drawn, plain

MOST_BARS = 30
"""Of more eigenvectors, those of the largest magnitude are drawn, the others are in the bar of the rest."""

MOST_TIMES = 4.0
"""A rest so many times as long as the longest bar leaves the axis on the right, so that the others can be seen."""


def gradient_shares(model: StepModel) -> Figure:
    """Return a figure of each eigenvector's share of the squared gradient, and of `½ λᵢ (gᵀvᵢ)²`.

    A bar an eigenvector, from the largest magnitude down, blue where the loss curves upward along it, vermillion and
    hatched where downward. The last bar holds all other directions together: what is left of `gᵀg`, and of `½ gᵀHg`;
    where it is much longer than all others it leaves the axis, and only its number says how long it is. The line below
    says what a step along the gradient does.

    Args:
        model: what `ds.step_model` returned, with some eigenvectors.

    Raises:
        DataError: the step model has no eigenvectors, or there is no gradient.

    Example:
        >>> import numpy as np
        >>> from downslope.core import FunctionSurface
        >>> from downslope.curvature import step_model
        >>> ravine = FunctionSurface(lambda p: 0.5 * p[0] ** 2 + 5 * p[1] ** 2, np.ones(2))
        >>> figure = gradient_shares(step_model(ravine, np.array([10.0, 1.0]), 0.15, k=2))
        >>> [axes.get_xlabel() for axes in figure.axes]
        ['share of the squared gradient (%)', 'curvature term ½ λᵢ (gᵀvᵢ)² (loss / rate²)']
    """
    if not len(model.eigenvalues) or not model.squared_gradient:
        raise DataError(
            "A figure of gradient shares needs a gradient and eigenvectors to take it apart along, got a step model "
            f"with {len(model.eigenvalues)} eigenvectors and |g|² = {model.squared_gradient:g}.",
            Advice("ask for eigenvectors, at a point where the loss has a slope", k=5),
        )
    bars = 1 + min(len(model.eigenvalues), MOST_BARS)
    return drawn(lambda figure: _draw(figure, model), (10.4, max(3.2, 1.7 + 0.3 * bars)))


def _draw(figure: Figure, model: StepModel) -> str:
    """Draw both panels and return what they show."""
    order = np.argsort(-np.abs(model.eigenvalues))[:MOST_BARS]
    values, shares, curved = model.eigenvalues[order], model.shares[order], model.curvature_shares[order]
    gradient, curvature = figure.subplots(1, 2, sharey=True)
    rest = max(1 - float(shares.sum()), 0.0)
    parts = 100 * np.append(shares, rest)
    _bars(gradient, values, parts, [f"{plain(part, digits=3)} %" for part in parts])
    terms = np.append(curved, 0.5 * model.curvature - curved.sum())
    _bars(curvature, values, terms, [plain(term, digits=3) for term in terms])
    names = [f"$v_{{{place}}}$   λ = {plain(value, digits=3)}" for place, value in enumerate(values, start=1)]
    gradient.set_yticks(range(len(names) + 1), [*names, "all others"], fontsize=9)
    gradient.invert_yaxis()
    gradient.set_ylabel("eigenvector of the Hessian")
    gradient.set_xlabel("share of the squared gradient (%)")
    curvature.set_xlabel("curvature term ½ λᵢ (gᵀvᵢ)² (loss / rate²)")
    _legend(figure, values)
    sentence = _sentence(model)
    figure.supxlabel(sentence, x=0.012, ha="left", fontsize=9, color="#404040")
    return (
        f"Shares of the squared gradient along the {len(values)} eigenvectors of largest curvature: "
        + ", ".join(
            f"{plain(part, digits=3)} % where λ is {plain(value, digits=3)}"
            for value, part in zip(values[:5], parts, strict=False)
        )
        + f"; {plain(float(parts[-1]), digits=3)} % along all directions but these {len(values)}. {sentence}."
    )


def _bars(axes: Axes, values: Float[np.ndarray, " k"], lengths: Float[np.ndarray, " bars"], words: list[str]) -> None:
    """Draw a bar for each eigenvalue and a gray one for the rest, each with its number at the end."""
    low, high, shown = _limits(lengths)
    room = high - low
    for place, (length, text) in enumerate(zip(shown, words, strict=True)):
        axes.barh(place, length, height=0.72, **_look(float(values[place]) if place < len(values) else None))
        beyond = length != lengths[place]
        at, side, text = (
            (0.5 * (low + high), "center", f"{text}, beyond the axis") if beyond else (length, "left", text)
        )
        axes.annotate(
            text, (max(float(at), 0.0), place), xytext=(0 if beyond else 4, 0), textcoords="offset points", ha=side,
            va="center", fontsize=9, color="#404040",
        )  # fmt: skip
    axes.set_xlim(low - 0.04 * room * (low < 0), high if shown[-1] != lengths[-1] else high + 0.22 * room)
    axes.axvline(0, color=GRAY, lw=0.8)
    axes.grid(visible=False, axis="y")
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: plain(float(value))))


def _limits(lengths: Float[np.ndarray, " bars"]) -> tuple[float, float, Float[np.ndarray, " bars"]]:
    """Return the ends of the axis, and the lengths to draw: that of the rest is cut where it dwarfs the others."""
    low, high = min(0.0, float(lengths.min())), max(0.0, float(lengths[:-1].max()))
    longest = max(high, -float(lengths[:-1].min()))
    if 0 < MOST_TIMES * longest < lengths[-1]:
        return low, 1.4 * longest, np.append(lengths[:-1], 1.4 * longest)
    high = max(high, float(lengths[-1]))
    return low, high if high > low else 1.0, lengths


def _look(value: float | None) -> dict[str, Any]:
    """Return the look of a bar: upward, downward, or the rest."""
    if value is None:
        return {"facecolor": "#BDBDBD"}
    return {"facecolor": BLUE} if value >= 0 else {"facecolor": VERMILLION, "hatch": "///", "edgecolor": "white"}


def _legend(figure: Figure, values: Float[np.ndarray, " k"]) -> None:
    """Say above the panels what colors mean, those that are there."""
    kinds = [(1.0, "curves upward", bool((values >= 0).any())), (-1.0, "curves downward", bool((values < 0).any()))]
    handles = [Patch(label=label, **_look(value)) for value, label, present in kinds if present]
    rest = Patch(label="all others together", **_look(None))
    figure.legend(handles=[*handles, rest], loc="outside upper left", ncols=3, fontsize=9)


def _sentence(model: StepModel) -> str:
    """Return what a step along the gradient does."""
    said = f"|g|² {plain(model.squared_gradient, digits=3)}"
    if model.rayleigh_quotient is not None:
        said += f"  ·  curvature along the gradient {plain(model.rayleigh_quotient, digits=3)}"
    if model.best_step is not None:
        said += f"  ·  best step {plain(model.best_step, digits=3)}"
    if model.learning_rate is not None and model.ratio is not None:
        said += (
            f"  ·  at rate {plain(model.learning_rate, digits=3)} curvature takes back "
            f"{plain(100 * model.ratio, digits=3)} % of what the slope gives"
        )
    return said
