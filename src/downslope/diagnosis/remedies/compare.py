"""Compare remedies, one at a time, by the condition of the loss on the user's own network and data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from downslope.core import Variables, check_integer, fold, generator, tree_size
from downslope.data import Dataset
from downslope.diagnosis.measurements import Tangents, tangents
from downslope.diagnosis.remedies.table import Remedy, RemedyTable
from downslope.diagnosis.remedies.variants import even, hidden_widths, with_activations, with_norms, with_skips
from downslope.layers import AnyLayer, BatchNorm, Nested, Tanh
from downslope.losses import Loss
from downslope.networks import Sequential, with_initializer
from downslope.optimizers import Optimizer
from downslope.training import Problem, TrainingSettings, prepare, train

MOST_NUMBERS = 2**24
"""Derivatives of outputs are kept of so many numbers at once: outputs of all rows × parameters."""

FEWEST_ROWS = 8


class _Variant(NamedTuple):
    """A network and its inputs, with a remedy applied to one of them."""

    name: str
    net: Sequential
    x: np.ndarray


def compare_remedies(
    net: Sequential,
    data: Dataset,
    *,
    loss: str | Loss = "auto",
    normalize: str | None = None,
    normalize_targets: str | None = None,
    rows: int = 64,
    seeds: int = 3,
    seed: int = 0,
    epochs: int = 0,
    optimizer: Optimizer | str = "adam",
    batch_size: int = 32,
) -> RemedyTable:
    """Return the condition of the loss before and after each remedy, on a network and its data.

    The remedies, each alone, where it would change anything: inputs centered; inputs normalized; activations centered
    (tanh); hidden layers of equal width with as many weights in all; weights drawn with variance `1/n_in` (LeCun's);
    batch norm before the activations; skips around the hidden layers.

    What is compared is the condition number of the tangent kernel `J Jᵀ`, which has the nonzero eigenvalues of the
    Gauss–Newton matrix for squared error, over the directions that hold half of what is to be learned: how much slower
    than along the steepest direction gradient descent learns there (see `downslope.diagnosis.measurements.tangents`).
    The Hessian itself has negative eigenvalues at a start, with which `κ` is undefined. All is measured on the same
    rows; what counts is the factor by which a remedy changes `κ`.

    Args:
        net: the network.
        data: rows with targets.
        loss: as for `ds.train`.
        normalize: as for `ds.train`; remedies start from inputs normalized so.
        normalize_targets: likewise.
        rows: how many rows to measure on, at most; fewer for large networks.
        seeds: starts, whose spread says what chance does.
        seed: the first of them; it draws the rows too.
        epochs: with some, each network is also trained so long from its first start and measured again, its loss too.
        optimizer: of that training.
        batch_size: likewise.

    Raises:
        SettingError: a setting that cannot be.
        DataError: data that cannot be learned from as it is.
        ShapeError: a network that does not fit the data.

    Example:
        >>> import downslope as ds
        >>> from downslope.diagnosis import compare_remedies
        >>> table = compare_remedies(ds.mlp([8], outputs=1), ds.load("old_faithful"))
        >>> [remedy.name for remedy in table.remedies]
        ['as it is', 'centered inputs', 'normalized inputs', 'centered activations', '1/n weights', 'batch norm']
        >>> table.best.name in ("normalized inputs", "batch norm")
        True

    References:
        LeCun, Bottou, Orr, Müller (1998), Efficient BackProp, §4–5. Ioffe, Szegedy (2015), Batch normalization.
        He, Zhang, Ren, Sun (2016), Deep residual learning.
    """
    seeds = check_integer("seeds", seeds)
    epochs = check_integer("epochs", epochs, at_least=0)
    problem = _prepared(net, data, loss, normalize, normalize_targets, seed)
    variants = list(_variants(net, np.asarray(problem.train.x)))
    chosen = _rows(problem, variants, check_integer("rows", rows, at_least=2), seed)
    t = jnp.asarray(np.asarray(problem.train.t)[chosen])
    remedies = []
    for variant in variants:
        x = jnp.asarray(variant.x[chosen])

        def kernel_at(variables: Variables, variant: _Variant = variant, x: Array = x) -> Tangents:
            return tangents(with_initializer(variant.net, "auto"), problem.loss, variables, x, t)

        shape = variant.x.shape[1:]
        starts = [variant.net.init(fold(seed + k, "initialize"), shape) for k in range(seeds)]
        after, reached = None, None
        if epochs:
            settings = {"optimizer": optimizer, "batch_size": batch_size, "epochs": epochs, "seed": seed}
            settings["drop_last"] = "lone"  # of a network that batch norm was put into
            run = train(variant.net, _as_trained(problem, variant.x), loss=problem.loss, progress=False, **settings)
            finite = run.stop_reason != "diverged" and len(run.history["train_loss"]) > 0
            after = kernel_at(run.last) if finite else None
            reached = float(run.history["train_loss"][-1]) if finite else float("inf")
        remedies.append(Remedy(variant.name, tuple(map(kernel_at, starts)), after, reached))
    return RemedyTable(tuple(remedies), len(chosen), epochs)


def _prepared(
    net: Sequential, data: Dataset, loss: str | Loss, normalize: str | None, normalize_targets: str | None, seed: int
) -> Problem:
    """Return the problem as training would see it."""
    settings = TrainingSettings(
        loss=loss,
        optimizer="sgd",
        batch_size=len(data),
        order="sequential",
        seed=seed,
        normalize=normalize,
        normalize_targets=normalize_targets,
    )
    return prepare(net, data, settings)


def _variants(net: Sequential, x: np.ndarray) -> Iterator[_Variant]:
    """Yield the network as it is, then with each remedy that would change anything."""
    yield _Variant("as it is", net, x)
    rows = np.asarray(x, np.float64)
    centered = rows - rows.mean(axis=0)
    deviations = centered.std(axis=0)
    normalized = centered / np.where(deviations > 1e-6 * np.abs(rows.mean(axis=0)), deviations, np.inf)
    size = float(np.sqrt(np.mean(rows**2))) or 1.0
    if np.abs(centered - rows).max() > 1e-3 * size:
        yield _Variant("centered inputs", net, centered.astype(x.dtype))
    if np.abs(normalized - rows).max() > 1e-3 * size:
        yield _Variant("normalized inputs", net, normalized.astype(x.dtype))
    tanh = with_activations(net, lambda layer: layer if layer.centered else Tanh())
    if tanh != net:
        yield _Variant("centered activations", tanh, x)
    leveled = even(net, x.shape[1:]) if len(set(hidden_widths(net))) > 1 else None
    if leveled is not None:
        yield _Variant("equal widths", leveled, x)
    if with_initializer(net, "lecun_normal") != net:
        yield _Variant("1/n weights", with_initializer(net, "lecun_normal"), x)
    normed = with_norms(net, BatchNorm())
    if normed != net and not _has_norm(net.layers):
        yield _Variant("batch norm", normed, x)
    skips = with_skips(net)
    if skips is not None:
        yield _Variant("skips", skips, x)


def _has_norm(layers: Sequence[AnyLayer]) -> bool:
    """Return whether a batch norm is among layers, in blocks too."""
    return any(
        isinstance(layer, BatchNorm) or (isinstance(layer, Nested) and _has_norm(layer.layers)) for layer in layers
    )


def _rows(problem: Problem, variants: list[_Variant], most: int, seed: int) -> np.ndarray:
    """Return the numbers of the rows to measure on: so few that all derivatives fit into memory."""
    parameters = max(tree_size(variant.net.init(0, variant.x.shape[1:]).params) for variant in variants)
    count = min(len(problem.train), most, max(FEWEST_ROWS, MOST_NUMBERS // (problem.outputs * parameters)))
    return np.sort(generator(seed, "remedies").choice(len(problem.train), count, replace=False))


def _as_trained(problem: Problem, x: np.ndarray) -> Dataset:
    """Return inputs with the targets, as the network sees both."""
    part = problem.train
    classes = problem.preprocessing.task == "classification"
    targets = part.truth if classes else np.asarray(part.t)
    return Dataset(x, targets, row_weights=part.weights, task=problem.preprocessing.task)
