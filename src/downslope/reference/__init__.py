"""Oracles: slow and obviously right. They judge the engine, which never uses them."""

from downslope.reference._check_gradients import check_gradients
from downslope.reference._dense_hessian import dense_hessian
from downslope.reference._finite_differences import finite_differences
from downslope.reference._gradient_report import Comparison, GradientReport
from downslope.reference._plain_network import PlainNetwork, squared_error
from downslope.reference._vjp import Gradients, vjp_layer, vjp_network

__all__ = [
    "Comparison",
    "GradientReport",
    "Gradients",
    "PlainNetwork",
    "check_gradients",
    "dense_hessian",
    "finite_differences",
    "squared_error",
    "vjp_layer",
    "vjp_network",
]
