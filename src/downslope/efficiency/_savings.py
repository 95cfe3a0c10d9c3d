"""The savings of local connectivity: each convolution beside the dense layer between the same shapes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from downslope.core import Setting, SettingError
from downslope.efficiency._layer_times import LayerLoops, LayerTimes, layer_loops, time_in_rounds
from downslope.efficiency._timing import Deadline, Timing
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
        timing: forward and backward, in the same rounds as the dense layer, if that was measured; None where it was
            not measured.
        dense_timing: of the dense layer; None where it is too large, or the time was up.
        dense_bytes: the memory that its weights take.
    """

    place: str
    layer: str
    parameters: int
    dense_parameters: int
    connections: int
    dense_connections: int
    timing: Timing | None
    dense_timing: Timing | None
    dense_bytes: int

    @property
    def seconds(self) -> float | None:
        """Of the convolution."""
        return None if self.timing is None else self.timing.seconds

    @property
    def dense_seconds(self) -> float | None:
        """Of the dense layer."""
        return None if self.dense_timing is None else self.dense_timing.seconds


def savings(
    sites: Sequence[Site],
    loops: Sequence[LayerLoops | None],
    times: Sequence[LayerTimes | None],
    rows: int,
    *,
    seed: int,
    memory_limit: int,
    deadline: Deadline,
    tell: Callable[[str], None],
) -> tuple[Saving, ...]:
    """Return the savings of each convolution, the dense layers measured where they fit and the time allows."""
    results = []
    for site, own, time in zip(sites, loops, times, strict=True):
        if not site.is_convolution:
            continue
        saving = _counted(site, time)
        if own is not None and saving.dense_bytes * SHARE <= memory_limit and deadline.allows():
            tell(f"the dense layer in place of {site.name}")
            dense = _dense_loops(site, rows, seed=seed)
            timings = time_in_rounds([*own, *dense], deadline=deadline)
            both = own.times(timings).both, dense.times(timings).both
            saving = replace(saving, timing=both[0], dense_timing=both[1])
        results.append(saving)
    return tuple(results)


def _counted(site: Site, time: LayerTimes | None) -> Saving:
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
        timing=None if time is None else time.both,
        dense_timing=None,
        dense_bytes=n_in * n_out * itemsize(),
    )


def _dense_loops(site: Site, rows: int, *, seed: int) -> LayerLoops:
    """Return the passes of the dense layer."""
    dense = Dense(math.prod(site.output_shape), bias=_has_bias(site))
    n_in, n_out = (math.prod(site.input_shape),), (math.prod(site.output_shape),)
    layer = Frozen(dense) if site.frozen else dense
    return layer_loops(replace(site, layer=layer, input_shape=n_in, output_shape=n_out), rows, seed=seed)


def _has_bias(site: Site) -> bool:
    """Return whether a convolution has a bias."""
    (layer,) = thawed([site.layer])
    return bool(getattr(layer, "bias", False))
