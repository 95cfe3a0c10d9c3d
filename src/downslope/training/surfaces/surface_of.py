"""The loss of a network of ours as a surface over its parameters."""

from __future__ import annotations

from downslope.core import Key, Variables, check_choice, own_tree
from downslope.data import Dataset, Preprocessing
from downslope.losses import Loss, as_loss
from downslope.networks import Sequential
from downslope.training.problem.part import make_part
from downslope.training.surfaces.network import MODES, NetworkSurface, network_surface


def surface_of(
    net: Sequential,
    loss: str | Loss,
    data: Dataset,
    variables: Variables,
    *,
    mode: str = "inference",
    key: Key = 0,
) -> NetworkSurface:
    """Return the loss of a network over a data set, as a surface over the network's parameters.

    All rows, weighted exactly. In inference mode, batch norm uses its running statistics and nothing is dropped. In
    training mode, batch norm takes the statistics of all rows as one batch, and every point of the surface has a
    dropout mask of its own, which belongs to the point: the surface is rocky, but the same each time. The gradient is
    the engine's own. Nothing is normalized: pass the rows as the network is to see them.

    Args:
        net: the network.
        loss: a name, a loss, or `"auto"`.
        data: rows with targets: class labels, or numbers.
        variables: their state is used; their parameters show the structure of parameters.
        mode: `"inference"` or `"training"`.
        key: from which the masks of training mode are drawn.

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
    check_choice("mode", mode, MODES)
    preprocessing = Preprocessing.fit(data, normalize=None, normalize_targets=None, classes=data.classes)
    outputs = net.output_shape(preprocessing.input_shape)[-1]
    minimized = as_loss(loss, task=preprocessing.task, outputs=outputs)
    rows = make_part(data, preprocessing, minimized, outputs)
    return network_surface(net, minimized, rows, own_tree(variables), mode=mode, key=key)
