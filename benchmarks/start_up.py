"""Time `downslope train digits`, start to exit, beside a script that fits scikit-learn's MLPClassifier.

    python benchmarks/start_up.py                nine pairs
    python benchmarks/start_up.py --pairs 21

Each is a fresh Python process that loads the digits, splits them 60:20:20, standardizes them, trains two hidden layers
of 64 relus with Adam (rate 1e-3, batches of 32, at most 50 epochs, stopped after 10 without a better validation score)
and prints how well it does on each part; ours also keeps the run in a folder. The two take turns, each pair with its
own seed, for how soon a run stops depends on it; the table shows medians, and the median of the ratios pair by pair.
The score is the validation loss for ours, and the validation accuracy for scikit-learn, which offers no other. Ours has
a cache of compiled code for this benchmark alone; its first run, which fills that cache, is shown, too.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

OURS = [sys.executable, "-m", "downslope", "train", "digits", "--store", "run", "--overwrite", "--seed"]
SCRIPT = """
import sys

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

seed = int(sys.argv[1])
x, y = load_digits(return_X_y=True)
x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.2, stratify=y, random_state=seed)
scaler = StandardScaler().fit(x_train)
model = MLPClassifier(
    (64, 64), alpha=0, batch_size=32, learning_rate_init=1e-3, max_iter=50,
    early_stopping=True, validation_fraction=0.25, n_iter_no_change=10, random_state=seed,
)
model.fit(scaler.transform(x_train), y_train)
print(f"Stopped after {model.n_iter_} epochs.")
print(f"train      {model.score(scaler.transform(x_train), y_train):.1%}")
print(f"validation {model.best_validation_score_:.1%}")
print(f"test       {model.score(scaler.transform(x_test), y_test):.1%}")
"""
THEIRS = [sys.executable, "-W", "ignore", "-c", SCRIPT]
CONTENDERS = {"downslope": OURS, "scikit-learn": THEIRS}


class Trained(NamedTuple):
    """What a process took: seconds by the clock, seconds of processors, epochs."""

    clock: float
    processors: float
    epochs: float


def main() -> None:
    """Run the pairs and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=9, help="timed pairs")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        first, *_ = (train(command, 0, folder) for command in CONTENDERS.values())
        pairs = [[train(command, seed, folder) for command in CONTENDERS.values()] for seed in range(arguments.pairs)]
    print(f"{os.cpu_count()} processors, {arguments.pairs} pairs, medians")
    measured = np.array(pairs)
    for name, of_all in zip(CONTENDERS, np.median(measured, axis=0), strict=True):
        middle = Trained(*of_all)
        print(
            f"  {name:13s} {middle.clock:6.2f} s  {middle.processors:6.2f} s of processors  {middle.epochs:3.0f} epochs"
        )
    ratios = Trained(*np.median(measured[:, 0] / measured[:, 1], axis=0))
    print(f"  ratio         {ratios.clock:6.2f}    {ratios.processors:6.2f}    (promised: at most 1 by the clock)")
    print(f"  with nothing compiled yet, downslope takes {first.clock:.2f} s")


def train(command: list[str], seed: int, folder: str) -> Trained:
    """Run a process to its end."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(Path(folder, "cache"))}
    environment.pop("JAX_COMPILATION_CACHE_DIR", None)
    begun, used = time.perf_counter(), processor_seconds()
    done = subprocess.run(
        [*command, str(seed)], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    clock, processors = time.perf_counter() - begun, processor_seconds() - used
    counted = re.search(r"(\d+) epochs", done.stdout)
    assert counted is not None, done.stdout
    return Trained(clock, processors, float(counted[1]))


def processor_seconds() -> float:
    """Return what all processes run so far have used."""
    used = os.times()
    return used.children_user + used.children_system


if __name__ == "__main__":
    main()
