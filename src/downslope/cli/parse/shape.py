"""The shape of a row of numbers: an image, a sequence."""

from __future__ import annotations

import re

Shape = tuple[int, ...]


def read_shape(text: str) -> Shape:
    """Return the shape of an example, channels last.

    Raises:
        SettingError: it is neither `HEIGHTxWIDTHxCHANNELS` nor `LENGTHxCHANNELS`.

    Example:
        >>> read_shape("28x28x1"), read_shape("40x1")
        ((28, 28, 1), (40, 1))
    """
    parts = re.split("[x×]", text.strip().lower())
    if len(parts) not in (2, 3) or not all(part.isdecimal() and int(part) > 0 for part in parts):
        from downslope.core import Setting, SettingError

        raise SettingError(
            Setting("shape"),
            "must be HEIGHTxWIDTHxCHANNELS for images, such as 28x28x1, or LENGTHxCHANNELS for sequences, such as "
            f"40x1, got {text!r}.",
        )
    return tuple(map(int, parts))
