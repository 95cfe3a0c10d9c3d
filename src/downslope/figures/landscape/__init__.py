"""Figures of loss surfaces: planes as maps and in three dimensions, lines through them, and paths over them."""

from downslope.figures.landscape.color_levels import Shades, color_bar, shades_of
from downslope.figures.landscape.contour import surface_contour
from downslope.figures.landscape.envelope import envelope
from downslope.figures.landscape.interpolation import interpolation
from downslope.figures.landscape.path_losses import path_losses
from downslope.figures.landscape.path_sentences import not_shown, path_sentences
from downslope.figures.landscape.paths import (
    PathLook,
    bead_places,
    draw_path,
    line_handle,
    looks,
    mark_handles,
    named_paths,
    path_look,
    stem_handle,
)
from downslope.figures.landscape.plane import Ground, described, draw_ground, ground_of, hole_handles, label_ground
from downslope.figures.landscape.relief import VIEW, Box, box_of, draw_path_above, draw_relief, relief_axes
from downslope.figures.landscape.slices import slice_lines
from downslope.figures.landscape.strip import surface_strip
from downslope.figures.landscape.surface_3d import surface_3d

__all__ = [
    "VIEW",
    "Box",
    "Ground",
    "PathLook",
    "Shades",
    "bead_places",
    "box_of",
    "color_bar",
    "described",
    "draw_ground",
    "draw_path",
    "draw_path_above",
    "draw_relief",
    "envelope",
    "ground_of",
    "hole_handles",
    "interpolation",
    "label_ground",
    "line_handle",
    "looks",
    "mark_handles",
    "named_paths",
    "not_shown",
    "path_look",
    "path_losses",
    "path_sentences",
    "relief_axes",
    "shades_of",
    "slice_lines",
    "stem_handle",
    "surface_3d",
    "surface_contour",
    "surface_strip",
]
