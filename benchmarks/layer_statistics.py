"""Time training with statistics of every layer recorded every 64 steps, against the same training without.

    python benchmarks/layer_statistics.py
    python benchmarks/layer_statistics.py --every 16 --rounds 15

The networks are those of `benchmarks/training.py`. The two take turns in each round; the table shows the median of the
ratios round by round, and whether all parameters came out equal, bit by bit.
"""

from __future__ import annotations

import argparse
import time

import jax
import numpy as np

import downslope as ds
from training import CASES, descent_of


def main() -> None:
    """Time every case and print its row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=64, help="steps between two recordings")
    parser.add_argument("--rounds", type=int, default=9, help="timed rounds of each case")
    arguments = parser.parse_args()
    for name, case in CASES.items():
        plain, recorded = descent_of(case), descent_of(case, ds.Record(statistics_every=arguments.every))
        times: list[list[float]] = [[], []]
        for number in range(arguments.rounds + 1):
            for place, (_, epoch) in enumerate((plain, recorded)):
                begun = time.perf_counter()
                epoch()
                if number:  # the first round compiles
                    times[place].append(time.perf_counter() - begun)
        without, with_them = map(np.array, times)
        leaves = [jax.tree.leaves(descent.state.variables) for descent, _ in (plain, recorded)]
        same = all(np.array_equal(a, b) for a, b in zip(*leaves, strict=True))
        print(
            f"{name:11s} {np.median(without) * 1e3:8.1f} ms without, {np.median(with_them) * 1e3:8.1f} ms with: "
            f"{np.median(with_them / without):.3f}×  (promised 1.10×); parameters {'equal' if same else 'DIFFER'}"
        )


if __name__ == "__main__":
    main()
