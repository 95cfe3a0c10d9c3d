"""The loss around a point and along a path: directions, slices, projections, classic surfaces.

Everything here sees a loss surface (`downslope.core.LossSurface`) and knows nothing of networks or training. Each point
is computed from the untouched parameters, which nothing here moves.
"""

from downslope.landscape import surfaces
from downslope.landscape._descend import Descent, descend, surface_step
from downslope.landscape._filters import filter_direction
from downslope.landscape._interpolate import Interpolation, interpolate
from downslope.landscape._low_loss_path import Curve, low_loss_path
from downslope.landscape._nonconvexity import nonconvexity
from downslope.landscape._project import Projection, project
from downslope.landscape._rays import Envelope, Roughness, envelope, roughness
from downslope.landscape._slice import Slice, open_slice, save_slice
from downslope.landscape._slices import slice_1d, slice_2d, slice_levels

__all__ = [
    "Curve",
    "Descent",
    "Envelope",
    "Interpolation",
    "Projection",
    "Roughness",
    "Slice",
    "descend",
    "envelope",
    "filter_direction",
    "interpolate",
    "low_loss_path",
    "nonconvexity",
    "open_slice",
    "project",
    "roughness",
    "save_slice",
    "slice_1d",
    "slice_2d",
    "slice_levels",
    "surface_step",
    "surfaces",
]
