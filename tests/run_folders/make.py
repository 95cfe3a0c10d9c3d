"""Train what is kept in this folder, with the version of Downslope that is on the path; see README.md.

PYTHONPATH=CHECKOUT/src python make.py FOLDER
"""

import inspect
import os
import sys
from pathlib import Path

import numpy as np

TABLE = Path("/tmp/rows.csv")  # noqa: S108 (runs remember it; it is gone when they are read)


def inputs():
    """Return 40 rows of three features."""
    return np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)


def labels():
    """Return their classes."""
    return np.array(["ant", "bee"])[(inputs()[:, 0] > 0.3).astype(int)]


def heights():
    """Return a number for each."""
    return 2 * inputs()[:, 0] + 5


def write_table(path):
    """Write them as a table, with gaps and text."""
    lines = [
        f"{a:.3f},{'' if row % 9 == 0 else f'{b:.3f}'},{'AB'[row % 2]},{2 * a + row % 2:.3f}"
        for row, (a, b, _) in enumerate(inputs())
    ]
    path.write_text("\n".join(["a,b,town,price", *lines]) + "\n")


def trainings(ds):
    """Return by name: network, data, settings."""
    net, classes = ds.mlp([3], outputs=2), ds.Dataset(inputs(), labels())
    held_out = {"epochs": 3, "validation": 0.25, "batch_size": 10}
    scaled = {"normalize": "standard", "normalize_targets": "standard"}
    numbers = {"task": "regression"} if "task" in inspect.signature(ds.Dataset).parameters else {}
    return {
        "arrays": lambda: (net, classes, held_out),
        "batch_norm": lambda: (ds.mlp([3], outputs=2, norm="batch"), classes, held_out),
        "class_weights": lambda: (net, classes, {**held_out, "class_weight": {"ant": 1.0, "bee": 3.0}}),
        "stopped_early": lambda: (
            net,
            classes,
            {**held_out, "epochs": 40, "early_stopping": 1, "optimizer": ds.adam(0.5)},
        ),
        "diverged": lambda: (
            ds.mlp([], outputs=1),
            ds.Dataset(inputs(), heights(), **numbers),
            {"epochs": 30, "batch_size": 10, "optimizer": ds.sgd(3.0)},
        ),
        "restarts": lambda: (net, classes, {**held_out, "restarts": 3}),
        "recorded": lambda: (
            net,
            classes,
            {**held_out, "record": ds.Record(parameters_every=4, statistics_every=4)},
        ),
        "table": lambda: (ds.mlp([3], outputs=1), ds.read(str(TABLE), target="price"), {**held_out, **scaled}),
    }


def main():
    """Make every run that this version can."""
    import downslope as ds

    os.chdir(sys.argv[1])
    write_table(TABLE)
    quiet = {"progress": False} if "progress" in inspect.signature(ds.train).parameters else {}
    for name, parts in trainings(ds).items():
        try:
            net, data, settings = parts()
            ds.train(net, data, store=name, **settings, **quiet)
        except TypeError as error:
            sys.stderr.write(f"{name} cannot be made: {error}\n")
    TABLE.unlink()


if __name__ == "__main__":
    main()
