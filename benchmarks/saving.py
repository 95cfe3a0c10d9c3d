"""Time training with its run kept on disk beside training that keeps nothing.

    python benchmarks/saving.py
    python benchmarks/saving.py --rounds 7

Each round trains the same network on the same rows twice, once with `store` and once without, in turn; both are warm.
The table shows medians, the median of the ratios round by round, and how often a run was saved. A save is written in
the background and never more often than its cost allows; what is left is what training waits for.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from unittest import mock

import jax
import numpy as np

import downslope as ds
from curvature import alternating
from downslope.runs import RunFolder
from training import Case, sample

CASES = {
    Case((64, 100, 10), 32, 20_000, 0, 0): 40,
    Case((784, 512, 512, 10), 128, 9_984, 0, 0): 12,
    Case((784, 2048, 2048, 10), 256, 2_560, 0, 0): 12,
}
PROMISE = 0.02


def main() -> None:
    """Time every case and print the rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="timed rounds")
    arguments = parser.parse_args()
    load = ", ".join(f"{average:.2f}" for average in os.getloadavg())
    print(f"{os.cpu_count()} processors, load {load}, jax {jax.__version__}; promised at most {PROMISE:.0%}")
    for case, epochs in CASES.items():
        measure(case, epochs, arguments.rounds)


def measure(case: Case, epochs: int, rounds: int) -> None:
    """Time one case and print its row."""
    x, t = sample(case)
    net, data = ds.mlp(case.widths[1:-1], outputs=case.widths[-1]), ds.Dataset(x, t, task="classification")
    settings = {"batch_size": case.batch_size, "epochs": epochs, "progress": False}
    saves: list[int] = []

    def kept() -> None:
        with (
            tempfile.TemporaryDirectory() as folder,
            mock.patch.object(RunFolder, "save_last", autospec=True, side_effect=RunFolder.save_last) as saved,
        ):
            ds.train(net, data, store=Path(folder) / "run", **settings)
            saves.append(saved.call_count)

    contenders = {"kept on disk": kept, "in memory only": lambda: ds.train(net, data, **settings)}
    for contender in contenders.values():
        contender()
    seconds = alternating(contenders, rounds)
    disk, memory = (seconds[name] for name in contenders)
    widths = "-".join(map(str, case.widths))
    print(
        f"  {widths:18s} {np.median(memory):6.2f} s in memory, {np.median(disk):6.2f} s kept, "
        f"{np.median(saves):.0f} saves: {np.median(disk / memory) - 1:+.1%}"
    )


if __name__ == "__main__":
    main()
