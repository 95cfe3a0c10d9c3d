"""Compare the rates that `find_learning_rate` suggests with the best of a grid, on easy problems and hard ones.

    python benchmarks/learning_rates.py
    python benchmarks/learning_rates.py --only poisson

For each case the network is trained with the suggested rate and with 33 others, a third of a decade apart, each from
three starts of its own. The regret is what the suggested rate misses of what the best one gains over the answer that is
the same for all rows: 0 % is as good as the best, 100 % has learned nothing. Losses are those of the training rows at
the end, the median over the starts.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

import downslope as ds
from downslope.training import constant_predictor_loss, find_learning_rate, prepare

GRID = 10.0 ** (np.arange(-18, 15) / 3)
SEEDS = (11, 12, 13)


@dataclass(frozen=True)
class Case:
    """A network, data and an optimizer to find a rate for.

    Attributes:
        name: of the case.
        net: the network.
        data: makes the rows.
        optimizer: makes the optimizer from a rate.
        epochs: of the trainings that are compared.
        hard: why it is hard; empty for an easy one.
        settings: of `ds.train`.
        finder: further arguments of the finder.
    """

    name: str
    net: ds.Sequential
    data: Callable[[], ds.Dataset]
    optimizer: Callable[[Any], Any]
    epochs: int
    hard: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    finder: dict[str, Any] = field(default_factory=dict)


def made(kind: str, rows: int = 400, seed: int = 1) -> ds.Dataset:
    """Return made-up rows of a kind."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, 6)).astype(np.float32)
    signal = x[:, 0] - 0.5 * x[:, 1] * x[:, 2]
    match kind:
        case "little":
            return ds.Dataset(x, 0.2 * signal + random.normal(size=rows))
        case "little, classes":
            return ds.Dataset(x, (random.uniform(size=rows) < 1 / (1 + np.exp(-0.4 * x[:, 0]))).astype(int))
        case "nothing":
            return ds.Dataset(x, random.normal(size=rows))
        case "offset":
            return ds.Dataset(x, 50 + signal + 0.1 * random.normal(size=rows))
        case "large":
            return ds.Dataset(x, 1e4 * signal)
        case "heavy tails":
            return ds.Dataset(x, signal + random.standard_t(1.5, size=rows))
        case "heavy inputs":
            return ds.Dataset(np.sign(x) * np.abs(x) ** 3, signal)
        case "counts":
            return ds.Dataset(x, random.poisson(np.exp(0.5 + 0.4 * signal)), task="regression")
        case "large counts":
            return ds.Dataset(x, random.poisson(200 * np.exp(0.3 * x[:, 0])), task="regression")
        case "raw scales":
            return ds.Dataset(x * np.array([1, 1, 5, 0.2, 3, 1], np.float32) + 2, signal)
        case _:
            return ds.Dataset(x, signal + 0.1 * random.normal(size=rows))


@cache
def real(name: str, rows: int | None = None) -> ds.Dataset:
    """Return a shipped data set, or its first rows."""
    data = ds.load(name)
    return data if rows is None else data.take(np.arange(rows))


def cases() -> Iterator[Case]:
    """Yield all cases."""
    standard = {"normalize": "standard"}
    rules = {"sgd": ds.sgd, "momentum": lambda rate: ds.sgd(rate, momentum=0.9), "adam": ds.adam, "rmsprop": ds.rmsprop}
    for rule in ("sgd", "momentum", "adam", "rmsprop"):
        for name, outputs in (("iris", 3), ("wine", 3), ("breast_cancer", 2), ("diabetes", 1)):
            yield Case(
                f"{name} 16 {rule}", ds.mlp([16], outputs=outputs), lambda name=name: real(name), rules[rule], 20,
                settings=standard,
            )  # fmt: skip
    digits = lambda: real("digits", 1000)  # noqa: E731
    yield Case("digits 64 adam", ds.mlp([64], outputs=10), digits, ds.adam, 10, settings=standard)
    yield Case("digits 64-64-64 sgd", ds.mlp([64] * 3, outputs=10), digits, ds.sgd, 10, settings=standard)
    yield Case("digits linear sgd", ds.mlp([], outputs=10), digits, ds.sgd, 10, settings=standard)
    yield Case("digits sigmoid adam", ds.mlp([32, 32], outputs=10, activation="sigmoid"), digits, ds.adam, 10)

    def hard(
        name: str, why: str, kind: str, net: ds.Sequential | None = None, rule: Any = ds.adam, **more: Any
    ) -> Case:
        rows = more.pop("rows", 400)
        return Case(
            name, net or ds.mlp([16], outputs=1), lambda: made(kind, rows), rule, more.pop("epochs", 20), why, **more
        )

    zeros = ds.mlp([], outputs=2, initializer="zeros")
    yield hard("logistic from zeros", "little to learn", "little, classes", zeros, ds.sgd, rows=2000)
    yield hard("logistic from zeros, adam", "little to learn", "little, classes", zeros, rows=2000)
    yield hard("regression, r² 0.04", "little to learn", "little", ds.mlp([], outputs=1), ds.sgd)
    yield hard("regression 16, r² 0.04", "little to learn", "little")
    yield hard("offset targets", "offset losses", "offset")
    yield hard("offset targets, sgd", "offset losses", "offset", rule=ds.sgd)
    yield hard("large targets", "large losses", "large")
    poisson = {"loss": "poisson"}
    yield hard("poisson", "counts", "counts", settings=poisson)
    yield hard("poisson sgd", "counts", "counts", rule=ds.sgd, settings=poisson)
    yield hard("poisson, mean 200", "counts", "large counts", settings=poisson)
    yield hard("heavy tails", "heavy tails", "heavy tails")
    yield hard("heavy tails, huber", "heavy tails", "heavy tails", settings={"loss": "huber"})
    yield hard("heavy inputs sgd", "heavy tails", "heavy inputs", rule=ds.sgd)
    yield hard("20 rows", "tiny set", "plain", rows=20, epochs=60)
    yield hard("8 rows sgd", "tiny set", "plain", rule=ds.sgd, rows=8, epochs=100)
    yield hard("20,000 rows", "large set", "plain", rows=20_000, epochs=2)
    yield hard("100,000 rows sgd", "huge set", "plain", rule=ds.sgd, rows=100_000, epochs=1)
    yield hard("range too low", "range too low", "plain", finder={"low": 1e-12, "high": 1e-8})
    yield hard("range too high", "range too high", "plain", finder={"low": 5.0, "high": 50.0})
    yield hard("raw scales sgd", "raw inputs", "raw scales", rule=ds.sgd)


def regret(case: Case) -> tuple[float, float, float]:
    """Return the regret of the suggested rate, that rate, and the best of the grid."""
    data, usual = case.data(), {"batch_size": 32, **case.settings}
    usual["batch_size"] = min(usual["batch_size"], len(data))
    given = usual | {"optimizer": case.optimizer("auto")}
    found = find_learning_rate(case.net, data, progress=False, seed=1, **given, **case.finder)
    rates = sorted({*GRID.tolist(), found.suggestion})
    settings = {**usual, "optimizer": case.optimizer(0.1), "epochs": case.epochs, "progress": False}
    trained = ds.sweep(case.net, data, learning_rate=rates, seed=list(SEEDS), **settings)
    ends = [run.history["train_loss"][-1] if run.stop_reason != "diverged" else np.inf for run in trained.runs]
    losses = np.median(np.nan_to_num(np.reshape(ends, (len(rates), len(SEEDS))), nan=np.inf), axis=1)
    problem = prepare(case.net, data, ds.training.TrainingSettings.of(usual))
    shape = problem.preprocessing.input_shape
    trivial = constant_predictor_loss(problem.loss, problem.subset, case.net.output_shape(shape)[-1])
    best = float(losses.min())
    return (
        float((losses[rates.index(found.suggestion)] - best) / (trivial - best)),
        found.suggestion,
        rates[int(losses.argmin())],
    )


def main() -> None:
    """Find a rate for each case, and print its regret."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="the cases whose names hold these words")
    only = parser.parse_args().only
    regrets, hard = [], 0
    for case in cases():
        if only not in case.name:
            continue
        begun = time.perf_counter()
        missed, suggested, best = regret(case)
        regrets.append(missed)
        hard += bool(case.hard)
        print(
            f"{case.name:26} {case.hard:16} suggested {suggested:8.3g}  best of the grid {best:8.3g}"
            f"  regret {100 * missed:6.2f} %  {time.perf_counter() - begun:.0f} s",
            flush=True,
        )
    print(
        f"{len(regrets)} cases, {hard} hard: median regret {100 * np.median(regrets):.2f} %, largest "
        f"{100 * np.max(regrets):.1f} %"
    )


if __name__ == "__main__":
    main()
