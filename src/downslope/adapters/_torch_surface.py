"""The loss surface of a PyTorch module: NumPy in and out, PyTorch's automatic differentiation inside."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice

import numpy as np
from numpy.typing import DTypeLike

from downslope.adapters._torch_types import LossFunction, Module, Tensor
from downslope.core import (
    Advice,
    Key,
    PyTree,
    Setting,
    SettingError,
    ShapeError,
    check_integer,
    check_repeats,
    generator,
    named_leaves,
    with_named_leaves,
)

Arrays = dict[str, np.ndarray]
"""Arrays by the module's names of its parameters."""


@dataclass(frozen=True, eq=False)
class TorchSurface:
    """The mean loss of a PyTorch module over rows, in inference mode; `from_torch` makes it.

    Products with the Hessian differentiate twice backward, `H v = ∂(∇l(θ)ᵀ v)/∂θ`: every operation that PyTorch can
    train through has that, while many lack a forward rule, and in eager PyTorch it is the faster way too.

    Attributes:
        module: a copy in inference mode; its parameters' values are where `params` comes from.
        loss_fn: `(output, target) -> loss`, a mean over rows.
        x: all inputs.
        y: all targets.
        sizes: how many rows are computed at once, in turn.
        description: what data and which mode the loss is over, for reports.
        unit_axis: which axis of a weight counts the units that it feeds: PyTorch's are `(out, in)`.

    References:
        Pearlmutter, "Fast exact multiplication by the Hessian" (1994).
        Schraudolph, "Fast curvature matrix-vector products for second-order gradient descent" (2002), for Gauss–Newton.
    """

    module: Module
    loss_fn: LossFunction
    x: Tensor
    y: Tensor
    sizes: tuple[int, ...]
    description: str = ""
    unit_axis: int = 0

    @cached_property
    def params(self) -> Arrays:
        """The parameters that descend, as the module had them, by its names."""
        named = self.module.named_parameters()
        return {name: leaf.detach().cpu().numpy().copy() for name, leaf in named if leaf.requires_grad}

    @property
    def rows(self) -> int:
        """How many rows the loss is a mean over."""
        return len(self.x)

    def value(self, params: PyTree) -> float:
        """Return the loss; infinite or NaN where it is."""
        leaves = self._leaves(params)
        return sum(share * self._loss_at(leaves, x, y) for share, x, y in self._chunks())

    def values(self, many_params: PyTree) -> np.ndarray:
        """Return the losses at many points, `(points,)`; each leaf of `many_params` has them along its first axis."""
        many = {name: np.asarray(leaf) for name, leaf in named_leaves(many_params).items()}
        points = len(next(iter(many.values()), ()))
        return np.array([self.value({name: leaf[index] for name, leaf in many.items()}) for index in range(points)])

    def gradient(self, params: PyTree) -> Arrays:
        """Return the gradient of the loss."""
        leaves = self._leaves(params)
        return self._sum(lambda x, y: self._slope(leaves, x, y))

    def hvp(self, params: PyTree, v: PyTree) -> Arrays:
        """Return the Hessian at `params` times `v`, both dicts of arrays."""
        leaves, along = self._leaves(params), self._tensors(v, "vector")
        return self._sum(lambda x, y: _vjp(self._slope(leaves, x, y, create_graph=True), leaves, along))

    def hvp_at(self, params: PyTree) -> Callable[[PyTree], Arrays]:
        """Return the map `v ↦ H v` at `params`: with all rows in one batch, by one gradient whose graph is kept."""
        import torch

        if len(self.sizes) > 1:
            return lambda v: self.hvp(params, v)
        leaves = self._leaves(params)
        ((_, x, y),) = self._chunks()
        with torch.enable_grad():
            slope = self._slope(leaves, x, y, create_graph=True)
        return lambda v: self._arrays(_vjp(slope, leaves, self._tensors(v, "vector"), keep_graph=True))

    def gauss_newton_product(self, params: PyTree, v: PyTree) -> Arrays:
        """Return the Gauss–Newton term `Jᵀ (∂²l/∂y²) J` of the Hessian times `v`."""
        leaves, along = self._leaves(params), self._tensors(v, "vector")

        def product(x: Tensor, y: Tensor) -> list[Tensor]:
            outputs = self._outputs(leaves, x)
            d_outputs = _jvp(outputs, leaves, along)
            free = outputs.detach().requires_grad_()
            slope = _vjp([self._loss(free, y)], [free], create_graph=True)
            return _vjp([outputs], leaves, _vjp(slope, [free], [d_outputs]))

        return self._sum(product)

    def batch_gradients(self, params: PyTree, *, batch_size: int, key: Key = 0) -> Iterator[Arrays]:
        """Yield the gradients of disjoint batches of `batch_size` rows drawn at random by `key`.

        Raises:
            SettingError: there are fewer rows than one batch has.
        """
        batch_size = check_integer("batch_size", batch_size)
        if batch_size > self.rows:
            raise SettingError(Setting("batch_size"), f"must be at most {self.rows}, the rows, got {batch_size}.")
        order = generator(key, "batch gradients").permutation(self.rows)
        return self._batch_gradients(self._leaves(params), batch_size, order)

    def on_rows(self, rows: np.ndarray, *, chunk: int | None = None) -> TorchSurface:
        """Return the same loss over some of its rows, by their numbers, so many at once."""
        import torch

        index, size = torch.from_numpy(np.sort(rows)), len(rows) if chunk is None else chunk
        return replace(self, x=self.x[index], y=self.y[index], sizes=(size,) * (len(rows) // size))

    def _batch_gradients(self, leaves: list[Tensor], size: int, order: np.ndarray) -> Iterator[Arrays]:
        import torch

        for start in range(0, len(order) - size + 1, size):
            rows = torch.from_numpy(np.sort(order[start : start + size]))
            with torch.enable_grad():
                gradient = self._slope(leaves, *self._on_device(self.x[rows], self.y[rows]))
            yield self._arrays(gradient)

    def _chunks(self) -> Iterator[tuple[float, Tensor, Tensor]]:
        """Yield the chunks of the data, each with its share of the rows."""
        for x, y in zip(self.x.split(self.sizes), self.y.split(self.sizes), strict=True):
            yield (len(x) / self.rows, *self._on_device(x, y))

    def _on_device(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return rows on the module's device."""
        device = next(self.module.parameters()).device
        return x.to(device), y.to(device)

    def _sum(self, part: Callable[[Tensor, Tensor], Sequence[Tensor]]) -> Arrays:
        """Return the sum over chunks of a part weighted by their rows, computed chunk by chunk."""
        import torch

        total: list[Tensor] = []
        for share, x, y in self._chunks():
            with torch.enable_grad():
                terms = [share * term for term in part(x, y)]
            total = [a + b for a, b in zip(total, terms, strict=True)] if total else terms
        return self._arrays(total)

    def _outputs(self, leaves: Sequence[Tensor], x: Tensor) -> Tensor:
        """Return the module's outputs with these parameters."""
        from torch.func import functional_call

        return functional_call(self.module, dict(zip(self.params, leaves, strict=True)), (x,))

    def _loss(self, outputs: Tensor, y: Tensor) -> Tensor:
        """Return the loss of a chunk's outputs.

        Raises:
            ShapeError: it is not one number.
        """
        loss = self.loss_fn(outputs, y)
        if getattr(loss, "shape", None) != () or not loss.is_floating_point():
            raise ShapeError(
                "The loss function must return one floating-point number, got "
                f"{getattr(loss, 'dtype', type(loss).__name__)}{list(getattr(loss, 'shape', ()))}. "
                "Take the mean over rows inside it."
            )
        return loss

    def _loss_at(self, leaves: Sequence[Tensor], x: Tensor, y: Tensor) -> float:
        """Return the loss of a chunk."""
        import torch

        with torch.no_grad():
            return float(self._loss(self._outputs(leaves, x), y))

    def _slope(self, leaves: list[Tensor], x: Tensor, y: Tensor, *, create_graph: bool = False) -> list[Tensor]:
        """Return the gradient of a chunk's loss."""
        return _vjp([self._loss(self._outputs(leaves, x), y)], leaves, create_graph=create_graph)

    def _leaves(self, params: PyTree) -> list[Tensor]:
        """Return parameters as tensors to differentiate by; the first time, refuse a loss that is no surface."""
        leaves = self._tensors(params, "parameter")
        _ = self._verified
        return [leaf.requires_grad_() for leaf in leaves]

    @cached_property
    def _verified(self) -> bool:
        """Whether the loss repeats and is a mean over rows; raises if not."""
        import torch

        leaves = self._tensors(self.params, "parameter")
        devices = {leaf.device for leaf in leaves if leaf.device.type == "cuda"}
        least = max((leaf.dtype for leaf in self.params.values()), key=lambda dtype: np.finfo(dtype).eps)
        with torch.random.fork_rng(devices=list(devices)):  # one fork for both, or a random module would repeat itself
            (share, *chunk), *others = islice(self._chunks(), 2)
            first, again = (self._loss_at(leaves, *chunk) for _ in range(2))
            check_repeats(first, again, dtype=least, function="The module with its loss")
            for share_of_other, *other in others:
                together = self._loss_at(leaves, *(torch.cat(pair) for pair in zip(chunk, other, strict=True)))
                apart = np.average([first, self._loss_at(leaves, *other)], weights=[share, share_of_other])
                _check_mean(together, float(apart), least)
        return True

    def _tensors(self, tree: PyTree, noun: str) -> list[Tensor]:
        """Return arrays as new tensors on the module's device, in the order of the module's parameters.

        Raises:
            ShapeError: they do not fit the module's parameters.
        """
        import torch

        like, named = self.params, named_leaves(tree)
        arrays = {name: np.asarray(leaf, like[name].dtype if name in like else None) for name, leaf in named.items()}
        fitted = with_named_leaves(like, arrays, what=noun)
        device = next(self.module.parameters()).device
        return [torch.tensor(fitted[name], device=device) for name in like]

    def _arrays(self, tensors: Sequence[Tensor]) -> Arrays:
        """Return tensors in the order of the module's parameters as arrays by their names."""
        return {name: leaf.detach().cpu().numpy() for name, leaf in zip(self.params, tensors, strict=True)}


def _vjp(
    outputs: Sequence[Tensor],
    inputs: list[Tensor],
    along: Sequence[Tensor] | None = None,
    *,
    create_graph: bool = False,
    keep_graph: bool = False,
) -> list[Tensor]:
    """Return `Σ alongᵀ ∂outputs/∂inputs`, zeros where nothing depends; the gradient where `outputs` is one number."""
    import torch

    pairs = list(zip(outputs, along or [torch.ones_like(output) for output in outputs], strict=True))
    live = [(output, weight) for output, weight in pairs if output.requires_grad]
    if not live:
        return [torch.zeros_like(leaf) for leaf in inputs]
    differentiable, weights = zip(*live, strict=True)
    settings = {"create_graph": create_graph, "retain_graph": create_graph or keep_graph, "materialize_grads": True}
    return list(torch.autograd.grad(differentiable, inputs, weights, **settings))


def _jvp(outputs: Tensor, inputs: list[Tensor], along: Sequence[Tensor]) -> Tensor:
    """Return `J v`: the derivative of `Jᵀ u`, which is linear in `u`, along `v`."""
    import torch

    u = torch.zeros_like(outputs, requires_grad=True)
    return _vjp(_vjp([outputs], inputs, [u], create_graph=True), [u], along)[0]


def _check_mean(together: float, apart: float, dtype: DTypeLike) -> None:
    """Check that the loss of two batches together is the mean of their losses weighted by rows.

    Raises:
        SettingError: it is not, so that batches cannot be weighted by their rows.
    """
    allowed = 1000 * float(np.finfo(dtype).eps)
    if not np.isclose(together, apart, rtol=allowed, atol=allowed, equal_nan=True):
        raise SettingError(
            Setting("loss_fn"),
            f"must be a mean over rows, got {together:.9g} for the first two batches together and {apart:.9g} as the "
            "mean of each weighted by its rows.",
            Advice("use {} without class weights", reduction="mean"),
            Advice("pass all rows as one batch"),
        )
