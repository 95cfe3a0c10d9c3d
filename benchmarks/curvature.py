"""Time Hessian-vector products and the five largest eigenvalues beside curvlinops and plain torch with SciPy's eigsh.

    python benchmarks/curvature.py                      random rows of MNIST's shape, at He's start
    python benchmarks/curvature.py --data FOLDER        MNIST's first 4,096 rows
    python benchmarks/curvature.py --epochs 3           at a point that descent has come to

Everyone has the same 784-128-64-10 relu network with the same weights, 4,096 rows in one batch, cross-entropy and
float32. Contenders take turns in each round, after compilation and warm-up; the table shows medians, and the median of
the ratios round by round.

Tolerances differ in meaning: eigsh wants each residual within `tol · |λᵢ|`, `ds.eigenvalues` within `tol · max|λ|`. So
ours is timed twice: with the tolerance asked for, and with one that meets eigsh's for the smallest of the eigenvalues.
It then multiplies once more for each pair, to certify it. What is not installed is left out.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

import downslope as ds
from training import Case, sample, starting_weights

CASE = Case((784, 128, 64, 10), 256, 4096, 0, 0)
K, TOLERANCE = 5, 1e-3
PRODUCT_PROMISE, EIGENVALUE_PROMISE = 1.6, 2.0


class Found(NamedTuple):
    """Eigenvalues in descending order, and how many products they took."""

    values: np.ndarray
    products: int


def main() -> None:
    """Time both rows and print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="folder or .npz file with MNIST; random rows unless given")
    parser.add_argument("--epochs", type=int, default=0, help="descend so far first, with Adam")
    parser.add_argument("--rounds", type=int, default=7, help="timed rounds")
    arguments = parser.parse_args()
    x, t = rows(arguments.data)
    net = ds.mlp(CASE.widths[1:-1], outputs=CASE.widths[-1])
    params = point(net, x, t, arguments.epochs)
    surface = ds.surface_of(net, "cross_entropy", ds.Dataset(x, t), ds.Variables(params, tuple({} for _ in net.layers)))
    load = ", ".join(f"{average:.2f}" for average in os.getloadavg())
    print(f"{os.cpu_count()} processors, load {load}, jax {jax.__version__}; loss {surface.value(params):.4g}\n")
    time_products(surface, params, arguments.rounds)
    contenders = ours(surface, params) | torch_contenders(net, params, x, t)
    time_eigenvalues(contenders, arguments.rounds)


def rows(data: str | None) -> tuple[np.ndarray, np.ndarray]:
    """Return MNIST's first rows, or random ones of their shape with classes that a linear map gives them."""
    if data is None:
        return sample(CASE)
    images = ds.load("mnist", path=data)
    x = np.asarray(images.x[: CASE.rows], np.float32).reshape(CASE.rows, -1)
    return x, np.asarray(images.y[: CASE.rows], np.int32)


def point(net: ds.Sequential, x: np.ndarray, t: np.ndarray, epochs: int) -> Any:
    """Return He's weights, or where Adam comes from there."""
    pairs = iter(starting_weights(CASE))
    params = tuple(
        dict(zip(("weight", "bias"), next(pairs), strict=True)) if isinstance(layer, ds.Dense) else {}
        for layer in net.layers
    )
    if not epochs:
        return params
    start = ds.Variables(params, tuple({} for _ in net.layers))
    run = ds.train(
        net, ds.Dataset(x, t), start=start, epochs=epochs, batch_size=CASE.batch_size, progress=False, validation=0.0
    )
    return run.params


def time_products(surface: Any, params: Any, rounds: int) -> None:
    """Time products with the Hessian beside gradients, and print their ratio."""
    v = jax.tree.map(lambda leaf: np.full_like(leaf, 0.01), params)
    contenders = {
        "gradient": lambda: jax.block_until_ready(surface.gradient(params)),
        "Hessian times vector": lambda: jax.block_until_ready(surface.hvp(params, v)),
    }
    seconds = alternating(contenders, 5 * rounds)
    ratio = np.median(seconds["Hessian times vector"] / seconds["gradient"])
    print(f"one product: {'-'.join(map(str, CASE.widths))}, {CASE.rows} rows")
    for name, times in seconds.items():
        print(f"  {name:34s} {np.median(times) * 1e3:8.1f} ms")
    print(f"  {ratio:.2f} gradients a product  (promised {PRODUCT_PROMISE:g} at most)\n")


def time_eigenvalues(contenders: dict[str, Callable[[], Found]], rounds: int) -> None:
    """Time all ways to the eigenvalues, and print their row."""
    found = {name: contender() for name, contender in contenders.items()}
    seconds = alternating(contenders, rounds)
    first = next(iter(found))
    scale = found[first].values[0]
    print(f"{K} largest eigenvalues to {TOLERANCE:g}: {', '.join(f'{value:.5g}' for value in found[first].values)}")
    for name, (values, products) in found.items():
        ratio = np.median(seconds[name] / seconds[first])
        promise = f"(promised {EIGENVALUE_PROMISE:g}×)" if name.startswith("curvlinops") else ""
        apart = np.max(np.abs(values - found[first].values)) / scale
        print(
            f"  {name:34s} {np.median(seconds[name]) * 1e3:8.1f} ms {products:4d} products, "
            f"differs by {apart:.0e} λ₁ at most, {ratio:5.2f}×  {promise}"
        )


def alternating(contenders: dict[str, Callable[[], Any]], rounds: int) -> dict[str, np.ndarray]:
    """Return each contender's seconds in each round, after one that is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, contender in contenders.items():
            begun = time.perf_counter()
            contender()
            if number:
                seconds[name].append(time.perf_counter() - begun)
    return {name: np.array(times) for name, times in seconds.items()}


def ours(surface: Any, params: Any) -> dict[str, Callable[[], Found]]:
    """Return our eigenvalues with the tolerance asked for, and with one that meets eigsh's."""

    def at(tolerance: float) -> Callable[[], Found]:
        def contender() -> Found:
            pairs = ds.eigenvalues(surface, params, k=K, tol=tolerance)
            assert pairs.converged.all()
            return Found(pairs.values, pairs.hvps)

        return contender

    values = at(TOLERANCE)().values
    return {"downslope": at(TOLERANCE), "downslope, by eigsh's tolerance": at(TOLERANCE * values[-1] / values[0])}


def torch_contenders(net: ds.Sequential, params: Any, x: np.ndarray, t: np.ndarray) -> dict[str, Callable[[], Found]]:
    """Return curvlinops with eigsh, plain products of torch with eigsh, and our eigenvalues of the torch module."""
    if importlib.util.find_spec("torch") is None:
        print("(torch is not installed)")
        return {}
    import torch

    module, loss = torch_network(net, params), torch.nn.CrossEntropyLoss()
    data = [(torch.from_numpy(x), torch.from_numpy(t.astype(np.int64)))]
    adapted = ds.adapters.from_torch(module, loss, data)

    def of_module() -> Found:
        pairs = ds.eigenvalues(adapted, adapted.params, k=K, tol=TOLERANCE)
        return Found(pairs.values, pairs.hvps)

    contenders = {
        "torch, plain, eigsh": lambda: by_eigsh(plain_product(module, loss, *data[0], keep_graph=False), module),
        "torch, plain, graph kept, eigsh": lambda: by_eigsh(
            plain_product(module, loss, *data[0], keep_graph=True), module
        ),
        "downslope, from_torch": of_module,
    }
    if importlib.util.find_spec("curvlinops") is None:
        print("(curvlinops is not installed)")
        return contenders
    return {"curvlinops, eigsh": lambda: by_eigsh(curvlinops_product(module, loss, data), module)} | contenders


def torch_network(net: ds.Sequential, params: Any) -> Any:
    """Return the network in torch."""
    import torch

    W, B = ds.weights(net, params)
    layers: list[torch.nn.Module] = []
    for weight, bias in zip(W, B, strict=True):
        dense = torch.nn.Linear(*weight.shape)
        with torch.no_grad():
            dense.weight.copy_(torch.tensor(np.asarray(weight).T))
            dense.bias.copy_(torch.tensor(np.asarray(bias)))
        layers += [dense, torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def curvlinops_product(module: Any, loss: Any, data: list) -> Callable[[np.ndarray], np.ndarray]:
    """Return the product of curvlinops' Hessian with a vector, without its checks of determinism."""
    from curvlinops import HessianLinearOperator

    operator = HessianLinearOperator(module, loss, list(module.parameters()), data, check_deterministic=False)
    return operator.to_scipy().matvec


def plain_product(module: Any, loss: Any, x: Any, t: Any, *, keep_graph: bool) -> Callable[[np.ndarray], np.ndarray]:
    """Return the product by differentiating twice backward, from the start each time or with the gradient's graph."""
    import torch

    leaves = list(module.parameters())
    kept: list[Any] = []

    def product(v: np.ndarray) -> np.ndarray:
        parts = torch.from_numpy(np.asarray(v, np.float32).ravel()).split([leaf.numel() for leaf in leaves])
        slope = kept or torch.autograd.grad(loss(module(x), t), leaves, create_graph=True)
        if keep_graph:
            kept[:] = slope
        along = [part.view_as(leaf) for part, leaf in zip(parts, leaves, strict=True)]
        images = torch.autograd.grad(slope, leaves, along, retain_graph=keep_graph)
        return torch.cat([image.reshape(-1) for image in images]).numpy()

    return product


def by_eigsh(product: Callable[[np.ndarray], np.ndarray], module: Any) -> Found:
    """Return the largest eigenvalues that SciPy's ARPACK finds with a product."""
    from scipy.sparse.linalg import LinearOperator, eigsh

    size, products = sum(leaf.numel() for leaf in module.parameters()), 0

    def counted(v: np.ndarray) -> np.ndarray:
        nonlocal products
        products += 1
        return product(v)

    start = np.random.default_rng(3).standard_normal(size).astype(np.float32)
    operator = LinearOperator((size, size), matvec=counted, dtype=np.float32)
    values, _ = eigsh(operator, k=K, which="LA", tol=TOLERANCE, v0=start)
    return Found(np.sort(values)[::-1], products)


if __name__ == "__main__":
    main()
