"""The savings of local connectivity: each convolution beside the dense layer between the same shapes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from downslope.core import Setting, SettingError
from downslope.efficiency._layer_times import LayerSeconds, time_layer
from downslope.efficiency._stopwatch import Deadline
from downslope.layers import Dense, Frozen, thawed
from downslope.networks import Site, connections, itemsize

SHARE = 4
"""A dense layer is measured where its weights take at most this part of the memory limit, one in so many."""


@dataclass(frozen=True)
class Saving:
    """A convolution, and the dense layer that every output of it would need to see every input.

    Attributes:
        place: of the convolution.
        layer: the convolution in a few letters.
        parameters: of the convolution, frozen ones too.
        dense_parameters: of the dense layer, with a bias if the convolution has one.
        connections: of the convolution.
        dense_connections: of the dense layer, `n_in · n_out`.
        seconds: forward and backward; None where it was not measured.
        dense_seconds: of the dense layer; None where it is too large, or the time was up.
        dense_bytes: the memory that its weights take.
    """

    place: str
    layer: str
    parameters: int
    dense_parameters: int
    connections: int
    dense_connections: int
    seconds: float | None
    dense_seconds: float | None
    dense_bytes: int


def savings(
    sites: Sequence[Site],
    times: Sequence[LayerSeconds | None],
    rows: int,
    *,
    seed: int,
    memory_limit: int,
    deadline: Deadline,
    tell: Callable[[str], None],
) -> tuple[Saving, ...]:
    """Return the savings of each convolution, the dense layers measured where they fit and the time allows."""
    results = []
    for site, time in zip(sites, times, strict=True):
        if not site.is_convolution:
            continue
        saving = _counted(site, time)
        if saving.dense_bytes * SHARE <= memory_limit and deadline.allows():
            tell(f"the dense layer in place of {site.name}")
            saving = replace(saving, dense_seconds=_dense_seconds(site, rows, seed=seed, deadline=deadline))
        results.append(saving)
    return tuple(results)


def _counted(site: Site, time: LayerSeconds | None) -> Saving:
    """Return the counts of a convolution and of the dense layer."""
    n_in, n_out = math.prod(site.input_shape), math.prod(site.output_shape)
    count = connections(site.layer, site.input_shape)
    if count is None:
        raise SettingError(Setting("layer"), f"must be a convolution, got {site.name}.")
    return Saving(
        place=site.place,
        layer=site.name,
        parameters=site.parameters + site.frozen,
        dense_parameters=n_in * n_out + n_out * _has_bias(site),
        connections=count,
        dense_connections=n_in * n_out,
        seconds=None if time is None else sum(time),
        dense_seconds=None,
        dense_bytes=n_in * n_out * itemsize(),
    )


def _dense_seconds(site: Site, rows: int, *, seed: int, deadline: Deadline) -> float:
    """Return how long the dense layer takes, forward and backward."""
    dense = Dense(math.prod(site.output_shape), bias=_has_bias(site))
    n_in, n_out = (math.prod(site.input_shape),), (math.prod(site.output_shape),)
    layer = Frozen(dense) if site.frozen else dense
    return sum(
        time_layer(replace(site, layer=layer, input_shape=n_in, output_shape=n_out), rows, seed=seed, deadline=deadline)
    )


def _has_bias(site: Site) -> bool:
    """Return whether a convolution has a bias."""
    (layer,) = thawed([site.layer])
    return bool(getattr(layer, "bias", False))
