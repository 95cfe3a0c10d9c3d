"""Measurements of a loss, a run or its rows, each in a file of its own that knows nothing of findings."""

from downslope.diagnosis.measurements.input_moments import InputMoments, input_moments
from downslope.diagnosis.measurements.label_noise import LabelNoise, label_noise
from downslope.diagnosis.measurements.linear_model import linear_loss
from downslope.diagnosis.measurements.point import Point, Vector, flat
from downslope.diagnosis.measurements.reach import Reach, reach_of
from downslope.diagnosis.measurements.recall import ClassRecalls, recalls_on
from downslope.diagnosis.measurements.row_order import drift
from downslope.diagnosis.measurements.stability import Stability, number_of, stability_of
from downslope.diagnosis.measurements.tangents import Tangents, tangents
from downslope.diagnosis.measurements.trend import Trend, trend_of
from downslope.diagnosis.measurements.way_out import WayOut, way_out_of

__all__ = [
    "ClassRecalls",
    "InputMoments",
    "LabelNoise",
    "Point",
    "Reach",
    "Stability",
    "Tangents",
    "Trend",
    "Vector",
    "WayOut",
    "drift",
    "flat",
    "input_moments",
    "label_noise",
    "linear_loss",
    "number_of",
    "reach_of",
    "recalls_on",
    "stability_of",
    "tangents",
    "trend_of",
    "way_out_of",
]
