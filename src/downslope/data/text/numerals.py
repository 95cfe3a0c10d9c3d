"""Numbers as people write them: with marks between thousands, a decimal comma, a currency or percent sign."""

from __future__ import annotations

import re
from dataclasses import dataclass

BLANKS = " \u00a0\u202f\u2009"
"""The blanks that stand between thousands: plain, no-break, narrow no-break, thin."""

APOSTROPHES = "'\u2019"
MINUS_SIGNS = "\u2212\u2013\ufe63\uff0d"
CURRENCIES = "$\u00a2-\u00a5\u058f\u060b\u09f2\u09f3\u0e3f\u17db\u20a0-\u20c0\ufdfc\ufe69\uff04\uffe0\uffe1\uffe5\uffe6"
"""Unicode's currency signs, as part of a character class."""

PERCENT = "%"

_NUMERAL = re.compile(
    rf"(?P<open>\()?\s*(?P<sign>[+-]?)\s*(?P<prefix>[{CURRENCIES}]?)\s*(?P<inner>[+-]?)"
    rf"(?P<body>[0-9.,](?:[0-9.,_{APOSTROPHES}{BLANKS}]*[0-9.])?)(?P<exponent>[eE][+-]?[0-9]+)?"
    rf"\s*(?P<suffix>[{PERCENT}{CURRENCIES}]?)(?P<after>-?)\s*(?P<close>\))?"
)
_GROUPS = {
    ",": r"[1-9][0-9]{0,2}(?:,[0-9]{3})+|[1-9][0-9]?(?:,[0-9]{2})+,[0-9]{3}",  # the latter as in India
    ".": r"[1-9][0-9]{0,2}(?:\.[0-9]{3})+",
    "'": rf"[1-9][0-9]{{0,2}}(?:[{APOSTROPHES}][0-9]{{3}})+",
    " ": rf"[1-9][0-9]{{0,2}}(?:[{BLANKS}][0-9]{{3}})+",
    "_": r"[1-9][0-9]{0,2}(?:_[0-9]{3})+",
}
_POINTED = re.compile(r"-?(?:0|[0-9]{4,})?\.[0-9]+|-?[0-9]+\.(?:[0-9]{1,2}|[0-9]{4,})")
"""Most of the numbers that show what a point means, which are looked for in every column."""

THOUSANDS = tuple(_GROUPS)
"""The marks between thousands; each stands for its variants, too."""

DECIMALS = (".", ",")


@dataclass(frozen=True)
class Marks:
    """Which mark is the decimal one, and which may stand between thousands; None where it is open.

    Attributes:
        decimal: a point or a comma.
        thousands: one of `THOUSANDS`, or `""` for none.
    """

    decimal: str | None = None
    thousands: str | None = None

    def allow(self, decimal: str, group: str) -> bool:
        """Return whether a number may have these marks; `""` stands for none of them."""
        known = self.decimal is None or decimal in ("", self.decimal)
        return known and (self.thousands is None or group in ("", self.thousands))


@dataclass(frozen=True)
class Numeral:
    """A cell that is a number, under at least one choice of the decimal mark.

    Attributes:
        point: the number as Python writes it, where a point is the decimal mark; None if it is none then.
        comma: likewise where a comma is.
        group: the mark between its thousands, whatever the decimal mark; `""` for none or an open one.
        whole: whether it has neither a decimal mark nor an exponent, nor an open mark.
        unit: its currency or percent sign; `""` for none.
        spelled: whether its minus sign is another than a hyphen before it.
    """

    point: str | None
    comma: str | None
    group: str = ""
    whole: bool = False
    unit: str = ""
    spelled: bool = False

    @property
    def is_open(self) -> bool:
        """Whether it is another number with another decimal mark."""
        return self.point is not None and self.comma is not None and self.point != self.comma

    def text(self, decimal: str) -> str | None:
        """Return the number as Python writes it, with this decimal mark; None if it is none then."""
        return self.point if decimal == "." else self.comma


def numeral_of(cell: str, marks: Marks = Marks()) -> Numeral | None:
    """Return a cell as a number; None if it is none.

    Args:
        cell: text without outer blanks.
        marks: those that are known.

    Example:
        >>> numeral_of("1.048,50 €").comma, numeral_of("1,048").is_open, numeral_of("1.2.3")
        ('1048.50', True, None)
    """
    match = _NUMERAL.fullmatch(_hyphened(cell))
    if match is None or (match["open"] is None) != (match["close"] is None):
        return None
    signs = [match["sign"], match["inner"], match["after"], "-" if match["open"] else ""]
    units = match["prefix"] + match["suffix"]
    if sum(map(bool, signs)) > 1 or len(units) > 1:
        return None
    exponent = match["exponent"] or ""
    bodies = [way for way in _readings(match["body"], marks) if not (exponent and way.group)]
    if not bodies:
        return None
    sign = "-" if "-" in signs else ""
    point, comma = (
        next((f"{sign}{way.text}{exponent}" for way in bodies if way.decimal in ("", decimal)), None)
        for decimal in DECIMALS
    )
    return Numeral(
        point,
        comma,
        group=bodies[0].group if len(bodies) == 1 else "",
        whole=len(bodies) == 1 and not exponent and "." not in bodies[0].text,
        unit=units,
        spelled=bool(match["open"] or match["after"] or any(mark in cell for mark in MINUS_SIGNS)),
    )


def shows_point(text: str) -> bool:
    """Return whether a text is a number only where a point is the decimal mark.

    Example:
        >>> shows_point("0.25"), shows_point("1,048.5"), shows_point("1.048"), shows_point("25")
        (True, True, False, False)
    """
    if _POINTED.fullmatch(text):
        return True
    numeral = numeral_of(text)
    return numeral is not None and numeral.comma is None


def _hyphened(cell: str) -> str:
    """Return a cell with hyphens for other minus signs."""
    return cell if cell.isascii() else re.sub(f"[{MINUS_SIGNS}]", "-", cell)


@dataclass(frozen=True)
class _Reading:
    """The digits and marks of a number, read in one way.

    Attributes:
        decimal: the decimal mark that it holds with; `""` for any. A mark between thousands cannot be the decimal one.
        group: the mark between thousands; `""` for none.
        text: the number as Python writes it.
    """

    decimal: str
    group: str
    text: str


def _readings(body: str, marks: Marks) -> list[_Reading]:
    """Return the ways in which digits and marks are a number."""
    readings = []
    for pattern, decimal, group in _PATTERNS:
        needed = decimal or {",": ".", ".": ","}.get(group, "")
        if marks.allow(needed, group) and (match := pattern.fullmatch(body)):
            whole, *fraction = match.groups()
            readings.append(_Reading(needed, group, ".".join([re.sub("[^0-9]", "", whole), *fraction])))
    return readings


def _patterns() -> list[tuple[re.Pattern[str], str, str]]:
    """Return the ways to write a number: pattern, decimal mark, mark between thousands; `""` for none."""
    plain = [(r"([0-9]+)", "", ""), (r"([0-9]*)\.([0-9]+)", ".", ""), (r"([0-9]+)\.()", ".", "")]
    plain.append((r"([0-9]*),([0-9]+)", ",", ""))
    grouped = [(f"({whole})", "", group) for group, whole in _GROUPS.items()]
    both = [
        (rf"({whole}){re.escape(decimal)}([0-9]+)", decimal, group)
        for group, whole in _GROUPS.items()
        for decimal in DECIMALS
        if decimal != group
    ]
    return [(re.compile(pattern), decimal, group) for pattern, decimal, group in (*plain, *grouped, *both)]


_PATTERNS = _patterns()
