"""Data sets by name: shipped, from scikit-learn, generated, or read from files the user has."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from downslope.core import Setting, SettingError, Shape, check_choice
from downslope.data.dataset import Dataset, with_origin
from downslope.data.origin import Origin
from downslope.data.sets.generated import circles, moons, quadrants, spirals
from downslope.data.sets.mnist import read_mnist
from downslope.data.sets.mnist1d import mnist1d
from downslope.data.sets.old_faithful import old_faithful
from downslope.data.sets.sklearn_files import sklearn_set


@dataclass(frozen=True)
class SetInfo:
    """The description of a named data set.

    Attributes:
        name: as `load` takes it.
        rows: how many examples.
        features: how many numbers an example has.
        task: `"classification"` or `"regression"`.
        about: one line.
        shape: of an image or a sequence, channels last, which may come as a flat row; None for other examples.
        arguments: those of `load`, besides the name, that it depends on.
        label: how people write the name; None where it is words already.
    """

    name: str
    rows: int
    features: int
    task: str
    about: str
    shape: Shape | None = None
    arguments: tuple[str, ...] = ()
    label: str | None = None


@dataclass(frozen=True)
class NamedSet:
    """A data set that `load` knows.

    Attributes:
        info: its description.
        load: returns it; called with the arguments that the description names.
    """

    info: SetInfo
    load: Callable[..., Dataset]


def _of_sklearn(name: str, rows: int, features: int, task: str, about: str, shape: Shape | None = None) -> NamedSet:
    """Return a set of scikit-learn, read from the files that it ships."""
    about = f"{about}; from scikit-learn"
    return NamedSet(SetInfo(name, rows, features, task, about, shape), partial(sklearn_set, name, rows, task))


def _mnist(name: str, about: str) -> NamedSet:
    """Return a set in the form of MNIST, read from files that the user has."""
    about = f"{about}, 28 × 28 pixels; from files you have"
    info = SetInfo(name, 70000, 784, "classification", about, shape=(28, 28, 1), arguments=("path",))
    return NamedSet(info, partial(read_mnist, name))


def _plane(about: str, load: Callable[[int], Dataset]) -> NamedSet:
    """Return a generated set of two classes in the plane, named like its function."""
    about = f"{about}; generated"
    return NamedSet(SetInfo(load.__name__, 1000, 2, "classification", about, arguments=("seed",)), load)


OLD_FAITHFUL = SetInfo(
    "old_faithful", 272, 1, "regression", "waiting time from the length of the last eruption, minutes; shipped"
)
MNIST1D = SetInfo(
    "mnist1d",
    5000,
    40,
    "classification",
    "digits as lines, hard for linear models; generated",
    shape=(40, 1),
    arguments=("seed",),
    label="MNIST-1D",
)
SETS = (
    NamedSet(OLD_FAITHFUL, old_faithful),
    _of_sklearn("digits", 1797, 64, "classification", "handwritten digits, 8 × 8 pixels from 0 to 16", (8, 8, 1)),
    _of_sklearn("iris", 150, 4, "classification", "three species of iris from sizes of their flowers"),
    _of_sklearn("wine", 178, 13, "classification", "three growers from chemistry of their wine"),
    _of_sklearn("breast_cancer", 569, 30, "classification", "malignant 0 or benign 1 from cell nuclei"),
    _of_sklearn("diabetes", 442, 10, "regression", "progression of the disease after a year"),
    NamedSet(MNIST1D, mnist1d),
    _mnist("mnist", "handwritten digits"),
    _mnist("fashion_mnist", "pieces of clothing"),
    _plane("whether two signs differ (exclusive or)", quadrants),
    _plane("two half circles, interleaved", moons),
    _plane("two arms around each other", spirals),
    _plane("a circle within a circle", circles),
)
"""The one list of data sets, in the order of `available`; a new set is a file of its own and a line here."""


def available() -> tuple[SetInfo, ...]:
    """Return the descriptions of the sets that `load` knows, without loading any.

    Example:
        >>> available()[0].name, available()[0].rows
        ('old_faithful', 272)
    """
    return tuple(entry.info for entry in SETS)


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
    entries = {entry.info.name: entry for entry in SETS}
    entry = entries[check_choice("name", name, entries)]
    if path is not None and "path" not in entry.info.arguments:
        from_files = [info.name for info in available() if "path" in info.arguments]
        raise SettingError(
            Setting("path"), f"is for {' and '.join(from_files)}, and {name!r} needs none. Leave it out."
        )
    absolute = None if path is None else Path(path).absolute()
    values = {"path": absolute, "seed": seed}
    data = entry.load(**{argument: values[argument] for argument in entry.info.arguments})
    return with_origin(data, Origin("load", {"name": name, "path": absolute and str(absolute), "seed": seed}))
