"""The gradient decomposed along the Hessian's eigenvectors: the share along each, and its curvature term."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from downslope.core import Advice, DataError
from downslope.curvature import StepModel
from downslope.figures.style import BLUE, GRAY, VERMILLION, ArtistOptions, DistinctFormatter, plain, styled_figure

MOST_BARS = 30
"""The largest number of bars: eigenvectors of smaller magnitude are part of the bar of the rest."""

SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")

MOST_TIMES = 4.0
"""A rest longer than this multiple of the longest bar leaves the axis on the right, so that the bars stay visible."""


def gradient_shares(model: StepModel) -> Figure:
    """Return a figure of each eigenvector's share of the squared gradient, and of `½ λᵢ (gᵀvᵢ)²`.

    A bar an eigenvector, from the largest magnitude down, blue where the loss curves upward along it, vermillion and
    hatched where downward. The last bar holds all other directions together: the rest of `gᵀg`, and of `½ gᵀHg`;
    where it is much longer than all others it leaves the axis, and only its number says how long it is. The line below
    states the effect of a step along the gradient.

    Args:
        model: the result of `ds.step_model`, with some eigenvectors.

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
    if not len(model.eigenvalues) or not model.gradient_norm:
        raise DataError(
            "A figure of gradient shares needs a gradient and eigenvectors to take it apart along, got a step model "
            f"with {len(model.eigenvalues)} eigenvectors and |g| = {model.gradient_norm:g}.",
            Advice("ask for eigenvectors, at a point where the loss has a slope", k=5),
        )
    bars = 1 + min(len(model.eigenvalues), MOST_BARS)
    return styled_figure(lambda figure: _draw(figure, model), (10.4, max(3.2, 1.7 + 0.3 * bars)))


def _draw(figure: Figure, model: StepModel) -> str:
    """Draw both panels and return the alternative text."""
    order = np.argsort(-np.abs(model.eigenvalues))[:MOST_BARS]
    values, shares = model.eigenvalues[order], model.shares[order]
    # without `gᵀg` where double precision cannot hold the products with it
    absolute = model.curvature is not None and bool(np.isfinite(model.curvature_shares).all())
    curved = model.curvature_shares[order] if absolute else 0.5 * values * shares
    total = (model.curvature if absolute else model.rayleigh_quotient) or 0.0
    gradient, curvature = figure.subplots(1, 2, sharey=True)
    rest = max(1 - float(shares.sum()), 0.0)
    parts = 100 * np.append(shares, rest)
    _bars(gradient, values, parts, [f"{plain(part, digits=3)} %" for part in parts])
    terms = np.append(curved, 0.5 * total - curved.sum())
    _bars(curvature, values, terms, [plain(term, digits=3) for term in terms])
    names = [
        f"v{str(index).translate(SUBSCRIPTS)}   λ = {plain(value, digits=3)}"
        for index, value in enumerate(values, start=1)
    ]
    gradient.set_yticks(range(len(names) + 1), [*names, "all others"], fontsize=9)
    gradient.invert_yaxis()
    gradient.set_ylabel("eigenvector of the Hessian")
    gradient.set_xlabel("share of the squared gradient (%)")
    of = "(loss / rate²)" if absolute else "/ gᵀg"
    curvature.set_xlabel(f"curvature term ½ λᵢ (gᵀvᵢ)² {of}")
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
    low, high, clipped = _limits(lengths)
    room = high - low
    for index, (length, text) in enumerate(zip(clipped, words, strict=True)):
        axes.barh(index, length, height=0.72, **_face(float(values[index]) if index < len(values) else None))
        beyond = length != lengths[index]
        x, side, text = (0.5 * (low + high), "center", f"{text}, beyond the axis") if beyond else (length, "left", text)
        axes.annotate(
            text, (max(float(x), 0.0), index), xytext=(0 if beyond else 4, 0), textcoords="offset points", ha=side,
            va="center", fontsize=9, color="#404040",
        )  # fmt: skip
    axes.set_xlim(low - 0.04 * room * (low < 0), high if clipped[-1] != lengths[-1] else high + 0.22 * room)
    axes.axvline(0, color=GRAY, lw=0.8)
    axes.grid(visible=False, axis="y")
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5))
    axes.xaxis.set_major_formatter(DistinctFormatter())


def _limits(lengths: Float[np.ndarray, " bars"]) -> tuple[float, float, Float[np.ndarray, " bars"]]:
    """Return the limits of the axis, and the lengths to draw: that of the rest clipped where it dwarfs the others."""
    low, high = min(0.0, float(lengths.min())), max(0.0, float(lengths[:-1].max()))
    longest = max(high, -float(lengths[:-1].min()))
    if 0 < MOST_TIMES * longest < lengths[-1]:
        return low, 1.4 * longest, np.append(lengths[:-1], 1.4 * longest)
    high = max(high, float(lengths[-1]))
    return low, high if high > low else 1.0, lengths


def _face(value: float | None) -> ArtistOptions:
    """Return the face of a bar: upward, downward, or the rest."""
    if value is None:
        return {"facecolor": "#BDBDBD"}
    return {"facecolor": BLUE} if value >= 0 else {"facecolor": VERMILLION, "hatch": "///", "edgecolor": "white"}


def _legend(figure: Figure, values: Float[np.ndarray, " k"]) -> None:
    """Draw the legend of the colors that occur, above the panels."""
    kinds = [(1.0, "curves upward", bool((values >= 0).any())), (-1.0, "curves downward", bool((values < 0).any()))]
    handles = [Patch(label=label, **_face(value)) for value, label, present in kinds if present]
    rest = Patch(label="all others together", **_face(None))
    figure.legend(handles=[*handles, rest], loc="outside upper left", ncols=3, fontsize=9)


def _sentence(model: StepModel) -> str:
    """Describe the effect of a step along the gradient."""
    squared = model.squared_gradient
    sentence = f"|g| {plain(model.gradient_norm, digits=3)}"
    sentence = sentence if squared is None else f"|g|² {plain(squared, digits=3)}"
    if model.rayleigh_quotient is not None:
        sentence += f"  ·  curvature along the gradient {plain(model.rayleigh_quotient, digits=3)}"
    if model.best_step is not None:
        sentence += f"  ·  best step {plain(model.best_step, digits=3)}"
    if model.learning_rate is not None and model.ratio is not None:
        sentence += (
            f"  ·  at rate {plain(model.learning_rate, digits=3)} curvature takes back "
            f"{plain(100 * model.ratio, digits=3)} % of what the slope gives"
        )
    return sentence
