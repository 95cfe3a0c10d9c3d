"""Copy as Python: code that reproduces an exploration, in public names alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from downslope.core import SettingError
from downslope.explorer.exploration import Descent, Exploration
from downslope.explorer.protocol import Plane
from downslope.explorer.subjects import changeable, optimizer_code, with_slots
from downslope.landscape import Slice
from downslope.training import Stepper

_IMPORTS = (
    ("replace(", "from dataclasses import replace"),
    ("np.", "import numpy as np"),
    ("ds.", "import downslope as ds"),
)
"""Signs that a line needs an import, and the import."""


def code_of(exploration: Exploration) -> str:
    """Return Python that makes the surface and every descent on it, with the changes of numbers on the way.

    It leaves the plane in `plane`, and in `losses` the current loss of each descent, in their order.

    Raises:
        SettingError: a descent began on a plane through another, which code cannot express.
    """
    network = exploration.subject.run is not None
    descents = list(exploration.descents.values())
    planes: dict[Plane, Slice] = {} if exploration.plane.through is not None else {exploration.plane: exploration.cut}  # pyright: ignore[reportUnhashable]  (frozen)
    for descent in descents:
        planes.setdefault(descent.start.plane, descent.start.cut)
    numbers = {plane: number for number, plane in enumerate(planes)}
    lines = list(exploration.subject.code)
    for plane, cut in planes.items():
        lines += _plane_lines(network, plane, cut, numbers[plane])
    lines += ["", "losses = []"]
    for descent in descents:
        lines += ["", *(_network_lines if network else _formula_lines)(descent, numbers[descent.start.plane])]
    lines += ["", "print(losses)"] if descents else []
    imports = [statement for sign, statement in _IMPORTS if any(sign in line for line in lines)]
    return "\n".join([*imports, "", *lines]) + "\n"


def _plane_lines(network: bool, plane: Plane, cut: Slice, number: int) -> list[str]:
    """Return the lines that cut a plane.

    Raises:
        SettingError: it goes through a point of a descent, which code cannot express.
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


def _start_lines(descent: Descent, number: int) -> list[str]:
    """Return the lines that compute the start of a descent."""
    plane = f"plane{number or ''}"
    return [
        f"a, b = {descent.start.a!r}, {descent.start.b!r}",
        f"start = ds.core.displaced({plane}.params, {plane}.directions, (a, b))",
    ]


def _change_lines(descent: Descent, state: str, step_lines: Callable[[int], list[str]]) -> list[str]:
    """Return the lines that make steps, and change numbers on the way.

    Args:
        descent: the descent.
        state: the line that changes numbers, with the numbers in place of the braces.
        step_lines: the lines that make so many steps.
    """
    lines, done, slots = [], 0, set()
    for change in descent.changes:
        lines += step_lines(change.step - done)
        missing = set(change.numbers) & set(changeable(descent.settings)) - slots
        if missing:
            slots |= missing
            lines += _adoption_lines(descent, slots, step_lines is _formula_steps)
            lines += [state.format(_named(dict.fromkeys(sorted(missing), 0.0)))]
        lines += [state.format(_named(change.numbers))]
        done = change.step
    return lines + step_lines(descent.stepper.step - done)


def _adoption_lines(descent: Descent, slots: set[str], formula: bool) -> list[str]:
    """Return the line that goes on with an optimizer that has more numbers."""
    optimizer = optimizer_code(with_slots(descent.settings, slots))
    if formula:
        return [f"optimizer = {optimizer}", "state = ds.training.transfer_state(state, optimizer, params)"]
    return [f"stepper.switch_optimizer({optimizer})"]


def _network_lines(descent: Descent, number: int) -> list[str]:
    """Return the lines of a descent of a network."""
    settings, problem = descent.settings, cast("Stepper", descent.stepper).problem
    size = "len(run.recipe.data)" if settings.batch_size is None else str(settings.batch_size)
    return [
        *_start_lines(descent, number),
        f"settings = dict(optimizer={optimizer_code(settings)}, batch_size={size}, seed={problem.seed}, "
        "early_stopping=None, start=None)",
        "recipe = run.recipe.changed(settings)",
        "stepper = ds.training.Stepper(recipe.problem(), ds.Variables(start, center.state))",
        *_change_lines(descent, "stepper.set({})", _network_steps),
        "losses.append(replace(run, variables=stepper.variables).surface().value(stepper.params))",
    ]


def _network_steps(steps: int) -> list[str]:
    """Return the line that makes steps of a network."""
    return [f"stepper.advance({steps})"] if steps else []


def _formula_lines(descent: Descent, number: int) -> list[str]:
    """Return the lines of a descent of a formula."""
    return [
        *_start_lines(descent, number),
        f"optimizer = {optimizer_code(descent.settings)}",
        "params, state = start, optimizer.init(start)",
        *_change_lines(descent, "state = ds.set_hyperparam(state, {})", _formula_steps),
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
