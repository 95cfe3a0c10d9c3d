"""Data sets by name: shipped, from scikit-learn, generated, or read from files the user has."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from downslope.core import Setting, SettingError, check_choice
from downslope.data._dataset import Dataset
from downslope.data._files import read
from downslope.data._generated import circles, moons, quadrants, spirals
from downslope.data._mnist import read_mnist
from downslope.data._mnist1d import mnist1d
from downslope.data._origin import Origin, with_origin
from downslope.data._sklearn_sets import sklearn_set


@dataclass(frozen=True)
class SetInfo:
    """What a named data set is.

    Attributes:
        name: as `load` takes it.
        rows: how many examples.
        features: how many numbers an example has.
        task: `"classification"` or `"regression"`.
        about: one line.
    """

    name: str
    rows: int
    features: int
    task: str
    about: str


SETS = (
    SetInfo(
        "old_faithful", 272, 1, "regression", "waiting time from the length of the last eruption, minutes; shipped"
    ),
    SetInfo("digits", 1797, 64, "classification", "handwritten digits, 8 × 8 pixels from 0 to 16; from scikit-learn"),
    SetInfo("iris", 150, 4, "classification", "three species of iris from sizes of their flowers; from scikit-learn"),
    SetInfo("wine", 178, 13, "classification", "three growers from chemistry of their wine; from scikit-learn"),
    SetInfo("breast_cancer", 569, 30, "classification", "malignant 0 or benign 1 from cell nuclei; from scikit-learn"),
    SetInfo("diabetes", 442, 10, "regression", "progression of the disease after a year; from scikit-learn"),
    SetInfo("mnist1d", 5000, 40, "classification", "digits as lines, hard for linear models; generated"),
    SetInfo("mnist", 70000, 784, "classification", "handwritten digits, 28 × 28 pixels; from files you have"),
    SetInfo("fashion_mnist", 70000, 784, "classification", "pieces of clothing, 28 × 28 pixels; from files you have"),
    SetInfo("quadrants", 1000, 2, "classification", "whether two signs differ (exclusive or); generated"),
    SetInfo("moons", 1000, 2, "classification", "two half circles, interleaved; generated"),
    SetInfo("spirals", 1000, 2, "classification", "two arms around each other; generated"),
    SetInfo("circles", 1000, 2, "classification", "a circle within a circle; generated"),
)

GENERATED: dict[str, Callable[[int], Dataset]] = {
    "mnist1d": mnist1d,
    "quadrants": quadrants,
    "moons": moons,
    "spirals": spirals,
    "circles": circles,
}
FROM_FILES = ("mnist", "fashion_mnist")


def available() -> tuple[SetInfo, ...]:
    """Return what `load` knows; loads nothing.

    Example:
        >>> available()[0].name, available()[0].rows
        ('old_faithful', 272)
    """
    return SETS


def load(name: str, *, path: str | os.PathLike[str] | None = None, seed: int = 0) -> Dataset:
    """Return a data set by name; `available()` lists them.

    Labels of `digits`, `iris`, `wine` and `breast_cancer` are scikit-learn's integers, so that results compare with
    other tools. `mnist` and `fashion_mnist` are images `(70000, 28, 28, 1)` with pixels from 0 to 1, the 60,000
    training images first. Nothing is downloaded.

    Args:
        name: such as `"digits"`.
        path: for `mnist` and `fashion_mnist`: the folder with the files, or the `.npz` file. None looks in the folder
            the environment variable `DOWNSLOPE_DATA` names, else in `~/.cache/downslope/data`.
        seed: for the generated sets: whole number, 0 or more.

    Raises:
        UnknownNameError: there is no such set; the message lists the known ones.
        DataError: files that are missing (the message says where to get them and where to put them) or damaged.
        SettingError: a `path` for a set that needs none.

    Example:
        >>> load("old_faithful")
        Dataset(272 rows, 1 feature, regression)
    """
    check_choice("name", name, [info.name for info in SETS])
    if path is not None and name not in FROM_FILES:
        raise SettingError(
            Setting("path"), f"is for {' and '.join(FROM_FILES)}, and {name!r} needs none. Leave it out."
        )
    place = None if path is None else Path(path).absolute()
    arguments = {"name": name, "path": None if place is None else str(place), "seed": seed}
    return with_origin(_loaded(name, place, seed), Origin("load", arguments))


def _loaded(name: str, path: Path | None, seed: int) -> Dataset:
    """Return a set that is known."""
    if name in FROM_FILES:
        return read_mnist(name, path)
    if name in GENERATED:
        return GENERATED[name](seed)
    return _old_faithful() if name == "old_faithful" else _from_sklearn(name)


def _old_faithful() -> Dataset:
    """Return the 272 eruptions (Azzalini and Bowman, 1990, "A look at some data on the Old Faithful geyser")."""
    table = read(Path(__file__).parent / "sets" / "old_faithful.csv", target="waiting", task="regression")
    return Dataset(table.x.to_numpy(), table.y, feature_names=table.feature_names, task="regression")


def _from_sklearn(name: str) -> Dataset:
    """Return one of scikit-learn's small data sets."""
    info = next(info for info in SETS if info.name == name)
    examples = sklearn_set(name, info.rows)
    return Dataset(examples.x, examples.y, feature_names=examples.feature_names, task=info.task)
