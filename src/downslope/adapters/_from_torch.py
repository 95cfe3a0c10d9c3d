"""A loss surface from a PyTorch module, a loss and data."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from types import ModuleType

from downslope.adapters._torch_surface import TorchSurface
from downslope.adapters._torch_types import LossFunction, Module, Tensor
from downslope.core import MissingExtraError, Setting, SettingError, ShapeError


def from_torch(
    module: Module, loss_fn: LossFunction, batches: Iterable[object], *, description: str = ""
) -> TorchSurface:
    """Return the loss of a PyTorch module over data, as a surface over the module's parameters.

    The loss is the mean over all rows of all batches, `l(θ) = Σ_c (n_c / n) loss_fn(module(x_c), y_c)`, exact, however
    unequal the batches. The mode is inference: dropout off, batch norm by its running statistics. The surface works on
    a copy of the module: the user's weights, mode, hooks' state and gradients are not touched, nor is a random
    generator, and later training of the module does not move the surface. A module that answers differently when asked
    the same twice is refused on first use, and so is, with several batches, a loss that is no mean over rows.

    Parameters go in and out as a dict of NumPy arrays by the module's own names, `surface.params` being those it had;
    frozen ones (`requires_grad=False`) stay what they are. Numbers keep the module's type and device. In float64, turn
    on JAX's x64 mode too, or eigenvectors are kept in float32.

    Arrays have PyTorch's layout: a Linear's weight is `(out, in)`, with the units first. What counts units along the
    last axis (`hessian_blocks(by="neuron")`, `sharpness(filter_normalized=True)`) would group such weights by input.

    Args:
        module: a `torch.nn.Module` of one argument; wrap one that takes more.
        loss_fn: `(output, target) -> loss`, a mean over rows, such as `torch.nn.CrossEntropyLoss()`.
        batches: pairs `(x, y)` of tensors or arrays whose first axes are the rows: a list, or a DataLoader, read once.
            Fewer, larger batches are faster.
        description: what data the loss is over, for reports; the number of rows and the mode unless given.

    Returns:
        A surface with value, gradient, Hessian times vector, values at many points, gradients of batches of rows and
        the Gauss–Newton product, all as NumPy arrays.

    Raises:
        MissingExtraError: PyTorch is not installed.
        SettingError: no module, nothing to descend in float32 or float64, no batches; on first use, a module that
            answers differently twice, a loss that is no mean over rows.
        ShapeError: batches that are no pairs, or not alike; on use, a loss that is not one number.

    Example:
        With PyTorch installed::

            net = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.Tanh(), torch.nn.Linear(32, 10))
            surface = ds.adapters.from_torch(net, torch.nn.CrossEntropyLoss(), [(x, y)])
            ds.eigenvalues(surface, surface.params, k=5)
    """
    torch = _torch()
    if not isinstance(module, torch.nn.Module):
        raise SettingError(Setting("module"), f"must be a torch.nn.Module, got {type(module).__name__}.")
    x, y, sizes = _rows(torch, batches)
    name = getattr(loss_fn, "__name__", type(loss_fn).__name__)
    description = description or f"{name} over {len(x):,} rows, inference mode"
    return TorchSurface(_inference_copy(module), loss_fn, x, y, sizes, description)


def _inference_copy(module: Module) -> Module:
    """Return a copy of a module in inference mode, without gradients.

    Raises:
        SettingError: nothing in it descends, or not in float32 or float64.
    """
    inference_copy = copy.deepcopy(module).eval()
    inference_copy.zero_grad(set_to_none=True)
    types = {name: str(p.dtype) for name, p in inference_copy.named_parameters() if p.requires_grad}
    if not types:
        raise SettingError(Setting("module"), "must have a parameter with requires_grad=True, got none.")
    for name, dtype in types.items():
        if dtype not in ("torch.float32", "torch.float64"):
            raise SettingError(
                Setting("module"),
                f"must be in float32 or float64, got {dtype} at {name!r}. Pass a copy made with .float().",
            )
    return inference_copy


def _rows(torch: ModuleType, batches: Iterable[object]) -> tuple[Tensor, Tensor, tuple[int, ...]]:
    """Return all inputs and all targets, and how many rows each batch has.

    Raises:
        SettingError: there are no batches.
        ShapeError: they are no pairs of equally many rows, or not alike.
    """
    with torch.random.fork_rng(devices=[]):  # a DataLoader draws a number from the global generator
        pairs = [_pair(torch, batch) for batch in batches]
    if not pairs:
        raise SettingError(Setting("batches"), "must hold at least one pair of inputs and targets, got none.")
    kinds = {(x.shape[1:], y.shape[1:], x.dtype, y.dtype) for x, y in pairs}
    if len(kinds) != 1:
        raise ShapeError(
            Setting("batches"), "must be chunks of one data set, alike but for the number of rows, got different ones."
        )
    inputs, targets = zip(*pairs, strict=True)
    if len(pairs) == 1:
        return inputs[0], targets[0], (len(inputs[0]),)
    return torch.cat(inputs), torch.cat(targets), tuple(len(x) for x in inputs)


def _pair(torch: ModuleType, batch: object) -> tuple[Tensor, Tensor]:
    """Return a batch's inputs and targets as tensors.

    Raises:
        ShapeError: it is no pair, or its rows are not equally many.
    """
    if not isinstance(batch, (tuple, list)) or len(batch) != 2:
        raise ShapeError(
            "Each of",
            Setting("batches"),
            f"must be a pair (inputs, targets), got {type(batch).__name__}. For one pass [(x, y)].",
        )
    x, y = (torch.as_tensor(part).detach() for part in batch)
    if not x.ndim or not y.ndim or len(x) != len(y) or not len(x):
        raise ShapeError(
            "Each pair of",
            Setting("batches"),
            f"must hold inputs and targets of equally many rows, got shapes {list(x.shape)} and {list(y.shape)}.",
        )
    return x, y


def _torch() -> ModuleType:
    """Return PyTorch.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import torch
    except ImportError:
        raise MissingExtraError("torch", "torch") from None
    return torch
