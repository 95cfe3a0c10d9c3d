"""Sentences of a diagnosis that contradict each other, found by their words."""

import re

_PATTERNS = {
    "rate up": r"(larger|higher) (learning )?rate\b|rate is too small|raise the (learning )?rate",
    "rate down": r"(smaller|lower) (learning )?rate\b|rate is too large|lower the (learning )?rate|lower it\b",
    "healthy": r"\bhealthy\b",
    "diverges": r"diverge[sd]?\b|for ever|does not converge|bounces",
    "nothing faster": r"nothing learns more|nothing to make faster|suggests nothing",
    "faster": r"What helps:",
    "not stuck": r"Are we stuck\? No",
    "others lower": r"local minimum: of|other starts end lower",
    "larger batch": r"larger batch|batch(es)? (is|are) too small|let the batch grow",
    "smaller batch": r"batch is needlessly large",
    "minimum": r"Are we stuck\? (Yes|No): this is a (local )?minimum",
    "still falls": r"loss still fell|still falls|creeps down",
}
_NEVER_TOGETHER = (
    ("rate up", "rate down"),
    ("healthy", "diverges"),
    ("healthy", "rate down"),
    ("nothing faster", "faster"),
    ("not stuck", "others lower"),
    ("larger batch", "smaller batch"),
    ("minimum", "still falls"),
)


def contradictions(text):
    """Return the pairs of things that a report says and that exclude each other."""
    said = {name for name, pattern in _PATTERNS.items() if re.search(pattern, text)}
    return [pair for pair in _NEVER_TOGETHER if set(pair) <= said]
