"""PyTorch's types for signatures: importing this module does not import PyTorch, which is slow and may be missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module
else:
    Module = Tensor = object

LossFunction = Callable[[Any, Any], Tensor]
"""`(output, target) -> loss`."""
