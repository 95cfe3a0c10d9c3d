"""The loss surface of a PyTorch module: NumPy in and out, PyTorch's automatic differentiation inside."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from typing import Any

import jax
import numpy as np
from numpy.typing import DTypeLike

from downslope.adapters._torch_batches import arguments_for, first_tensor
from downslope.adapters._torch_module import captured_tensors
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
        x: all inputs, a tensor or a tree of tensors.
        y: all targets, likewise.
        sizes: how many rows are computed at once, in turn.
        description: what data and which mode the loss is over, for reports.
        unit_axis: which axis of a weight counts the units that it feeds: PyTorch's are `(out, in)`.
        stand_ins: the user's tensors, each with what takes its place: the name of a parameter, or another tensor.

    References:
        Pearlmutter, "Fast exact multiplication by the Hessian" (1994).
        Schraudolph, "Fast curvature matrix-vector products for second-order gradient descent" (2002), for Gauss–Newton.
    """

    module: Module
    loss_fn: LossFunction
    x: PyTree
    y: PyTree
    sizes: tuple[int, ...]
    description: str = ""
    unit_axis: int = 0
    stand_ins: tuple[tuple[Tensor, str | Tensor], ...] = ()

    @property
    def params(self) -> Arrays:
        """The parameters that descend, as the module had them, by its names."""
        return {name: leaf.copy() for name, leaf in self._like.items()}

    @cached_property
    def _like(self) -> Arrays:
        """What parameters look like."""
        named = self.module.named_parameters()
        return {name: leaf.detach().cpu().numpy().copy() for name, leaf in named if leaf.requires_grad}

    @property
    def rows(self) -> int:
        """How many rows the loss is a mean over."""
        return len(first_tensor((self.x, self.y)))

    def outputs_of(self, module: Module) -> Any:
        """Return the outputs of a module like this one for the first rows, whose random numbers are its own."""
        import torch

        from downslope.adapters._torch_evaluation import twice_differentiable

        _, x, _ = next(self._chunks())
        arguments, named = arguments_for(self.module, x)
        with torch.random.fork_rng(devices=self._devices), torch.no_grad(), twice_differentiable():
            torch.manual_seed(0)
            return module(*arguments, **named)

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
        return self._sum(leaves, lambda x, y: self._slope(leaves, x, y))

    def hvp(self, params: PyTree, v: PyTree) -> Arrays:
        """Return the Hessian at `params` times `v`, both dicts of arrays."""
        _ = self._curved
        leaves, along = self._leaves(params), self._tensors(v, "vector")
        return self._sum(leaves, lambda x, y: _vjp(self._slope(leaves, x, y, create_graph=True), leaves, along))

    def hvp_at(self, params: PyTree) -> Callable[[PyTree], Arrays]:
        """Return the map `v ↦ H v` at `params`: with all rows in one batch, by one gradient whose graph is kept."""
        import torch

        _ = self._curved
        if len(self.sizes) > 1:
            return lambda v: self.hvp(params, v)
        leaves = self._leaves(params)
        ((_, x, y),) = self._chunks()
        with torch.enable_grad(), self._evaluated(leaves):
            slope = self._slope(leaves, x, y, create_graph=True)
        return lambda v: self._arrays(_vjp(slope, leaves, self._tensors(v, "vector"), keep_graph=True))

    def gauss_newton_product(self, params: PyTree, v: PyTree) -> Arrays:
        """Return the Gauss–Newton term `Jᵀ (∂²l/∂y²) J` of the Hessian times `v`."""
        leaves, along = self._leaves(params), self._tensors(v, "vector")

        def product(x: PyTree, y: PyTree) -> list[Tensor]:
            outputs = _as_tensor(self._outputs(leaves, x))
            d_outputs = _jvp(outputs, leaves, along)
            free = outputs.detach().requires_grad_()
            slope = _vjp([self._loss(free, y)], [free], create_graph=True)
            return _vjp([outputs], leaves, _vjp(slope, [free], [d_outputs]))

        return self._sum(leaves, product)

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
        x, y = jax.tree.map(lambda leaf: leaf[index], (self.x, self.y))
        return replace(self, x=x, y=y, sizes=(size,) * (len(rows) // size))

    def _batch_gradients(self, leaves: list[Tensor], size: int, order: np.ndarray) -> Iterator[Arrays]:
        import torch

        for start in range(0, len(order) - size + 1, size):
            rows = torch.from_numpy(np.sort(order[start : start + size]))
            chunk = self._on_device(jax.tree.map(lambda leaf, rows=rows: leaf[rows], (self.x, self.y)))
            with torch.enable_grad(), self._evaluated(leaves):
                gradient = self._slope(leaves, *chunk)
            yield self._arrays(gradient)

    def _chunks(self) -> Iterator[tuple[float, PyTree, PyTree]]:
        """Yield the chunks of the data, each with its share of the rows."""
        start = 0
        for size in self.sizes:
            rows = slice(start, start + size)
            chunk = jax.tree.map(lambda leaf, rows=rows: leaf[rows], (self.x, self.y))
            yield (size / self.rows, *self._on_device(chunk))
            start += size

    def _on_device(self, chunk: tuple[PyTree, PyTree]) -> tuple[PyTree, PyTree]:
        """Return rows on the module's device."""
        device = next(self.module.parameters()).device
        return jax.tree.map(lambda leaf: leaf.to(device), chunk)

    @property
    def _devices(self) -> list[Any]:
        """The module's devices whose random generators are apart from the CPU's."""
        return list({leaf.device for leaf in self.module.parameters() if leaf.device.type == "cuda"})

    @contextmanager
    def _evaluated(self, leaves: Sequence[Tensor]) -> Iterator[None]:
        """Have all that is computed use these parameters, wherever it has those of the module from."""
        from downslope.adapters._torch_evaluation import InPlaceOf, twice_differentiable

        named = dict(zip(self._like, leaves, strict=True))
        others = {id(theirs): named[own] if isinstance(own, str) else own for theirs, own in self.stand_ins}
        with twice_differentiable(), InPlaceOf(others):
            yield

    def _sum(self, leaves: list[Tensor], part: Callable[[PyTree, PyTree], Sequence[Tensor]]) -> Arrays:
        """Return the sum over chunks of a part weighted by their rows, computed chunk by chunk."""
        import torch

        total: list[Tensor] = []
        for share, x, y in self._chunks():
            with torch.enable_grad(), self._evaluated(leaves):
                terms = [share * term for term in part(x, y)]
            total = [a + b for a, b in zip(total, terms, strict=True)] if total else terms
        return self._arrays(total)

    def _outputs(self, leaves: Sequence[Tensor], x: PyTree) -> Any:
        """Return the module's outputs with these parameters."""
        from torch.func import functional_call

        arguments, named = arguments_for(self.module, x)
        return functional_call(self.module, dict(zip(self._like, leaves, strict=True)), arguments, named)

    def _loss(self, outputs: Any, y: PyTree) -> Tensor:
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

    def _loss_at(self, leaves: Sequence[Tensor], x: PyTree, y: PyTree) -> float:
        """Return the loss of a chunk."""
        import torch

        with torch.no_grad(), self._evaluated(leaves):
            return float(self._loss(self._outputs(leaves, x), y))

    def _slope(self, leaves: list[Tensor], x: PyTree, y: PyTree, *, create_graph: bool = False) -> list[Tensor]:
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

        leaves = self._tensors(self._like, "parameter")
        least = max((leaf.dtype for leaf in self._like.values()), key=lambda dtype: np.finfo(dtype).eps)
        with torch.random.fork_rng(devices=self._devices):  # one fork for all, or a random module would repeat itself
            (share, *chunk), *others = islice(self._chunks(), 2)
            first, again = (self._loss_at(leaves, *chunk) for _ in range(2))
            check_repeats(first, again, dtype=least, function="The module with its loss")
            for share_of_other, *other in others:
                both = jax.tree.map(lambda *parts: torch.cat(parts), tuple(chunk), tuple(other))
                together = self._loss_at(leaves, *both)
                apart = np.average([first, self._loss_at(leaves, *other)], weights=[share, share_of_other])
                _check_mean(together, float(apart), least)
            self._check_derived([leaf.requires_grad_() for leaf in leaves], *chunk)
        return True

    @cached_property
    def _curved(self) -> bool:
        """Whether the first rows' loss has a second derivative, which is symmetric; raises if not."""
        import torch

        from downslope.adapters._torch_evaluation import check_second_derivative

        leaves, draws = self._leaves(self._like), generator(0, "symmetry")
        _, x, y = next(self._chunks())
        u, v = ([leaf.new_tensor(draws.normal(size=leaf.shape)) for leaf in leaves] for _ in range(2))
        with torch.enable_grad(), self._evaluated(leaves):
            loss = self._loss(self._outputs(leaves, x), y)
            slope = _vjp([loss], leaves, create_graph=True)
            check_second_derivative(loss, slope)
            Hu, Hv = (_vjp(slope, leaves, along, keep_graph=True) for along in (u, v))
        _check_symmetric(*(self._arrays(part) for part in (u, v, Hu, Hv)))
        return True

    def _check_derived(self, leaves: list[Tensor], x: PyTree, y: PyTree) -> None:
        """Check that nothing was computed from the module's own parameters before: it would stand still.

        Raises:
            SettingError: something was.
        """
        import torch

        from downslope.adapters._torch_evaluation import leaf_tensors

        with torch.enable_grad(), self._evaluated(leaves):
            loss = self._loss(self._outputs(leaves, x), y)
        named = {id(theirs): own for theirs, own in self.stand_ins if isinstance(own, str)}
        derived = sorted({named[id(leaf)] for leaf in leaf_tensors(loss) if id(leaf) in named})
        if derived:
            raise SettingError(
                Setting("loss_fn"),
                "must compute what it needs of the parameters itself, got a tensor computed from "
                f"{derived[0]!r} before, which stays as it is while the parameters move. Compute it within the "
                "function, from module.parameters().",
            )

    def _tensors(self, tree: PyTree, noun: str) -> list[Tensor]:
        """Return arrays as new tensors on the module's device, in the order of the module's parameters.

        Raises:
            ShapeError: they do not fit the module's parameters.
        """
        import torch

        like, named = self._like, named_leaves(tree)
        arrays = {name: np.asarray(leaf, like[name].dtype if name in like else None) for name, leaf in named.items()}
        fitted = with_named_leaves(like, arrays, what=noun)
        device = next(self.module.parameters()).device
        return [torch.tensor(fitted[name], device=device) for name in like]

    def _arrays(self, tensors: Sequence[Tensor]) -> Arrays:
        """Return tensors in the order of the module's parameters as arrays by their names."""
        return {name: leaf.detach().cpu().numpy() for name, leaf in zip(self._like, tensors, strict=True)}


def stand_ins(module: Module, own: Module, loss_fn: LossFunction) -> tuple[tuple[Tensor, str | Tensor], ...]:
    """Return the tensors of a module, of its copy, and of a loss, each with what takes its place in the copy.

    Parameters that descend are known by their names; frozen ones, buffers, and constants of the loss are copies.
    """
    names = {id(leaf): name for name, leaf in own.named_parameters() if leaf.requires_grad}
    pairs: list[tuple[Tensor, str | Tensor]] = []
    for method in ("named_parameters", "named_buffers"):
        theirs, ours = (dict(getattr(of, method)(remove_duplicate=False)) for of in (module, own))
        for name, tensor in theirs.items():
            own_name = names.get(id(ours[name]))
            pairs.append((tensor, ours[name] if own_name is None else own_name))
            if own_name is not None:
                pairs.append((ours[name], own_name))
    known = {id(tensor) for tensor, _ in pairs}
    constants = [tensor for tensor in captured_tensors(loss_fn) if id(tensor) not in known and not tensor.requires_grad]
    return (*pairs, *((tensor, tensor.clone()) for tensor in constants))


def _as_tensor(outputs: Any) -> Tensor:
    """Return outputs that the Gauss–Newton term can be had of.

    Raises:
        SettingError: they are no tensor.
    """
    if not hasattr(outputs, "requires_grad"):
        raise SettingError(
            "The Gauss–Newton term needs a module whose output is one tensor, got",
            f"{type(outputs).__name__}. Wrap the module in one that returns what the loss takes.",
            setting="operator",
        )
    return outputs


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
    from downslope.adapters._torch_evaluation import naming_operations

    settings = {"create_graph": create_graph, "retain_graph": create_graph or keep_graph, "materialize_grads": True}
    with naming_operations(*differentiable):
        return list(torch.autograd.grad(differentiable, inputs, weights, **settings))


def _jvp(outputs: Tensor, inputs: list[Tensor], along: Sequence[Tensor]) -> Tensor:
    """Return `J v`: the derivative of `Jᵀ u`, which is linear in `u`, along `v`."""
    import torch

    u = torch.zeros_like(outputs, requires_grad=True)
    return _vjp(_vjp([outputs], inputs, [u], create_graph=True), [u], along)[0]


def _check_symmetric(u: Arrays, v: Arrays, Hu: Arrays, Hv: Arrays) -> None:
    """Check that `uᵀ H v = vᵀ H u`, as it is for a second derivative.

    Both are small beside `‖u‖ ‖H v‖`, by the root of the number of parameters, so that is what they are measured by.

    Raises:
        SettingError: they differ.
    """
    least = max((leaf.dtype for leaf in Hv.values()), key=lambda dtype: np.finfo(dtype).eps)
    u_, v_, Hu_, Hv_ = (
        np.concatenate([leaf.ravel().astype(float) for leaf in part.values()]) for part in (u, v, Hu, Hv)
    )
    scale = float(np.linalg.norm(u_) * np.linalg.norm(Hv_) + np.linalg.norm(v_) * np.linalg.norm(Hu_)) / len(u_) ** 0.5
    if not abs(u_ @ Hv_ - v_ @ Hu_) > float(np.finfo(least).eps) ** 0.25 * scale:
        return
    raise SettingError(
        Setting("module"),
        "must have a second derivative that is symmetric, got another: one of its operations has a wrong one. A "
        "function of your own needs a backward pass that can be differentiated.",
    )


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
