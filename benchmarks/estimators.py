"""Fit the estimators and scikit-learn's networks with equal settings, and print scores and times.

    python benchmarks/estimators.py                     a table over data sets, then the noisy set
    python benchmarks/estimators.py --sets digits wine  some of them
    python benchmarks/estimators.py --seeds 5           medians over so many splits and starts

Both are given standardized inputs and targets, and all settings are the defaults, which are the same: one hidden layer
of 100, Adam, at most 200 passes. The first fit of ours compiles, unless JAX keeps compiled programs on disk; later fits
are on other rows of the same number. NumPy is held to one thread: with several, its small matrix products are slower.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from statistics import median
from typing import Any, NamedTuple

import numpy as np
from sklearn import datasets
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from downslope.estimators import NetworkClassifier, NetworkRegressor


class Case(NamedTuple):
    """Rows and targets, and whether these are classes."""

    rows: Callable[[], tuple[np.ndarray, np.ndarray]]
    classes: bool


SETS = {
    "iris": Case(lambda: datasets.load_iris(return_X_y=True), True),
    "wine": Case(lambda: datasets.load_wine(return_X_y=True), True),
    "breast_cancer": Case(lambda: datasets.load_breast_cancer(return_X_y=True), True),
    "digits": Case(lambda: datasets.load_digits(return_X_y=True), True),
    "diabetes": Case(lambda: datasets.load_diabetes(return_X_y=True), False),
    "friedman1": Case(lambda: datasets.make_friedman1(2000, noise=1.0, random_state=0), False),
    "friedman2": Case(lambda: datasets.make_friedman2(2000, noise=50.0, random_state=0), False),
}


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", choices=list(SETS), nargs="*", default=list(SETS), help="which sets")
    parser.add_argument("--seeds", type=int, default=3, help="how many splits and starts")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    with threadpool_limits(1):
        print("set            rows features   score ours, MLP    first fit ours, MLP   later fits ours, MLP")
        for name in arguments.sets:
            print(line(name, SETS[name], arguments.seeds), flush=True)
        print()
        print(noisy(arguments.seeds))


def line(name: str, case: Case, seeds: int) -> str:
    """Return a line of the table: medians over seeds."""
    x, y = case.rows()
    ours, theirs = [], []
    for seed in range(seeds + 1):
        parts = train_test_split(x, y, random_state=seed, stratify=y if case.classes else None)
        kind = NetworkClassifier if case.classes else NetworkRegressor
        ours.append(fitted(kind(random_state=seed), *parts))
        theirs.append(fitted(_theirs(case.classes, seed), *parts))
    score, later = (tuple(median(fit[which] for fit in fits[1:]) for fits in (ours, theirs)) for which in (0, 1))
    return (
        f"{name:14s} {len(x):4d} {x.shape[1]:8d}   {score[0]:11.3f} {score[1]:6.3f}"
        f"   {ours[0][1]:12.2f} s {theirs[0][1]:5.2f} s   {later[0]:13.2f} s {later[1]:5.2f} s"
    )


def fitted(estimator: Any, x: Any, x_test: Any, y: Any, y_test: Any) -> tuple[float, float]:
    """Return the score on rows held out, and the seconds that fitting took."""
    begun = time.perf_counter()
    estimator.fit(x, y)
    seconds = time.perf_counter() - begun
    return estimator.score(x_test, y_test), seconds


def noisy(seeds: int) -> str:
    """Return what early stopping is worth where half of the targets' variance is noise, and rows are few."""
    ways = {
        "early stopping": {"early_stopping": True, "validation_fraction": 0.2},
        "to the end": {"tol": 0.0, "n_iter_no_change": np.inf},
    }
    lines = ["200 rows, 30 features, noise as large as the signal; 500 passes at most; 2,000 rows to judge by"]
    for name, settings in ways.items():
        fits = [_noisy_fit(seed, settings) for seed in range(2 * seeds + 1)]
        score, passes = (median(each) for each in zip(*fits, strict=True))
        lines.append(f"{name:15s} R² {score:.3f}, parameters of pass {passes:.0f}")
    return "\n".join(lines)


def _noisy_fit(seed: int, settings: dict[str, Any]) -> tuple[float, float]:
    """Return R² on unseen rows, and after how many passes the parameters were reached."""
    x, y = datasets.make_regression(2200, 30, n_informative=30, random_state=seed)
    y = y / y.std() + np.random.default_rng(seed).normal(size=len(y))
    estimator = NetworkRegressor(max_iter=500, random_state=seed, **settings).fit(x[:200], y[:200])
    return float(estimator.score(x[200:], y[200:])), float(estimator.best_iter_)


def _theirs(classes: bool, seed: int) -> Any:
    """Return scikit-learn's network, with inputs and targets standardized as ours does by itself."""
    if classes:
        return make_pipeline(StandardScaler(), MLPClassifier(random_state=seed))
    regressor = TransformedTargetRegressor(MLPRegressor(random_state=seed), transformer=StandardScaler())
    return make_pipeline(StandardScaler(), regressor)


if __name__ == "__main__":
    main()
