"""Standard output and error that neither a character nor a reader who left can break.

A terminal may know few characters (`PYTHONIOENCODING=ascii`, code page 1252), and a stream may be closed (`>&-`), full,
or read by a program that has ended (`| head -1`). Nothing of that is a reason to lose work: characters that an encoding
lacks are spelled in others, and what cannot be written is dropped, remembered, and told when the command ends.
"""

from __future__ import annotations

import codecs
import io
import os
import sys
import unicodedata
from typing import TextIO

HANDLER = "downslope.spelled"
"""The name of how characters are spelled that an encoding lacks, as an error handler of codecs."""

SPELLED = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "η": "eta", "θ": "theta", "κ": "kappa",
    "λ": "lambda", "μ": "mu", "π": "pi", "ρ": "rho", "σ": "sigma", "τ": "tau", "φ": "phi", "ψ": "psi", "ω": "omega",
    "Δ": "Delta", "Σ": "Sigma", "Φ": "Phi", "∇": "grad ", "∂": "d", "∞": "inf", "√": "sqrt", "∑": "sum", "‖": "||",
    "→": "->", "←": "<-", "↔": "<->", "⇒": "=>", "↑": "^", "↓": "v", "≤": "<=", "≥": ">=", "≠": "!=", "≈": "~",
    "±": "+-", "×": "x", "·": ".", "•": "*", "−": "-", "–": "-", "—": "-", "‐": "-", "‘": "'", "’": "'", "“": '"',
    "”": '"', "«": '"', "»": '"', "°": " degrees", "µ": "u", "∈": "in", "⋅": ".", "∘": "o", "ᵀ": "^T", "ß": "ss",
    "æ": "ae", "Æ": "AE", "ø": "o", "Ø": "O", "œ": "oe", "Œ": "OE", "ł": "l", "Ł": "L", "€": "EUR",
    "²": "^2", "³": "^3",
}  # fmt: skip
"""How characters of sentences and formulas are spelled; accents are left off, what remains is escaped."""

BOX_DRAWING, BLOCKS, BRAILLE = range(0x2500, 0x2580), range(0x2580, 0x25A0), range(0x2800, 0x2900)


class Forgiving(io.FileIO):
    """A file that drops what cannot be written.

    Attributes:
        error: why something was dropped; None if all was written.
    """

    error: OSError | None = None

    def write(self, data: bytes | bytearray | memoryview) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Write what can be written, and claim to have written all."""
        try:
            written = super().write(data)
        except OSError as error:
            self.error = error
            return memoryview(data).nbytes
        return memoryview(data).nbytes if written is None else written


def open_streams() -> None:
    """Make standard output and error of the process forgiving, and able to spell any character.

    Streams that another program has put in their place stay.
    """
    codecs.register_error(HANDLER, spell)
    for number in range(3):
        _occupy(number)
    if sys.stdout is sys.__stdout__:
        sys.stdout = _forgiving(sys.stdout, 1)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _forgiving(sys.stderr, 2)


def lost_output() -> OSError | None:
    """Return why some of standard output could not be written; None if all of it was."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    if not isinstance(raw, Forgiving):
        return None
    sys.stdout.flush()
    return raw.error


def knows_all_characters(encoding: str | None) -> bool:
    """Return whether an encoding, of a stream that has one, has all characters."""
    return (encoding or "utf-8").lower().startswith("utf")


def spell(error: UnicodeError) -> tuple[str, int]:
    """Spell the characters that an encoding lacks: an error handler of codecs."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(spelled, error.object[error.start : error.end])), error.end


def spelled(character: str) -> str:
    r"""Return a character in those of ASCII.

    Example:
        >>> "".join(map(spelled, "κ → naïve λ² ─█ 値"))
        'kappa -> naive lambda^2 -# \\u5024'
    """
    if character.isascii():
        return character
    if character in SPELLED:
        return SPELLED[character]
    number = ord(character)
    if number in BOX_DRAWING:
        return "|" if character in "│┃║╎╏┆┇┊┋" else "-" if character in "─━═╌╍┄┅┈┉╴╶╸╺" else "+"
    if number in BLOCKS or number in BRAILLE:
        return "#"
    plain = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return plain or character.encode("unicode_escape").decode()


def _occupy(number: int) -> None:
    """Open nothing in place of a closed standard stream, lest a file takes its number and libraries write there."""
    try:
        os.fstat(number)
    except OSError:
        os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


def _forgiving(stream: TextIO | None, number: int) -> TextIO:
    """Return a forgiving stream to a file by its number, with the encoding of another to it."""
    raw = Forgiving(number, "w", closefd=False)
    encoding = "utf-8" if stream is None else stream.encoding
    lines = number == 2 or raw.isatty()
    buffer = io.BufferedWriter(raw)  # pyright: ignore[reportArgumentType]
    return io.TextIOWrapper(buffer, encoding=encoding, errors=HANDLER, line_buffering=lines)
