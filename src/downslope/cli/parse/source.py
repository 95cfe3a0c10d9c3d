"""From the words on the command line to data: a file, or the name of a data set."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from downslope.cli.parse.network import convolves
from downslope.cli.parse.shape import read_shape

if TYPE_CHECKING:
    from downslope.data import Dataset, Preprocessing, Reading
    from downslope.training import Run


def open_training_data(
    source: str,
    *,
    target: str | None,
    task: str | None,
    numeric: Sequence[str] | None,
    categorical: Sequence[str] | None,
    exclude: Sequence[str] | None,
    only: Sequence[str] | None,
    keep: Sequence[str] | None,
    drop_missing_target: bool,
    shape: str | None,
    reading: Reading,
    network: str,
) -> Dataset:
    """Return the data set to train on, with its target.

    Args:
        source: a file or the name of a data set.
        target: the name or number of a column, for files.
        task: as asked for, or None.
        numeric: columns to read as numbers, or None.
        categorical: columns to read as categories, or None.
        exclude: columns to leave out, names that may be joined by commas, or None.
        only: the columns to learn from, likewise, or None for all.
        keep: columns to learn from whatever they hold, likewise, or None.
        drop_missing_target: whether to leave out rows without a target.
        shape: what a row is, or None.
        reading: how text is read.
        network: as text; convolutions see the images and sequences that some sets hold as flat rows.

    Raises:
        SettingError: a file without a target, or column settings for a data set that needs none.
        DataError: neither a file nor a data set, or a file that cannot be used.
    """
    from downslope.core import Setting, SettingError
    from downslope.data import arranged, load, read

    if is_set(source):
        columns = {"target": target, "numeric": numeric, "categorical": categorical, "exclude": exclude}
        columns |= {"only": only, "keep": keep, "drop_missing_target": drop_missing_target} | reading.as_arguments()
        for setting, value in columns.items():
            if value:
                raise SettingError(
                    Setting(setting), f"is for files; the data set {source!r} knows its columns. Leave it out."
                )
        data = load(source)
        data = data if task is None else dataclasses.replace(data, task=task)
        known = _shape_of(source) if convolves(network) else None
        arrangement = known if shape is None else read_shape(shape)
        return data if arrangement is None else arranged(data, arrangement, task=data.task)
    path = _existing_path(source)
    if target is None and path.suffix.lower() != ".npz" and not path.is_dir():
        raise _missing_target_error(path, reading)
    data = read(
        path,
        target,
        task=task,
        numeric=numeric or (),
        categorical=categorical or (),
        exclude=_names(exclude, path, reading),
        only=_names(only, path, reading) or None,
        keep=_names(keep, path, reading),
        drop_missing_target=drop_missing_target,
        **reading.as_arguments(),
    )
    if data.y is None:
        raise _missing_target_error(path, reading)
    return data if shape is None else arranged(data, read_shape(shape), task=task)


def reading_of(
    separator: str | None,
    decimal: str | None,
    thousands: str | None,
    encoding: str | None,
    missing: list[str] | None,
) -> Reading:
    """Return how text is to be read; an option that may be repeated is an empty list where it was left out.

    Raises:
        SettingError: a mark or an encoding that cannot be.
    """
    from downslope.data import checked_reading

    return checked_reading(separator, decimal, thousands, encoding, missing or None)


def open_examples(
    source: str,
    run: Run,
    *,
    target: str | int | None = None,
    needs_target: bool,
    drop_missing_target: bool = False,
    reading: Reading | None = None,
) -> Dataset:
    """Return rows to predict or to judge, with the columns that a run was trained on.

    Text is read like the rows that the run was trained on, where it leaves open how.

    Args:
        source: a file or the name of a data set.
        run: as it was opened from its folder.
        target: the name or number of the target's column; None for the one that the run was trained on.
        needs_target: whether the rows need their target.
        drop_missing_target: whether to leave out rows without it.
        reading: how text is read; None leaves it open.

    Raises:
        SettingError: a target is needed, and nobody named it.
        DataError: a column is missing, or the source cannot be used.
    """
    from downslope.data import Origin, Reading, arranged_as, read_like
    from downslope.runs import RunFolder

    facts = {} if run.path is None else RunFolder.open(run.path).read_record().data
    target = facts.get("target") if target is None else target
    origin = None if facts.get("origin") is None else Origin.from_json(facts["origin"])
    read_rows = partial(read_like, origin, reading=Reading() if reading is None else reading)
    rows = _open_flat(source, run.preprocessing, target, needs_target, drop_missing_target, read_rows)
    return arranged_as(rows, run.preprocessing.input_shape)


def is_set(source: str) -> bool:
    """Return whether a source is the name of a data set; a file of that name comes first."""
    from downslope.data import available

    return not Path(source).is_file() and source in {info.name for info in available()}


def _shape_of(name: str) -> tuple[int, ...] | None:
    """Return the shape of an image or a sequence of a data set, which may come as a flat row; None for other rows."""
    from downslope.data import available

    return next(info.shape for info in available() if info.name == name)


def _names(texts: Sequence[str] | None, path: Path, reading: Reading) -> list[str]:
    """Return names of columns, each text a name or names joined by commas."""
    from downslope.data import column_names

    if not any("," in text for text in texts or ()):
        return list(texts or ())
    present = set(column_names(path, reading))
    pairs = [[text] if text in present else text.split(",") for text in texts or ()]
    return [name if name in present else name.strip() for pair in pairs for name in pair]


def _existing_path(source: str) -> Path:
    """Return the path of a file, or a path that `read` refuses with the better message.

    Raises:
        DataError: neither a file nor a data set has this name; close names of both are offered.
    """
    from downslope.core import DataError, close_names
    from downslope.data import available

    path = Path(source)
    if path.exists() or path.suffix:
        return path
    files = [entry.name for entry in Path().iterdir() if entry.is_file()] if path.parent == Path() else []
    close = close_names(source, [*(info.name for info in available()), *files])
    advice = f"Did you mean {' or '.join(map(repr, close))}?" if close else "List the data sets with: downslope data."
    raise DataError(f"There is neither a file nor a data set {source!r}. {advice}")


def _open_flat(
    source: str,
    preprocessing: Preprocessing,
    target: str | int | None,
    needs_target: bool,
    drop_missing_target: bool,
    read_rows: Callable[..., Dataset],
) -> Dataset:
    """Return rows as they are in a file, which `read_rows` reads, or in a data set."""
    from downslope.data import load

    if is_set(source):
        return load(source)
    path = _existing_path(source)
    ending = path.suffix.lower()
    task = preprocessing.task if needs_target else None
    if ending == ".npz":
        return read_rows(path, target if needs_target else None, task=task)
    if ending == ".npy":
        return _open_npy(path, preprocessing, target, needs_target)
    columns, categorical = preprocessing.columns, [*preprocessing.categorical, *preprocessing.temporal]
    if not needs_target:
        data = read_rows(path, only=columns, categorical=categorical)
        return data if columns else _without(data, target)
    text = _text_target(preprocessing, _required(target, path))
    chosen = {"only": columns, "categorical": [*categorical, *text], "drop_missing_target": drop_missing_target}
    return read_rows(path, target, task=task, **chosen)


def _open_npy(path: Path, preprocessing: Preprocessing, target: str | int | None, needs_target: bool) -> Dataset:
    """Return the rows of a `.npy` file; the target's column may still be in it where it is not needed."""
    from downslope.data import read

    if needs_target:
        return read(path, _required(target, path), task=preprocessing.task)
    data = read(path)
    one_more = data.x.ndim == 2 and data.x.shape[1] - 1 == math.prod(preprocessing.input_shape)
    return read(path, target, task=preprocessing.task) if one_more and isinstance(target, int) else data


def _without(data: Dataset, target: str | int | None) -> Dataset:
    """Return a table without the target's column, which may be in it."""
    features = data.x.select([name for name in data.x.columns if name != target])
    return dataclasses.replace(data, x=features, feature_names=None)


def _required(target: str | int | None, path: Path) -> str | int:
    """Return the target, or refuse its absence."""
    if target is None:
        raise _missing_target_error(path)
    return target


def _text_target(preprocessing: Preprocessing, target: str | int) -> list[str]:
    """Return the target's column if its labels are text, so that labels such as '01' stay text."""
    labels = preprocessing.class_labels
    return [str(target)] if labels and isinstance(labels[0], str) else []


def _missing_target_error(path: Path, reading: Reading | None = None) -> Exception:
    """Return the error for a missing target, which lists the columns."""
    from downslope.core import Advice, Setting, SettingError
    from downslope.data import column_names, read

    if path.suffix.lower() == ".npz":
        import numpy as np

        with np.load(path, allow_pickle=False) as arrays:
            choice = f"array to learn; {path.name!r} has {', '.join(map(repr, arrays.files))}"
    elif path.suffix.lower() == ".npy":
        shape = read(path).x.shape
        choice = f"number of the column to learn, 0 to {shape[-1] - 1}, where -1 is the last"
    else:
        names = column_names(path, reading)
        more = f", … ({len(names)} in all)" if len(names) > 30 else ""
        choice = f"column to learn; {path.name!r} has {', '.join(map(repr, names[:30]))}{more}"
    return SettingError(Setting("target"), f"must name the {choice}.", Advice("add one of them:", target="NAME"))
