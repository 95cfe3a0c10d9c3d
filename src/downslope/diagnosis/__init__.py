"""Diagnosis: verdicts, findings with causes and fixes, and answers, with evidence."""

from downslope.diagnosis.case import Case
from downslope.diagnosis.descent import Descent
from downslope.diagnosis.diagnose import diagnose, report_of
from downslope.diagnosis.finding import Finding
from downslope.diagnosis.measurements import WayOut
from downslope.diagnosis.opening import case_of
from downslope.diagnosis.prediction import Prediction, predict_descent
from downslope.diagnosis.remedies import SEEDS, Remedy, RemedyTable, Trial, compare_remedies
from downslope.diagnosis.report import Report
from downslope.diagnosis.starts import (
    InitializationReport,
    Inputs,
    LayerStart,
    Stage,
    StartComparison,
    compare_initializations,
    initialization_report,
)
from downslope.diagnosis.verdict import VERDICTS, Verdict

__all__ = [
    "SEEDS",
    "VERDICTS",
    "Case",
    "Descent",
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
