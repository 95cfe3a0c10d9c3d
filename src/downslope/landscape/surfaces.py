"""Classic loss surfaces of two parameters, each with a start that tells something.

Each function returns a `FunctionSurface` over `w = (w₁, w₂)` whose `params` is the start. `NAMES` holds, for the
defaults, what is known of each: stationary points and the window worth drawing.

    from downslope.landscape import slice_2d, surfaces
    known = surfaces.NAMES["ravine"]
    picture = slice_2d(known.make(), np.array(known.center), directions="axes", span=known.span)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from downslope.core import FunctionSurface, check_number

__all__ = [
    "NAMES",
    "Classic",
    "beale",
    "bowl",
    "himmelblau",
    "plateau",
    "ravine",
    "rosenbrock",
    "saddle",
    "two_minima",
]

Point = tuple[float, float]
Start = Sequence[float | int] | np.ndarray | jax.Array


@dataclass(frozen=True)
class Classic:
    """What is known of a surface as its function makes it by default.

    Attributes:
        make: the function that makes it.
        formula: the loss.
        center: the middle of the window worth drawing.
        span: its half-widths.
        rate: one that plain descent goes well with from the start, below two over the largest curvature on its way.
        minima: where they are.
        saddles: likewise.
        maxima: likewise.
    """

    make: Callable[..., FunctionSurface]
    formula: str
    center: Point
    span: Point
    rate: float
    minima: tuple[Point, ...] = ()
    saddles: tuple[Point, ...] = ()
    maxima: tuple[Point, ...] = ()


def bowl(*, curvature: float | int = 1.0, start: Start = (1.5, 1.0)) -> FunctionSurface:
    """Return the round bowl `½ λ (w₁² + w₂²)`: minimum 0 at `(0, 0)`; every descent is straight.

    Args:
        curvature: `λ`, above 0. Descent diverges above the rate `2/λ`.
        start: where to start.

    Example:
        >>> bowl().value(np.array([1.0, 1.0]))
        1.0
    """
    c = check_number("curvature", curvature, above=0)
    return _surface(lambda x, y: 0.5 * c * (x**2 + y**2), f"{_times(c / 2)}(w₁² + w₂²)", start)


def ravine(*, curvature: float | int = 1.0, ratio: float | int = 50.0, start: Start = (-2.0, 0.5)) -> FunctionSurface:
    """Return the ravine `½ λ (w₁² + κ w₂²)`: minimum 0 at `(0, 0)`; plain descent zigzags across and crawls along.

    Args:
        curvature: `λ`, above 0, along the ravine.
        ratio: `κ`, the condition number. Descent diverges above the rate `2/(λκ)`.
        start: where to start, up the wall.

    Example:
        >>> ravine(ratio=4).value(np.array([0.0, 1.0]))
        2.0
    """
    c, k = check_number("curvature", curvature, above=0), check_number("ratio", ratio, above=0)
    return _surface(lambda x, y: 0.5 * c * (x**2 + k * y**2), f"{_times(c / 2)}(w₁² + {_times(k)}w₂²)", start)


def saddle(*, rise: float | int = 1.0, fall: float | int = 1.0, start: Start = (1.5, 1e-3)) -> FunctionSurface:
    """Return the saddle `½ (r w₁² − f w₂²)`: a saddle of height 0 at `(0, 0)`, no minimum, unbounded below.

    The start is almost on the ridge: plain descent comes close to the saddle and stays long; a descent that never
    finds the way down stops there. Those that do leave the window.

    Args:
        rise: `r`, above 0.
        fall: `f`, above 0.
        start: where to start.

    Example:
        >>> saddle().value(np.array([1.0, 2.0]))
        -1.5
    """
    r, f = check_number("rise", rise, above=0), check_number("fall", fall, above=0)
    return _surface(lambda x, y: 0.5 * (r * x**2 - f * y**2), f"½ ({_times(r)}w₁² − {_times(f)}w₂²)", start)


def two_minima(*, c: float | int = 0.2, start: Start = (-1.2, 1.17)) -> FunctionSurface:
    """Return `½ (1 − w₁w₂)² + ½ c (w₁² + w₂²)`, `c < 1`: two minima and a saddle between them.

    The loss of the linear network `y = w₂ w₁ x` on one row `x = y = 1`, with weight decay `c`. Minima
    `c − ½ c²` at `w₁ = w₂ = ±√(1 − c)`; a saddle of height ½ at `(0, 0)`, with curvatures `c + 1` and `c − 1`. The
    start slides to the saddle first, and on to one of the minima.

    Args:
        c: the weight decay, at least 0 and below 1. At 0 the minima are all of `w₁w₂ = 1`.
        start: where to start.

    Example:
        >>> two_minima().value(np.array([0.0, 0.0]))
        0.5
    """
    c = check_number("c", c, at_least=0, below=1, advice="From 1 on there is one minimum, at (0, 0).")
    text = f"½ (1 − w₁w₂)² + {_times(c / 2)}(w₁² + w₂²)"
    return _surface(lambda x, y: 0.5 * (1 - x * y) ** 2 + 0.5 * c * (x**2 + y**2), text, start)


def plateau(*, width: float | int = 1.0, start: Start = (2.6, 2.4)) -> FunctionSurface:
    """Return the plateau `1 − exp(−(w₁² + w₂²) / (2 s²))`: minimum 0 at `(0, 0)`, and flat far out.

    The start is where the slope is about a hundred times less than at its steepest, `‖w‖ = s`: plain descent hardly
    moves, and one that divides by the size of the slope does.

    Args:
        width: `s`, above 0.
        start: where to start.

    Example:
        >>> round(plateau().value(np.array([3.0, 4.0])), 4)
        1.0
    """
    s = check_number("width", width, above=0)
    text = f"1 − exp(−{_times(1 / (2 * s * s))}(w₁² + w₂²))"
    return _surface(lambda x, y: -jnp.expm1(-(x**2 + y**2) / (2 * s * s)), text, start)


def rosenbrock(*, a: float | int = 1.0, b: float | int = 100.0, start: Start = (-1.2, 1.0)) -> FunctionSurface:
    """Return Rosenbrock's valley `(a − w₁)² + b (w₂ − w₁²)²`: minimum 0 at `(a, a²)`, down a long bent valley.

    Args:
        a: where the minimum is.
        b: how steep the walls are, above 0.
        start: where to start; Rosenbrock's own.

    Example:
        >>> rosenbrock().value(np.array([1.0, 1.0]))
        0.0

    References:
        Rosenbrock, "An automatic method for finding the greatest or least value of a function" (1960).
    """
    a, b = check_number("a", a), check_number("b", b, above=0)
    return _surface(lambda x, y: (a - x) ** 2 + b * (y - x**2) ** 2, f"({a:g} − w₁)² + {_times(b)}(w₂ − w₁²)²", start)


def himmelblau(*, start: Start = (-0.3, -0.5)) -> FunctionSurface:
    """Return Himmelblau's `(w₁² + w₂ − 11)² + (w₁ + w₂² − 7)²`: four minima of 0, four saddles, a maximum.

    Which minimum a descent ends in depends on small things: the start is near the maximum.

    Args:
        start: where to start.

    Example:
        >>> himmelblau().value(np.array([3.0, 2.0]))
        0.0

    References:
        Himmelblau, "Applied nonlinear programming" (1972).
    """
    text = "(w₁² + w₂ − 11)² + (w₁ + w₂² − 7)²"
    return _surface(lambda x, y: (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2, text, start)


def beale(*, start: Start = (1.0, 1.5)) -> FunctionSurface:
    """Return Beale's `Σ (cₖ − w₁ + w₁w₂ᵏ)²`, `c = 1.5, 2.25, 2.625`, `k = 1, 2, 3`: flat, with steep corners.

    Minimum 0 at `(3, ½)`, a saddle of height 14.2 at `(0, 1)`; the start is on the far side of it.

    Args:
        start: where to start.

    Example:
        >>> beale().value(np.array([3.0, 0.5]))
        0.0

    References:
        Beale, "On an iterative method for finding a local minimum of a function of more than one variable" (1958).
    """

    def loss(x: jax.Array, y: jax.Array) -> jax.Array:
        return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2

    return _surface(loss, "(1.5 − w₁ + w₁w₂)² + (2.25 − w₁ + w₁w₂²)² + (2.625 − w₁ + w₁w₂³)²", start)


def _times(number: float | int) -> str:
    """Return a factor as formulas have it: none for 1, and a half as such."""
    return {1: "", 0.5: "½ "}.get(number, f"{number:g} ")


def _surface(loss: Callable[[jax.Array, jax.Array], jax.Array], formula: str, start: Start) -> FunctionSurface:
    """Return a loss of two numbers as a surface over a vector of two."""
    return FunctionSurface(lambda w: loss(w[0], w[1]), np.array(start, np.float64), description=formula)


NAMES: dict[str, Classic] = {
    "bowl": Classic(bowl, "½ (w₁² + w₂²)", (0.0, 0.0), (2.0, 2.0), 0.2, minima=((0.0, 0.0),)),
    "ravine": Classic(ravine, "½ (w₁² + 50 w₂²)", (0.0, 0.0), (2.5, 1.0), 0.035, minima=((0.0, 0.0),)),
    "saddle": Classic(saddle, "½ (w₁² − w₂²)", (0.0, 0.0), (2.0, 2.0), 0.1, saddles=((0.0, 0.0),)),
    "two_minima": Classic(
        two_minima,
        "½ (1 − w₁w₂)² + 0.1 (w₁² + w₂²)",
        (0.0, 0.0),
        (1.6, 1.6),
        0.1,
        minima=((0.8**0.5, 0.8**0.5), (-(0.8**0.5), -(0.8**0.5))),
        saddles=((0.0, 0.0),),
    ),
    "plateau": Classic(plateau, "1 − exp(−½ (w₁² + w₂²))", (0.0, 0.0), (4.0, 4.0), 0.5, minima=((0.0, 0.0),)),
    "rosenbrock": Classic(
        rosenbrock, "(1 − w₁)² + 100 (w₂ − w₁²)²", (0.0, 1.0), (2.0, 2.0), 0.001, minima=((1.0, 1.0),)
    ),
    "himmelblau": Classic(
        himmelblau,
        "(w₁² + w₂ − 11)² + (w₁ + w₂² − 7)²",
        (0.0, 0.0),
        (5.0, 5.0),
        0.01,
        minima=(
            (3.0, 2.0),
            (-2.8051180870, 3.1313125183),
            (-3.7793102534, -3.2831859913),
            (3.5844283403, -1.8481265270),
        ),
        saddles=(
            (0.0866775046, 2.8842547014),
            (3.3851541837, 0.0738518796),
            (-3.0730257535, -0.0813530442),
            (-0.1279613468, -1.9537149803),
        ),
        maxima=((-0.2708445906, -0.9230385565),),
    ),
    "beale": Classic(
        beale,
        "(1.5 − w₁ + w₁w₂)² + (2.25 − w₁ + w₁w₂²)² + (2.625 − w₁ + w₁w₂³)²",
        (1.0, 0.5),
        (3.0, 1.5),
        0.01,
        minima=((3.0, 0.5),),
        saddles=((0.0, 1.0),),
    ),
}
"""Each surface by its name."""
