"""A network as text: `64,64`, `linear`, and how its weights start."""

from __future__ import annotations

from typing import Any

LINEAR = "linear"


def hidden_widths(text: str) -> list[int]:
    """Return the widths of the hidden layers.

    Raises:
        SettingError: it is neither `linear` nor widths separated by commas.

    Example:
        >>> hidden_widths("64,32"), hidden_widths("linear")
        ([64, 32], [])
    """
    if text.strip().lower() == LINEAR:
        return []
    widths = [part.strip() for part in text.split(",")]
    if not all(width.isdecimal() and int(width) > 0 for width in widths):
        from downslope.core import SettingError

        raise SettingError(
            f"`network` must be the widths of the hidden layers, each 1 or more, such as 64,64, or {LINEAR}, "
            f"got {text!r}.",
            "network",
        )
    return [int(width) for width in widths]


def initializer_of(text: str) -> Any:
    """Return the initializer of a name, or of a name and a number, such as `normal:0.01`.

    Raises:
        UnknownNameError: there is none of this name.
        SettingError: a number is missing, or none is needed.

    Example:
        >>> initializer_of("auto"), initializer_of("constant:0.5").c
        ('auto', 0.5)
    """
    from downslope.core import SettingError, UnknownNameError
    from downslope.layers import initializers

    with_number = {name: getattr(initializers, name) for name in ("constant", "normal", "uniform")}
    name, colon, number = text.partition(":")
    if name not in with_number and name not in ("auto", *initializers.names()):
        raise UnknownNameError("initializer", name, ["auto", *initializers.names(), *(f"{n}:x" for n in with_number)])
    if (name in with_number) is not bool(colon):
        wanted = f"a number, such as {name}:0.1" if name in with_number else f"no number, just {name}"
        raise SettingError(f"`initializer` {name} takes {wanted}, got {text!r}.", "initializer")
    if not colon:
        return name
    try:
        return with_number[name](float(number))
    except ValueError:
        raise SettingError(f"`initializer` {name} takes a number, such as {name}:0.1, got {text!r}.") from None
