"""Messages in the words of the page: its controls stand beside them, so settings go by their plain names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from downslope.core import Face


class _Page:
    """Plain words; advice is followed at the controls, which show how."""

    def name(self, setting: str, *, first: bool) -> str:
        words = setting.replace("_", " ")
        return f"The {words}" if first else words

    def function(self, name: str) -> str:
        return f"Python's {name}"

    def assignment(self, settings: Mapping[str, object]) -> str | None:
        return None

    def code(self, expression: str) -> str | None:
        return None

    def remark(self, settings: Sequence[Mapping[str, object]]) -> str:
        return ""


PAGE: Face = _Page()
