"""Advice on making a layer cheaper, by kind of layer."""

from __future__ import annotations

from downslope.layers import AvgPool, Conv1D, Conv2D, Dense, Dropout, MaxPool, thawed
from downslope.networks import Site

ADVICE: dict[tuple[type, ...], str] = {
    (Dense,): "Fewer units here or before it, or a pool before the flattening, make it cheaper.",
    (Conv1D, Conv2D): "A stride, a pool before it, fewer channels or a smaller kernel make it cheaper.",
    (MaxPool, AvgPool): "A stride in the convolution before it may take its place.",
    (Dropout,): "Drawing its random numbers takes long; drop fewer, later or smaller activations.",
}
NO_WEIGHTS = "It is no layer of weights; check whether the network needs it, or needs it at this size."


def advice_on(site: Site) -> str:
    """Return advice on a layer that dominates, frozen or not.

    Example:
        >>> from downslope.layers import Frozen
        >>> advice_on(Site("0", Frozen(Dropout(0.5)), (4,), (4,), parameters=0, frozen=0, feeds=True))
        'Drawing its random numbers takes long; drop fewer, later or smaller activations.'
    """
    (layer,) = thawed([site.layer])
    return next((advice for kinds, advice in ADVICE.items() if isinstance(layer, kinds)), NO_WEIGHTS)
