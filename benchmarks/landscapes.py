"""What changes a loss surface, and how optimizers and batch sizes come down one: figures and tables.

    python benchmarks/landscapes.py                       all of it, into docs/images
    python benchmarks/landscapes.py effects --seeds 5
    python benchmarks/landscapes.py optimizers
    python benchmarks/landscapes.py batches

`effects`: networks on digits that differ in one thing only (skip connections, batch norm, dropout, depth), trained from
several seeds. The figure shows slices of the first seed, along filter-normalized directions; the table what is measured
on all of them, mean and spread over the seeds: the share of the plane that curves downward
(`ds.landscape.nonconvexity`), the roughness along random rays (`ds.roughness`: total variation over range, less one),
the largest loss within the window.

`optimizers`: SGD, momentum, RMSProp and Adam from one start, on the same batches, on two features that are `N(0, 1)`;
of which one is `N(0, 10²)`; and `N(3, 1)` with `N(−2, 0.3²)`. Each has the rate that is best for it on that data, of
powers of ten and their halves and doubles; the table says which, and how many steps it takes to come near the minimum.

`batches`: batch sizes 1, 32 and all on one surface, as many examples seen by each.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

import downslope as ds
from downslope import figures, landscape

RATES = [factor * 10.0**power for power in range(-6, 1) for factor in (1, 2, 5)]
RULES = {
    "SGD": lambda rate: ds.sgd(rate),
    "momentum 0.9": lambda rate: ds.sgd(rate, momentum=0.9),
    "RMSProp": lambda rate: ds.rmsprop(rate),
    "Adam": lambda rate: ds.adam(rate),
}
WEIGHTS = np.array([1.5, -1.0])
NOISE = 0.5
ROWS, BATCH, EPOCHS = 512, 32, 20
NEAR = 1.05
"""Near the minimum: a loss at most so many times the lowest there is."""


def main() -> None:
    """Draw and print what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = {"effects": effects, "optimizers": optimizers, "batches": batches}
    parser.add_argument("parts", nargs="*", default=list(parts), help=f"any of {', '.join(parts)}")
    parser.add_argument("--seeds", type=int, default=5, help="starts of each network of `effects`")
    parser.add_argument("--output", type=Path, default=Path("docs/images"), help="the folder for figures")
    arguments = parser.parse_args()
    for part in arguments.parts:
        parts[part](arguments)


def effects(arguments: argparse.Namespace) -> None:
    """Compare the surfaces of networks that differ in one thing."""
    pairs = {
        "depth": {"4 layers": (net(4), "inference"), "20 layers": (net(20), "inference")},
        "skips": {"20 layers": (net(20), "inference"), "20 layers with skips": (net(20, skip=True), "inference")},
        "batch_norm": {
            "12 layers": (net(12), "inference"),
            "12 layers, batch norm": (net(12, norm="batch"), "training"),
        },
        "dropout": {
            "3 layers": (net(3, dropout=0.2), "inference"),
            "3 layers, masks of dropout": (net(3, dropout=0.2), "training"),
        },
    }
    data = ds.load("digits")
    for effect, networks in pairs.items():
        slices, notes = {}, {}
        print(f"{effect}, {arguments.seeds} seeds, mean ± standard deviation")
        for name, (network, mode) in networks.items():
            found = [surroundings(network, mode, data, seed) for seed in range(arguments.seeds)]
            slices[name] = found[0][0]
            bent, rough, losses, tops = (np.array([each[place] for each in found]) for place in range(1, 5))
            notes[name] = f"{bent.mean():.1%} ± {bent.std(ddof=1):.1%} curves downward"
            print(
                f"  {name:28s} curves downward {bent.mean():6.1%} ± {bent.std(ddof=1):5.1%}   "
                f"roughness {rough.mean():.4f} ± {rough.std(ddof=1):.4f}   "
                f"training loss {np.median(losses):.2g}, highest {np.median(tops):.2g} (medians)"
            )
        keep(arguments, f"surface_{effect}", figures.surface_strip(slices, notes=notes))


def net(depth: int, **settings: Any) -> ds.Sequential:
    """Return a network of layers with 32 units each."""
    return ds.mlp([32] * depth, outputs=10, **settings)


def surroundings(network: ds.Sequential, mode: str, data: ds.Dataset, seed: int) -> tuple[Any, ...]:
    """Train; return a slice, the share of it that curves downward, the roughness, the loss reached, the highest."""
    settings = {"epochs": 30, "batch_size": 64, "normalize": "standard", "seed": seed, "progress": False}
    run = ds.train(network, data, optimizer=ds.adam(2e-3), **settings)
    surface = run.surface(data.take(np.arange(600)), mode=mode)
    plane = ds.slice_2d(surface, run.params, size=41, key=seed, progress=False)
    rough = ds.roughness(surface, run.params, draws=10, size=51, key=seed).value
    return plane, landscape.nonconvexity(plane), rough, float(run.history["train_loss"][-1]), float(plane.losses.max())


def optimizers(arguments: argparse.Namespace) -> None:
    """Compare optimizers on three data sets whose bowls differ."""
    random = np.random.default_rng(0)
    normal = random.standard_normal((ROWS, 2))
    features = {
        "N(0, 1), N(0, 1)": normal,
        "N(0, 10²), N(0, 1)": normal * [10, 1],
        "N(3, 1), N(−2, 0.3²)": normal * [1, 0.3] + [3, -2],
    }
    slices, paths, notes = {}, {}, {}
    for name, x in features.items():
        data = ds.Dataset(x, x @ WEIGHTS + NOISE * random.standard_normal(ROWS), task="regression")
        lowest, kappa = bottom(data)
        runs = {rule: best(data, make, lowest) for rule, make in RULES.items()}
        surface = next(iter(runs.values()))[1].surface()
        minimum = ({"weight": np.linalg.lstsq(x, data.y, rcond=None)[0][:, None]},)
        trajectories = {rule: run.trajectory for rule, (_, run, _) in runs.items()}
        slices[name] = ds.slice_2d(
            surface, minimum, directions="axes", size=61, trajectory=stacked(trajectories), progress=False
        )
        paths[name] = {rule: ds.project(path, slices[name]) for rule, path in trajectories.items()}
        notes[name] = f"condition number {kappa:.3g}"
        print(f"{name}: condition number {kappa:.4g}, lowest loss {lowest:.4g}")
        for rule, (rate, run, steps) in runs.items():
            reached = "not in time" if steps is None else f"{steps} steps"
            last = run.history["train_loss"][-1]
            print(f"  {rule:14s} best rate {rate:<8g} within {NEAR - 1:.0%}: {reached:12s} last loss {last:.4g}")
    keep(arguments, "optimizers", figures.surface_strip(slices, paths, notes=notes, log=True))


def bottom(data: ds.Dataset) -> tuple[float, float]:
    """Return the lowest loss there is, and the condition number of the bowl."""
    solution, *_ = np.linalg.lstsq(data.x, data.y, rcond=None)
    curvatures = np.linalg.eigvalsh(data.x.T @ data.x / len(data))
    return float(np.mean((data.x @ solution - data.y) ** 2)), float(curvatures[-1] / curvatures[0])


def descent(data: ds.Dataset, optimizer: Any, **settings: Any) -> Any:
    """Train the two weights from (−2, 3)."""
    line = ds.Sequential([ds.Dense(1, bias=False)])
    start = ds.Variables(({"weight": np.array([[-2.0], [3.0]], np.float32)},), ({},))
    usual = {"batch_size": BATCH, "epochs": EPOCHS, "record": ds.Record(parameters_every=1), "loss": "squared_error"}
    return ds.train(line, data, optimizer=optimizer, start=start, progress=False, **usual | settings)


def best(data: ds.Dataset, make: Any, lowest: float) -> tuple[float, Any, int | None]:
    """Return the rate that comes near the minimum first, its run, and after how many steps."""
    tried = []
    for rate in RATES:
        run = descent(data, make(rate))
        steps = near(run, data, lowest)
        last = np.inf if run.divergence is not None else float(run.history["train_loss"][-1])
        tried.append((np.inf if steps is None else steps, last, rate, run, steps))
    *_, rate, run, steps = min(tried, key=lambda one: one[:3])
    return rate, run, steps


def near(run: Any, data: ds.Dataset, lowest: float) -> int | None:
    """Return after how many steps the loss over all rows is near the lowest, and stays there; None if it never does."""
    weights = run.trajectory.params[0]["weight"][:, :, 0].astype(float)
    with np.errstate(over="ignore", invalid="ignore"):  # after a divergence
        losses = np.mean((data.x @ weights.T - np.asarray(data.y)[:, None]) ** 2, axis=0)
    away = np.flatnonzero(~(losses <= NEAR * lowest))
    if not len(away):
        return 0
    return None if away[-1] + 1 == len(losses) else int(run.trajectory.steps[away[-1] + 1])


def stacked(trajectories: dict[str, Any]) -> Any:
    """Return all points of several paths as one tree."""
    weights = [path.params[0]["weight"] for path in trajectories.values()]
    return ({"weight": np.concatenate([each[np.isfinite(each).all(axis=(1, 2))] for each in weights])},)


def batches(arguments: argparse.Namespace) -> None:
    """Compare batch sizes on one surface, with as many examples seen by each."""
    random = np.random.default_rng(1)
    x = random.standard_normal((ROWS, 2)) * [2, 1]
    data = ds.Dataset(x, x @ WEIGHTS + NOISE * random.standard_normal(ROWS), task="regression")
    lowest, _ = bottom(data)
    runs = {
        "1 row": descent(data, ds.sgd(0.02), batch_size=1, epochs=1),
        "32 rows": descent(data, ds.sgd(0.05), batch_size=32, epochs=4),
        "all rows": descent(data, ds.sgd(0.1), batch_size=ROWS, epochs=30),
    }
    surface = runs["all rows"].surface()
    minimum = ({"weight": np.linalg.lstsq(x, data.y, rcond=None)[0][:, None].astype(np.float32)},)
    trajectories = {name: run.trajectory for name, run in runs.items()}
    plane = ds.slice_2d(surface, minimum, directions="axes", size=61, trajectory=stacked(trajectories), progress=False)
    paths = {name: ds.project(path, plane) for name, path in trajectories.items()}
    print("batch size: steps, length of the path, and that of the straight way; last loss over the lowest")
    for name, path in paths.items():
        ways = np.diff(path.coordinates, axis=0)
        straight = np.linalg.norm(path.coordinates[-1] - path.coordinates[0])
        length = np.linalg.norm(ways, axis=1).sum()
        print(
            f"  {name:9s} {len(path) - 1:4d} steps, {length:6.2f}, {length / straight:5.2f} times the straight way; "
            f"{path.losses[-1] / lowest:.3f}"
        )
    keep(arguments, "batch_sizes", figures.surface_contour(plane, paths, log=True))


def keep(arguments: argparse.Namespace, name: str, figure: Any) -> None:
    """Write a figure, and say where."""
    arguments.output.mkdir(parents=True, exist_ok=True)
    print(f"  {figures.save(figure, arguments.output / f'{name}.png')}\n")


if __name__ == "__main__":
    main()
