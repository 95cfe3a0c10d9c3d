"""Lessons on the claims of the notes, each with two sentences and one experiment to try."""

from __future__ import annotations

from typing import Any, TypedDict

from downslope.explorer.protocol import (
    ClassicName,
    ClassicSubject,
    DescentSettings,
    DescentStart,
    Lesson,
    LineSubject,
    NetworkSubject,
    Plane,
    Subject,
)


class _Surface(TypedDict):
    """A subject and the plane through it."""

    subject: Subject
    plane: Plane


def _classic(name: ClassicName) -> _Surface:
    """Return a classic surface and its plane."""
    return {"subject": ClassicSubject(name=name), "plane": Plane(directions="axes")}


def _network(subject: NetworkSubject) -> _Surface:
    """Return a network and a plane of filter-normalized directions."""
    return {"subject": subject, "plane": Plane(directions="filter")}


def _start(name: str, a: float, b: float, rate: float, **settings: Any) -> DescentStart:
    """Return a descent."""
    return DescentStart(name=name, a=a, b=b, settings=DescentSettings(learning_rate=rate, **settings))


_LINE: _Surface = {"subject": LineSubject(), "plane": Plane(directions="axes")}
_RAW = _network(NetworkSubject(data="wine", hidden=[], normalize=None, epochs=30))
_SCALED = _network(NetworkSubject(data="wine", hidden=[], normalize="standard", epochs=30))

LESSONS = (
    Lesson(
        name="too_large",
        title="Too large a rate",
        text="Across the ravine the curvature is 50, so every rate above 2/50 = 0.04 throws the ball higher up the "
        "opposite wall at each step. At 0.041 it is still going down along the ravine while it flies apart across it.",
        to_try="Lower the rate to 0.039 while it runs: it calms down without starting again.",
        **_classic("ravine"),
        descents=(_start("rate 0.041", -2.0, 0.02, 0.041, steps=200),),
        steps_per_second=20,
    ),
    Lesson(
        name="too_small",
        title="Too small a rate",
        text="At a rate of 0.002 the ball reaches the floor of the ravine and then barely moves: in 200 steps it is "
        "not even halfway along. At 0.035 the same 200 steps reach the minimum.",
        to_try="Raise the slow ball's rate to 0.035 and watch it catch up.",
        **_classic("ravine"),
        descents=(
            _start("rate 0.002", -2.0, 0.5, 0.002, steps=600),
            _start("rate 0.035", -2.0, 0.5, 0.035, steps=600),
        ),
    ),
    Lesson(
        name="stuck",
        title="Stuck in a dip",
        text="Three hidden units are just enough for the four quadrants, and from this start descent over all rows "
        "settles in a shallow dip at a loss of 0.51, with almost no gradient left. Steps of 8 rows at the same rate "
        "see another surface each time, and get out of it.",
        to_try="Start at the middle of the plane: there is no dip on the way, and descent over all rows gets lower.",
        **_network(NetworkSubject(data="quadrants", hidden=[3], activation="tanh", epochs=60)),
        descents=(
            _start("all rows", -0.8, -0.8, 0.3, steps=1500),
            _start("8 rows", -0.8, -0.8, 0.3, batch_size=8, steps=1500),
        ),
        steps_per_second=100,
    ),
    Lesson(
        name="momentum",
        title="Momentum carries over",
        text="Both balls have the same rate; the second keeps 0.9 of its velocity. In 60 steps it has overshot, come "
        "back, and is nearer to the minimum than the first, which still crawls along the floor.",
        to_try="Set the second ball's momentum to 0.99 at the start: it swings past the minimum again and again.",
        **_classic("ravine"),
        descents=(
            _start("no momentum", -2.0, 0.5, 0.01, steps=300),
            _start("momentum 0.9", -2.0, 0.5, 0.01, momentum=0.9, steps=300),
        ),
        steps_per_second=15,
    ),
    Lesson(
        name="saddle",
        title="A saddle holds descent up",
        text="Almost on the ridge, the ball runs to the saddle first and stays near it for tens of steps, for there "
        "the gradient is about 0. Then the way down opens, and the loss falls faster and faster.",
        to_try="Start exactly on the ridge, at height 0: plain descent never finds the way down.",
        **_classic("saddle"),
        descents=(_start("off the ridge", 1.5, 0.001, 0.1, steps=80),),
        steps_per_second=15,
    ),
    Lesson(
        name="plateau",
        title="Lost on a plateau",
        text="Far from the well the surface is flat and the gradient nearly 0, so plain descent hardly moves in 200 "
        "steps. Adam divides by the size of the gradient and walks to the well at once.",
        to_try="Start nearer, at (2, 0): there plain descent arrives, too.",
        **_classic("plateau"),
        descents=(
            _start("plain", -3.5, -2.5, 0.5, steps=200),
            _start("Adam", -3.5, -2.5, 0.1, optimizer="adam", steps=200),
        ),
    ),
    Lesson(
        name="raw",
        title="Raw data",
        text="The columns of the wine data differ a thousandfold in size, so the surface is a slit, and a rate that "
        "suits normalized data throws the loss up by orders of magnitude. No single rate suits all columns.",
        to_try="Set the data to normalized: the same descent goes down at once.",
        **_RAW,
        descents=(_start("raw", 0.5, 0.5, 0.1, steps=100),),
    ),
    Lesson(
        name="normalized",
        title="Normalized data",
        text="With every column of the wine data at mean 0 and deviation 1, the bowl is round enough for one rate. "
        "The same descent that fails on raw data gets below where Adam's training ended within 100 steps.",
        to_try="Set the data to raw, and look at the loss.",
        **_SCALED,
        descents=(_start("normalized", 0.5, 0.5, 0.1, steps=100),),
    ),
    Lesson(
        name="zeros",
        title="All weights zero",
        text="A linear network of two layers, y = w₂ w₁ x, started at zero: each weight's gradient is multiplied by "
        "the other weight, so the first ball never moves. It stands on a saddle; the second, a hundredth off, leaves.",
        to_try="Start on the line w₁ = −w₂: it goes to the saddle and stays.",
        **_classic("two_minima"),
        descents=(
            _start("zero", 0.0, 0.0, 0.1, steps=150),
            _start("a hundredth off", 0.01, 0.01, 0.1, steps=150),
        ),
    ),
    Lesson(
        name="restarts",
        title="Restarts",
        text="Four starts, one rate, and they end in four different minima: which one is found is decided by the "
        "start alone. Here all minima are equally deep; with a network they are not, so the best of several is kept.",
        to_try="Look for the border between two of the valleys by starting close to it.",
        **_classic("himmelblau"),
        descents=tuple(
            _start(name, a, b, 0.01, steps=150)
            for name, a, b in (("right", 4.0, 1.0), ("left", -4.0, 2.0), ("low", -4.0, -4.0), ("corner", 4.0, -3.0))
        ),
    ),
    Lesson(
        name="decay",
        title="A rate that decays",
        text="Each step sees a single row, so at a constant rate the ball keeps jittering around the minimum. With a "
        "rate that falls as 1/(1 + t/50) the jitter dies out, and it ends closer.",
        to_try="Lower the constant rate by hand after it has arrived: that is what a schedule does.",
        **_LINE,
        descents=(
            _start("constant", 4.0, 3.1, 0.1, batch_size=1, steps=1000),
            _start(
                "decaying",
                4.0,
                3.1,
                0.1,
                batch_size=1,
                steps=1000,
                schedule={"kind": "inverse_time_decay", "rate": 0.02, "power": 1.0},
            ),
        ),
        steps_per_second=100,
    ),
    Lesson(
        name="batches",
        title="Small against large batches",
        text="One row a step gives a drunkard's walk, 32 rows a path that wanders a little, all rows a straight one. "
        "The sum over a batch grows with its size, so each has the rate that makes its steps alike.",
        to_try="Compare the rows seen: in one epoch the small batches made 272 steps, the full one a single one.",
        **_LINE,
        descents=(
            _start("1 row", 4.0, 3.1, 0.0272, batch_size=1, steps=300),
            _start("32 rows", 4.0, 3.1, 0.00085, batch_size=32, steps=300),
            _start("all rows", 4.0, 3.1, 0.0001, steps=300),
        ),
        steps_per_second=30,
    ),
    Lesson(
        name="adam",
        title="Adam on badly scaled data",
        text="On raw columns plain descent must take the rate that the largest column allows, and the others never "
        "learn. Adam gives every weight a step of its own size, and gets lower with the same number of steps.",
        to_try="Normalize the data and raise the plain rate to 0.1: then plain descent is as good.",
        **_RAW,
        descents=(
            _start("plain", 0.5, 0.5, 3e-5, steps=300),
            _start("Adam", 0.5, 0.5, 0.01, optimizer="adam", steps=300),
        ),
    ),
)
"""Every lesson, in the order of teaching."""
