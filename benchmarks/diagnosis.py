"""Diagnose trainings that were broken on purpose, and healthy ones, all on real data.

    python benchmarks/diagnosis.py
    python benchmarks/diagnosis.py --only "zero weights" --seeds 1
    python benchmarks/diagnosis.py --no-verify

In each broken training one fault was planted; everything else is as in the healthy one on the same data. The table says
whether the first finding names the fault, and what its verified fix gained: the median over the seeds of how much lower
the loss is with it. No threshold of the diagnosis was set by looking at these trainings.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import jax
import numpy as np

import downslope as ds
from downslope import initializers, training
from downslope.diagnosis import SEEDS


@dataclass(frozen=True)
class Training:
    """One training.

    Attributes:
        name: what was done to it.
        run: makes it.
        faults: codes of findings that name the planted fault; empty for a healthy training.
    """

    name: str
    run: Callable[[], training.Run]
    faults: tuple[str, ...] = ()


def _trained(net: Any, data: ds.Dataset, **settings: Any) -> training.Run:
    """Train on standardized inputs with what usually works, unless told otherwise."""
    usual = {"optimizer": ds.adam(3e-3), "epochs": 30, "normalize": "standard", "progress": False, "validation": 0.2}
    return ds.train(net, data, **(usual | settings))


@cache
def _digits(rows: int = 1797) -> ds.Dataset:
    """Return digits with a class each, or the first rows of them."""
    return ds.load("digits").take(np.arange(rows))


def _small(outputs: int = 10, **settings: Any) -> Any:
    """Return the network of the healthy trainings."""
    return ds.mlp([64, 32], outputs=outputs, **settings)


def _changed(data: ds.Dataset, x: Any = None, y: Any = None) -> ds.Dataset:
    """Return a data set with other inputs or other labels."""
    return ds.Dataset(data.x if x is None else x, data.y if y is None else y, task=data.task)


def _scales(data: ds.Dataset) -> ds.Dataset:
    """Return the same features in other units: every third in thousandths, every third in thousands."""
    units = np.array([1e-3, 1.0, 1e3])[np.arange(data.x.shape[1]) % 3]
    return _changed(data, x=data.x * units)


def _shifted(data: ds.Dataset) -> ds.Dataset:
    """Return standardized features, each 20 deviations from zero."""
    x = np.asarray(data.x, float)
    return _changed(data, x=(x - x.mean(0)) / x.std(0) + 20)


def _noisy(data: ds.Dataset, share: float) -> ds.Dataset:
    """Return the data with a share of the labels drawn at random."""
    random = np.random.default_rng(7)
    labels = np.array(data.y)
    lost = random.random(len(labels)) < share
    labels[lost] = random.integers(0, 10, int(lost.sum()))
    return _changed(data, y=labels)


def _by_label(data: ds.Dataset) -> ds.Dataset:
    """Return the rows sorted by their label."""
    return data.take(np.argsort(data.y, kind="stable"))


def _rare(data: ds.Dataset, label: Any, kept: int) -> ds.Dataset:
    """Return the data with few rows of one class."""
    rows = np.flatnonzero(data.y == label)
    lost = set(rows[kept:].tolist())
    return data.take(np.array([row for row in range(len(data)) if row not in lost]))


def _dead(data: ds.Dataset) -> training.Run:
    """Train from biases so low that no relu of the first layer is ever active."""
    net = _small()
    start = net.init(0, data.x.shape[1:])
    first = dict(start.params[0]) | {"bias": start.params[0]["bias"] - 40.0}
    return _trained(net, data, start=start._replace(params=(first, *start.params[1:])))


def _twins(data: ds.Dataset) -> training.Run:
    """Train from a first layer whose units all have the same weights."""
    net = _small(activation="tanh")
    start = net.init(0, data.x.shape[1:])
    weight = np.array(start.params[0]["weight"])
    second = np.array(start.params[2]["weight"])
    same = dict(start.params[0]) | {"weight": np.broadcast_to(weight[:, :1], weight.shape).copy()}
    alike = dict(start.params[2]) | {"weight": np.broadcast_to(second[:1, :], second.shape).copy()}
    return _trained(net, data, start=start._replace(params=(same, start.params[1], alike, *start.params[3:])))


def _with(initializer: Any, **settings: Any) -> Any:
    """Return the network of the healthy trainings with other starting weights."""
    return _small(initializer=initializer, **settings)


digits, iris = partial(_digits), partial(ds.load, "iris")
cancer, wine, diabetes = partial(ds.load, "breast_cancer"), partial(ds.load, "wine"), partial(ds.load, "diabetes")
lines = partial(ds.load, "mnist1d")

BROKEN = (
    Training(
        "features in units from thousandths to thousands (wine)",
        lambda: _trained(_small(3), _scales(wine()), normalize=None, optimizer=ds.sgd(1e-3)),
        ("inputs_not_normalized",),
    ),
    Training(
        "features as they come (breast cancer)",
        lambda: _trained(_small(2), cancer(), normalize=None, optimizer=ds.sgd(1e-2)),
        ("inputs_not_normalized",),
    ),
    Training(
        "features shifted by 20 deviations (breast cancer)",
        lambda: _trained(_small(2, activation="tanh"), _shifted(cancer()), normalize=None, optimizer=ds.sgd(1e-2)),
        ("inputs_not_centered",),
    ),
    Training(
        "a rate 300 times too large (digits)",
        lambda: _trained(_small(activation="tanh"), digits(), optimizer=ds.adam(1.0)),
        ("rate_too_large",),
    ),
    Training(
        "a rate that diverges (diabetes)",
        lambda: _trained(ds.mlp([32], outputs=1), diabetes(), normalize_targets="standard", optimizer=ds.sgd(3.0)),
        ("rate_too_large",),
    ),
    Training(
        "a rate 1000 times too small (digits)",
        lambda: _trained(_small(), digits(), optimizer=ds.adam(3e-6)),
        ("rate_too_small",),
    ),
    Training(
        "zero weights (digits)",
        lambda: _trained(_with("zeros"), digits()),
        ("zero_weights",),
    ),
    Training(
        "constant weights (wine)",
        lambda: _trained(_with(initializers.constant(0.1), outputs=3, activation="tanh"), wine()),
        ("identical_units",),
    ),
    Training(
        "weights of deviation 3 under tanh (digits)",
        lambda: _trained(_with(initializers.normal(3.0), activation="tanh"), digits()),
        ("weights_too_large", "saturated_units", "exploding_signal"),
    ),
    Training(
        "30 sigmoid layers (digits)",
        lambda: _trained(ds.mlp([32] * 30, outputs=10, activation="sigmoid"), digits()),
        ("vanishing_signal", "vanishing_gradients"),
    ),
    Training("dead relus (digits)", lambda: _dead(digits()), ("dead_units",)),
    Training("a first layer of equal units (digits)", lambda: _twins(digits()), ("identical_units",)),
    Training(
        "rows sorted by label, not shuffled (digits)",
        lambda: _trained(
            _small(), _by_label(digits()), order="sequential", optimizer=ds.sgd(0.05), epochs=5, validation=0.0
        ),
        ("data_order_correlated",),
    ),
    Training(
        "8 of 357 benign (breast cancer)",
        lambda: _trained(_small(2), _rare(cancer(), 1, 8), optimizer=ds.sgd(0.02), epochs=15),
        ("classes_unbalanced",),
    ),
    Training(
        "a third of the labels drawn at random (digits)",
        lambda: _trained(_small(), _noisy(digits(), 0.37), epochs=60),
        ("label_noise",),
    ),
    Training(
        "240 rows for 80,000 parameters, 200 epochs (MNIST-1D)",
        lambda: _trained(ds.mlp([256, 256], outputs=10), lines().take(np.arange(300)), epochs=200),
        ("overfit",),
    ),
    Training(
        "one unit in the middle (digits)",
        lambda: _trained(ds.mlp([64, 1, 64], outputs=10), digits()),
        ("widths_unequal",),
    ),
    Training("a linear model (MNIST-1D)", lambda: _trained(ds.mlp([], outputs=10), lines()), ("underfit",)),
    Training(
        "one row a step at a rate for many (digits)",
        lambda: _trained(_small(activation="tanh"), digits(600), batch_size=1, optimizer=ds.sgd(0.5), epochs=10),
        ("batch_too_small", "rate_too_large"),
    ),
    Training(
        "all rows a step, 30 epochs (digits)",
        lambda: _trained(_small(), digits(), batch_size=1437, optimizer=ds.sgd(0.1)),
        ("batch_too_large",),
    ),
    Training(
        "plain descent in a ravine (logistic regression, breast cancer)",
        lambda: _trained(ds.mlp([], outputs=2), cancer(), batch_size=455, optimizer=ds.sgd(0.5), epochs=20),
        ("ill_conditioned",),
    ),
)

HEALTHY = (
    Training("digits, Adam", lambda: _trained(_small(), digits())),
    Training("digits, momentum", lambda: _trained(_small(), digits(), optimizer=ds.sgd(0.05, momentum=0.9))),
    Training("iris, Adam", lambda: _trained(ds.mlp([16], outputs=3), iris(), optimizer=ds.adam(0.01), epochs=60)),
    Training("wine, batch norm", lambda: _trained(_small(3, norm="batch"), wine(), batch_size=29, early_stopping=10)),
    Training("breast cancer, dropout", lambda: _trained(_small(2, dropout=0.2), cancer(), early_stopping=10)),
    Training(
        "diabetes, targets standardized",
        lambda: _trained(ds.mlp([16], outputs=1), diabetes(), normalize_targets="standard", early_stopping=10),
    ),
    Training(
        "MNIST-1D, convolutions",
        lambda: _trained(
            ds.cnn([16, 32], outputs=10, dense=[64], dimensions=1),
            _changed(lines(), x=np.asarray(lines().x)[..., None]),
            epochs=8,
        ),
    ),
    Training(
        "digits, full batch at the edge of stability",
        lambda: _trained(
            _small(activation="tanh"), digits(600), validation=0.0, batch_size=600, optimizer=ds.sgd(0.5), epochs=400
        ),
    ),
)


def judge(one: Training, *, seeds: int) -> tuple[bool, str, list[Any], Any]:
    """Return whether a training was judged rightly, the verdict, the findings, and the trial of the first of them."""
    report = ds.diagnose(one.run(), verify=seeds)
    findings = list(report.findings)
    trial = next((trial for trial in report.trials if findings and trial.code == findings[0].code), None)
    if one.faults:
        right = bool(findings) and findings[0].code in one.faults
    else:
        right = not any(finding.severity == "severe" for finding in findings)
    return right, report.verdict.name, findings, trial


def _gain_text(trial: Any) -> str:
    """Return what a fix gains, in words."""
    if trial.helps is None:
        return "no difference that the seeds can tell"
    return f"the fix lowers the {trial.measured} by {100 * trial.gain:.0f} %"


def main() -> None:
    """Print a line for each training."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=SEEDS, help="seeds of the trainings that verify a fix")
    parser.add_argument("--no-verify", action="store_true", help="only diagnose")
    parser.add_argument("--only", default="", help="trainings whose name holds this text")
    arguments = parser.parse_args()
    for title, trainings in (("broken", BROKEN), ("healthy", HEALTHY)):
        chosen = [one for one in trainings if arguments.only in one.name]
        rights, gains = 0, 0
        for one in chosen:
            begun = time.perf_counter()
            right, verdict, findings, trial = judge(one, seeds=0 if arguments.no_verify else arguments.seeds)
            rights, gains = rights + right, gains + (trial is not None and trial.helps is True)
            named = ", ".join(f"{finding.code} ({finding.severity})" for finding in findings[:3]) or "nothing"
            gain = "" if trial is None else f"; {_gain_text(trial)}"
            mark = "ok   " if right else "WRONG"
            seconds = time.perf_counter() - begun
            print(f"{mark} {one.name}: {verdict}; {named}{gain} [{seconds:.0f} s]", flush=True)
            jax.clear_caches()
        if chosen:
            print(f"{title}: {rights} of {len(chosen)} judged rightly; {gains} fixes of the first finding help\n")


if __name__ == "__main__":
    main()
