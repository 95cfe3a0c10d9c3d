"""Settings as plain JSON, and back.

A run records how it was made: every layer, loss, optimizer and schedule is written as `{"kind": "layers.Dense", …}`,
its room and public name with the arguments that make it again. Reading looks names up among a room's public names only,
so a run folder can name no other code. A user's own part is recorded by name as `{"custom": "module.Name"}`; it cannot
be made from a file and has to be passed again.
"""

from __future__ import annotations

import dataclasses
import sys
from types import ModuleType
from typing import Any, Protocol, runtime_checkable

import numpy as np

from downslope.core._errors import CustomPartError, RunError
from downslope.core._types import JSON

_OURS = __name__.split(".")[0]


@runtime_checkable
class Renderable(Protocol):
    """A part that says itself how it is made again."""

    def rendered(self) -> dict[str, object]:
        """Return the kind and the arguments, themselves not yet rendered."""
        ...


def render(part: Any) -> Any:
    """Return a setting as JSON: plain values as they are, our parts by kind and arguments, others by name.

    Example:
        >>> render({"rates": (0.1, np.float32(0.5)), "on": True})
        {'rates': [0.1, 0.5], 'on': True}
    """
    if part is None or isinstance(part, (bool, int, float, str)):
        return part
    if isinstance(part, (np.generic, np.ndarray)):
        return part.tolist()
    if isinstance(part, dict):
        return {str(name): render(value) for name, value in part.items()}
    if isinstance(part, Renderable):
        return {name: render(value) for name, value in part.rendered().items()}
    if isinstance(part, (tuple, list)):
        return [render(value) for value in part]
    if getattr(part, "__module__", "").split(".")[0] != _OURS:
        return {"custom": _qualified_name(part)}
    if dataclasses.is_dataclass(part) and not isinstance(part, type):
        arguments = {field.name: render(getattr(part, field.name)) for field in dataclasses.fields(part) if field.init}
        return {"kind": f"{_room(part)}.{type(part).__name__}", **arguments}
    return {"function": f"{_room(part)}.{part.__name__}"}


def rebuild(spec: JSON, rooms: dict[str, ModuleType]) -> Any:
    """Return the part that `render` wrote down.

    Args:
        spec: JSON from `render`.
        rooms: the rooms whose public names (`__all__`) may be used, by name.

    Raises:
        CustomPartError: the part is a user's own.
        RunError: the part is unknown in this version.
    """
    if isinstance(spec, list):
        return [rebuild(value, rooms) for value in spec]
    if not isinstance(spec, dict):
        return spec
    if "custom" in spec:
        raise CustomPartError(f"This run was made with your own {spec['custom']!r}. Pass it again, as it was.")
    if "function" in spec:
        return _public(str(spec["function"]), rooms)
    arguments = {name: rebuild(value, rooms) for name, value in spec.items() if name != "kind"}
    return _public(str(spec["kind"]), rooms)(**arguments) if "kind" in spec else arguments


def is_custom(spec: JSON) -> bool:
    """Return whether any part of a rendered setting is a user's own."""
    if isinstance(spec, dict):
        return "custom" in spec or any(is_custom(value) for value in spec.values())
    return isinstance(spec, list) and any(is_custom(value) for value in spec)


def _room(part: Any) -> str:
    """Return the module that has a part of ours among its public names: `initializers`, for `layers.initializers`.

    The deepest one counts, wherever the file lies, so that what is written does not change when files move.
    """
    name = getattr(part, "__name__", type(part).__name__)
    path = part.__module__.split(".")
    modules = [".".join(path[:length]) for length in range(len(path), 1, -1)]
    public = [module for module in modules if name in getattr(sys.modules.get(module), "__all__", ())]
    return public[0].rpartition(".")[2] if public else path[1]


def _public(kind: str, rooms: dict[str, ModuleType]) -> Any:
    """Return the public thing `room.name` stands for."""
    room, _, name = kind.partition(".")
    if room not in rooms or name not in rooms[room].__all__:
        raise RunError(
            f"This version of Downslope knows no {kind!r}, which the run was made with. Use the version that made it."
        )
    return getattr(rooms[room], name)


def _qualified_name(part: Any) -> str:
    """Return where a part is defined, as far as it says."""
    named = part if hasattr(part, "__qualname__") else type(part)
    return f"{getattr(named, '__module__', '?')}.{named.__qualname__}"
