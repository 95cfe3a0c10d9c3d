"""Starts: signals through a network before its first step, beside theory, and which initializer is best."""

from downslope.diagnosis.starts.compare import compare_initializations
from downslope.diagnosis.starts.comparison import StartComparison
from downslope.diagnosis.starts.findings import (
    LARGE,
    LEAKY,
    MANY_DEAD,
    NORMALIZE,
    SHIFTED,
    SKIPS,
    SMALL,
    SOME_DEAD,
    UNEQUAL,
    rectified,
    suited,
)
from downslope.diagnosis.starts.measure import initialization_report
from downslope.diagnosis.starts.report import InitializationReport, Inputs, LayerStart, Stage

__all__ = [
    "LARGE",
    "LEAKY",
    "MANY_DEAD",
    "NORMALIZE",
    "SHIFTED",
    "SKIPS",
    "SMALL",
    "SOME_DEAD",
    "UNEQUAL",
    "InitializationReport",
    "Inputs",
    "LayerStart",
    "Stage",
    "StartComparison",
    "compare_initializations",
    "initialization_report",
    "rectified",
    "suited",
]
