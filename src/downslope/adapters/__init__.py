"""Adapters: the models of others as loss surfaces, for everything that measures curvature or draws landscapes."""

from downslope.adapters._from_function import from_function
from downslope.adapters._from_torch import from_torch
from downslope.adapters._torch_surface import TorchSurface

__all__ = ["TorchSurface", "from_function", "from_torch"]
