"""Time one epoch of training beside scikit-learn, torch and the barest compiled JAX loop.

    python benchmarks/training.py                      every row, five rounds
    python benchmarks/training.py --rows small         one row
    python benchmarks/training.py --rounds 9

Everyone trains the same dense relu network on the same synthetic rows in float32 with Adam and cross-entropy, shuffled
anew each epoch, without evaluation, after compilation and warm-up. Contenders take turns in each round; the table shows
medians, and the median of the ratios round by round. GFLOP/s count the matrix products of the forward and the backward
pass (none for the gradient of the input), beside the machine's own peak for one large product, by XLA and by BLAS, in
the same run. torch is left out where it is not installed.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import downslope as ds
from downslope.training import TrainingSettings
from downslope.training.engine.progress import Silent
from downslope.training.engine.state import TrainingState, begin_training
from downslope.training.engine.step import StepState
from downslope.training.loop import NoCheckpoints, train_epoch
from downslope.training.monitor.recorder import Recorder
from downslope.training.problem.problem import Problem, prepare

Epoch = Callable[[], None]


class Case(NamedTuple):
    """One row of the table: a network, its batches, and the ratios the design promises."""

    widths: tuple[int, ...]
    batch_size: int
    rows: int
    against_sklearn: float
    against_torch: float


CASES = {
    "small": Case((64, 100, 10), 32, 20000, 4.0, 5.0),
    "wide-input": Case((784, 100, 10), 128, 19968, 2.5, 1.7),
    "medium": Case((784, 512, 512, 10), 128, 9984, 4.0, 1.5),
    "large": Case((784, 2048, 2048, 10), 256, 2560, 2.4, 0.8),
}
RATE = 1e-3


def main() -> None:
    """Run the cases asked for and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", choices=list(CASES), nargs="*", default=list(CASES), help="which cases")
    parser.add_argument("--rounds", type=int, default=5, help="timed rounds of each case")
    arguments = parser.parse_args()
    print(f"{os.cpu_count()} processors, jax {jax.__version__}, numpy {np.__version__}")
    print(f"peak of one 2048³ product: XLA {xla_peak():.0f}, BLAS {blas_peak():.0f} GFLOP/s\n")
    for name in arguments.rows:
        run_case(name, CASES[name], arguments.rounds)


def run_case(name: str, case: Case, rounds: int) -> None:
    """Time all contenders in turn and print their row."""
    x, t = sample(case)
    contenders = {"downslope": ours(case, x, t), "bare JAX": bare_jax(case, x, t), "scikit-learn": sklearn(case, x, t)}
    try:
        contenders["torch"] = torch(case, x, t)
    except ImportError:
        print("(torch is not installed)")
    for epoch in contenders.values():
        epoch()
    seconds = {name: [] for name in contenders}
    for _ in range(rounds):
        for contender, epoch in contenders.items():
            begun = time.perf_counter()
            epoch()
            seconds[contender].append(time.perf_counter() - begun)
    wanted = {"bare JAX": 0.9, "scikit-learn": case.against_sklearn, "torch": case.against_torch}
    print(f"{name}: {'-'.join(map(str, case.widths))}, batch {case.batch_size}, {case.rows} rows")
    for contender, times in seconds.items():
        ratio = np.median(np.array(times) / np.array(seconds["downslope"]))
        promise = f"{ratio:6.2f}×  (promised {wanted[contender]:g}×)" if contender in wanted else ""
        middle = float(np.median(times))
        print(f"  {contender:13s} {middle * 1e3:9.1f} ms  {operations(case) / middle / 1e9:6.1f} GFLOP/s  {promise}")
    print()


def sample(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Return random inputs, and classes that a random linear map gives them."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((case.rows, case.widths[0])).astype(np.float32)
    return x, np.argmax(x @ rng.standard_normal((case.widths[0], case.widths[-1])), axis=1).astype(np.int32)


def operations(case: Case) -> float:
    """Return the floating-point operations of an epoch's matrix products."""
    products = [a * b for a, b in zip(case.widths[:-1], case.widths[1:], strict=True)]
    return case.rows * (6 * sum(products) - 2 * products[0])


def starting_weights(case: Case) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return He's weights and zero biases, the same for everyone."""
    rng = np.random.default_rng(1)
    pairs = zip(case.widths[:-1], case.widths[1:], strict=True)
    return [
        ((rng.standard_normal((a, b)) * np.sqrt(2 / a)).astype(np.float32), np.zeros(b, np.float32)) for a, b in pairs
    ]


class Descending(NamedTuple):
    """A descent of ours under way, and what is learned."""

    descent: TrainingState
    problem: Problem

    @property
    def state(self) -> StepState:
        """Where it stands."""
        return self.descent.state


def ours(case: Case, x: np.ndarray, t: np.ndarray) -> Epoch:
    """Return an epoch of the training loop behind `ds.train`: rows drawn, chunks run, progress told."""
    return descent_of(case, data=(x, t))[1]


def descent_of(
    case: Case, record: ds.Record | None = None, data: tuple[np.ndarray, np.ndarray] | None = None
) -> tuple[Descending, Epoch]:
    """Return a descent of ours on the rows of a case, or on others, and the function that makes its next epoch."""
    layers = [part for width in case.widths[1:-1] for part in (ds.Dense(width), ds.ReLU())]
    net = ds.Sequential([*layers, ds.Dense(case.widths[-1])])
    pairs = iter(starting_weights(case))
    params = tuple(
        dict(zip(("weight", "bias"), next(pairs), strict=True)) if isinstance(layer, ds.Dense) else {}
        for layer in net.layers
    )
    settings = TrainingSettings(
        loss="cross_entropy",
        optimizer=ds.adam(RATE),
        batch_size=case.batch_size,
        start=ds.Variables(params, tuple({} for _ in net.layers)),
    )
    problem = prepare(net, ds.Dataset(*(sample(case) if data is None else data)), settings)
    descent, silent, recorder = begin_training(problem), Silent(), Recorder(record or ds.Record())

    def epoch() -> None:
        loss = train_epoch(problem, descent, silent, recorder, NoCheckpoints())
        descent.epoch, descent.step = descent.epoch + 1, 0
        assert np.isfinite(loss)

    return Descending(descent, problem), epoch


def bare_jax(case: Case, x: np.ndarray, t: np.ndarray) -> Epoch:
    """Return an epoch of the barest loop: `jax.grad` and a hand-written Adam in one jitted scan over shuffled rows."""
    steps = case.rows // case.batch_size

    def loss(params: list, x: jax.Array, t: jax.Array) -> jax.Array:
        for W, b in params[:-1]:
            x = jnp.maximum(x @ W + b, 0)
        W, b = params[-1]
        log_shares = jax.nn.log_softmax(x @ W + b)
        return -jnp.mean(jnp.sum(jnp.where(t[:, None] == jnp.arange(log_shares.shape[1]), log_shares, 0), axis=1))

    def step(state: tuple, batch: tuple) -> tuple:
        params, m, v, k = state
        value, g = jax.value_and_grad(loss)(params, *batch)
        k = k + 1
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
        first, second = 1 - 0.9**k, 1 - 0.999**k
        move = lambda p, m, v: p - RATE * (m / first) / (jnp.sqrt(v / second) + 1e-8)  # noqa: E731
        return (jax.tree.map(move, params, m, v), m, v, k), value

    @jax.jit
    def epoch_of(state: tuple, x: jax.Array, t: jax.Array, rows: jax.Array) -> tuple:
        return jax.lax.scan(step, state, (x[rows], t[rows]))

    params = [tuple(map(jnp.asarray, pair)) for pair in starting_weights(case)]
    zeros = jax.tree.map(jnp.zeros_like, params)
    state = [(params, zeros, zeros, jnp.float32(0))]
    rng, X, T = np.random.default_rng(2), jnp.asarray(x), jnp.asarray(t)

    def epoch() -> None:
        rows = rng.permutation(case.rows).reshape(steps, case.batch_size).astype(np.int32)
        state[0], losses = jax.block_until_ready(epoch_of(state[0], X, T, rows))
        assert np.all(np.isfinite(losses))

    return epoch


def sklearn(case: Case, x: np.ndarray, t: np.ndarray) -> Epoch:
    """Return an epoch of `MLPClassifier.partial_fit`, which is one pass over the rows without its set-up checks."""
    from sklearn.neural_network import MLPClassifier

    model = MLPClassifier(
        case.widths[1:-1], solver="adam", batch_size=case.batch_size, learning_rate_init=RATE, alpha=0, random_state=0
    )
    model.partial_fit(x[: case.batch_size], t[: case.batch_size], classes=np.arange(case.widths[-1]))
    return lambda: model.partial_fit(x, t) and None


def torch(case: Case, x: np.ndarray, t: np.ndarray) -> Epoch:
    """Return an epoch of the usual eager loop, with the fused Adam."""
    import torch

    layers: list[torch.nn.Module] = []
    for W, b in starting_weights(case):
        dense = torch.nn.Linear(*W.shape)
        with torch.no_grad():
            dense.weight.copy_(torch.from_numpy(W.T))
            dense.bias.copy_(torch.from_numpy(b))
        layers += [dense, torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1])
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE, fused=True)
    X, T = torch.from_numpy(x), torch.from_numpy(t.astype(np.int64))

    def epoch() -> None:
        rows = torch.randperm(case.rows)
        for start in range(0, case.rows, case.batch_size):
            batch = rows[start : start + case.batch_size]
            loss = torch.nn.functional.cross_entropy(model(X[batch]), T[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        assert torch.isfinite(loss)

    return epoch


def xla_peak() -> float:
    """Return the GFLOP/s of a large compiled matrix product."""
    a = jnp.asarray(np.random.default_rng(0).standard_normal((2048, 2048)), jnp.float32)
    product = jax.jit(lambda a: a @ a)
    return _peak(lambda: jax.block_until_ready(product(a)))


def blas_peak() -> float:
    """Return the GFLOP/s of NumPy's own product."""
    a = np.random.default_rng(0).standard_normal((2048, 2048)).astype(np.float32)
    return _peak(lambda: a @ a)


def _peak(product: Callable[[], object]) -> float:
    product()
    times = []
    for _ in range(7):
        begun = time.perf_counter()
        product()
        times.append(time.perf_counter() - begun)
    return 2 * 2048**3 / float(np.median(times)) / 1e9


if __name__ == "__main__":
    main()
