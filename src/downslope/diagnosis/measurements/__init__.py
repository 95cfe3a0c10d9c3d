"""Measurements of a loss, a run or its rows, each in a file of its own that knows nothing of findings."""

from downslope.diagnosis.measurements.held_out import HeldOut, held_out_of
from downslope.diagnosis.measurements.input_moments import InputMoments, input_moments
from downslope.diagnosis.measurements.label_noise import LabelNoise, label_noise
from downslope.diagnosis.measurements.other_starts import (
    OtherStarts,
    compare_descents,
    compare_starts,
    held_out_apart,
    own_restarts,
)
from downslope.diagnosis.measurements.point import Point, Vector, flat
from downslope.diagnosis.measurements.reach import Reach, reach_of
from downslope.diagnosis.measurements.recall import ClassRecalls, recalls_on
from downslope.diagnosis.measurements.row_order import drift
from downslope.diagnosis.measurements.scale import Scale, row_losses, scale_of
from downslope.diagnosis.measurements.stability import Stability, is_certain, number_of, stability_of
from downslope.diagnosis.measurements.tangents import Tangents, tangents
from downslope.diagnosis.measurements.trend import Trend, trend_of
from downslope.diagnosis.measurements.way_out import WayOut, way_out_of

__all__ = [
    "ClassRecalls",
    "HeldOut",
    "InputMoments",
    "LabelNoise",
    "OtherStarts",
    "Point",
    "Reach",
    "Scale",
    "Stability",
    "Tangents",
    "Trend",
    "Vector",
    "WayOut",
    "compare_descents",
    "compare_starts",
    "drift",
    "flat",
    "held_out_apart",
    "held_out_of",
    "input_moments",
    "is_certain",
    "label_noise",
    "number_of",
    "own_restarts",
    "reach_of",
    "recalls_on",
    "row_losses",
    "scale_of",
    "stability_of",
    "tangents",
    "trend_of",
    "way_out_of",
]
