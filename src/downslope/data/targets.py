"""Targets: labels or numbers, cleaned, and the task that they ask for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from downslope.core import Advice, DataError, Message, Setting, ShapeError, check_choice
from downslope.data.tables import EXACT, LONG, first_of_each_kind, is_table, is_unfilled

TASKS = ("classification", "regression")
FEW_DISTINCT = 20


def clean_target(y: object) -> np.ndarray:
    """Return a target as an array of one kind, text `(rows,)` or numbers and booleans `(rows,)` or `(rows, k)`.

    Args:
        y: an array, a list, or a data frame's column.

    Raises:
        DataError: a missing or infinite entry, or labels of mixed kinds.
        ShapeError: an array of no rows, or of more than two axes.
    """
    array = _as_array(y)
    if array.ndim not in (1, 2) or 0 in array.shape[1:]:
        raise ShapeError(Setting("y"), f"must have the shape (rows,) or (rows, outputs), got {array.shape}.")
    if array.dtype.kind in "OT":
        array = _of_one_kind(array.astype(object))
    if array.dtype.kind not in "biufU":
        raise DataError(f"The target must be labels or numbers, got {array.dtype}. Turn it into numbers or text.")
    if array.dtype.kind == "f":
        _check_filled(np.isnan(array))
        _check_finite(array)
    if array.dtype.kind == "U" and array.ndim == 2 and array.shape[1] > 1:
        raise ShapeError(f"A target of text must have one column, got {array.shape[1]}. Select one.")
    return array.ravel() if array.dtype.kind == "U" else array


def infer_task(y: np.ndarray) -> tuple[str, str]:
    """Return the task a clean target asks for, and the sentence that says why.

    Text and booleans ask for classification, and so do whole numbers with at most 20 distinct values, each of them seen
    twice on average or more. Everything else asks for regression.

    Example:
        >>> infer_task(np.array([0, 1, 1, 0]))[0], infer_task(np.array([3.1, 0.2, 1.7]))[0]
        ('classification', 'regression')
    """
    if y.ndim == 2 and y.shape[1] > 1:
        return "regression", f"Task: regression, because the target has {y.shape[1]} columns."
    if y.dtype.kind in "Ub":
        kind = "text" if y.dtype.kind == "U" else "true and false"
        return "classification", f"Task: classification, because the target holds {kind}."
    if y.dtype.kind in "iu" and (long := _long_label(y)) is not None:
        return "classification", _because("classification", f"whole numbers too long for floats, such as {long}")
    distinct = len(np.unique(y))
    integral = y.dtype.kind in "iu" or bool(np.all(y == np.floor(y)))
    counted = f"{distinct} distinct {'whole numbers' if integral else 'numbers'} in {len(y)} rows"
    if integral and distinct <= FEW_DISTINCT and 2 * distinct <= len(y):
        return "classification", _because("classification", counted)
    return "regression", _because("regression", counted)


def _because(task: str, counted: str) -> Message:
    """Return why a task was chosen, and how to choose the other."""
    return Message(f"Task: {task}, because the target holds {counted}; set", Setting("task"), "if that is wrong.")


def target_for(task: str, y: np.ndarray) -> np.ndarray:
    """Return the target as a task takes it.

    Raises:
        UnknownNameError: an unknown task.
        DataError: text where numbers are needed.
        ShapeError: several columns where one column of labels is needed.
    """
    if check_choice("task", task, TASKS) == "classification":
        if y.ndim == 2 and y.shape[1] > 1:
            raise ShapeError(
                f"Labels must have the shape (rows,), got {y.shape}.",
                Advice("from a column a class, take {}", code="`y.argmax(axis=1)`"),
            )
        return y.ravel()
    if y.dtype.kind == "U":
        raise DataError(
            f"Regression needs a target of numbers, got text such as {str(y[0])!r}.",
            Advice("use {}", task="classification"),
        )
    return y


def distinct_labels(y: np.ndarray) -> np.ndarray:
    """Return the sorted distinct labels, as text, booleans, 64-bit whole numbers or 64-bit floats."""
    unsigned = np.uint64 if y.dtype.kind == "u" and y.size and int(y.max()) >= LONG else np.int64
    return np.unique(y.astype({"i": np.int64, "u": unsigned, "f": np.float64}.get(y.dtype.kind, y.dtype)))


def label_array(labels: Sequence[str | bool | int | float]) -> np.ndarray:
    """Return labels as an array; whole numbers stay exact: those that have no type are text."""
    whole = [label for label in labels if isinstance(label, int)]
    if len(whole) < len(labels) or max(map(abs, whole), default=0) < LONG:
        return np.array(labels)
    fits = min(whole) >= 0 and max(whole) < 2 * LONG
    return np.array(whole, np.uint64) if fits else np.array(list(map(str, whole)))


def label_indices(y: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return for each label its index among the sorted classes, as int32.

    Raises:
        DataError: labels that are none of the classes; the message names both.

    Example:
        >>> label_indices(np.array(["b", "a", "b"]), np.array(["a", "b"])).tolist()
        [1, 0, 1]
    """
    comparable = (y.dtype.kind == "U") == (classes.dtype.kind == "U")
    if classes.dtype.kind in "iu" and y.dtype.kind in "iuf":
        y = _as_whole(y, classes)
    indices = np.minimum(np.searchsorted(classes, y), len(classes) - 1) if comparable else np.zeros(len(y), np.int64)
    known = classes[indices] == y if comparable else np.zeros(len(y), bool)
    if not known.all():
        unknown = values_text(np.unique(y[~known]).tolist())
        raise DataError(
            f"Every label must be one of the classes {values_text(classes.tolist())}, got {unknown}, "
            f"first in row {int(np.argmin(known))} (counting from 0). Correct these rows, or leave them out."
        )
    return indices.astype(np.int32)


def _long_label(y: np.ndarray) -> int | None:
    """Return the first whole number that no float is equal to; None without."""
    if not y.size or max(-int(y.min()), int(y.max())) <= EXACT:
        return None
    return next((label for label in y.ravel().tolist() if int(float(label)) != label), None)


def _as_whole(y: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return labels in the type of whole numbers that classes have, if all fit it; else in their own.

    Raises:
        DataError: floats that do not tell such labels from their neighbors.
    """
    if y.dtype.kind == "f":
        if (np.abs(y) >= EXACT).any() and max(map(abs, classes.tolist())) >= EXACT:
            raise DataError(
                f"Labels from {EXACT:,} on must be whole numbers, as in training, got floats, which do not tell them "
                "from their neighbors. Pass integers."
            )
        return y
    limits = np.iinfo(classes.dtype)
    fits = not y.size or (int(y.min()) >= limits.min and int(y.max()) <= limits.max)
    return y.astype(classes.dtype) if fits else y


def values_text(values: list) -> str:
    """Return up to ten values as part of a sentence.

    Example:
        >>> values_text(list(range(12)))
        '0, 1, 2, 3, 4, 5, 6, 7, 8, 9, … (12 in all)'
    """
    return ", ".join(map(repr, values[:10])) + (f", … ({len(values)} in all)" if len(values) > 10 else "")


def _as_array(y: object) -> np.ndarray:
    """Return a target of any container as an array; lists stay objects, as NumPy would turn None and NaN into text."""
    if isinstance(y, np.ma.MaskedArray):
        return np.ma.filled(y.astype(object), None)
    if is_table(y):
        return y.to_numpy()
    return np.asarray(y, dtype=object) if isinstance(y, (list, tuple)) else np.asarray(y)


def _of_one_kind(array: np.ndarray) -> np.ndarray:
    """Return an array of objects as text, booleans or numbers.

    Raises:
        DataError: missing entries, or more than one kind.
    """
    _check_filled(np.array([is_unfilled(entry) for entry in array.ravel()], bool).reshape(array.shape))
    firsts = first_of_each_kind(array.ravel())
    if len(firsts) > 1 or {"other", "date"} & set(firsts):
        kinds = " and ".join(repr(entry) for entry in firsts.values())
        raise DataError(f"The target must hold labels of one kind, text, booleans or numbers, got {kinds}.")
    entries = array.ravel().tolist()
    plain = np.array(list(map(str, entries))) if "text" in firsts else label_array(entries)
    return plain.reshape(array.shape)


def _check_filled(missing: np.ndarray) -> None:
    """Refuse missing entries."""
    if missing.any():
        count, first = int(missing.sum()), int(np.argwhere(missing)[0][0])
        raise DataError(
            f"The target must be filled in every row, got {count} missing {'entry' if count == 1 else 'entries'}, "
            f"first in row {first} (counting from 0). Fill them in, or leave these rows out."
        )


def _check_finite(array: np.ndarray) -> None:
    """Refuse infinite entries."""
    infinite = np.isinf(array)
    if infinite.any():
        first = int(np.argwhere(infinite)[0][0])
        raise DataError(
            f"The target must hold finite numbers, got an infinite one in row {first} (counting from 0). "
            "Correct it, or leave that row out."
        )
