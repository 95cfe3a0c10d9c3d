"""Time 64 restarts of a small network at once, against the same restarts in turn and torch runs in turn.

    python benchmarks/restarts.py
    python benchmarks/restarts.py --restarts 16 --rounds 5

Everyone trains 64-64-10 with relu and Adam on 1,437 rows of digits, batch 32, 20 epochs, in float32, after compilation,
without evaluation. Runs in turn are timed for a few and multiplied. Beside the times stand what restarts are for: the
lowest final loss and the median.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import jax
import numpy as np

import downslope as ds
from downslope.core import fold
from downslope.training.engine.population import populate, population_losses
from downslope.training.engine.population_epoch import population_epoch
from downslope.training.engine.progress import Silent
from training import Case, descent_of, torch

CASE = Case((64, 64, 10), 32, 1437, 3.0, 15.0)
EPOCHS = 20


def main() -> None:
    """Time the contenders in turn and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--restarts", type=int, default=64, help="how many starts")
    parser.add_argument("--in-turn", type=int, default=4, help="how many of the runs in turn are really made")
    parser.add_argument("--rounds", type=int, default=5, help="timed rounds")
    arguments = parser.parse_args()
    data = ds.load("digits").split(test=0.2, seed=0).train
    x, t = ((data.x - data.x.mean(0)) / (data.x.std(0) + 1e-9)).astype(np.float32), data.y.astype(np.int32)
    repeats = EPOCHS * arguments.in_turn
    contenders: dict[str, Callable[[], object]] = {"together": together(x, t, arguments.restarts)}
    one = descent_of(CASE, data=(x, t))[1]
    contenders["in turn"] = lambda: [one() for _ in range(repeats)]
    try:
        epoch = torch(CASE, x, t)
        contenders["torch, in turn"] = lambda: [epoch() for _ in range(repeats)]
    except ImportError:
        print("(torch is not installed)")
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(arguments.rounds + 1):
        for name, work in contenders.items():
            begun = time.perf_counter()
            work()
            if number:  # the first round compiles
                runs = arguments.restarts if name == "together" else arguments.in_turn
                seconds[name].append((time.perf_counter() - begun) / runs)
    promised = {"in turn": CASE.against_sklearn, "torch, in turn": CASE.against_torch}
    print(f"{arguments.restarts} restarts of {'-'.join(map(str, CASE.widths))}, {EPOCHS} epochs, seconds a run")
    for name, times in seconds.items():
        ratio = np.median(np.array(times) / np.array(seconds["together"]))
        promise = f"{ratio:6.1f}×  (promised {promised[name]:g}×)" if name in promised else ""
        print(f"  {name:15s} {np.median(times):8.4f}  {promise}")


def together(x: np.ndarray, t: np.ndarray, restarts: int) -> Callable[[], object]:
    """Return the training of all starts at once, which prints the spread of the final losses the first time."""
    descent, _ = descent_of(CASE, data=(x, t))
    problem = descent.problem
    states = []
    for number in range(restarts):
        variables = problem.net.init(fold(0, "initialize", number), (CASE.widths[0],))
        states.append(descent.state._replace(variables=variables))
    told = []

    def work() -> None:
        population = populate(states)
        for epoch in range(EPOCHS):
            population.states = population_epoch(problem, population.states, epoch, Silent())
        jax.block_until_ready(population.states)
        if not told:
            losses = population_losses(problem.net, problem.loss, population.states.variables, problem.train)
            told.append(losses)
            print(f"final training loss: lowest {losses.min():.4g}, median {np.median(losses):.4g}")

    return work


if __name__ == "__main__":
    main()
