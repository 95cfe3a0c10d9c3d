"""How fast tables are read: CSV files of numbers against `polars.read_csv`, in one process, in turns.

    python benchmarks/reading.py [--megabytes 40]

Goal: at most 3 times as long as polars takes, with every check made.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from downslope.data import read

ROUNDS = 5
GOAL = 3.0
BYTES_A_ROW = 180


def table(megabytes: int) -> pl.DataFrame:
    """Return twenty columns of numbers that take about so much room as text."""
    draws = np.random.default_rng(0)
    rows = int(megabytes * 1e6 / BYTES_A_ROW)
    columns = {f"c{i}": draws.normal(size=rows).round(6) for i in range(18)}
    return pl.DataFrame(columns | {"count": draws.integers(0, 1000, rows), "y": draws.normal(size=rows).round(4)})


def write_files(folder: Path, megabytes: int) -> dict[str, Path]:
    """Write the same numbers in several dresses; return the files by what they hold."""
    numbers = table(megabytes)
    text = numbers.select(pl.all().cast(pl.String))
    files = {
        "numbers": (numbers, ","),
        "a gap in each column": (numbers.with_columns(pl.all().replace(numbers[0].row(0)[0], None)), ","),
        "a column of text": (numbers.with_columns(name=pl.lit("Oslo, or so")), ","),
        "decimal commas": (text.with_columns(pl.all().str.replace(".", ",", literal=True)), ";"),
    }
    paths = {}
    for number, (kind, (frame, separator)) in enumerate(files.items()):
        paths[kind] = folder / f"table-{number}.csv"
        frame.write_csv(paths[kind], separator=separator)
    return paths


def seconds(work: Callable[[], object]) -> float:
    """Return how long work takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def times(path: Path) -> list[tuple[float, float]]:
    """Return the times of polars and of Downslope for a file, in turns."""
    separator = ";" if b";" in path.read_bytes()[:1000] else ","
    read(path, "y")  # the first reading imports
    return [
        (seconds(lambda: pl.read_csv(path, separator=separator)), seconds(lambda: read(path, "y", progress=False)))
        for _ in range(ROUNDS)
    ]


def main() -> None:
    """Print the times of each file, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=40)
    megabytes = parser.parse_args().megabytes
    with tempfile.TemporaryDirectory() as folder:
        for kind, path in write_files(Path(folder), megabytes).items():
            rounds = times(path)
            ratio = statistics.median(ours / theirs for theirs, ours in rounds)
            theirs, ours = (min(column) for column in zip(*rounds, strict=True))
            goal = f" (goal: {GOAL:g})" if kind == "numbers" else ""
            print(f"{kind}: polars {theirs:.2f} s, downslope {ours:.2f} s, ratio {ratio:.2f}{goal}", flush=True)


if __name__ == "__main__":
    main()
