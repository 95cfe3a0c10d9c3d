"""Figures of Hessians: their spectrum, their blocks, and the gradient along their eigenvectors."""

from downslope.figures.curvature.gradient_shares import gradient_shares
from downslope.figures.curvature.hessian_blocks import hessian_blocks
from downslope.figures.curvature.spectrum import spectrum

__all__ = [
    "gradient_shares",
    "hessian_blocks",
    "spectrum",
]
