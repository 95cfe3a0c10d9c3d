"""Figures of loss surfaces: planes as maps and in three dimensions, lines through them, and paths over them."""

from downslope.figures.landscape.color_levels import ColorLevels, color_bar, plane_color_levels
from downslope.figures.landscape.contour import surface_contour
from downslope.figures.landscape.envelope import envelope
from downslope.figures.landscape.interpolation import interpolation
from downslope.figures.landscape.path_losses import path_losses
from downslope.figures.landscape.path_sentences import hidden_points_text, path_sentences
from downslope.figures.landscape.paths import (
    PathStyle,
    bead_indices,
    draw_path,
    line_handle,
    map_levels,
    mark_handles,
    named_paths,
    path_style,
    path_styles,
    stem_handle,
)
from downslope.figures.landscape.plane import Plane, describe, draw_plane, hole_handles, label_plane, plane_of
from downslope.figures.landscape.relief import VIEW, Box, box_of, draw_path_above, draw_relief, relief_axes
from downslope.figures.landscape.slices import slice_lines
from downslope.figures.landscape.strip import surface_strip
from downslope.figures.landscape.surface_3d import surface_3d

__all__ = [
    "VIEW",
    "Box",
    "ColorLevels",
    "PathStyle",
    "Plane",
    "bead_indices",
    "box_of",
    "color_bar",
    "describe",
    "draw_path",
    "draw_path_above",
    "draw_plane",
    "draw_relief",
    "envelope",
    "hidden_points_text",
    "hole_handles",
    "interpolation",
    "label_plane",
    "line_handle",
    "map_levels",
    "mark_handles",
    "named_paths",
    "path_losses",
    "path_sentences",
    "path_style",
    "path_styles",
    "plane_color_levels",
    "plane_of",
    "relief_axes",
    "slice_lines",
    "stem_handle",
    "surface_3d",
    "surface_contour",
    "surface_strip",
]
