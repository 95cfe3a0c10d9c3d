"""Time a 51 × 51 slice beside plain sequential evaluation in JAX, and beside a plain torch loop.

    python benchmarks/slices.py
    python benchmarks/slices.py --size 25 --rounds 5

Everyone has the same 784-128-64-10 relu network with the same weights, 1,000 rows, cross-entropy, float32, and the same
filter-normalized directions. The plain ways move the parameters to each point and evaluate there: in JAX a compiled
step and a compiled loss for each cell, in torch in-place sums under `no_grad`. All take turns in each round, compiled
and warm; the table shows medians, the median of the ratios round by round, and how far the losses are apart.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
from typing import Any

import jax
import numpy as np

import downslope as ds
from curvature import alternating, point
from training import Case, sample

CASE = Case((784, 128, 64, 10), 256, 1000, 0, 0)
PROMISE = 5.0


def main() -> None:
    """Time the slice and print the rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=51, help="points along each direction")
    parser.add_argument("--rounds", type=int, default=3, help="timed rounds")
    arguments = parser.parse_args()
    x, t = sample(CASE)
    net = ds.mlp(CASE.widths[1:-1], outputs=CASE.widths[-1])
    params = point(net, x, t, 0)
    surface = ds.surface_of(net, "cross_entropy", ds.Dataset(x, t), ds.Variables(params, tuple({} for _ in net.layers)))
    settings = {"size": arguments.size, "progress": False}
    plane = ds.slice_2d(surface, params, **settings)
    contenders = {
        "ds.slice_2d": lambda: ds.slice_2d(surface, params, **settings).losses,
        "JAX, point by point": lambda: in_turn(surface, plane),
    }
    if importlib.util.find_spec("torch") is not None:
        contenders["torch, point by point"] = torch_loop(x, t, plane)
    load = ", ".join(f"{average:.2f}" for average in os.getloadavg())
    print(f"{os.cpu_count()} processors, load {load}, jax {jax.__version__}")
    losses = {name: contender() for name, contender in contenders.items()}
    seconds = alternating(contenders, arguments.rounds)
    ours = seconds["ds.slice_2d"]
    for name, times in seconds.items():
        apart = np.max(np.abs(losses[name] / plane.losses - 1))
        promise = f"  (promised {PROMISE:g}×)" if name.startswith("JAX") else ""
        print(f"  {name:24s} {np.median(times):7.2f} s  {np.median(times / ours):5.2f}×  apart by {apart:.0e}{promise}")


def in_turn(surface: Any, plane: Any) -> np.ndarray:
    """Return the losses of a plane, each computed at its own parameters."""
    moved = jax.jit(lambda p, d1, d2, a, b: jax.tree.map(lambda p, x, y: p + a * x + b * y, p, d1, d2))
    a, b = (np.asarray(axis, np.float32) for axis in plane.axes)
    return np.array([[surface.value(moved(plane.params, *plane.directions, i, j)) for j in b] for i in a])


def torch_loop(x: np.ndarray, t: np.ndarray, plane: Any) -> Any:
    """Return the same loop in torch."""
    import torch

    inputs, targets = torch.from_numpy(x), torch.from_numpy(t.astype(np.int64))

    def leaves(tree: Any) -> list[Any]:
        return [torch.tensor(np.asarray(layer[name])) for layer in tree if layer for name in ("weight", "bias")]

    start, first, second = (leaves(tree) for tree in (plane.params, *plane.directions))

    @torch.no_grad()
    def loop() -> np.ndarray:
        found = np.empty(plane.losses.shape)
        for i, a in enumerate(plane.axes[0]):
            for j, b in enumerate(plane.axes[1]):
                w = [p + float(a) * u + float(b) * v for p, u, v in zip(start, first, second, strict=True)]
                h = inputs
                for k in range(0, len(w), 2):
                    h = torch.addmm(w[k + 1], h, w[k])
                    h = torch.relu(h) if k + 2 < len(w) else h
                found[i, j] = float(torch.nn.functional.cross_entropy(h, targets))
        return found

    return loop


if __name__ == "__main__":
    main()
