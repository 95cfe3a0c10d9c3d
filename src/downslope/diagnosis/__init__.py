"""Diagnosis: what is wrong, why, and what to do about it, with evidence."""

from downslope.diagnosis._case import Case, case_of
from downslope.diagnosis._compare_initializations import compare_initializations
from downslope.diagnosis._diagnose import diagnose, report_of
from downslope.diagnosis._finding import Finding
from downslope.diagnosis._initialization import initialization_report
from downslope.diagnosis._initialization_report import InitializationReport, Inputs, LayerStart, Stage
from downslope.diagnosis._prediction import Prediction, predict_descent
from downslope.diagnosis._remedies import compare_remedies
from downslope.diagnosis._remedy_table import Remedy, RemedyTable
from downslope.diagnosis._report import Report
from downslope.diagnosis._start_comparison import StartComparison
from downslope.diagnosis._verdict import VERDICTS, Verdict
from downslope.diagnosis._verify import SEEDS, Trial
from downslope.diagnosis._way_out import WayOut

__all__ = [
    "SEEDS",
    "VERDICTS",
    "Case",
    "Finding",
    "InitializationReport",
    "Inputs",
    "LayerStart",
    "Prediction",
    "Remedy",
    "RemedyTable",
    "Report",
    "Stage",
    "StartComparison",
    "Trial",
    "Verdict",
    "WayOut",
    "case_of",
    "compare_initializations",
    "compare_remedies",
    "diagnose",
    "initialization_report",
    "predict_descent",
    "report_of",
]
