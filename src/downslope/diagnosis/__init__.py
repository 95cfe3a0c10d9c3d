"""Diagnosis: what is wrong, why, and what to do about it, with evidence."""

from downslope.diagnosis._compare_initializations import compare_initializations
from downslope.diagnosis._finding import Finding
from downslope.diagnosis._initialization import initialization_report
from downslope.diagnosis._initialization_report import InitializationReport, Inputs, LayerStart, Stage
from downslope.diagnosis._start_comparison import StartComparison

__all__ = [
    "Finding",
    "InitializationReport",
    "Inputs",
    "LayerStart",
    "Stage",
    "StartComparison",
    "compare_initializations",
    "initialization_report",
]
