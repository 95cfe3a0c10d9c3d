"""Records of earlier layouts, made into records of the newest, step by step.

To change the layout of `run.json`: raise `SCHEMA`; append to the steps of the version before it a function that makes
its record one of the new version; and keep folders of the version before in `tests/run_folders`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

SCHEMA = 1
"""The version that is written."""

Content = dict[str, object]


def upgraded(content: Content, version: int) -> Content:
    """Return the content of a record as the newest layout has it.

    Args:
        content: of a record, without its digest.
        version: of its layout, from 1 to `SCHEMA`.
    """
    for steps in (STEPS[number] for number in range(version, SCHEMA + 1)):
        for step in steps:
            content = step(content)
    return content


def with_restarts(content: Content) -> Content:
    """Return a record that says of how many starts it kept the best: of one, before there were several."""
    return _completed(content, configuration={"restarts": 1})


def with_class_weights(content: Content) -> Content:
    """Return a record that says how classes were weighted: not at all, before they could be."""
    return _completed(content, configuration={"class_weight": None}, data={"class_weights": None})


def with_tracking(content: Content) -> Content:
    """Return a record that says what was tracked: nothing, before it could be.

    Where its rows came from is told since then, too. In an older record that stays missing: None says arrays.
    """
    return _completed(content, configuration={"track": None})


def with_precision(content: Content) -> Content:
    """Return a record that says in which precision it was computed: None, unknown, before that was told.

    The fingerprint of validation rows came with it. In an older record it stays missing: None says that there are none.
    """
    return _completed(content, configuration={"precision": None})


STEPS: dict[int, tuple[Callable[[Content], Content], ...]] = {
    # what was added within version 1, in the order in which it came
    1: (with_restarts, with_class_weights, with_tracking, with_precision),
}
"""What is done to a record of each version; the last step of every version but the newest makes it one of the next."""


def _completed(content: Content, **parts: Mapping[str, object]) -> Content:
    """Return a record with what some of its parts lack."""
    completed = dict(content)
    for name, defaults in parts.items():
        part = content.get(name)
        if isinstance(part, dict):
            completed[name] = part | {key: value for key, value in defaults.items() if key not in part}
    return completed
