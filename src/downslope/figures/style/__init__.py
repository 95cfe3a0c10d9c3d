"""The look that all figures share: colors, ticks, room around a drawing, axes of losses and their marks, files."""

from downslope.figures.style.layout import framed, stacked
from downslope.figures.style.line_marks import finite, fit_axis, hole_marks, mark_holes
from downslope.figures.style.loss_axis import (
    COLORS,
    OFF_SCALE,
    STAR,
    UNITS,
    compared_by,
    cross_handle,
    cross_out,
    fit_losses,
    highest_shown,
    look,
    loss_label,
    point_up,
    spans_decades,
    star_handle,
)
from downslope.figures.style.save import alt_text, save, save_into
from downslope.figures.style.theme import BLACK, BLUE, GRAY, GREEN, ORANGE, VERMILLION, drawn, percent, without_frame
from downslope.figures.style.ticks import decade_ticks, epoch_axis, plain, shifted_ticks

__all__ = [
    "BLACK",
    "BLUE",
    "COLORS",
    "GRAY",
    "GREEN",
    "OFF_SCALE",
    "ORANGE",
    "STAR",
    "UNITS",
    "VERMILLION",
    "alt_text",
    "compared_by",
    "cross_handle",
    "cross_out",
    "decade_ticks",
    "drawn",
    "epoch_axis",
    "finite",
    "fit_axis",
    "fit_losses",
    "framed",
    "highest_shown",
    "hole_marks",
    "look",
    "loss_label",
    "mark_holes",
    "percent",
    "plain",
    "point_up",
    "save",
    "save_into",
    "shifted_ticks",
    "spans_decades",
    "stacked",
    "star_handle",
    "without_frame",
]
