"""Estimators: networks with scikit-learn's face, for pipelines, searches and cross-validation."""

from downslope.estimators._network_classifier import NetworkClassifier
from downslope.estimators._network_regressor import NetworkRegressor

__all__ = ["NetworkClassifier", "NetworkRegressor"]
