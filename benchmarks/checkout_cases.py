"""The cases that `compare_checkouts.py` runs: small work through public names, with its results as arrays and texts.

    python benchmarks/checkout_cases.py --list
    PYTHONPATH=src python benchmarks/checkout_cases.py FOLDER train/dense

writes `FOLDER/train.dense.pickle`. A case is a function that returns anything made of arrays, numbers, texts, tables
and containers of these. Only public names are used, so that a case runs on any layout of the library. Nothing here
imports the library before a case runs.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import pickle
import re
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

CASES: dict[str, Callable[[], object]] = {}
"""By name, `group/what`; filled below."""

MACHINE = {"versions", "cpu_count", "seconds", "digest", "setup_seconds", "run_seconds", "time_share"}
"""Names, in records and tables, of times and of facts about the machine."""


def main() -> None:
    """Run the cases named on the command line and write what each came to."""
    if sys.argv[1:] == ["--list"]:
        print("\n".join(CASES))
        return
    results, names = Path(sys.argv[1]).resolve(), sys.argv[2:]
    home = Path.cwd()
    for name in names:
        folder = home / name.replace("/", "-")
        folder.mkdir()
        os.chdir(folder)
        begun = time.process_time()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                values = dict(flat(CASES[name]()))
        except Exception as error:
            print(f"{name}:\n{traceback.format_exc()}", file=sys.stderr)
            values = {"failed": f"{type(error).__name__}: {error}"}
        print(f"{name}: {time.process_time() - begun:.1f} s of a processor", file=sys.stderr)
        os.chdir(home)
        (results / f"{name.replace('/', '.')}.pickle").write_bytes(pickle.dumps(values))


def flat(value: object, name: str = "") -> Iterator[tuple[str, np.ndarray | str]]:
    """Yield the arrays and texts in a result, each with its path."""
    if value is None or isinstance(value, bool | int | str):
        yield name, value if isinstance(value, str) else repr(value)
    elif isinstance(value, float):
        yield name, np.float64(value)[...]
    elif isinstance(value, bytes):
        yield name, np.frombuffer(value, np.uint8)
    elif isinstance(value, Mapping):
        yield name + " keys", "\n".join(map(str, value))
        for key, item in value.items():
            yield from flat(item, f"{name}/{key}")
    elif isinstance(value, list | tuple):
        yield name + " length", str(len(value))
        for index, item in enumerate(value):
            yield from flat(item, f"{name}/{index}")
    elif hasattr(value, "to_dict") and hasattr(value, "schema"):  # a table of polars
        yield name + " types", str(value.schema)
        yield from flat({column: value[column].to_list() for column in value.columns}, name)
    elif isinstance(value, np.ndarray | np.generic) or hasattr(value, "__array__"):
        array = np.asarray(value)
        yield (name, "\n".join(map(repr, array.ravel().tolist()))) if array.dtype.kind == "O" else (name, array)
    else:
        raise TypeError(f"{name} is a {type(value).__name__}: say which of its attributes count.")


def attributes(result: Any, names: str) -> dict[str, Any]:
    """Return some attributes of a result by name, and its text."""
    return {name: getattr(result, name) for name in names.split()} | {"text": str(result)}


def without_machine(value: Any) -> Any:
    """Return plain data without times and facts about the machine."""
    if isinstance(value, Mapping):
        return {key: without_machine(item) for key, item in value.items() if key not in MACHINE}
    return [without_machine(item) for item in value] if isinstance(value, list) else value


# Data -------------------------------------------------------------------------------------------------------------


def classes(rows: int = 150, *, features: int = 4, labels: int = 3, seed: int = 0) -> Any:
    """Return rows around one center for each class."""
    import downslope as ds

    random = np.random.default_rng(seed)
    y = random.integers(labels, size=rows)
    return ds.Dataset((random.normal(size=(rows, features)) + 1.5 * np.eye(labels, features)[y]).astype(np.float32), y)


def numbers(rows: int = 150, *, seed: int = 0, counts: bool = False) -> Any:
    """Return rows whose target is a curve of two features; or a count."""
    import downslope as ds

    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, 3)).astype(np.float32)
    target = 3 * np.sin(x[:, 0]) + x[:, 1] ** 2 + 0.1 * random.normal(size=rows)
    return ds.Dataset(x, random.poisson(np.exp(0.3 * target)) if counts else target + 20, task="regression")


def images(rows: int = 96) -> Any:
    """Return the first digits as images."""
    import downslope as ds

    digits = ds.load("digits").take(np.arange(rows))
    return ds.Dataset(np.asarray(digits.x).reshape(rows, 8, 8, 1) / 16, digits.y)


def sequences(rows: int = 96) -> Any:
    """Return the same digits, read line by line."""
    import downslope as ds

    digits = images(rows)
    return ds.Dataset(np.asarray(digits.x).reshape(rows, 8, 8), digits.y)


def table(path: str = "houses.csv", rows: int = 90, *, seed: int = 0) -> str:
    """Write a table with numbers, text, gaps, and return its path."""
    random = np.random.default_rng(seed)
    lines = ["area,year,town,price"]
    for row in range(rows):
        area, year, town = random.uniform(40, 200), random.integers(1900, 2020), random.choice(["A", "B", "C"])
        price = 2 * area + (year - 1900) / 2 + 30 * "ABC".index(town) + random.normal()
        lines.append(f"{area:.1f},{'' if row % 20 == 7 else year},{town},{price:.1f}")
    Path(path).write_text("\n".join(lines) + "\n")
    return path


# Trainings --------------------------------------------------------------------------------------------------------


def facts_of_run(run: Any, data: Any = None) -> dict[str, Any]:
    """Return all that a run is made of, but for times."""
    import jax

    facts = attributes(run, "variables last history stop_reason best_epoch epochs notes metrics task averaged")
    facts |= {"text": str(run), "table": run.table(), "optimizer": jax.tree.leaves(run.optimizer_state)}
    facts["divergence"] = run.divergence and attributes(run.divergence, "step epoch loss norm cause remedy")
    facts["restarts"] = run.restarts and {**attributes(run.restarts, "losses best epochs stop_reasons histories")}
    facts["trajectory"] = run.trajectory and attributes(run.trajectory, "steps params")
    facts["statistics"] = run.statistics and {"table": run.statistics.table()}
    if run.tracking is not None:
        measured = run.tracking.table()
        facts["tracking"] = measured.drop([name for name in measured.columns if name in MACHINE])
        facts["phases"] = [run.tracking.phase, run.tracking.phase_change]
    if data is not None:
        facts |= {"outputs": run.outputs(data.x), "predicted": run.predict(data.x), "evaluated": run.evaluate(data)}
        if run.task == "classification" and run.loss.inverse_link is not None:
            facts["probabilities"] = run.predict_proba(data.x)
    return facts


def trained(net: Any, data: Any, **settings: Any) -> Any:
    """Train briefly, in silence."""
    import downslope as ds

    return ds.train(net, data, **{"epochs": 4, "batch_size": 32, "validation": 0.2, "progress": False} | settings)


def training(
    net: Callable[[Any], Any] | None = None, data: Callable[[], Any] = classes, **settings: Callable[[Any], Any] | Any
) -> Callable[[], object]:
    """Return the case that trains a network; what depends on the library is a function of it."""

    def case() -> object:
        import downslope as ds

        network = net(ds) if net else ds.mlp([8], outputs=3, activation="tanh")
        rows = data()
        return facts_of_run(trained(network, rows, **resolved(settings, ds)), rows)

    return case


def resolved(settings: Mapping[str, Any], ds: Any) -> dict[str, Any]:
    """Return settings with the functions of the library called."""
    return {name: value(ds) if callable(value) else value for name, value in settings.items()}


NETWORKS: dict[str, tuple[Callable[[Any], Any], Callable[[], Any]]] = {
    "dense": (lambda ds: ds.mlp([12, 8], outputs=3), classes),
    "linear": (lambda ds: ds.mlp([], outputs=1), numbers),
    "batch norm": (lambda ds: ds.mlp([8, 8], outputs=3, norm="batch"), classes),
    "layer norm": (lambda ds: ds.mlp([8, 8], outputs=3, norm="layer", activation="gelu"), classes),
    "dropout": (lambda ds: ds.mlp([16], outputs=3, dropout=0.3), classes),
    "skip": (lambda ds: ds.mlp([8, 8, 6], outputs=3, skip=True, norm="batch", dropout=0.1), classes),
    "convolution": (lambda ds: ds.cnn([3, 4], outputs=10, dense=[8]), images),
    "convolution, normed": (lambda ds: ds.cnn([4], outputs=10, norm="batch", skip=True, pooling="average"), images),
    "convolution of sequences": (lambda ds: ds.cnn([4], outputs=10, dimensions=1, kernel=5, dropout=0.2), sequences),
    "residual": (
        lambda ds: ds.Sequential([ds.Residual([ds.Dense(5), ds.SiLU(), ds.Dense(6)]), ds.ELU(), ds.Dense(3)]),
        classes,
    ),
    "frozen": (lambda ds: ds.Sequential([ds.Frozen(ds.Dense(6)), ds.Softplus(), ds.Dense(3, bias=False)]), classes),
}
OPTIMIZERS: dict[str, Callable[[Any], Any]] = {
    "sgd": lambda ds: ds.sgd(0.1),
    "momentum": lambda ds: ds.sgd(0.05, momentum=0.9),
    "nesterov": lambda ds: ds.sgd(0.05, momentum=0.9, nesterov=True, weight_decay=1e-3),
    "averaged": lambda ds: ds.sgd(0.1, momentum=0.9, averaged=True, bias_correction=True),
    "rmsprop": lambda ds: ds.rmsprop(0.01),
    "rmsprop, centered": lambda ds: ds.rmsprop(0.01, centered=True, momentum=0.5, eps_in_sqrt=False),
    "adam": lambda ds: ds.adam(0.01),
    "adam, plain": lambda ds: ds.adam(0.01, b1=0.8, eps_in_sqrt=True, bias_correction=False),
    "adamw": lambda ds: ds.adamw(0.01, weight_decay=0.1),
    "nadam": lambda ds: ds.nadam(0.01),
    "adagrad": lambda ds: ds.adagrad(0.1),
    "adadelta": lambda ds: ds.adadelta(1.0),
    "clip": lambda ds: ds.clip(0.1, ds.adam(0.01)),
    "l2": lambda ds: ds.l2(0.01, ds.adam(0.01)),
    "decoupled": lambda ds: ds.decoupled_weight_decay(0.01, ds.rmsprop(0.01)),
    "ema": lambda ds: ds.ema(0.9, ds.sgd(0.1)),
    "by name": lambda ds: "nadam",
    "optax": lambda ds: __import__("optax").lion(1e-3),
    "rate found": lambda ds: ds.sgd("auto", momentum=0.9),
}
SCHEDULES: dict[str, Callable[[Any], Any]] = {
    "constant": lambda s: s.constant(0.05),
    "step": lambda s: s.step_decay(0.1, 0.5, 5),
    "exponential": lambda s: s.exponential_decay(0.1, 0.95),
    "inverse time": lambda s: s.inverse_time_decay(0.1, 0.1),
    "cosine": lambda s: s.cosine_decay(0.1, 15),
    "cyclic": lambda s: s.cyclic(0.01, 0.1, 8),
    "cyclic, triangular2": lambda s: s.cyclic(0.01, 0.1, 8, mode="triangular2"),
    "cyclic, exp_range": lambda s: s.cyclic(0.01, 0.1, 8, mode="exp_range", gamma=0.98),
    "one cycle": lambda s: s.one_cycle(0.1, 16),
    "piecewise": lambda s: s.piecewise_constant([0.1, 0.03, 0.01], at=[4, 9]),
    "warmup": lambda s: s.warmup(5, s.cosine_decay(0.1, 15)),
    "plateau": lambda s: s.reduce_on_plateau(0.5, 0.5, 1),
}
LOSSES: dict[str, tuple[int, Callable[[], Any]]] = {
    "cross_entropy": (3, classes),
    "binary_cross_entropy": (1, lambda: classes(labels=2)),
    "hinge": (3, classes),
    "perceptron": (3, classes),
    "squared_error": (1, numbers),
    "sum_squared_error": (1, lambda: numbers(40)),
    "mean_squared_error": (1, numbers),
    "huber": (1, numbers),
    "poisson": (1, lambda: numbers(counts=True)),
}


def weighted() -> Any:
    """Return rows of which some count more."""
    import downslope as ds

    data = classes()
    return ds.Dataset(data.x, data.y, row_weights=np.linspace(0, 2, 150))


def named() -> Any:
    """Return two unequal classes with names."""
    import downslope as ds

    data = classes(seed=3)
    return ds.Dataset(data.x, np.array(["ant", "bee", "ant"])[data.y])


def two_classes(ds: Any) -> Any:
    """Return a network for these."""
    return ds.mlp([6], outputs=2)


def other_rate(moment: Any) -> Any:
    """Halve the rate after two epochs, and stop after three."""
    import downslope as ds

    return {2: ds.Change(learning_rate=0.005), 3: ds.Stop()}.get(moment.epoch)


def interruption(moment: Any) -> None:
    """Press Ctrl-C after two epochs."""
    if moment.epoch == 2:
        raise KeyboardInterrupt


def in_float64() -> object:
    """Train in double precision."""
    import jax

    with jax.enable_x64(True):
        return training(two_classes, named, class_weight="balanced")()


def from_start() -> object:
    """Train on from the parameters of another run, with one layer frozen."""
    import downslope as ds

    net, data = ds.mlp([8], outputs=3), classes()
    first = trained(net, data)
    return facts_of_run(trained(ds.freeze(net, [0]), data, start=first.last, seed=1), data)


def metrics_of_numbers() -> object:
    """Train on numbers with normalized targets and all their metrics."""
    import downslope as ds

    data = numbers()
    settings = {"normalize": "symmetric", "normalize_targets": "standard", "metrics": ["rmse", "mae", "r2"]}
    return facts_of_run(trained(ds.mlp([8], outputs=1), data, **settings), data)


SETTINGS: dict[str, dict[str, Any]] = {
    "no validation": {"validation": 0.0},
    "validation rows": {"validation": lambda ds: classes(60, seed=5)},
    "early stopping": {"early_stopping": 2, "epochs": 40, "optimizer": lambda ds: ds.adam(0.1)},
    "stopping over many chunks": {"batch_size": 1, "epochs": 2},
    "all rows a batch": {"batch_size": 120},
    "batch sizes": {"batch_size": lambda ds: ds.schedules.piecewise_constant([16, 48], at=[2])},
    "restarts": {"restarts": 5},
    "restarts, early stopping": {"restarts": 4, "early_stopping": 1, "epochs": 20, "optimizer": lambda ds: ds.sgd(0.5)},
    "class weights": {"net": two_classes, "data": named, "class_weight": {"ant": 1.0, "bee": 3.0}},
    "balanced classes": {
        "net": two_classes,
        "data": named,
        "class_weight": "balanced",
        "metrics": ["accuracy", "balanced_accuracy", "f1"],
    },
    "row weights": {"data": weighted, "normalize": "standard", "metrics": ["auc"]},
    "order shuffle_once": {"order": "shuffle_once", "normalize": "minmax"},
    "order sequential": {"order": "sequential"},
    "order replacement": {"order": "replacement"},
    "order blocks": {"order": "blocks"},
    "recorded": {"record": lambda ds: ds.Record(parameters_every=3, statistics_every=4)},
    "observed": {"observers": lambda ds: [other_rate], "optimizer": lambda ds: ds.adam(0.01)},
    "interrupted": {"observers": lambda ds: [interruption]},
    "diverged": {"data": numbers, "net": lambda ds: ds.mlp([8], outputs=1), "optimizer": lambda ds: ds.sgd(1e6)},
    "tracked": {"track": lambda ds: ds.Track(curvature_every=3, budget=None)},
    "tracked, momentum": {
        "track": lambda ds: ds.Track(budget=None, rows=50),
        "optimizer": lambda ds: ds.sgd(0.1, momentum=0.9),
    },
}

for _name, (_net, _data) in NETWORKS.items():
    CASES[f"train/{_name}"] = training(_net, _data)
for _name, _optimizer in OPTIMIZERS.items():
    CASES[f"optimizer/{_name}"] = training(optimizer=_optimizer)
for _name, _schedule in SCHEDULES.items():
    CASES[f"schedule/{_name}"] = training(optimizer=lambda ds, s=_schedule: ds.sgd(s(ds.schedules), momentum=0.5))
for _name, (_outputs, _data) in LOSSES.items():
    CASES[f"loss/{_name}"] = training(
        lambda ds, n=_outputs: ds.mlp([6], outputs=n), _data, loss=_name, optimizer=lambda ds: ds.adam(3e-3)
    )
for _name, _settings in SETTINGS.items():
    CASES[f"settings/{_name}"] = training(**_settings)
CASES["settings/float64"] = in_float64
CASES["settings/start and frozen"] = from_start
CASES["settings/numbers"] = metrics_of_numbers


# Data, in memory and on disk ---------------------------------------------------------------------------------------


def facts_of_data(data: Any) -> dict[str, Any]:
    """Return what a data set holds."""
    taken = data.take(np.arange(min(len(data), 200)))
    return attributes(data, "feature_names task notes") | {"x": dense(taken.x), "y": dense(taken.y), "rows": len(data)}


def dense(x: Any) -> Any:
    """Return rows as an array, or a table as it is."""
    return x if hasattr(x, "columns") else np.asarray(x)


def shipped_sets() -> object:
    """Load all sets that need no file."""
    import downslope as ds

    names = "old_faithful digits iris wine breast_cancer diabetes mnist1d quadrants moons spirals circles"
    return {name: facts_of_data(ds.load(name)) for name in names.split()}


def split_and_batches() -> object:
    """Split rows, and draw batches in every order."""
    import downslope as ds

    parts = classes().split(validation=0.2, test=0.2, seed=1)
    orders = ("shuffle", "shuffle_once", "sequential", "replacement", "blocks")
    drawn = {order: ds.Batches(50, batch_size=8, order=order, seed=2) for order in orders}
    return {
        "parts": [facts_of_data(part) for part in parts],
        "batches": {order: [batches.epoch(epoch) for epoch in (0, 1)] for order, batches in drawn.items()},
    }


def tables() -> object:
    """Read a table in three formats and train on it."""
    import polars

    import downslope as ds

    path = table()
    polars.read_csv(path).write_parquet("houses.parquet")
    np.savez("numbers.npz", x=np.asarray(numbers().x), y=np.asarray(numbers().y))
    data = ds.read(path, target="price")
    net, settings = ds.mlp([8], outputs=1), {"normalize": "standard", "normalize_targets": "standard"}
    return {
        "csv": facts_of_data(data),
        "parquet": facts_of_data(ds.read("houses.parquet", target="price")),
        "npz": facts_of_data(ds.read("numbers.npz")),
        "town": facts_of_data(ds.read(path, target="town", categorical=["year"])),
        "run": facts_of_run(trained(net, data, **settings), data),
    }


def mapped_rows() -> object:
    """Train on rows of a mapped file, in both orders for rows on disk."""
    import downslope as ds

    data = classes(2500)
    np.save("x.npy", np.asarray(data.x))
    mapped = ds.Dataset(np.load("x.npy", mmap_mode="r"), data.y)
    net = ds.mlp([8], outputs=3)
    return {
        order: facts_of_run(trained(net, mapped, order=order, normalize="standard", epochs=2), data)
        for order in ("shuffle", "blocks")
    }


def stored_rows() -> object:
    """Write blocks of a table with text and gaps to disk, train on it, resume."""
    import polars

    import downslope as ds

    frame = polars.read_csv(table(rows=400))
    data = ds.store_rows((frame[start : start + 90] for start in range(0, 400, 90)), "rows", target="price")
    net = ds.mlp([8], outputs=1)
    settings = {"normalize": "standard", "normalize_targets": "standard", "order": "blocks", "epochs": 2}
    run = trained(net, data, store="run", **settings)
    longer = ds.resume("run", epochs=3, progress=False)
    facts = attributes(data, "feature_names task notes") | {"rows": len(data)}
    return {"data": facts, "run": facts_of_run(run, data), "longer": facts_of_run(longer)}


CASES |= {
    "data/sets": shipped_sets,
    "data/split and batches": split_and_batches,
    "data/tables": tables,
    "data/mapped rows": mapped_rows,
    "data/stored rows": stored_rows,
}


# Runs on disk --------------------------------------------------------------------------------------------------------


def folder_facts(folder: str) -> dict[str, Any]:
    """Return what a run's folder holds, but for times, digests of them, the machine, and how often it was saved."""
    record = json.loads((Path(folder) / "run.json").read_text())
    facts: dict[str, Any] = {"record": without_machine(record)}
    facts["metrics"] = (Path(folder) / "metrics.jsonl").read_text()
    for path in sorted(Path(folder).rglob("*.safetensors")):
        if path.stem != "previous":
            facts[path.name] = saved_arrays(path)
            written = without_machine(json.loads(facts[path.name]["metadata"]["facts"]))
            if path.stem == "best":
                written = {name: written[name] for name in ("best_epoch", "best_loss")}
            facts[path.name]["metadata"] = written
    return facts


def saved_arrays(path: Path) -> dict[str, Any]:
    """Return what a file of safetensors holds; its metadata are in no order."""
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        arrays = {name: file.get_tensor(name) for name in sorted(file.keys())}
        return {"arrays": arrays, "metadata": dict(sorted((file.metadata() or {}).items()))}


def resumed(**settings: Any) -> Callable[[], object]:
    """Return the case that trains for two epochs, goes on to five, and opens the run."""

    def case() -> object:
        import downslope as ds

        net, data = ds.mlp([8], outputs=3, norm="batch", dropout=0.1), classes()
        run = trained(net, data, epochs=2, store="run", **resolved(settings, ds))
        before = folder_facts("run")
        longer = ds.resume("run", data, epochs=5, progress=False)
        opened = ds.open_run("run")
        return {
            "run": facts_of_run(run, data),
            "longer": facts_of_run(longer, data),
            "opened": facts_of_run(opened, data),
            "folders": [before, folder_facts("run")],
        }

    return case


def interrupted_and_resumed() -> object:
    """Interrupt a training, and finish it."""
    import downslope as ds

    run = trained(ds.mlp([8], outputs=3), ds.load("iris"), epochs=5, store="run", observers=[interruption])
    return {"run": facts_of_run(run), "whole": facts_of_run(ds.resume("run", progress=False), ds.load("iris"))}


def compared_runs() -> object:
    """Keep two runs and compare them."""
    import downslope as ds

    for rate in (0.1, 0.01):
        trained(ds.mlp([4], outputs=3), classes(), optimizer=ds.sgd(rate), store=f"runs/{rate}")
    compared = ds.compare(["runs/0.1", "runs/0.01"])
    return re.sub(" +", " ", timeless(str(compared)))


CASES |= {
    "resume/adam": resumed(),
    "resume/schedule": resumed(optimizer=lambda ds: ds.sgd(ds.schedules.reduce_on_plateau(0.3, 0.5, 1), momentum=0.9)),
    "resume/restarts": resumed(restarts=3),
    "resume/averaged weights": resumed(optimizer=lambda ds: ds.ema(0.9, ds.adam(0.01)), class_weight="balanced"),
    "resume/recorded and tracked": resumed(
        record=lambda ds: ds.Record(parameters_every=3, statistics_every=3),
        track=lambda ds: ds.Track(curvature_every=5, budget=None),
    ),
    "resume/interrupted": interrupted_and_resumed,
    "resume/compared": compared_runs,
}


# Sweeps and finders ------------------------------------------------------------------------------------------------


def swept(**settings: Any) -> Callable[[], object]:
    """Return the case that sweeps."""

    def case() -> object:
        import downslope as ds

        common = {"epochs": 3, "validation": 0.2, "progress": False, "optimizer": "sgd"}
        found = ds.sweep(ds.mlp([6], outputs=3), classes(), **common | resolved(settings, ds))
        facts = attributes(found, "settings losses best_settings") | {"table": found.table()}
        return facts | {"runs": [facts_of_run(run) for run in found.runs]}

    return case


def swept_networks() -> object:
    """Sweep over networks and optimizers."""
    import downslope as ds

    nets = {"narrow": ds.mlp([3], outputs=3), "wide": ds.mlp([9], outputs=3)}
    rules = {"momentum": ds.sgd(0.05, momentum=0.9), "adam": ds.adam(0.01)}
    found = ds.sweep(nets, classes(), optimizer=rules, epochs=2, progress=False)
    return {"table": found.table(), "text": str(found), "runs": [facts_of_run(run) for run in found.runs]}


def raced() -> object:
    """Race two optimizers from one start."""
    import downslope as ds

    rules = {"momentum": ds.sgd(0.05, momentum=0.9), "adam": ds.adam(0.01)}
    found = ds.race(ds.mlp([6], outputs=3), classes(), optimizers=rules, epochs=3, validation=0.2, progress=False)
    return {"text": str(found), "table": found.table(), "runs": {n: facts_of_run(run) for n, run in found.runs.items()}}


def found_rate(**settings: Any) -> Callable[[], object]:
    """Return the case that looks for a learning rate."""

    def case() -> object:
        import downslope as ds

        common = {"steps": 60, "epochs": 3, "progress": False, "normalize": "standard"}
        found = ds.find_learning_rate(ds.mlp([6], outputs=3), classes(), **common | resolved(settings, ds))
        facts = attributes(found, "suggestion reason limit batch_size notes") | {"table": found.table()}
        facts["suggestions"] = {name: [item.rate, item.why] for name, item in found.suggestions.items()}
        facts["range"] = attributes(found.range_test, "rates losses smoothed blow_up") | {"text": ""}
        facts["trials"] = attributes(found.trials, "rates losses epochs steps measured interrupted") | {"text": ""}
        names = "sharpness residual converged factor limit preconditioned rows"
        facts["curvature"] = found.curvature and attributes(found.curvature, names) | {"text": ""}
        return facts

    return case


def found_batch_size() -> object:
    """Look for a batch size; what depends on this machine's speed and memory is left out."""
    import downslope as ds

    found = ds.find_batch_size(ds.mlp([6], outputs=3), classes(600), steps=40, seconds=1.0, progress=False)
    noise = "value standard_error interval noise noise_standard_error squared_gradient batches batch_size text"
    facts: dict[str, Any] = {"short_training": found.short_training, "power": found.rate_power}
    for name, measured in {"end": found.noise, "start": found.noise_at_start}.items():
        facts[name] = measured and attributes(measured, noise.removesuffix(" text"))
    facts["curvature"] = found.curvature and {"text": str(found.curvature)}
    return facts | {"factor": found.rate_factor(64)}


CASES |= {
    "sweep/as one population": swept(learning_rate=[0.01, 0.1, 1.0], momentum=[0, 0.9]),
    "sweep/seeds": swept(seed=[0, 1, 2], validation=lambda ds: classes(60, seed=5), early_stopping=1),
    "sweep/one by one": swept(batch_size=[16, 64], normalize=[None, "standard"]),
    "sweep/class weights": swept(class_weight=[None, "balanced"], learning_rate=[0.1]),
    "sweep/networks": swept_networks,
    "sweep/race": raced,
    "finders/learning rate": found_rate(optimizer=lambda ds: ds.sgd(0.1, momentum=0.9)),
    "finders/learning rate, adam": found_rate(validation=0.2, optimizer="adam"),
    "finders/batch size": found_batch_size,
}


# Curvature ---------------------------------------------------------------------------------------------------------


def measured_curvature(net: Callable[[Any], Any], *, mode: str = "inference") -> Callable[[], object]:
    """Return the case that measures curvature where a training ended."""

    def case() -> object:
        import downslope as ds

        run = trained(net(ds), classes(), normalize="standard", validation=0.0)
        surface, params = run.surface(mode=mode), run.params
        pairs = "values vectors residuals converged status hvps"
        facts: dict[str, Any] = {"value": surface.value(params), "gradient": surface.gradient(params)}
        facts["product"] = surface.hvp(params, params)
        for which in ("largest", "smallest", "both", "magnitude"):
            facts[which] = attributes(ds.eigenvalues(surface, params, k=3, which=which), pairs)
        facts["trace"] = attributes(ds.hessian_trace(surface, params, probes=8), "value standard_error top hvps")
        facts["density"] = attributes(
            ds.spectral_density(surface, params, probes=2, nodes=20),
            "axis density standard_error outliers outlier_shares bandwidth mean mean_square nodes weights hvps",
        )
        facts["condition"] = attributes(
            ds.condition_number(surface, params), "kappa largest smallest floor negative effective_rank"
        )
        names = "ratio predicted_loss observed_loss best_step shares curvature_shares eigenvalues residuals hvps"
        facts["step"] = attributes(ds.step_model(surface, params, 0.1, k=3), names)
        facts["sharpness"] = attributes(ds.sharpness(surface, params), "largest residual trace box epsilon loss hvps")
        for by in ("layer", "neuron"):
            facts[f"blocks by {by}"] = str(ds.hessian_blocks(surface, params, by=by))
        if mode == "inference":
            term = ds.eigenvalues(surface, params, k=2, operator="gauss_newton")
            facts["gauss_newton"] = attributes(term, pairs)
            noise = ds.noise_scale(surface, params, batch_size=10)
            facts["noise"] = attributes(noise, "value standard_error interval noise squared_gradient batches")
        return facts

    return case


def theory() -> object:
    """Work out a quadratic bowl."""
    import downslope as ds

    bowl = ds.quadratic([0.5, 8.0, 40.0])
    best = bowl.best()
    return attributes(bowl, "largest smallest condition_number safe_rate") | {
        "best": str(best),
        "steps": [bowl.steps(best.learning_rate, 1e-6), bowl.steps(0.01, 1e-6)],
    }


def adapted() -> object:
    """Measure a function of JAX over unequal batches."""
    import jax.numpy as jnp

    import downslope as ds

    random = np.random.default_rng(0)
    x, y = (random.normal(size=(100, n)).astype(np.float32) for n in (3, 2))
    params = {"W": random.normal(size=(3, 4)).astype(np.float32), "V": random.normal(size=(4, 2)).astype(np.float32)}

    def loss(params: Any, batch: Any) -> Any:
        return jnp.mean((jnp.tanh(batch[0] @ params["W"]) @ params["V"] - batch[1]) ** 2)

    surface = ds.adapters.from_function(loss, params, [(x[:64], y[:64]), (x[64:], y[64:])])
    pairs = ds.eigenvalues(surface, surface.params, k=3, which="both")
    facts = attributes(pairs, "values vectors residuals converged status")
    noise = ds.noise_scale(surface, surface.params, batch_size=8)
    return facts | {
        "noise": attributes(noise, "value standard_error"),
        "report": str(ds.diagnose(surface, params=surface.params)),
    }


CASES |= {
    "curvature/dense": measured_curvature(lambda ds: ds.mlp([6], outputs=3, activation="tanh")),
    "curvature/batch norm": measured_curvature(lambda ds: ds.mlp([6], outputs=3, norm="batch")),
    "curvature/batch norm in training mode": measured_curvature(
        lambda ds: ds.mlp([6], outputs=3, norm="batch"), mode="training"
    ),
    "curvature/quadratic": theory,
    "curvature/adapted": adapted,
}


# Landscape ---------------------------------------------------------------------------------------------------------

SLICE = "axes losses computed directions kind labels left_out explained standard_error description"
PATH = "steps coordinates losses heights distances explained"


def recorded_run(**settings: Any) -> Any:
    """Return a run whose path was recorded."""
    import downslope as ds

    net = ds.mlp([6], outputs=3, activation="tanh")
    return trained(net, classes(), record=ds.Record(parameters_every=2), optimizer=ds.adam(0.02), **settings)


def slices() -> object:
    """Cut a network's surface along all kinds of directions, and project its path."""
    import downslope as ds

    run, *others = (recorded_run(seed=seed) for seed in range(3))
    surface, params = run.surface(), run.params
    towards = {"pca": {"trajectory": run.trajectory}, "between": {"towards": [other.params for other in others]}}
    facts: dict[str, Any] = {}
    for kind in ("filter", "pca", "eigen", "between"):
        plane = ds.slice_2d(surface, params, directions=kind, size=9, progress=False, **towards.get(kind, {}))
        facts[kind] = attributes(plane, SLICE)
        facts[f"path on {kind}"] = attributes(ds.project(run.trajectory, plane), PATH)
    ds.save_slice(plane, "plane.npz")
    facts["opened"] = attributes(ds.open_slice("plane.npz"), SLICE)
    facts["line"] = attributes(ds.slice_1d(surface, params, size=21), SLICE)
    return facts


def between_solutions() -> object:
    """Look between two solutions and around one."""
    import downslope as ds

    run, other = recorded_run(), recorded_run(seed=1)
    surface = run.surface()
    straight = ds.interpolate(surface, run.params, other.params, size=21)
    curve = ds.low_loss_path(surface, run.params, other.params, steps=20, size=21)
    around = ds.envelope(surface, run.params, draws=3, size=11)
    rough = ds.roughness(surface, run.params, draws=3, size=11)
    return {
        "straight": attributes(straight, "t losses barrier highest_at distance"),
        "curve": attributes(curve, "t losses straight barrier straight_barrier length distance bend middle"),
        "around": attributes(around, "radii losses"),
        "rough": attributes(rough, "value standard_error lines span"),
        "training mode": attributes(
            ds.slice_2d(dropped(), dropped_params(), size=7, progress=False), "axes losses description"
        ),
    }


def dropped() -> Any:
    """Return a surface with a dropout mask for every point."""
    return trained_with_dropout().surface(mode="training")


def dropped_params() -> Any:
    """Return the parameters that belong to it."""
    return trained_with_dropout().params


def trained_with_dropout() -> Any:
    """Return a run with dropout."""
    import downslope as ds

    return trained(ds.mlp([8], outputs=3, dropout=0.3), classes())


def classic_surfaces() -> object:
    """Descend all classic surfaces and cut them."""
    import downslope as ds

    facts: dict[str, Any] = {}
    for name in ("bowl", "ravine", "saddle", "two_minima", "plateau", "rosenbrock", "himmelblau", "beale"):
        surface = getattr(ds.surfaces, name)()
        path = ds.descend(surface, surface.params, optimizer=ds.sgd(0.001, momentum=0.9), steps=60)
        facts[name] = attributes(path, "steps params losses diverged")
        facts[f"{name}, cut"] = attributes(
            ds.slice_2d(surface, surface.params, directions="axes", size=15, progress=False), SLICE
        )
    return facts


CASES |= {
    "landscape/slices": slices,
    "landscape/between solutions": between_solutions,
    "landscape/classic surfaces": classic_surfaces,
}


# Diagnosis, networks, estimators, export -------------------------------------------------------------------------


def diagnosed(
    net: Callable[[Any], Any] | None = None, data: Callable[[], Any] = classes, *, verify: int = 0, **settings: Any
) -> Callable[[], object]:
    """Return the case that diagnoses a run."""

    def case() -> object:
        import downslope as ds

        network = net(ds) if net else ds.mlp([8], outputs=3)
        run = trained(network, data(), **resolved(settings, ds))
        report = ds.diagnose(run, verify=verify)
        return {"text": str(report), "json": report.as_json()}

    return case


def initialization() -> object:
    """Report on starts, good and bad."""
    import downslope as ds

    nets = {
        "relu": ds.mlp([8, 8, 8], outputs=3),
        "sigmoid": ds.mlp([8, 8, 8, 8], outputs=3, activation="sigmoid"),
        "zeros": ds.mlp([8], outputs=3, initializer="zeros"),
        "large": ds.mlp([8, 8], outputs=3, activation="tanh", initializer=ds.initializers.normal(5.0)),
        "skip": ds.mlp([8, 8], outputs=3, skip=True, norm="batch"),
    }
    reports = {name: ds.initialization_report(net, classes()) for name, net in nets.items()}
    facts: dict[str, Any] = {name: {"text": str(item), "table": item.table()} for name, item in reports.items()}
    images_report = ds.initialization_report(ds.cnn([4], outputs=10), images())
    return facts | {"images": {"text": str(images_report), "table": images_report.table()}}


def compared_starts() -> object:
    """Compare initializers over restarts."""
    import downslope as ds

    names = ["he_normal", "orthogonal", "zeros"]
    found = ds.compare_initializations(
        ds.mlp([6], outputs=3), classes(), initializers=names, restarts=3, epochs=3, progress=False
    )
    return {"text": str(found), "table": found.table(), "best": found.best}


def engine() -> object:
    """Initialize, run forward and backward."""
    import jax

    import downslope as ds

    x, t = np.asarray(images(16).x), np.asarray(images(16).y)
    facts: dict[str, Any] = {}
    for name, net in {
        "dense": ds.Sequential([ds.Flatten(), ds.Dense(8), ds.ScaledTanh(), ds.Dense(10)]),
        "cnn": ds.cnn([3], outputs=10, norm="batch", dropout=0.2, skip=True),
    }.items():
        variables = net.init(0, (8, 8, 1))
        result = ds.loss_and_gradients(net, variables, x, t, "cross_entropy", training=True, key=jax.random.key(1))
        facts[name] = attributes(result, "loss params activations output state") | {"text": ""}
        facts[name] |= {"variables": variables, "applied": net.apply(variables, x)}
        facts[name] |= {"summary": str(net.summary((8, 8, 1)))}
    dense_net = ds.mlp([5, 4], outputs=3)
    variables = dense_net.init(0, (4,))
    facts["lists"] = tuple(ds.weights(dense_net, variables.params))
    rows = classes()
    facts["layers"] = tuple(ds.layer_gradients(dense_net, variables, rows.x, rows.y, "cross_entropy"))
    for name in ds.initializers.__all__ if hasattr(ds.initializers, "__all__") else ():
        if name.endswith(("_normal", "_uniform")):
            drawn = ds.mlp([6], outputs=2, initializer=name).init(3, (5,))
            facts[f"start {name}"] = drawn
    return facts


def classifiers() -> object:
    """Fit classifiers in scikit-learn's words."""
    from downslope.estimators import NetworkClassifier

    data = classes()
    x, y = np.asarray(data.x, np.float64), np.asarray(data.y)
    labels = np.stack([x[:, 0] > 0, x[:, 1] > 1], axis=1).astype(int)
    common = {"max_iter": 5, "random_state": 0}
    models = {
        "plain": (NetworkClassifier((8,), **common), y),
        "stopping": (NetworkClassifier((8,), early_stopping=True, dropout=0.1, norm="batch", **common), y),
        "sgd": (NetworkClassifier((8,), solver="sgd", learning_rate="adaptive", class_weight="balanced", **common), y),
        "restarts": (NetworkClassifier((8,), n_restarts=3, **common), y),
        "labels": (NetworkClassifier((8,), **common), labels),
    }
    facts: dict[str, Any] = {}
    for name, (model, target) in models.items():
        model.fit(x, target)
        facts[name] = {"predicted": model.predict(x), "probabilities": model.predict_proba(x)}
        facts[name] |= {"curve": model.loss_curve_, "iterations": model.n_iter_, "score": model.score(x, target)}
    partial = NetworkClassifier((8,), random_state=0)
    for start in (0, 75):
        partial.partial_fit(x[start : start + 75], y[start : start + 75], classes=[0, 1, 2])
    return facts | {"partial": partial.predict_proba(x)}


def regressors() -> object:
    """Fit regressors in scikit-learn's words."""
    from downslope.estimators import NetworkRegressor

    data = numbers()
    x, y = np.asarray(data.x), np.asarray(data.y)
    weights = np.linspace(0.1, 2, len(y))
    one = NetworkRegressor((8,), max_iter=5, random_state=0).fit(x, y, sample_weight=weights)
    two = NetworkRegressor((8,), max_iter=5, random_state=0, solver="adamw").fit(x, np.stack([y, -y], axis=1))
    return {"one": [one.predict(x), one.loss_curve_], "two": [two.predict(x), two.loss_curve_]}


def exported() -> object:
    """Write runs for other programs."""
    import downslope as ds

    facts: dict[str, Any] = {}
    runs = {
        "classes": trained(two_classes(ds), named(), normalize="standard"),
        "images": trained(ds.cnn([3], outputs=10), images(), epochs=1),
        "table": trained(ds.mlp([6], outputs=1), ds.read(table(), target="price"), normalize="standard"),
    }
    for name, run in runs.items():
        ds.export.to_json(run, f"{name}.json")
        ds.export.to_safetensors(run, f"{name}.safetensors")
        with contextlib.suppress(ds.MissingExtraError):
            ds.export.to_onnx(run, f"{name}.onnx")
        facts |= {
            path.name: path.read_bytes() for path in map(Path, (f"{name}.json", f"{name}.onnx")) if path.is_file()
        }
        facts[f"{name}.safetensors"] = saved_arrays(Path(f"{name}.safetensors"))
    return facts


CASES |= {
    "diagnosis/healthy": diagnosed(),
    "diagnosis/classes missed": diagnosed(two_classes, named, epochs=2),
    "diagnosis/raw inputs": diagnosed(lambda ds: ds.mlp([8], outputs=1), numbers, validation=0.0),
    "diagnosis/too deep, verified": diagnosed(lambda ds: ds.mlp([6] * 5, outputs=3, activation="sigmoid"), verify=1),
    "diagnosis/diverged": diagnosed(
        lambda ds: ds.mlp([8], outputs=1), numbers, optimizer=lambda ds: ds.sgd(1e6), validation=0.0
    ),
    "diagnosis/too large a rate": diagnosed(optimizer=lambda ds: ds.sgd(3.0, momentum=0.9), epochs=8),
    "diagnosis/overfit": diagnosed(
        lambda ds: ds.mlp([64], outputs=3), lambda: classes(40), epochs=60, optimizer=lambda ds: ds.adam(0.03)
    ),
    "diagnosis/initialization": initialization,
    "diagnosis/starts compared": compared_starts,
    "networks/engine": engine,
    "estimators/classifiers": classifiers,
    "estimators/regressors": regressors,
    "export/files": exported,
}


# Figures and commands ---------------------------------------------------------------------------------------------


def figures() -> object:
    """Draw, and read the pictures' bytes."""
    import downslope as ds

    run = recorded_run(track=None)
    surface = run.surface()
    plane = ds.slice_2d(surface, run.params, directions="pca", trajectory=run.trajectory, size=9, progress=False)
    path = {"adam": ds.project(run.trajectory, plane)}
    pairs = ds.eigenvalues(surface, run.params, k=3)
    drawn = {
        "curves": ds.figures.loss_curves(run),
        "contour": ds.figures.surface_contour(plane, path),
        "relief": ds.figures.surface_3d(plane, path),
        "spectrum": ds.figures.spectrum(ds.spectral_density(surface, run.params, probes=2, nodes=20), pairs),
        "shares": ds.figures.gradient_shares(ds.step_model(surface, run.params, 0.1, k=3)),
        "blocks": ds.figures.hessian_blocks(ds.hessian_blocks(surface, run.params)),
        "start": ds.figures.initialization(ds.initialization_report(ds.mlp([6], outputs=3), classes())),
    }
    for name, figure in drawn.items():
        ds.figures.save(figure, f"{name}.png")
    facts: dict[str, Any] = {path.name: path.read_bytes() for path in sorted(Path().glob("*.png"))}
    facts["page"] = ds.figures.surface_page(plane, path, title="The way down")
    return facts | {"report": ds.figures.diagnosis_page(ds.diagnose(run))}


COMMANDS = """
train houses.csv --target price --network 8 --epochs 4 --store runs/houses
resume runs/houses --epochs 6
evaluate runs/houses houses.csv --json
predict runs/houses houses.csv
diagnose runs/houses
diagnose runs/houses --json
spectrum runs/houses --json
train iris --network 8 --epochs 3 --class-weight balanced --store runs/iris
sweep iris --network 8 --epochs 2 --learning-rate 1e-3,1e-2
find-lr iris --network 6 --epochs 2
init iris --network 8,8 --activation sigmoid
surface ravine --optimizers sgd,adam --size 9 --output race.json
export runs/iris --format json --output iris.json
data
train houses.csv
train houses.csv --target prize
resume runs/nowhere
train iris --optimizer adm
predict runs/iris
diagnose runs/iris --operator nothing
"""
VERBS = "demo train resume predict evaluate compare sweep find-lr init profile spectrum surface explore diagnose data"


def commands() -> object:
    """Run commands, good and bad; return what each prints and how it ends."""
    table()
    facts: dict[str, Any] = {line: spoken(line.split()) for line in COMMANDS.strip().splitlines()}
    written = ["race.json", "iris.json"]
    return facts | {name: Path(name).read_text() for name in written if Path(name).is_file()}


def helps() -> object:
    """Ask every command for its help."""
    return {verb: spoken([verb, "--help"]) for verb in [*VERBS.split(), "export"]}


def spoken(words: list[str]) -> list[object]:
    """Return exit code, stdout and stderr of a command, without times."""
    from downslope.cli import main

    out, err = io.StringIO(), io.StringIO()
    code: object = None
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(words)
        except SystemExit as stop:
            code = stop.code
    return [code, *(timeless(text.getvalue()) for text in (out, err))]


def timeless(text: str) -> str:
    """Return a text with times replaced."""
    return re.sub(r"\d+(\.\d+)? ?(ms|s|seconds|min|minutes|µs)\b", "(time)", text)


CASES |= {"figures/drawn": figures, "commands/work": commands, "commands/help": helps}


if __name__ == "__main__":
    main()
