"""Train on a set that stays on disk beside one in memory, and watch the memory that takes.

    python benchmarks/larger_than_memory.py
    python benchmarks/larger_than_memory.py --gib 1 --rounds 1

Two sets are written to a temporary folder: images as one `.npy` file, and a table with text as Parquet, both
standardized by training. Each round trains in processes of their own: on all rows, from disk; and in memory, on as many
as take a gibibyte. Speeds are rows a second in the median epoch after the first; memory is the peak of `RssAnon`,
which counts what a process allocated and not the pages of files that the system keeps for it. Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import jax
import numpy as np

import downslope as ds

PROMISED_MEMORY, PROMISED_SPEED = 1024, 0.8
FEATURES, NUMBERS, TOWNS = 784, 24, ("Aachen", "Berlin", "Celle", "Dessau", "Erfurt")
ROWS_A_BLOCK = 2**16


def main() -> None:
    """Write the sets, train on them in turn, and print the rows of the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gib", type=float, default=4.0, help="size of each set")
    parser.add_argument("--rounds", type=int, default=3, help="timed rounds")
    parser.add_argument("--order", default="shuffle", help="order of rows")
    parser.add_argument("--epochs", type=int, default=4, help="epochs of each training")
    parser.add_argument("--train", nargs=2, metavar=("FILE", "ROWS"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.train:
        print(json.dumps(trained(Path(arguments.train[0]), int(arguments.train[1]), arguments.order, arguments.epochs)))
        return
    load = ", ".join(f"{average:.2f}" for average in os.getloadavg())
    print(f"{os.cpu_count()} processors, load {load}, jax {jax.__version__}; {arguments.gib:g} GiB each")
    with tempfile.TemporaryDirectory() as folder:
        for write in (images, table):
            file, rows, bytes_a_row = write(Path(folder), int(arguments.gib * 2**30))
            few = min(rows, 2**30 // bytes_a_row)
            pairs = [(child(file, 0, arguments), child(file, few, arguments)) for _ in range(arguments.rounds)]
            report(f"{write.__name__}, {rows:,} rows", pairs)


def images(folder: Path, size: int) -> tuple[Path, int, int]:
    """Write a `.npy` file of about so many bytes; return it, its rows, and the bytes of one."""
    draws, rows = np.random.default_rng(0), size // (4 * FEATURES)
    file = folder / "images.npy"
    array = np.lib.format.open_memmap(file, mode="w+", dtype=np.float32, shape=(rows, FEATURES))
    for start in range(0, rows, ROWS_A_BLOCK):
        block = array[start : start + ROWS_A_BLOCK]
        block[:] = draws.normal(3.0, 2.0, block.shape).astype(np.float32)
    np.save(folder / "labels.npy", draws.integers(10, size=rows))
    return file, rows, 4 * FEATURES


def table(folder: Path, size: int) -> tuple[Path, int, int]:
    """Write a Parquet file whose records take about so many bytes; return it, its rows, and the bytes of one."""
    import polars as pl

    bytes_a_row = 8 * (NUMBERS + 1) + 4
    draws, rows = np.random.default_rng(0), size // bytes_a_row
    part = folder / "part.parquet"
    frame = {f"x{i}": draws.normal(3.0, 2.0, ROWS_A_BLOCK).round(4) for i in range(NUMBERS)}
    town = draws.integers(len(TOWNS), size=ROWS_A_BLOCK)
    price = frame["x0"] + 2 * frame["x1"] + town + draws.normal(size=ROWS_A_BLOCK)
    pl.DataFrame({**frame, "town": np.array(TOWNS)[town].tolist(), "price": price}).write_parquet(part)
    times = max(1, rows // ROWS_A_BLOCK)
    file = folder / "table.parquet"
    pl.concat([pl.scan_parquet(part)] * times).sink_parquet(file, compression="uncompressed")
    return file, times * ROWS_A_BLOCK, bytes_a_row


def child(file: Path, rows: int, arguments: argparse.Namespace) -> dict[str, float]:
    """Return what a training in a process of its own measured; `rows` 0 means all, from disk."""
    command = [sys.executable, __file__, "--train", str(file), str(rows), "--order", arguments.order]
    done = subprocess.run(
        [*command, "--epochs", str(arguments.epochs)], capture_output=True, text=True, check=True, cwd=file.parent
    )
    return json.loads(done.stdout)


def trained(file: Path, rows: int, order: str, epochs: int) -> dict[str, float]:
    """Train on a file, from disk or on its first rows in memory; return speed and peak of memory."""
    peak, ends = [0.0], []
    threading.Thread(target=watch, args=(peak,), daemon=True).start()
    begun = time.perf_counter()
    if file.suffix == ".npy":
        x, y = np.load(file, mmap_mode="r"), np.load(file.parent / "labels.npy")
        data = ds.Dataset(np.array(x[:rows]) if rows else x, y[:rows] if rows else y, task="classification")
        net, batch_size = ds.mlp([100], outputs=10), 128
    else:
        data = ds.read(file, "price", progress=False)
        data = ds.Dataset(data.x[:rows], data.y[:rows]) if rows else data
        net, batch_size = ds.mlp([100], outputs=1), 256
    ds.train(
        net,
        data,
        normalize="standard",
        batch_size=batch_size,
        epochs=epochs,
        order=order,
        observers=[lambda _: ends.append(time.perf_counter())],
        progress=False,
    )
    speed = len(data) / float(np.median(np.diff(ends)))
    return {"speed": speed, "memory": peak[0], "first": ends[0] - begun, "epoch": len(data) / speed}


def watch(peak: list[float]) -> None:
    """Keep the peak of this process's own memory, in MiB."""
    while True:
        held = re.search(r"RssAnon:\s+(\d+) kB", Path("/proc/self/status").read_text())
        peak[0] = max(peak[0], int(held.group(1)) / 1024 if held else 0.0)
        time.sleep(0.02)


def report(name: str, pairs: list[tuple[dict[str, float], dict[str, float]]]) -> None:
    """Print a row of the table."""
    ratio = float(np.median([disk["speed"] / memory["speed"] for disk, memory in pairs]))
    disk = {key: float(np.median([pair[0][key] for pair in pairs])) for key in pairs[0][0]}
    print(
        f"  {name}: peak {disk['memory']:.0f} MiB (promised {PROMISED_MEMORY}); {disk['speed']:,.0f} rows/s, "
        f"{ratio:.2f} of in memory (promised {PROMISED_SPEED}); first epoch after {pairs[0][0]['first']:.0f} s "
        f"({disk['first']:.0f} s later on), the others take {disk['epoch']:.1f} s"
    )


if __name__ == "__main__":
    main()
