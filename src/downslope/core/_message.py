"""Messages that each face words for itself: Python, the command line, the explorer's page.

A message is a `str`, worded for Python, that keeps what it is made of: plain text, names of settings, and advice (what
to set to what). A face knows what a setting is called there, and how it is set, if it can be set there at all:

    Python        `batch_size` must be 1 or more, got 0. Hold some rows out (validation=0.2).
    command line  --batch-size must be 1 or more, got 0. Hold some rows out (--validation 0.2).
    page          The batch size must be 1 or more, got 0. Hold some rows out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol, runtime_checkable

from downslope.core._text import printable
from downslope.core._types import JSON

CLOSING = (",", ".", ";", ":", "?", "!", ")", "\n")
"""What stands without a blank before it."""


@runtime_checkable
class Face(Protocol):
    """Where a message is read, and what settings are called there."""

    def name(self, setting: str, *, first: bool) -> str:
        """Return what a setting is called; `first` if a sentence begins with it."""
        ...

    def function(self, name: str) -> str:
        """Return what a function of Downslope's is called."""
        ...

    def assignment(self, settings: Mapping[str, object]) -> str | None:
        """Return how settings get their values; None where they cannot be set."""
        ...

    def code(self, expression: str) -> str | None:
        """Return a Python expression as it may be used; None where there is no Python."""
        ...

    def remark(self, settings: Sequence[Mapping[str, object]]) -> str:
        """Return what to add to a sentence in which settings get values, such as where they are set; mostly nothing."""
        ...


class _Python:
    """Python's own names."""

    def name(self, setting: str, *, first: bool) -> str:
        return f"`{setting}`"

    def function(self, name: str) -> str:
        return f"`{name}`"

    def assignment(self, settings: Mapping[str, object]) -> str | None:
        return ", ".join(f"{name}={'…' if value is ... else repr(value)}" for name, value in settings.items())

    def code(self, expression: str) -> str | None:
        return expression

    def remark(self, settings: Sequence[Mapping[str, object]]) -> str:
        return ""


PYTHON: Face = _Python()


@dataclass(frozen=True)
class Setting:
    """The name of a setting, an argument in Python, within a message."""

    name: str


@dataclass(frozen=True)
class Function:
    """The name of a function of Downslope's, within a message."""

    name: str


@dataclass(frozen=True, init=False)
class Advice:
    """One thing to do about it: words, and the settings or the Python expression that do it.

    Advice that stands next to advice in a message is the alternative to it: together they are one sentence. Words end
    with a colon to have what is set after it, or hold `{}` in its place; otherwise it stands in parentheses. A face
    where it cannot be set says the words alone, or nothing if they hold a `{}`.

    Attributes:
        words: what to do: a verb in lower case first, and no full stop.
        settings: Python names of arguments, and the values they should have; `...` for what only the reader knows.
        code: the Python expression that does it, where no argument of that name does.

    Example:
        >>> print(Message("Too few rows.", Advice("hold out fewer", validation=0.1), Advice("leave it off")))
        Too few rows. Hold out fewer (validation=0.1), or leave it off.
        >>> print(Message(Advice("shuffle the rows:", order="shuffle")))
        Shuffle the rows: order='shuffle'.
        >>> print(Message(Advice("use {}, which is slower", batch_size=32)))
        Use batch_size=32, which is slower.
    """

    words: str
    settings: Mapping[str, object] = field(default_factory=dict)
    code: str = ""

    def __init__(self, words: str, /, *, code: str = "", **settings: object):
        for name, value in (("words", words), ("settings", settings), ("code", code)):
            object.__setattr__(self, name, value)

    def text(self, face: Face) -> str | None:
        """Return it in the words of a face; None if it cannot be said there."""
        how = self._how(face)
        before, slot, after = self.words.partition("{}")
        if slot:
            return None if how is None else f"{before}{how}{after}"
        if how is None:
            return self.words.removesuffix(":")
        return f"{self.words} {how}" if self.words.endswith(":") else f"{self.words} ({how})"

    def _how(self, face: Face) -> str | None:
        """Return how a face does it."""
        coded = face.code(self.code) if self.code else None
        if coded is not None or not self.settings:
            return coded
        return face.assignment(self.settings)


@dataclass(frozen=True)
class Values:
    """Settings and their values, within a message; in plain words where they cannot be set.

    Attributes:
        settings: the names of arguments, and their values.
        code: how Python writes them, where not as these arguments.
    """

    settings: Mapping[str, object]
    code: str = ""

    def text(self, face: Face) -> str:
        """Return them in the words of a face."""
        how = face.code(self.code) if self.code else None
        if how is None:
            how = face.assignment(self.settings)
        if how is None:
            return " and ".join(f"{face.name(name, first=False)} {value}" for name, value in self.settings.items())
        return f"{how}{face.remark([self.settings])}"


Piece = str | Setting | Function | Values | Advice


class Message(str):
    """A sentence or more, as a string in the words of Python, that other faces word for themselves.

    Made of pieces, which are joined by blanks; what begins with a closing punctuation mark follows without one. A piece
    may be a message itself. Formatting a message into an f-string makes plain text of it.

    Attributes:
        pieces: what it is made of.

    Example:
        >>> message = Message(Setting("batch_size"), "must be 1 or more, got 0.", Advice("try {}", batch_size=32))
        >>> message
        '`batch_size` must be 1 or more, got 0. Try batch_size=32.'
    """

    pieces: tuple[Piece, ...]

    def __new__(cls, *pieces: Piece) -> Message:
        """Make a message of pieces."""
        message = super().__new__(cls, _joined(pieces, PYTHON))
        message.pieces = pieces
        return message

    def __getnewargs__(self) -> tuple[Piece, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return what a copy is made of."""
        return self.pieces

    def text(self, face: Face, *, first: bool = True) -> str:
        """Return it in the words of a face; not `first` if it goes on with a sentence."""
        return _joined(self.pieces, face, first=first)

    def as_json(self) -> list[JSON]:
        """Return its pieces as plain data; advice must set settings to plain values."""
        return [
            piece.as_json()
            if isinstance(piece, Message)
            else piece
            if isinstance(piece, str)
            else {"kind": type(piece).__name__.lower(), **asdict(piece)}
            for piece in self.pieces
        ]

    @classmethod
    def from_json(cls, pieces: str | Sequence[JSON]) -> Message:
        """Return what `as_json` wrote; text, which earlier versions wrote, as a message of one piece."""
        return cls(pieces) if isinstance(pieces, str) else cls(*map(_piece, pieces))

    @property
    def advice(self) -> tuple[Advice, ...]:
        """The advice that it gives, in order."""
        advice_in_order: list[Advice] = []
        for piece in self.pieces:
            advice_in_order += (
                piece.advice if isinstance(piece, Message) else [piece] if isinstance(piece, Advice) else []
            )
        return tuple(advice_in_order)

    @property
    def setting(self) -> str | None:
        """The first setting that it names; None if it names none."""
        named = (piece.name for piece in self.pieces if isinstance(piece, Setting))
        return next(named, None)

    @classmethod
    def lines(cls, lines: Iterable[str]) -> Message:
        """Return one message of several, a line each."""
        return cls(*_between("\n", lines))

    @classmethod
    def paragraphs(cls, parts: Iterable[str]) -> Message:
        """Return one message of several, a paragraph each, without the empty ones."""
        return cls(*_between("\n\n", (part for part in parts if part)))


def _piece(written: Any) -> Piece:
    """Return one piece from plain data."""
    match written:
        case str():
            return written
        case list():
            return Message.from_json(written)
        case {"kind": "advice", "words": words, "settings": settings, "code": code}:
            return Advice(words, code=code, **settings)
        case {"kind": "setting", "name": name}:
            return Setting(name)
        case {"kind": "values", "settings": settings}:
            return Values(settings, written.get("code", ""))
        case _:
            return Function(written["name"])


def _between(separator: str, parts: Iterable[str]) -> Iterator[str]:
    """Yield parts with a separator between them."""
    for index, part in enumerate(parts):
        yield from (separator, part) if index else (part,)


def worded(sentence: str, face: Face, *, first: bool = True) -> str:
    """Return a sentence in the words of a face, as far as it is structured; not `first` if it goes on with another.

    Either way it is fit to be shown: what would steer a terminal is escaped.
    """
    return sentence.text(face, first=first) if isinstance(sentence, Message) else printable(sentence)


def _joined(pieces: tuple[Piece, ...], face: Face, *, first: bool = True) -> str:
    """Return pieces in the words of a face, as one text; `first` if a sentence begins with it."""
    text = ""
    alternatives: list[Advice] = []
    for piece in pieces:
        if isinstance(piece, Advice):
            alternatives.append(piece)
            continue
        text, alternatives = _after(text, _sentence(alternatives, face)), []
        begins = _at_start(text) if text else first
        match piece:
            case Setting(name):
                more = face.name(name, first=begins)
            case Function(name):
                more = face.function(name)
            case Values():
                more = piece.text(face)
            case _:
                more = worded(piece, face, first=begins)
        text = _after(text, more)
    return printable(_after(text, _sentence(alternatives, face)))


def _after(text: str, more: str) -> str:
    """Return a text with more behind it."""
    if not text or not more or text.endswith(("\n", "(")) or more.startswith(CLOSING):
        return f"{text}{more}"
    return f"{text} {more}"


def _at_start(text: str) -> bool:
    """Return whether what follows begins a sentence."""
    return text.endswith((".", "?", "!", "\n"))


def _sentence(alternatives: Sequence[Advice], face: Face) -> str:
    """Return alternatives as one sentence; without those that the face cannot say."""
    texts = {text: advice for advice in alternatives if (text := advice.text(face)) is not None}
    if not texts:
        return ""
    *others, last = texts
    joined = f"{', '.join(others)}, or {last}" if others else last
    remark = face.remark([advice.settings for advice in texts.values()])
    return f"{_capitalized(joined)}{remark}."


def _capitalized(words: str) -> str:
    """Return words with a capital first letter."""
    return f"{words[:1].upper()}{words[1:]}"
