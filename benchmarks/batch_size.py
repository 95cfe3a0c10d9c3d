"""Train with small and large batches to the same training loss, and compare what they found: gap and sharpness.

    python benchmarks/batch_size.py
    python benchmarks/batch_size.py --data mnist1d --batch-sizes 8 64 512 --seeds 3

A network of two layers of relu is trained by plain stochastic gradient descent, without regularization, until its
training loss is below the target or the epochs are used up; once with the same rate for all batch sizes, once with a
rate in proportion to the batch size. Each row of the tables is the mean ± standard deviation over seeds, which change
the start and the order of the rows but not which rows are held out. The gap is the loss of held-out rows less that of
training rows; the accuracy is on held-out rows. Sharpness is measured over all training rows: the largest eigenvalue
and the trace of the Hessian, and both again with each weight in units of its filter's root mean square, which no change
of scale between layers moves.

References:
    Keskar et al., "On large-batch training for deep learning: generalization gap and sharp minima" (2017).
    Dinh et al., "Sharp minima can generalize for deep nets" (2017).
    Goyal et al., "Accurate, large minibatch SGD: training ImageNet in 1 hour" (2017): rates in proportion.
"""

from __future__ import annotations

import argparse
import time
from typing import NamedTuple

import numpy as np

import downslope as ds
from downslope.core import aligned

BATCH_SIZES = (8, 16, 32, 64, 128, 256, 512)
RATE, AT = 0.05, 32
"""The rate, and the batch size at which the rate in proportion is the same."""


class Found(NamedTuple):
    """What one training found; NaN throughout if it diverged."""

    reached: float
    epochs: float
    training_loss: float
    gap: float
    accuracy: float
    largest: float
    trace: float
    filter_largest: float
    filter_trace: float


HEADS = ("reached", "epochs", "train loss", "gap", "accuracy", "λ max", "trace", "filter λ max", "filter trace")


def main() -> None:
    """Train all, and print a table for each rule of the rate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="digits", choices=["digits", "mnist1d"], help="which rows")
    parser.add_argument("--batch-sizes", type=int, nargs="*", default=BATCH_SIZES, help="rows a step")
    parser.add_argument("--seeds", type=int, default=5, help="how many starts of each")
    parser.add_argument("--target", type=float, default=0.01, help="the training loss to descend to")
    parser.add_argument("--epochs", type=int, default=3000, help="at most so many")
    arguments = parser.parse_args()
    split = ds.load(arguments.data).split(test=0.3, seed=0)
    assert split.test is not None
    begun = time.perf_counter()
    for rule in ("the same rate", "a rate in proportion"):
        lines = [["batch", "rate", *HEADS]]
        for size in arguments.batch_sizes:
            rate = RATE if rule == "the same rate" else RATE * size / AT
            runs = [
                trained(split.train, split.test, size, rate, seed, arguments.target, arguments.epochs)
                for seed in range(arguments.seeds)
            ]
            lines.append([str(size), f"{rate:g}", *cells(runs)])
        print(
            f"{arguments.data}, {len(split.train)} training and {len(split.test)} held-out rows, "
            f"{arguments.seeds} seeds, down to a training loss of {arguments.target:g}, {rule}"
        )
        print(aligned(lines, left=0), end="\n\n")
    print(f"{time.perf_counter() - begun:.0f} s")


def trained(
    train: ds.Dataset, test: ds.Dataset, size: int, rate: float, seed: int, target: float, epochs: int
) -> Found:
    """Train once and measure."""

    def low_enough(moment: ds.Moment) -> ds.Stop | None:
        return ds.Stop() if moment.values["train_loss"] <= target else None

    run = ds.train(
        ds.mlp([64, 64], outputs=10), train, optimizer=ds.sgd(rate), batch_size=size, epochs=epochs, seed=seed,
        normalize="standard", observers=[low_enough], progress=False,
    )  # fmt: skip
    if run.stop_reason == "diverged":
        return Found(0.0, *[float("nan")] * (len(Found._fields) - 1))
    surface, seen, unseen = run.surface(), run.evaluate(train), run.evaluate(test)
    plain, filtered = (
        ds.sharpness(surface, run.params, filter_normalized=normalized, probes=20) for normalized in (False, True)
    )
    return Found(
        float(run.stop_reason == "stopped"), run.epochs, seen["loss"], unseen["loss"] - seen["loss"],
        unseen["accuracy"], plain.largest, plain.trace, filtered.largest, filtered.trace,
    )  # fmt: skip


def cells(runs: list[Found]) -> list[str]:
    """Return the mean ± standard deviation of each number over the runs that did not diverge."""
    numbers = np.array(runs)
    kept = numbers[np.isfinite(numbers).all(axis=1)]
    written = [f"{int(numbers[:, 0].sum())} of {len(runs)}"]
    for name, column in zip(Found._fields[1:], kept.T[1:], strict=True):
        spread = column.std(ddof=1) if len(column) > 1 else float("nan")
        digits = 4 if name == "accuracy" else 3
        written.append(f"{column.mean():#.{digits}g} ± {spread:.2g}" if len(column) else "diverged")
    return written


if __name__ == "__main__":
    main()
