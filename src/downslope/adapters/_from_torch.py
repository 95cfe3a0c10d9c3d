"""A loss surface from a PyTorch module, a loss and data."""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType

from downslope.adapters._torch_batches import read_rows
from downslope.adapters._torch_module import check_hooks, inference_copies
from downslope.adapters._torch_surface import TorchSurface, stand_ins
from downslope.adapters._torch_types import LossFunction, Module
from downslope.core import MissingExtraError, Setting, SettingError


def from_torch(
    module: Module, loss_fn: LossFunction, batches: Iterable[object], *, description: str = ""
) -> TorchSurface:
    """Return the loss of a PyTorch module over data, as a surface over the module's parameters.

    The loss is the mean over all rows of all batches, `l(θ) = Σ_c (n_c / n) loss_fn(module(x_c), y_c)`, exact, however
    unequal the batches. The mode is inference: dropout off, batch norm by its running statistics. The surface works on
    a copy of the module: the user's weights, mode, hooks' state and gradients are not touched, nor is a random
    generator, and later training of the module does not move the surface. A module that answers differently when asked
    the same twice is refused on first use, and so is, with several batches, a loss that is no mean over rows.

    What `loss_fn` computes from the module's parameters counts, such as a penalty on `module.parameters()`, however it
    comes by them: wherever it uses one of them, it is given the surface's. Tensors that were computed from parameters
    before are refused, since they stand still. Attention is computed by plain products, which have second derivatives.

    Hooks do not run. Each is tried once, on copies of all that it refers to, and those that change the outputs are
    refused; PyTorch's own, such as those of `torch.nn.utils.prune`, stay.

    Parameters go in and out as a dict of NumPy arrays by the module's own names, `surface.params` being those it had;
    frozen ones (`requires_grad=False`) stay what they are. Numbers keep the module's type and device. In float64, turn
    on JAX's x64 mode too, or eigenvectors are kept in float32.

    Arrays have PyTorch's layout: a Linear's weight is `(out, in)`, with the units first. What counts units along the
    last axis (`hessian_blocks(by="neuron")`, `sharpness(filter_normalized=True)`) would group such weights by input.

    Args:
        module: a `torch.nn.Module`.
        loss_fn: `(output, target) -> loss`, a mean over rows, such as `torch.nn.CrossEntropyLoss()`; with batches that
            are mappings `(output, batch) -> loss`.
        batches: pairs `(x, y)` of tensors or arrays whose first axes are the rows: a list, or a DataLoader, read once
            and copied. Fewer, larger batches are faster. `x` and `y` may be mappings, tuples and lists of tensors,
            nested; the module is given the entries of a mapping by the names that its `forward` has, and of a tuple
            one by one if it takes several. Or each batch is a mapping or a named tuple, such as a tokenizer's: the
            module is given those entries that it has names for, the loss the whole, as a dict (PyTorch's own losses
            the entry `"labels"`, or `"target"`).
        description: what data the loss is over, for reports; the number of rows and the mode unless given.

    Returns:
        A surface with value, gradient, Hessian times vector, values at many points, gradients of batches of rows and
        the Gauss–Newton product, all as NumPy arrays.

    Raises:
        MissingExtraError: PyTorch is not installed.
        SettingError: no module, nothing to descend in float32 or float64, no batches, hooks that change outputs; on
            first use, a module that answers differently twice, a loss that is no mean over rows, or that uses tensors
            computed from parameters before; on use, an operation without a second derivative where one is needed.
        ShapeError: batches of another form, or not alike; on use, a loss that is not one number.

    Example:
        With PyTorch installed::

            net = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.Tanh(), torch.nn.Linear(32, 10))
            surface = ds.adapters.from_torch(net, torch.nn.CrossEntropyLoss(), [(x, y)])
            ds.eigenvalues(surface, surface.params, k=5)
    """
    torch = _torch()
    if not isinstance(module, torch.nn.Module):
        raise SettingError(Setting("module"), f"must be a torch.nn.Module, got {type(module).__name__}.")
    x, y, sizes = read_rows(torch, batches, module, loss_fn)
    name = getattr(loss_fn, "__name__", type(loss_fn).__name__)
    own_module, own_loss = inference_copies(module, loss_fn)
    surface = TorchSurface(
        own_module,
        own_loss,
        x,
        y,
        sizes,
        description or f"{name} over {sum(sizes):,} rows, inference mode",
        stand_ins=stand_ins(module, own_module, loss_fn),
    )
    check_hooks(module, surface.outputs_of)
    return surface


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
