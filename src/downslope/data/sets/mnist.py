"""MNIST and its clothed sibling, read from files the user has."""

from __future__ import annotations

import gzip
import os
import zlib
from pathlib import Path

import numpy as np

from downslope.core import Advice, DataError
from downslope.data.dataset import Dataset
from downslope.data.files import UNREADABLE

SIDE = 28
IDX_FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)
NPZ_ARRAYS = ("x_train", "y_train", "x_test", "y_test")
SOURCES = {
    "mnist": "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz",
    "fashion_mnist": "https://github.com/zalandoresearch/fashion-mnist (data/fashion)",
}


def read_mnist(name: str, path: Path | None) -> Dataset:
    """Return images `(rows, 28, 28, 1)`, pixels from 0 to 1 in float32, training images first, and labels 0 to 9.

    Args:
        name: `"mnist"` or `"fashion_mnist"`.
        path: a `.npz` file, or a folder with `<name>.npz` or the four files of the original format, in it or in a
            folder `<name>` within. None for the user's data folder, where the four files must be in a folder `<name>`.

    Raises:
        DataError: files that are missing or damaged.
    """
    source = _source(name, path)
    arrays = _read_npz(source) if source.suffix == ".npz" else [_read_idx(source / file) for file in IDX_FILES]
    x_train, y_train, x_test, y_test = arrays
    for x, y in ((x_train, y_train), (x_test, y_test)):
        if x.shape[1:] != (SIDE, SIDE) or y.shape != x.shape[:1]:
            raise DataError(
                f"{str(source)!r} must hold images (rows, 28, 28) and as many labels, got {x.shape} and {y.shape}. "
                "Get the files again."
            )
    x = np.concatenate([x_train, x_test])[..., None] / np.float32(255)
    return Dataset(x, np.concatenate([y_train, y_test]), task="classification")


def _source(name: str, path: Path | None) -> Path:
    """Return the `.npz` file, or the folder with the four files of the original format.

    Raises:
        DataError: there are none; the message says where to get them and where to put them.
    """
    home = Path(os.environ.get("DOWNSLOPE_DATA") or Path.home() / ".cache" / "downslope" / "data")
    folder = home if path is None else path
    if folder.is_file() and folder.suffix == ".npz":
        return folder
    if (folder / f"{name}.npz").is_file():
        return folder / f"{name}.npz"
    for candidate in ([folder] if path is not None else []) + [folder / name]:
        if all((candidate / file).is_file() for file in IDX_FILES):
            return candidate
    raise DataError(
        f"The files of {name!r} are not in {str(folder)!r}. Get them from {SOURCES[name]} and put them there as "
        f"{name}.npz, or the four files {', '.join(IDX_FILES)} in the folder {str(folder / name)!r}.",
        Advice("if you have them elsewhere, say where by the environment variable DOWNSLOPE_DATA"),
        Advice("say it by {} here", path=...),
    )


def _read_npz(file: Path) -> list[np.ndarray]:
    """Return the four arrays of a `.npz` file."""
    try:
        with file.open("rb") as source, np.load(source, allow_pickle=False) as arrays:
            return [arrays[name] for name in NPZ_ARRAYS]
    except KeyError:
        raise DataError(f"{str(file)!r} must hold the arrays {', '.join(NPZ_ARRAYS)}. Get the file again.") from None
    except UNREADABLE as error:
        raise DataError(f"{str(file)!r} is damaged: {str(error).splitlines()[0]} Get the file again.") from error


def _read_idx(file: Path) -> np.ndarray:
    """Return the array of a file in the original format: zeros, type 8, number of axes, their sizes, then bytes."""
    try:
        content = gzip.decompress(file.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{str(file)!r} is damaged: {error}. Get the file again.") from error
    axes = content[3] if len(content) > 3 else 0
    shape = tuple(int(size) for size in np.frombuffer(content[4 : 4 + 4 * axes], ">u4"))
    if content[:3] != b"\x00\x00\x08" or len(content) != 4 + 4 * axes + int(np.prod(shape)):
        raise DataError(f"{str(file)!r} is damaged: its size is not what it says. Get the file again.")
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)
