"""Export: trained networks for other programs, as ONNX, safetensors and JSON; TensorBoard's event files."""

from downslope.export._tensorboard import TensorBoard
from downslope.export._to_json import to_json
from downslope.export._to_onnx import to_onnx
from downslope.export._to_safetensors import to_safetensors

__all__ = ["TensorBoard", "to_json", "to_onnx", "to_safetensors"]
