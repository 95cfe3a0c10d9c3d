"""The loss of a network of ours as a surface over its parameters."""

from __future__ import annotations

from typing import Any

import numpy as np

from downslope.core import FunctionSurface, Params, Variables, float_dtype
from downslope.data import Dataset, Preprocessing
from downslope.losses import Loss, as_loss
from downslope.networks import Sequential, architecture, loss_and_gradients
from downslope.training._evaluate import block_rows
from downslope.training._problem import Part, part_of


def surface_of(net: Sequential, loss: str | Loss, data: Dataset, variables: Variables) -> FunctionSurface:
    """Return the loss of a network over a data set, as a surface over the network's parameters.

    All rows, in chunks, weighted exactly; in inference mode: batch norm with its running statistics, nothing dropped.
    The gradient is the engine's own. Nothing is normalized: pass the rows as the network is to see them.

    Args:
        net: the network.
        loss: a name, a loss, or `"auto"`.
        data: rows with targets: class labels, or numbers.
        variables: their state is used; their parameters show the surface what parameters look like.

    Raises:
        DataError, ShapeError, SettingError: the data do not suit the network or the loss.

    Example:
        >>> import downslope as ds, numpy as np
        >>> net, faithful = ds.mlp([], outputs=1), ds.load("old_faithful")
        >>> surface = ds.surface_of(net, "mean_squared_error", faithful, net.init(0, (1,)))
        >>> line = ({"weight": np.array([[10.72964]]), "bias": np.array([33.4744])},)
        >>> round(surface.value(line) * 272, 1)
        9443.4
    """
    preprocessing = Preprocessing.fit(data, normalize=None, normalize_targets=None, classes=data.classes)
    outputs = net.output_shape(preprocessing.input_shape)[-1]
    chosen = as_loss(loss, task=preprocessing.task, outputs=outputs)
    return network_surface(net, chosen, part_of(data, preprocessing, chosen, outputs), variables)


def network_surface(net: Sequential, loss: Loss, part: Part, variables: Variables) -> FunctionSurface:
    """Return the loss over rows as the network sees them, as a surface over its parameters."""
    chain, state = architecture(net), variables.state
    size = block_rows(chain, part.x)
    blocks = [slice(start, start + size) for start in range(0, len(part), size)]
    weights = None if part.weights is None else np.asarray(part.weights, float_dtype())
    batches = [(part.x[rows], part.t[rows], *(() if weights is None else (weights[rows],))) for rows in blocks]

    def outputs_of(params: tuple[Params, ...], batch: tuple[Any, ...]) -> Any:
        return chain.apply(Variables(params, state), batch[0])

    def loss_of(outputs: Any, batch: tuple[Any, ...]) -> Any:
        return loss.value(outputs, *batch[1:])

    def gradient_of(params: tuple[Params, ...], batch: tuple[Any, ...]) -> Any:
        x, t, *w = batch
        return loss_and_gradients(chain, Variables(params, state), x, t, loss, row_weights=w[0] if w else None).params

    return FunctionSurface(
        loss_of,
        variables.params,
        batches,
        model=outputs_of,
        gradient_fn=gradient_of,
        chunk_weights=_chunk_weights(loss, weights, blocks),
        description=f"{loss.name} over {len(part):,} rows, inference mode",
    )


def _chunk_weights(loss: Loss, weights: np.ndarray | None, blocks: list[slice]) -> list[float] | None:
    """Return what each chunk's loss counts; None if by its rows."""
    if loss.reduction != "mean":
        return [1.0] * len(blocks)
    if weights is None:
        return None
    return [float(weights[rows].sum(dtype=float) / weights.sum(dtype=float)) for rows in blocks]
