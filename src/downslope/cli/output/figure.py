"""A figure of a result, written into a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

from downslope.cli.output.printing import say


def check_figure(path: Path | None) -> None:
    """Check, before any long work, that a figure could be written there.

    Raises:
        SettingError: another ending, or a folder that is not there.
    """
    if path is not None:
        check_file(path, "figure", (".png", ".svg", ".pdf"))


def check_file(path: Path, setting: str, endings: tuple[str, ...]) -> None:
    """Check, before any long work, that a file could be written there.

    Args:
        path: the file.
        setting: the option that names it.
        endings: that it may have.

    Raises:
        SettingError: another ending, or a folder that is not there.
    """
    from downslope.core import Setting, SettingError

    if path.suffix.lower() not in endings:
        *others, last = endings
        listed = f"{', '.join(others)} or {last}" if others else last
        raise SettingError(Setting(setting), f"must end in {listed}, got {str(path)!r}.")
    if not path.parent.is_dir() or path.is_dir():
        raise SettingError(Setting(setting), f"must be a file in a folder that is there, got {str(path)!r}.")


def draw_into(path: Path | None, draw: Callable[[], Figure]) -> None:
    """Draw a figure into a file, and say so; without a file, do nothing."""
    if path is None:
        return
    from downslope.figures import save

    say(f"Figure: {save(draw(), path)}")
