"""The descent of an estimator: `ds.train` for a fit, a `Walk` for one pass."""

from __future__ import annotations

import math
from typing import Any

import jax
import numpy as np

from downslope.core import Variables
from downslope.data import Dataset
from downslope.estimators._rows import Rows, round_size
from downslope.estimators._solver import batch_rows, optimizer_of
from downslope.estimators._watch import Watch
from downslope.losses import Loss
from downslope.training import Run, TrainingSettings, Walk, prepare, train


def trained(
    own: Any, loss: Loss, rows: Rows, held_out: Rows | None, *, seed: int, start: Variables | None, watch: Watch
) -> Run:
    """Return the run of a fit.

    Args:
        own: the estimator, with its network settled.
        loss: what descends.
        rows: to learn from, as the network sees them.
        held_out: to choose the best parameters by, or None.
        seed: of the starting weights and the order of rows.
        start: variables to go on from, or None.
        watch: looks on, unless there are restarts.
    """
    restarts = 1 if start is not None else own.n_restarts
    waits = restarts > 1 and own.early_stopping and own.n_iter_no_change != math.inf
    data, settings = _settings(
        own,
        rows,
        loss=loss,
        epochs=own.max_iter,
        validation=0.0 if held_out is None else held_out.dataset(),
        early_stopping=own.n_iter_no_change + 1 if waits else None,
        seed=seed,
        start=start,
    )
    return train(
        own.network_,
        data,
        **settings,
        restarts=restarts,
        observers=(watch,) if restarts == 1 else (),
        progress="lines" if own.verbose and restarts > 1 else False,
    )


def one_pass(own: Any, loss: Loss, rows: Rows) -> Walk:
    """Return the walk of one pass over rows, from where the estimator stands.

    What the optimizer remembers is kept; its numbers are what the estimator's parameters say now.
    """
    data, settings = _settings(own, rows, loss=loss, seed=own._seed, start=getattr(own, "variables_", None))
    walk = Walk(prepare(own.network_, data, settings))
    fresh, kept = walk.state.optimizer, own._optimizer_state
    if kept is not None and jax.tree.structure(kept.memory) == jax.tree.structure(fresh.memory):
        walk.state = walk.state._replace(optimizer=fresh._replace(step=kept.step, memory=kept.memory))
    walk.epoch = own._passes
    walk.advance(walk.epoch_steps)
    return walk


def _settings(own: Any, rows: Rows, **others: Any) -> tuple[Dataset, TrainingSettings]:
    """Return the data, and the settings of the descent on them.

    Rows that fit into one batch are filled up to a size that compiles once for many.
    """
    size = batch_rows(own.batch_size, len(rows))
    of_classes = own._class_weights(rows)
    counts = np.ones(len(rows)) if rows.weights is None else rows.weights
    if of_classes is not None:
        counts = counts * np.array(list(of_classes.values()))[rows.t]
    steps, weight = -(-len(rows) // size), size * float(counts.mean())
    filled = rows if steps > 1 else rows.filled(round_size(len(rows)))
    settings = TrainingSettings(
        optimizer=optimizer_of(own, rows=len(rows), steps=steps, weight=weight),
        batch_size=size if steps > 1 else len(filled),
        order="shuffle" if own.shuffle else "sequential",
        class_weight=of_classes,
        **others,
    )
    return filled.dataset(), settings
