"""Batches of any form for a PyTorch module: pairs, mappings and named tuples, nested, as trees of own tensors."""

from __future__ import annotations

import inspect
import numbers
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any

import jax

from downslope.adapters._torch_types import LossFunction, Module, Tensor
from downslope.core import PyTree, Setting, SettingError, ShapeError

TARGETS = ("labels", "label", "targets", "target", "y")
"""Names of the target in a mapping, for losses of PyTorch's own, which take a tensor."""


def read_rows(
    torch: ModuleType, batches: Iterable[object], module: Module, loss_fn: LossFunction
) -> tuple[PyTree, PyTree, tuple[int, ...]]:
    """Return all inputs and all targets, trees of tensors, and how many rows each batch has.

    Raises:
        SettingError: there are no batches.
        ShapeError: they are not of equally many rows, or not alike.
    """
    with torch.random.fork_rng(devices=[]):  # a DataLoader draws a number from the global generator
        pairs = [_pair(torch, batch, module, loss_fn) for batch in batches]
    if not pairs:
        raise SettingError(Setting("batches"), "must hold at least one pair of inputs and targets, got none.")
    sizes = tuple(_count(pair) for pair in pairs)
    if len({_kind(pair) for pair in pairs}) != 1:
        raise ShapeError(
            Setting("batches"), "must be chunks of one data set, alike but for the number of rows, got different ones."
        )
    x, y = jax.tree.map(lambda *parts: torch.cat(parts), *pairs)
    return x, y, sizes


def arguments_for(module: Module, inputs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return how a module takes its inputs: a mapping by names where it has them, a tuple one by one."""
    names, positions, takes_any = _parameters(module)
    named = inputs._asdict() if hasattr(inputs, "_asdict") else inputs
    if isinstance(inputs, tuple) and isinstance(named, dict) and set(named) <= set(names):
        return (), named
    if isinstance(inputs, dict) and (takes_any or set(inputs) <= set(names)):
        return (), inputs
    if isinstance(inputs, (tuple, list)) and positions != 1:
        return tuple(inputs), {}
    return (inputs,), {}


def _pair(torch: ModuleType, batch: object, module: Module, loss_fn: LossFunction) -> tuple[PyTree, PyTree]:
    """Return a batch's inputs and targets as trees of tensors.

    Raises:
        ShapeError: it is no batch.
    """
    named = _entries(batch)
    if named is not None:
        entries = {str(name): _tensors(torch, value) for name, value in named.items()}
        return _divided(batch, entries, module, loss_fn)
    if not isinstance(batch, (tuple, list)) or len(batch) != 2:
        raise ShapeError(
            "Each of",
            Setting("batches"),
            f"must be a pair (inputs, targets), a mapping or a named tuple, got {type(batch).__name__}. For one pass "
            "[(x, y)].",
        )
    return _tensors(torch, batch[0]), _tensors(torch, batch[1])


def _entries(batch: object) -> Mapping[str, object] | None:
    """Return the entries by name of a mapping, or of a named tuple of other than two; else None."""
    if isinstance(batch, tuple) and hasattr(batch, "_asdict") and len(batch) != 2:
        return batch._asdict()  # pyright: ignore[reportAttributeAccessIssue]
    return _as_mapping(batch)


def _as_mapping(value: object) -> Mapping[str, object] | None:
    """Return a mapping, or what is read like one, such as a tokenizer's result; else None."""
    if isinstance(value, Mapping):
        return value
    if callable(getattr(value, "keys", None)) and hasattr(value, "__getitem__"):
        return {name: value[name] for name in value.keys()}  # pyright: ignore  # noqa: SIM118
    return None


def _divided(batch: object, entries: dict[str, PyTree], module: Module, loss_fn: LossFunction) -> tuple[PyTree, PyTree]:
    """Return what of a mapping the module takes, and what the loss takes: all of it, or of PyTorch's own the target."""
    names, _, takes_any = _parameters(module)
    whole = type(batch)(**entries) if isinstance(batch, tuple) else entries
    if _is_of_torch(loss_fn):
        target = next((name for name in TARGETS if name in entries), None)
        others = [name for name in entries if name not in names]
        target = others[0] if target is None and len(others) == 1 else target
        if target is not None:
            inputs = {name: value for name, value in entries.items() if name != target}
            alone = len(inputs) == 1 and not takes_any and not set(inputs) & set(names)
            return next(iter(inputs.values())) if alone else inputs, entries[target]
    inputs = entries if takes_any else {name: value for name, value in entries.items() if name in names}
    return inputs or whole, whole


def _is_of_torch(loss_fn: LossFunction) -> bool:
    """Return whether a loss is one of PyTorch's own, which takes tensors."""
    named = loss_fn if hasattr(loss_fn, "__name__") else type(loss_fn)
    return str(getattr(named, "__module__", "")).startswith("torch.nn")


def _parameters(module: Module) -> tuple[list[str], int | None, bool]:
    """Return the names of what `forward` takes, how many it takes by position (None: any), and whether any by name."""
    parameters = inspect.signature(module.forward).parameters.values()
    kinds = [parameter.kind for parameter in parameters]
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = [parameter.name for parameter in parameters if parameter.kind in named]
    count = None if inspect.Parameter.VAR_POSITIONAL in kinds else sum(kind in positional for kind in kinds)
    return names, count, inspect.Parameter.VAR_KEYWORD in kinds


def _tensors(torch: ModuleType, value: Any) -> PyTree:
    """Return a part of a batch as a tree of tensors that share no memory with it.

    Raises:
        ShapeError: it holds something else.
    """
    entries = _as_mapping(value)
    if entries is not None:
        return {str(name): _tensors(torch, entry) for name, entry in entries.items()}
    if value is None:
        return None
    if isinstance(value, (tuple, list)) and not all(isinstance(entry, (numbers.Real, list)) for entry in value):
        parts = [_tensors(torch, entry) for entry in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    try:
        return torch.as_tensor(value).detach().clone()
    except (TypeError, ValueError, RuntimeError):
        raise ShapeError(
            "Each of", Setting("batches"), f"must hold tensors or arrays, got {type(value).__name__}. Leave it out."
        ) from None


def _count(pair: tuple[PyTree, PyTree]) -> int:
    """Return how many rows a batch has.

    Raises:
        ShapeError: its tensors have not equally many, or none.
    """
    shapes = [list(leaf.shape) for leaf in jax.tree.leaves(pair)]
    if not shapes or not all(shapes) or len({shape[0] for shape in shapes}) != 1 or not shapes[0][0]:
        raise ShapeError(
            "Each pair of",
            Setting("batches"),
            f"must hold inputs and targets of equally many rows, got shapes {' and '.join(map(str, shapes))}.",
        )
    return shapes[0][0]


def _kind(pair: tuple[PyTree, PyTree]) -> tuple[Any, tuple[Any, ...]]:
    """Return what all batches of a data set have in common."""
    leaves, structure = jax.tree.flatten(pair)
    return structure, tuple((tuple(leaf.shape[1:]), leaf.dtype) for leaf in leaves)


def first_tensor(tree: PyTree) -> Tensor:
    """Return the first tensor of a tree."""
    return jax.tree.leaves(tree)[0]
