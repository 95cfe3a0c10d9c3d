"""The small data sets that scikit-learn ships, read from its files without importing it, which takes a second."""

from __future__ import annotations

import gzip
import importlib.util
from pathlib import Path

import numpy as np

from downslope.data.dataset import Dataset

MEASURES_OF_NUCLEI = (
    "radius",
    "texture",
    "perimeter",
    "area",
    "smoothness",
    "compactness",
    "concavity",
    "concave points",
    "symmetry",
    "fractal dimension",
)
FEATURES = {
    "digits": tuple(f"pixel_{row}_{column}" for row in range(8) for column in range(8)),
    "iris": ("sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)"),
    "wine": (
        "alcohol",
        "malic_acid",
        "ash",
        "alcalinity_of_ash",
        "magnesium",
        "total_phenols",
        "flavanoids",
        "nonflavanoid_phenols",
        "proanthocyanins",
        "color_intensity",
        "hue",
        "od280/od315_of_diluted_wines",
        "proline",
    ),
    "breast_cancer": (
        *(f"mean {measure}" for measure in MEASURES_OF_NUCLEI),
        *(f"{measure} error" for measure in MEASURES_OF_NUCLEI),
        *(f"worst {measure}" for measure in MEASURES_OF_NUCLEI),
    ),
    "diabetes": ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"),
}


def sklearn_set(name: str, rows: int, task: str, folder: Path | None = None) -> Dataset:
    """Return one of scikit-learn's small data sets, bitwise as its own loader does.

    Args:
        name: such as `"digits"`.
        rows: how many it has. Files that are missing or hold something else, as another version's might, are left to
            scikit-learn.
        task: `"classification"` or `"regression"`.
        folder: of the files; None for scikit-learn's own.
    """
    try:
        x, y = _from_files(name, _sklearn_folder() if folder is None else folder)
    except (OSError, ValueError, IndexError):
        return _from_loader(name, task)
    if x.shape != (rows, len(FEATURES[name])):
        return _from_loader(name, task)
    return Dataset(x, y, feature_names=FEATURES[name], task=task)


def _sklearn_folder() -> Path:
    """Return the folder of scikit-learn's data files.

    Raises:
        FileNotFoundError: it is not installed as files.
    """
    sklearn = importlib.util.find_spec("sklearn")
    if sklearn is None or sklearn.origin is None:
        raise FileNotFoundError("sklearn")
    return Path(sklearn.origin).parent / "datasets" / "data"


def _from_files(name: str, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the inputs `(rows, features)` and targets `(rows,)` of a data set from its files."""
    if name == "diabetes":
        x, y = (_numbers(folder / f"diabetes_{part}.csv.gz") for part in ("data_raw", "target"))
        # to mean 0 and length 1, in the very order of its loader
        return (x - x.mean(axis=0)) / x.std(axis=0) / len(x) ** 0.5, y
    if name == "digits":
        table = _numbers(folder / "digits.csv.gz", separator=",")
    else:
        file = "wine_data.csv" if name == "wine" else f"{name}.csv"
        table = _numbers(folder / file, separator=",", lines_before=1)
    return table[:, :-1], table[:, -1].astype(int)


def _numbers(file: Path, *, separator: str | None = None, lines_before: int = 0) -> np.ndarray:
    """Return the numbers of one of scikit-learn's files."""
    content = file.read_bytes()
    text = (gzip.decompress(content) if file.suffix == ".gz" else content).decode()
    return np.loadtxt(text.splitlines(), delimiter=separator, skiprows=lines_before)


def _from_loader(name: str, task: str) -> Dataset:
    """Return a data set by scikit-learn's own loader."""
    from sklearn import datasets

    bunch = getattr(datasets, f"load_{name}")()
    return Dataset(bunch.data, bunch.target, feature_names=bunch.feature_names, task=task)
