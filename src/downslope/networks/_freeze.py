"""Freezing some layers of a network, to train the others."""

from __future__ import annotations

from collections.abc import Iterable

from downslope.core import Setting, SettingError, Variables
from downslope.layers import AnyLayer, ContextLayer, Frozen, Parametrized, placed
from downslope.networks._sequential import Sequential


def freeze(net: Sequential, layers: Iterable[int]) -> Sequential:
    """Return the network with some of its layers frozen (see `ds.Frozen`), for training to leave as they are.

    Activations, pools and the like, which have nothing to freeze, are not wrapped. `ds.train(…, start=…)` takes the
    variables of the same network frozen or not.

    Args:
        net: the network.
        layers: places of layers, from 0; negative ones count from the end.

    Raises:
        SettingError: there is no layer at a place.

    Example:
        Train a network; then train its last layer alone, on other data, and then all of it:

        >>> import downslope as ds
        >>> net, (first, second) = ds.mlp([16], outputs=3), ds.load("iris").split(test=0.5)
        >>> run = ds.train(net, first, epochs=5, progress=False)
        >>> tuned = ds.train(ds.freeze(net, [0]), second, start=run.variables, epochs=5, progress=False)
        >>> bool((tuned.variables.state[0]["frozen_params"]["weight"] == run.params[0]["weight"]).all())
        True
        >>> tuned = ds.train(net, second, start=tuned.variables, epochs=5, progress=False)

        For other classes, put a new last layer on what was learned:

        >>> net = ds.freeze(ds.Sequential([*run.net.layers[:-1], ds.Dense(2)]), [0])
        >>> new = net.init(0, (4,))
        >>> old = rearranged(net, ds.Variables((*run.params[:-1], {}), (*run.variables.state[:-1], {})))
        >>> start = ds.Variables((*old.params[:-1], new.params[-1]), (*old.state[:-1], new.state[-1]))
    """
    chosen = {_index(net, index) for index in layers}
    return Sequential([_frozen(layer) if index in chosen else layer for index, layer in enumerate(net.layers)])


def rearranged(net: Sequential, variables: Variables) -> Variables:
    """Return variables with every layer's numbers where this network keeps them: in params, or in state if frozen.

    Args:
        net: the network that is to use them.
        variables: of the same network, with other layers frozen or none.
    """
    return Variables(*placed(net.layers, *variables))


def _index(net: Sequential, index: int) -> int:
    """Return the place of a layer, counted from 0."""
    count = len(net.layers)
    if not isinstance(index, int) or not -count <= index < count:
        raise SettingError(Setting("layers"), f"must hold places from 0 to {count - 1}, got {index!r}.")
    return index % count


def _frozen(layer: AnyLayer) -> AnyLayer:
    """Return a layer frozen; as it is where it holds no numbers, or is frozen already."""
    if isinstance(layer, Frozen) or not isinstance(layer, (Parametrized, ContextLayer)):
        return layer
    return Frozen(layer)
