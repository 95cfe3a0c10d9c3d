"""Findings on a run: faults of its data, network, fit and descent, with causes before their symptoms."""

from downslope.diagnosis.findings.ordering import findings_of_case

__all__ = ["findings_of_case"]
