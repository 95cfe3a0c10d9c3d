"""Figures as files, reproducible byte for byte."""

from __future__ import annotations

import os
from io import BufferedWriter, BytesIO
from pathlib import Path
from warnings import catch_warnings, filterwarnings

import matplotlib
from matplotlib.figure import Figure

from downslope.core import Setting, SettingError

ENDINGS = (".png", ".svg", ".pdf")
DOTS_PER_INCH = 160


def save(figure: Figure, path: str | os.PathLike[str]) -> Path:
    """Write a figure to a file, with its description inside, and return the path.

    Dates and program versions are left out, so that equal figures are equal files.

    Args:
        figure: a figure of this package, or any other.
        path: ends in `.png`, `.svg` or `.pdf`; the folder must be there.

    Raises:
        SettingError: another ending.

    Example:
        >>> import tempfile
        >>> from matplotlib.figure import Figure
        >>> save(Figure(), Path(tempfile.mkdtemp()) / "empty.svg").name
        'empty.svg'
    """
    path = Path(path)
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise SettingError(Setting("path"), f"must end in {', '.join(ENDINGS)}, got {path.name!r}.")
    with path.open("wb") as file:
        save_into(file, figure, ending)
    return path


def save_into(file: BufferedWriter | BytesIO, figure: Figure, ending: str) -> None:
    """Write a figure into a binary file that is open, in the format of an ending."""
    with matplotlib.rc_context({"svg.hashsalt": "downslope"}):
        metadata = _metadata(ending, alt_text(figure))
        with catch_warnings():
            filterwarnings("ignore", message="Glyph .* missing from font")  # it is drawn as a box, in names of the user
            figure.savefig(file, format=ending[1:], dpi=DOTS_PER_INCH, metadata=metadata)


def alt_text(figure: Figure) -> str:
    """Return the alternative text of a figure: for screen readers, and for pages that embed it."""
    return str(figure.get_label())


def _metadata(ending: str, description: str) -> dict[str, str | None]:
    """Return the metadata of a file."""
    if ending == ".png":
        return {"Software": None, "Description": description}
    if ending == ".svg":
        return {"Date": None, "Creator": "Downslope", "Description": description}
    return {"CreationDate": None, "Creator": "Downslope", "Producer": None, "Subject": description}
