"""Compare rows with those that a run was trained on, and say what differs.

A run's preprocessing, its labels among it, is part of what it is: it is never fitted again, so that a column in other
units or a label of another name is other data, and not the same data prepared otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from downslope.core import DataError, Setting
from downslope.data import Dataset, Preprocessing
from downslope.runs import Record
from downslope.training.identity.digests import digests_of

MOST_NAMES = 3
"""So many columns, names or labels that differ are named."""


def check_rows(data: Dataset, record: Record, *, part: str = "", setting: str = "data") -> None:
    """Check that rows, as they are given, are those that a run was trained on.

    Of runs of earlier versions, only the names of columns and the labels can be compared here.

    Args:
        data: the rows.
        record: of the run.
        part: `""` for the training rows, `"validation_"` for a data set of validation rows.
        setting: the name of the argument.

    Raises:
        DataError: they are others; the message says what differs.
    """
    preprocessing = Preprocessing.from_json(record.preprocessing)
    differences = [*_names(data, preprocessing), *([] if part else _labels(data, preprocessing))]
    digests = record.data.get(f"{part}digests")
    if digests is not None and not differences:
        differences = _values(data, digests)
    if differences:
        raise other_rows(record, part=part, setting=setting, rows=len(data), differences=differences)


def other_rows(record: Record, *, part: str, setting: str, rows: int, differences: Sequence[str] = ()) -> DataError:
    """Return the error that rows are not those that a run was trained on.

    Args:
        record: of the run.
        part: `""` or `"validation_"`.
        setting: the name of the argument.
        rows: how many there are now; those that training held out may be among them.
        differences: what differs, in words.
    """
    counted = f"{record.data[f'{part}rows']} {'validation ' if part else ''}rows as its record says"
    others = f"others: {'; '.join(differences)}" if differences else f"others ({rows} rows)"
    return DataError(
        Setting(setting),
        f"must be what this run was trained with, {counted}, got {others}. "
        "Pass the same data set, or train again with the other one.",
    )


def _names(data: Dataset, preprocessing: Preprocessing) -> list[str]:
    """Return what differs between the names of columns."""
    now, then = data.feature_names, preprocessing.columns
    if now is None or then is None or now == then:
        return []
    missing = [name for name in then if name not in now]
    if preprocessing.table and not missing:
        return []
    if sorted(now) == sorted(then):
        return ["its columns are in another order"]
    new = [name for name in now if name not in then]
    return [f"its columns lack {_listed(missing)}" + (f" and have {_listed(new)} instead" if new else "")]


def _labels(data: Dataset, preprocessing: Preprocessing) -> list[str]:
    """Return what differs between the labels."""
    now = () if data.classes is None else tuple(data.classes.tolist())
    then = preprocessing.class_labels
    if now == then and list(map(type, now)) == list(map(type, then)):
        return []
    return [f"its labels are {_listed(now) or 'numbers'}, where they were {_listed(then) or 'numbers'}"]


def _values(data: Dataset, then: dict[str, Any]) -> list[str]:
    """Return what differs between the values."""
    now = digests_of(data)
    if now["shape"] != then["shape"]:
        return [f"it has the shape {_shape(now)}, and had {_shape(then)}"]
    inputs = [*_columns(data, now["columns"], then["columns"]), *_changed(now, then, inputs="its inputs hold")]
    targets = _changed(now, then, targets="its target holds")
    sorted_alike = now["targets_sorted"] == then["targets_sorted"]
    if inputs and targets and sorted_alike:
        return ["its rows seem to be in another order, for its target holds the same values in another order"]
    return [*inputs, *targets, *_weights(now, then)]


def _columns(data: Dataset, now: Any, then: Any) -> list[str]:
    """Return which columns hold other values."""
    if now is None or then is None:
        return [] if now == then else ["its inputs hold other values"]
    names = data.feature_names or range(len(now))
    changed = [name for name, new, old in zip(names, now, then, strict=True) if new != old]
    if not changed:
        return []
    numbered = "" if data.feature_names else " (counting from 0)"
    which = (
        f"its columns {_listed(changed)}{numbered} hold"
        if len(changed) > 1
        else f"its column {changed[0]!r}{numbered} holds"
    )
    return [f"{'all its columns hold' if len(changed) == len(now) > 1 else which} other values"]


def _changed(now: dict[str, Any], then: dict[str, Any], **words: str) -> list[str]:
    """Return words for what holds other values."""
    return [f"{holds} other values" for name, holds in words.items() if now[name] != then[name]]


def _weights(now: dict[str, Any], then: dict[str, Any]) -> list[str]:
    """Return what differs between the row weights."""
    before, after = then["row_weights"], now["row_weights"]
    if before == after:
        return []
    if before is None or after is None:
        return ["it has row weights, and had none" if before is None else "it has no row weights, and had some"]
    return ["its row weights are others"]


def _shape(digests: dict[str, Any]) -> str:
    """Return a shape in words."""
    rows, *features = digests["shape"]
    return f"{rows} rows × {' × '.join(map(str, features))}"


def _listed(values: Sequence[object]) -> str:
    """Return the first values as part of a sentence."""
    few = ", ".join(map(repr, values[:MOST_NAMES]))
    return f"{few}, … ({len(values)} in all)" if len(values) > MOST_NAMES else few
