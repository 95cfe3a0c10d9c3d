"""Dates in parts as nodes of ONNX, which has no dates: from seconds, by the arithmetic of the calendar."""

from __future__ import annotations

import numpy as np

from downslope.data import Calendar
from downslope.export._onnx_graph import Graph

DATES = "dates"
"""The name of the input."""

PERIODS = {"month": 12.0, "weekday": 7.0, "hour": 24.0}


class DateNodes:
    """Numbers `(rows, 1)` in double precision, computed from others.

    Args:
        graph: to add nodes to.
        name: what the names of nodes begin with.
    """

    def __init__(self, graph: Graph, name: str):
        self.graph, self.name = graph, name

    def number(self, value: float) -> str:
        """Add a constant."""
        return self.graph.array(f"{self.name}/number", value, np.float64)

    def apply(self, operation: str, *values: str | float) -> str:
        """Add a node; numbers among its inputs become constants."""
        names = [value if isinstance(value, str) else self.number(value) for value in values]
        return self.graph.add(operation, *names, name=self.name)

    def divided(self, value: str, divisor: float) -> str:
        """Add the whole part of a quotient."""
        return self.apply("Floor", self.apply("Div", value, divisor))

    def rest(self, value: str, divisor: float) -> str:
        """Add what a division leaves."""
        return self.apply("Sub", value, self.apply("Mul", self.divided(value, divisor), divisor))


def add_dates(graph: Graph, index: int, calendar: Calendar) -> str:
    """Add one column of dates as its parts, and return their name; none at all for a column without parts."""
    from onnx import TensorProto

    if not calendar.parts:
        return ""
    nodes = DateNodes(graph, f"dates/{index}")
    seconds = graph.add("Gather", DATES, graph.array(f"{nodes.name}/place", [index], np.int64), name=nodes.name, axis=1)
    missing = nodes.apply("IsNaN", seconds)
    filled = nodes.apply("Where", missing, calendar.fill, seconds)
    columns = [column for part in calendar.parts for column in _part(nodes, part, calendar, missing, filled)]
    floats = [graph.add("Cast", column, name=nodes.name, to=TensorProto.FLOAT) for column in columns]
    return graph.add("Concat", *floats, name=nodes.name, axis=1)


def _part(nodes: DateNodes, part: str, calendar: Calendar, missing: str, seconds: str) -> list[str]:
    """Add the columns of a part of dates."""
    if part == "missing":
        return [missing]
    if part in PERIODS:
        turns = nodes.apply("Div", _position(nodes, part, seconds), PERIODS[part])
        return [_on_circle(nodes, operation, turns, missing) for operation in ("Sin", "Cos")]
    first, last = calendar.line(part)
    value = seconds if part == "elapsed" else _year_and_month(nodes, nodes.divided(seconds, 86400.0))[0]
    return [nodes.apply("Div", nodes.apply("Sub", value, first), last - first)]


def _on_circle(nodes: DateNodes, operation: str, turns: str, missing: str) -> str:
    """Add the sine or cosine of an angle in turns, in single precision, in which all runtimes have both."""
    from onnx import TensorProto

    angle = nodes.graph.add("Cast", nodes.apply("Mul", turns, 2 * np.pi), name=nodes.name, to=TensorProto.FLOAT)
    wave = nodes.graph.add("Cast", nodes.apply(operation, angle), name=nodes.name, to=TensorProto.DOUBLE)
    return nodes.apply("Where", missing, 0.0, wave)


def _position(nodes: DateNodes, part: str, seconds: str) -> str:
    """Add months since January, days since Monday, or hours since midnight."""
    if part == "hour":
        return nodes.apply("Div", nodes.rest(seconds, 86400.0), 3600.0)
    days = nodes.divided(seconds, 86400.0)
    return nodes.rest(nodes.apply("Add", days, 3.0), 7.0) if part == "weekday" else _year_and_month(nodes, days)[1]


def _year_and_month(nodes: DateNodes, days: str) -> tuple[str, str]:
    """Add the year, and the month from 0, of days since 1970.

    Years are counted from March, so that a leap day is the last of its year; 400 of them have 146,097 days.

    References:
        Hinnant, "chrono-compatible low-level date algorithms" (2013): `civil_from_days`.
    """
    z = nodes.apply("Add", days, 719468.0)
    era, day = nodes.divided(z, 146097.0), nodes.rest(z, 146097.0)
    leapless = nodes.apply("Sub", nodes.apply("Add", day, nodes.divided(day, 36524.0)), nodes.divided(day, 1460.0))
    year = nodes.divided(nodes.apply("Sub", leapless, nodes.divided(day, 146096.0)), 365.0)
    before = nodes.apply("Add", nodes.apply("Mul", year, 365.0), nodes.divided(year, 4.0))
    day_of_year = nodes.apply("Sub", day, nodes.apply("Sub", before, nodes.divided(year, 100.0)))
    march = nodes.divided(nodes.apply("Add", nodes.apply("Mul", day_of_year, 5.0), 2.0), 153.0)
    after_december = nodes.divided(march, 10.0)
    month = nodes.apply("Sub", nodes.apply("Add", march, 2.0), nodes.apply("Mul", after_december, 12.0))
    years = nodes.apply("Add", nodes.apply("Mul", era, 400.0), year)
    return nodes.apply("Add", years, after_december), month
