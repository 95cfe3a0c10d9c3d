"""The descent of an estimator: `ds.train` for a fit, a `Stepper` for one pass."""

from __future__ import annotations

import math
from dataclasses import replace

import jax
import numpy as np

from downslope.core import Variables
from downslope.data import Batches, Dataset
from downslope.estimators._parameters import Parameters
from downslope.estimators._rows import Rows, round_size
from downslope.estimators._solver import batch_rows, last_batch_of, optimizer_of
from downslope.estimators._watch import Watch
from downslope.losses import Loss
from downslope.networks import Sequential
from downslope.optimizers import OptimizerState
from downslope.training import Run, Stepper, TrainingSettings, last_batch_rule, prepare, train

ClassWeights = dict[int, float]


def trained(
    parameters: Parameters,
    net: Sequential,
    loss: Loss,
    rows: Rows,
    validation: Rows | None,
    *,
    class_weights: ClassWeights | None,
    seed: int,
    start: Variables | None,
    watch: Watch,
) -> Run:
    """Return the run of a fit.

    Args:
        parameters: of the estimator.
        net: its network.
        loss: the loss that descends.
        rows: the training rows, as the network sees them.
        validation: rows to choose the best parameters by, or None.
        class_weights: how much each class counts, or None.
        seed: of the starting weights and the order of rows.
        start: variables to go on from, or None.
        watch: the observer, unless there are restarts.
    """
    restarts = 1 if start is not None else parameters.n_restarts
    stops_early = restarts > 1 and parameters.early_stopping and parameters.n_iter_no_change != math.inf
    data, settings = _data_and_settings(
        parameters, net, rows, loss, class_weights=class_weights, seed=seed, start=start
    )
    settings |= {
        "epochs": parameters.max_iter,
        "validation": 0.0 if validation is None else validation.dataset(),
        "early_stopping": parameters.n_iter_no_change + 1 if stops_early else None,
    }
    return train(
        net,
        data,
        **settings,
        restarts=restarts,
        observers=(watch,) if restarts == 1 else (),
        progress="lines" if parameters.verbose and restarts > 1 else False,
    )


def one_pass(
    parameters: Parameters,
    net: Sequential,
    loss: Loss,
    rows: Rows,
    *,
    class_weights: ClassWeights | None,
    seed: int,
    start: Variables | None,
    optimizer_state: OptimizerState | None,
    epoch: int,
) -> Stepper:
    """Return the stepper of one pass over rows, number `epoch` of all, from where the last one ended.

    The optimizer's memory is carried over; its numbers are what the estimator's parameters say now.
    """
    data, settings = _data_and_settings(
        parameters, net, rows, loss, class_weights=class_weights, seed=seed, start=start
    )
    stepper = Stepper(prepare(net, data, settings))
    fresh, last = stepper.state.optimizer, optimizer_state
    if last is not None and jax.tree.structure(last.memory) == jax.tree.structure(fresh.memory):
        stepper.state = stepper.state._replace(optimizer=fresh._replace(step=last.step, memory=last.memory))
    stepper.epoch = epoch
    stepper.advance(stepper.epoch_steps)
    return stepper


def on_host(run: Run) -> Run:
    """Return a run whose arrays are NumPy's: they are computed with in the precision of whatever session asks."""
    trees, rows = (run.variables, run.last, run.optimizer_state), run.training_rows
    variables, last, state = jax.tree.map(np.asarray, trees)
    if rows is not None:
        rows = replace(rows, x=np.asarray(rows.x), t=np.asarray(rows.t))
    return replace(run, variables=variables, last=last, optimizer_state=state, training_rows=rows)


def _data_and_settings(
    parameters: Parameters,
    net: Sequential,
    rows: Rows,
    loss: Loss,
    *,
    class_weights: ClassWeights | None,
    seed: int,
    start: Variables | None,
) -> tuple[Dataset, TrainingSettings]:
    """Return the data, and the settings of the descent on them.

    Rows that fit into one batch are filled up to a size that compiles once for many.
    """
    size = batch_rows(parameters.batch_size, len(rows))
    counts = np.ones(len(rows)) if rows.weights is None else rows.weights
    if class_weights is not None:
        counts = counts * np.array(list(class_weights.values()))[rows.t]
    several = len(rows) > size
    filled = rows if several else rows.filled(round_size(len(rows)))
    settings = TrainingSettings(
        loss=loss,
        batch_size=size if several else len(filled),
        order="shuffle" if parameters.shuffle else "sequential",
        seed=seed,
        start=start,
        class_weight=class_weights,
        drop_last=last_batch_of(parameters),
    )
    drop_last = last_batch_rule(settings, net, filled.x.shape[1:])
    steps = Batches(len(filled), settings.first_batch_size, drop_last=drop_last).steps
    weight = size * float(counts.mean())
    optimizer = optimizer_of(parameters, rows=len(rows), steps=steps, weight=weight)
    return filled.dataset(), settings | {"optimizer": optimizer}
