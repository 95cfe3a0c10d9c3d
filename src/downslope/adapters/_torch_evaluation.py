"""How PyTorch evaluates a surface: by operations that have second derivatives, with tensors in place of the user's."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode

from downslope.core import Setting, SettingError

NO_DERIVATIVE = re.compile(r"derivative for '?(?:aten::)?_?(\w+?)(?:_backward)?'? is not implemented")
ENDS = ("torch::autograd::Error", "torch::autograd::NotImplemented")
TWICE = re.compile(r"once_differentiable|double backward|differentiate twice")


class InPlaceOf(TorchFunctionMode):
    """While it is on, operations on some tensors use others: however a function came by a parameter, it has ours.

    Args:
        others: by the `id` of a tensor, the one that takes its place.
    """

    def __init__(self, others: dict[int, torch.Tensor]):
        super().__init__()
        self.others = others

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Call a function of PyTorch with the tensors in place."""
        arguments, named = self._replaced(args), self._replaced(kwargs or {})
        if getattr(func, "__name__", "") == "_weight_norm":
            return _weight_norm(*arguments, **named)
        return func(*arguments, **named)

    def _replaced(self, value: Any) -> Any:
        """Return arguments with the tensors in place."""
        if isinstance(value, torch.Tensor):
            return self.others.get(id(value), value)
        if type(value) in (tuple, list):
            return type(value)(self._replaced(part) for part in value)
        if type(value) is dict:
            return {name: self._replaced(part) for name, part in value.items()}
        return value


def _weight_norm(v: torch.Tensor, g: torch.Tensor, dim: int = 0) -> torch.Tensor:
    """Return `g v / ‖v‖`: the second derivative of PyTorch's own is wrong, and not even symmetric (2.13)."""
    others = [axis for axis in range(v.ndim) if axis != dim % v.ndim] if dim != -1 else list(range(v.ndim))
    return v * (g / torch.linalg.vector_norm(v, dim=others, keepdim=True))


@contextmanager
def twice_differentiable() -> Iterator[None]:
    """Compute attention by plain products, whose derivatives have derivatives.

    The fused kernels and the fast path of encoder layers have none, and round otherwise.
    """
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


@contextmanager
def naming_operations(*results: torch.Tensor) -> Iterator[None]:
    """Say in one sentence that an operation has no second derivative.

    Args:
        *results: what is differentiated: its graph is searched for functions of the user.

    Raises:
        SettingError: naming the operation.
    """
    try:
        yield
    except (RuntimeError, NotImplementedError) as error:
        missing = NO_DERIVATIVE.search(str(error))
        if missing is None and not TWICE.search(str(error)):
            raise
        raise _without([missing[1]] if missing is not None else _functions(results)) from error


def check_second_derivative(loss: torch.Tensor, slope: Sequence[torch.Tensor]) -> None:
    """Check that no part of a gradient ends where PyTorch says that it cannot be differentiated again.

    A function marked `once_differentiable` leaves such an end, and what lies behind it would be left out in silence.

    Raises:
        SettingError: one does.
    """
    if any(node.name() in ENDS for node in _nodes(slope)):
        raise _without(_functions([loss]))


def _without(names: list[str]) -> SettingError:
    """Return the error for operations without second derivatives."""
    return SettingError(
        Setting("module"),
        f"must have second derivatives, but PyTorch has none for {', '.join(names) or 'one of its operations'}. "
        "Write it with operations that have; values and gradients work as it is.",
    )


def leaf_tensors(result: torch.Tensor) -> Iterator[torch.Tensor]:
    """Yield the tensors that a result was computed from, as far as derivatives go."""
    for node in _nodes([result]):
        variable = getattr(node, "variable", None)
        if variable is not None:
            yield variable


def _functions(results: Sequence[torch.Tensor]) -> list[str]:
    """Return the names of a user's own functions in the graphs of results."""
    kinds = {
        type(node).__name__ for node in _nodes(results) if isinstance(node, torch.autograd.function.BackwardCFunction)
    }
    return sorted(name.removesuffix("Backward") for name in kinds)


def _nodes(results: Any) -> Iterator[Any]:
    """Yield the nodes of the graphs of results, each once."""
    pending, known = [result.grad_fn for result in results if result.grad_fn is not None], set()
    while pending:
        node = pending.pop()
        if node in known:
            continue
        known.add(node)
        yield node
        pending.extend(following for following, _ in node.next_functions if following is not None)
