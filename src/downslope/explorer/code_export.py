"""Copy as Python: code that reproduces what is on screen, in public names alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from downslope.core import SettingError
from downslope.explorer.exploration import Descent, Stage
from downslope.explorer.protocol import Plane
from downslope.explorer.subjects import changeable, optimizer_code, with_room
from downslope.landscape import Slice
from downslope.training import Walk

_IMPORTS = (
    ("replace(", "from dataclasses import replace"),
    ("np.", "import numpy as np"),
    ("ds.", "import downslope as ds"),
)
"""Signs that a line needs an import, and the import."""

_CARRY_OVER = """
def carried_over(state, optimizer, params):
    fresh = optimizer.init(params)
    return fresh._replace(
        step=state.step,
        hyperparams=fresh.hyperparams | state.hyperparams,
        schedules=fresh.schedules | state.schedules,
        memory=fresh.memory | state.memory,
    )


"""
"""Python that goes on with an optimizer that has more numbers: what both know is kept."""


def code_of(stage: Stage) -> str:
    """Return Python that makes the surface and walks every descent on it, with what was changed on the way.

    It leaves the plane in `plane`, and in `losses` the loss of each descent where it is now, in their order.

    Raises:
        SettingError: a descent began on a plane through another, which no code can say.
    """
    network = stage.ground.run is not None
    descents = list(stage.descents.values())
    planes: dict[Any, Slice] = {} if stage.plane.through is not None else {stage.plane: stage.cut}  # pyright: ignore[reportUnhashable]  (frozen)
    for descent in descents:
        planes.setdefault(descent.start.plane, descent.start.cut)
    numbers = {plane: number for number, plane in enumerate(planes)}
    adopts = not network and any(descent.room for descent in descents)
    lines = [*(_CARRY_OVER.splitlines() if adopts else ()), *stage.ground.center_code]
    for plane, cut in planes.items():
        lines += _plane(network, plane, cut, numbers[plane])
    lines += ["", "losses = []"]
    for descent in descents:
        lines += ["", *(_walk if network else _steps)(descent, numbers[descent.start.plane])]
    lines += ["", "print(losses)"] if descents else []
    imports = [statement for sign, statement in _IMPORTS if any(sign in line for line in lines)]
    return "\n".join([*imports, "", *lines]) + "\n"


def _plane(network: bool, plane: Plane, cut: Slice, number: int) -> list[str]:
    """Return the lines that cut a plane.

    Raises:
        SettingError: it goes through where a descent was, which no code can say.
    """
    if plane.through is not None:
        raise SettingError(
            "A descent that starts on a plane through another one has no code of its own. Cut through the center and "
            "start again.",
            setting="through",
        )
    surface = f"surface = run.surface({_unless(plane.mode, 'inference', 'mode')})"
    extra = ", trajectory=run.trajectory" if plane.directions == "pca" else ""
    half = f"({', '.join(map(repr, cut.spans))})"
    center = "center.params" if network else "center"
    return [
        *([surface] if network else []),
        f"plane{number or ''} = ds.slice_2d(surface, {center}, directions={plane.directions!r}, size={plane.size}, "
        f"span={half}, key={plane.seed}{extra}, progress=False)",
    ]


def _unless(value: str, usual: str, name: str) -> str:
    """Return an argument, or nothing where it has its usual value."""
    return "" if value == usual else f"{name}={value!r}"


def _begin(descent: Descent, number: int) -> list[str]:
    """Return the lines that find the start of a descent."""
    plane = f"plane{number or ''}"
    return [
        f"a, b = {descent.start.a!r}, {descent.start.b!r}",
        f"start = ds.core.displaced({plane}.params, {plane}.directions, (a, b))",
    ]


def _changes(descent: Descent, state: str, walked: Callable[[int], list[str]]) -> list[str]:
    """Return the lines that walk, and change numbers on the way.

    Args:
        descent: which.
        state: how a number is changed, with the numbers in place of the braces.
        walked: the lines that make so many steps.
    """
    lines, done, room = [], 0, set()
    for change in descent.changes:
        lines += walked(change.step - done)
        missing = set(change.numbers) & set(changeable(descent.settings)) - room
        if missing:
            room |= missing
            lines += _adopted(descent, room, walked is _formula_steps)
            lines += [state.format(_named(dict.fromkeys(sorted(missing), 0.0)))]
        lines += [state.format(_named(change.numbers))]
        done = change.step
    return lines + walked(descent.walk.step - done)


def _adopted(descent: Descent, room: set[str], formula: bool) -> list[str]:
    """Return the line that goes on with an optimizer that has room for more numbers."""
    roomy = optimizer_code(with_room(descent.settings, room))
    if formula:
        return [f"optimizer = {roomy}", "state = carried_over(state, optimizer, params)"]
    return [f"walk.adopt({roomy})"]


def _walk(descent: Descent, number: int) -> list[str]:
    """Return the lines that walk a network."""
    settings, problem = descent.settings, cast("Walk", descent.walk).problem
    size = "len(run.recipe.data)" if settings.batch_size is None else str(settings.batch_size)
    return [
        *_begin(descent, number),
        f"settings = dict(optimizer={optimizer_code(settings)}, batch_size={size}, seed={problem.seed}, "
        "early_stopping=None, start=None)",
        "recipe = run.recipe.changed(settings)",
        "walk = ds.training.Walk(recipe.problem(), ds.Variables(start, center.state))",
        *_changes(descent, "walk.set({})", _network_steps),
        "losses.append(replace(run, variables=walk.variables).surface().value(walk.params))",
    ]


def _network_steps(steps: int) -> list[str]:
    """Return the line that makes steps of a network."""
    return [f"walk.advance({steps})"] if steps else []


def _steps(descent: Descent, number: int) -> list[str]:
    """Return the lines that walk a formula."""
    return [
        *_begin(descent, number),
        f"optimizer = {optimizer_code(descent.settings)}",
        "params, state = start, optimizer.init(start)",
        *_changes(descent, "state = ds.set_hyperparam(state, {})", _formula_steps),
        "losses.append(surface.value(params))",
    ]


def _formula_steps(steps: int) -> list[str]:
    """Return the lines that make steps down a formula."""
    if not steps:
        return []
    return [
        f"for _ in range({steps}):",
        "    updates, state = optimizer.update(surface.gradient(params), state, params)",
        "    params = params + updates",
    ]


def _named(numbers: dict[str, float]) -> str:
    """Return numbers as arguments."""
    return ", ".join(f"{name}={value!r}" for name, value in numbers.items())
