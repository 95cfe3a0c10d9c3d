"""The second-order shape of any loss at a point, and the exact theory of descent on a bowl.

Everything here sees a loss surface (`downslope.core.LossSurface`): value, gradient, Hessian times a vector. Nothing
here knows networks or training, forms the Hessian of a large network, or moves the parameters.
"""

from downslope.curvature._condition_number import ConditionNumber, condition_number
from downslope.curvature._curvature_noise import CurvatureNoise, curvature_noise
from downslope.curvature._eigenpairs import Eigenpairs
from downslope.curvature._eigenvalues import eigenvalues
from downslope.curvature._groups import filter_scales
from downslope.curvature._hessian_blocks import HessianBlocks, hessian_blocks
from downslope.curvature._hessian_trace import TraceEstimate, hessian_trace
from downslope.curvature._noise_scale import NoiseScale, noise_scale
from downslope.curvature._quadratic import BestSettings, Quadratic, quadratic
from downslope.curvature._sharpness import Sharpness, sharpness
from downslope.curvature._spectral_density import SpectralDensity, spectral_density
from downslope.curvature._stability import preconditioned_sharpness, stability_limit
from downslope.curvature._step_model import StepModel, step_model

__all__ = [
    "BestSettings",
    "ConditionNumber",
    "CurvatureNoise",
    "Eigenpairs",
    "HessianBlocks",
    "NoiseScale",
    "Quadratic",
    "Sharpness",
    "SpectralDensity",
    "StepModel",
    "TraceEstimate",
    "condition_number",
    "curvature_noise",
    "eigenvalues",
    "filter_scales",
    "hessian_blocks",
    "hessian_trace",
    "noise_scale",
    "preconditioned_sharpness",
    "quadratic",
    "sharpness",
    "spectral_density",
    "stability_limit",
    "step_model",
]
