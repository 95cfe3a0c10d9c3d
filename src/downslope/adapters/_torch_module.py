"""A copy of a PyTorch module to compute with: in inference mode, without hooks, sharing nothing with the user's."""

from __future__ import annotations

import copy
import functools
import inspect
import types
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

from downslope.adapters._torch_types import LossFunction, Module, Tensor
from downslope.core import Setting, SettingError

FORWARD_HOOKS = ("_forward_hooks", "_forward_pre_hooks")
HOOKS = (*FORWARD_HOOKS, "_backward_hooks", "_backward_pre_hooks")
"""Attributes of modules that hold hooks by number."""


def inference_copies(module: Module, loss_fn: LossFunction) -> tuple[Module, LossFunction]:
    """Return copies of a module, in inference mode and without gradients, and of a loss if it is a module, too.

    Hooks are left out, but for PyTorch's own, which make weights of other parameters.

    Raises:
        SettingError: they cannot be copied; nothing in the module descends, or not in float32 or float64.
    """
    import torch

    memo = {id(hooks): _of_torch(hooks) for hooks in _hooks(module, HOOKS)}
    try:
        own = copy.deepcopy(module, memo).eval()
        own_loss = copy.deepcopy(loss_fn, memo).eval() if isinstance(loss_fn, torch.nn.Module) else loss_fn
    except (RuntimeError, TypeError, AttributeError, NotImplementedError) as error:
        raise SettingError(
            Setting("module"),
            f"must allow to be copied, but cannot: {str(error).split('. ')[0].strip().rstrip('.')}. Weights that "
            "are computed from others are copied as torch.nn.utils.parametrizations make them.",
        ) from error
    own.zero_grad(set_to_none=True)
    _check_types(own)
    return own, own_loss


def check_hooks(module: Module, outputs: Callable[[Module], Any]) -> None:
    """Check that the hooks of a module change none of its outputs: they are left out of its copies.

    Each is tried once, within copies of all that it refers to, so that what a hook counts or collects stays as it is.

    Args:
        module: the user's.
        outputs: computes the outputs of a copy.

    Raises:
        SettingError: one changes the outputs, or cannot be tried.
    """
    if not any(len(hooks) != len(_of_torch(hooks)) for hooks in _hooks(module, FORWARD_HOOKS)):
        return
    try:
        memo: dict[int, Any] = {}
        for hooks in _hooks(module, HOOKS):
            memo[id(hooks)] = OrderedDict()
        tried = copy.deepcopy(module, memo).eval()
        for own, theirs in zip(_hooks(tried, FORWARD_HOOKS), _hooks(module, FORWARD_HOOKS), strict=True):
            own.update({number: _apart(hook, memo) for number, hook in theirs.items()})
        with_hooks = outputs(tried)
    except Exception as error:
        raise SettingError(
            Setting("module"),
            "has hooks that cannot be tried apart from what they refer to "
            f"({str(error).splitlines()[0] if str(error) else type(error).__name__}). Remove them "
            "(handle.remove()); they would not run, as surfaces are computed by copies without hooks.",
        ) from error
    if not _same(with_hooks, outputs(inference_copies(module, _no_loss)[0])):
        raise SettingError(
            Setting("module"),
            "must not have hooks that change its outputs, since surfaces are computed by copies without hooks. Do "
            "within forward() what they do, or remove them (handle.remove()).",
        )


def captured_tensors(function: object) -> Iterator[Tensor]:
    """Yield the tensors that a function refers to: by its closure, its defaults, globals that it names, a partial."""
    import torch

    if isinstance(function, functools.partial):
        yield from captured_tensors(function.func)
        values: list[object] = [*function.args, *function.keywords.values()]
    elif inspect.isfunction(function):
        named = [function.__globals__.get(name) for name in _names(function.__code__)]
        cells = [_content(cell) for cell in function.__closure__ or ()]
        values = [*named, *cells, *(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    else:
        return
    for value in values:
        parts = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else (value,)
        yield from (part for part in parts if isinstance(part, torch.Tensor))


def _no_loss(output: Any, target: Any) -> Any:
    """Return the output."""
    return output


def _content(cell: Any) -> object:
    """Return what a cell of a closure holds, None if nothing yet."""
    try:
        return cell.cell_contents
    except ValueError:
        return None


def _hooks(module: Module, names: tuple[str, ...]) -> Iterator[Any]:
    """Yield the hooks by number of a module and all within it."""
    for part in module.modules():
        yield from (vars(part)[name] for name in names if name in vars(part))


def _of_torch(hooks: Any) -> Any:
    """Return those of some hooks that are PyTorch's own: objects that compute a weight from other parameters."""
    own = {number: hook for number, hook in hooks.items() if type(hook).__module__.startswith("torch.nn.utils")}
    return OrderedDict(copy.deepcopy(own))


def _apart(hook: Any, memo: dict[int, Any]) -> Any:
    """Return a hook with copies of all that it refers to, functions of its own module among them."""
    if isinstance(hook, functools.partial):
        arguments, named = copy.deepcopy((hook.args, hook.keywords), memo)
        return functools.partial(_apart(hook.func, memo), *arguments, **named)
    if inspect.ismethod(hook):
        return type(hook)(_apart(hook.__func__, memo), copy.deepcopy(hook.__self__, memo))
    if not inspect.isfunction(hook):
        return copy.deepcopy(hook, memo)
    if id(hook) not in memo:
        _copy_function(hook, memo)
    return memo[id(hook)]


def _copy_function(function: Any, memo: dict[int, Any]) -> None:
    """Put a copy of a function into the memo, and then what it refers to into the copy."""
    cells = tuple(types.CellType() for _ in function.__closure__ or ())
    names = dict(function.__globals__)
    own = types.FunctionType(function.__code__, names, function.__name__, None, cells)
    memo[id(function)] = own
    for name in {*_names(function.__code__)} & {*names}:
        names[name] = _referred(names[name], function, memo)
    for cell, theirs in zip(cells, function.__closure__ or (), strict=True):
        cell.cell_contents = _referred(_content(theirs), function, memo)
    own.__defaults__ = copy.deepcopy(function.__defaults__, memo)
    own.__kwdefaults__ = copy.deepcopy(function.__kwdefaults__, memo)


def _names(code: types.CodeType) -> Iterator[str]:
    """Yield the names that a function uses, and those within it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)


def _referred(value: Any, function: Any, memo: dict[int, Any]) -> Any:
    """Return a copy of what a function refers to; modules, classes and other libraries' functions stay."""
    if inspect.isfunction(value) and value.__module__ == function.__module__:
        return _apart(value, memo)
    return (
        value
        if inspect.ismodule(value) or inspect.isclass(value) or inspect.isroutine(value)
        else copy.deepcopy(value, memo)
    )


def _same(first: Any, second: Any) -> bool:
    """Return whether two outputs are equal, number by number."""
    import torch

    if isinstance(first, torch.Tensor):
        return isinstance(second, torch.Tensor) and torch.equal(torch.nan_to_num(first), torch.nan_to_num(second))
    if isinstance(first, dict):
        return (
            isinstance(second, dict)
            and first.keys() == second.keys()
            and all(_same(first[k], second[k]) for k in first)
        )
    if isinstance(first, (tuple, list)):
        return type(first) is type(second) and len(first) == len(second) and all(map(_same, first, second))
    return type(first) is type(second)


def _check_types(module: Module) -> None:
    """Check that something descends, in float32 or float64.

    Raises:
        SettingError: nothing does, or in other types.
    """
    dtypes = {name: str(p.dtype) for name, p in module.named_parameters() if p.requires_grad}
    if not dtypes:
        raise SettingError(Setting("module"), "must have a parameter with requires_grad=True, got none.")
    for name, dtype in dtypes.items():
        if dtype not in ("torch.float32", "torch.float64"):
            raise SettingError(
                Setting("module"),
                f"must be in float32 or float64, got {dtype} at {name!r}. Pass a copy made with .float().",
            )
