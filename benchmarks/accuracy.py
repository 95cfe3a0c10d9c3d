"""Train on MNIST-1D and MNIST to what is expected of each network there, and print accuracy and time.

    python benchmarks/accuracy.py                                MNIST-1D, generated
    python benchmarks/accuracy.py --mnist path/to/mnist.npz      MNIST as well
    python benchmarks/accuracy.py --rows mnist1d-cnn

Networks are judged on rows they have not seen, in training or in choosing the epoch that is kept.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import downslope as ds


class Case(NamedTuple):
    """A network, how it is trained, and the accuracy expected of it."""

    data: str
    network: Callable[[], ds.Sequential]
    settings: dict[str, Any]
    at_least: float


CASES = {
    "mnist1d-linear": Case("mnist1d", lambda: ds.mlp([], outputs=10), {"epochs": 100}, 0.30),
    "mnist1d-mlp": Case("mnist1d", lambda: ds.mlp([256, 256], outputs=10, dropout=0.3), {"epochs": 60}, 0.60),
    "mnist1d-cnn": Case(
        "mnist1d-sequences",
        lambda: ds.cnn([32, 32, 64], outputs=10, dimensions=1, kernel=5, dense=[64], norm="batch", dropout=0.3),
        {"epochs": 40, "optimizer": ds.adam(3e-3)},
        0.90,
    ),
    "mnist-mlp": Case(
        "mnist-rows",
        lambda: ds.mlp([100, 100], outputs=10),
        {"epochs": 20, "batch_size": 128, "optimizer": ds.adam(1e-3), "early_stopping": 5},
        0.974,
    ),
    "mnist-cnn": Case(
        "mnist",
        lambda: ds.cnn([32, 64], outputs=10, dense=[128], dropout=0.3),
        {"epochs": 8, "batch_size": 128, "optimizer": ds.adam(ds.schedules.cosine_decay(2e-3, 8 * 430))},
        0.990,
    ),
}


def main() -> None:
    """Train the cases asked for and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", choices=list(CASES), nargs="*", help="which cases")
    parser.add_argument("--mnist", help="the file mnist.npz, with x_train, y_train, x_test and y_test")
    arguments = parser.parse_args()
    for name in arguments.rows or [name for name in CASES if arguments.mnist or not name.startswith("mnist-")]:
        case = CASES[name]
        train, test = rows_of(case.data, arguments.mnist)
        begun = time.perf_counter()
        run = ds.train(case.network(), train, validation=1 / 12, progress="lines", **case.settings)
        seconds = time.perf_counter() - begun
        accuracy = run.evaluate(test)["accuracy"]
        print(
            f"{name:15s} {accuracy:.2%} of {len(test):,} test rows right, expected {case.at_least:.1%}; "
            f"epoch {run.best_epoch} of {run.epochs}, {seconds:.0f} s"
        )


def rows_of(name: str, path: str | None) -> tuple[ds.Dataset, ds.Dataset]:
    """Return the rows to learn from, and those to judge by."""
    if name.startswith("mnist1d"):
        data = ds.load("mnist1d")
        x = data.x[:, :, None] if name.endswith("sequences") else data.x
        split = ds.Dataset(x, data.y).split(test=0.2, seed=0)
        assert split.test is not None
        return split.train, split.test
    if path is None:
        raise SystemExit("MNIST is not shipped: say where it is, --mnist path/to/mnist.npz")
    data = ds.load("mnist", path=path)
    x = data.x.reshape(len(data), -1) if name.endswith("rows") else data.x
    return ds.Dataset(x[:60_000], data.y[:60_000]), ds.Dataset(x[60_000:], data.y[60_000:])


if __name__ == "__main__":
    main()
