"""Records of earlier layouts, made into records of the newest, step by step.

To change the layout of `run.json`: raise `SCHEMA`; append to the steps of the version before it a function that makes
its record one of the new version; and keep folders of the version before in `tests/run_folders`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

SCHEMA = 2
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


def with_levels_and_dates(content: Content) -> Content:
    """Return a record that says that missing text was filled in and no column held dates, before that could be else.

    What was called `columns` in the origin of a table is `only` since then, and row counters were learned from.
    """
    completed = _completed(content, preprocessing={"calendars": []})
    preprocessing, data = completed.get("preprocessing"), completed.get("data")
    if isinstance(preprocessing, dict):
        categories = [{"missing": False} | column for column in preprocessing.get("categories", ())]
        completed["preprocessing"] = preprocessing | {"categories": categories}
    if isinstance(data, dict):
        completed["data"] = {name: _with_only(fact) if name.endswith("origin") else fact for name, fact in data.items()}
    return completed


def with_last_batches(content: Content) -> Content:
    """Return a record that says which last batches were left out: None, as by default, before that could be said."""
    return _completed(content, configuration={"drop_last": None})


def with_decay_of_biases(content: Content) -> Content:
    """Return a record whose optimizers that decay weights say that biases decay too, as all did at first."""
    configuration = content.get("configuration")
    if not isinstance(configuration, dict):
        return content
    return content | {"configuration": configuration | {"optimizer": _decaying_biases(configuration.get("optimizer"))}}


def _decaying_biases(rendered: object) -> object:
    """Return an optimizer as records have it, and those within it, that say so."""
    if not isinstance(rendered, dict):
        return rendered
    inner = {"optimizer": _decaying_biases(rendered["optimizer"])} if "optimizer" in rendered else {}
    return ({"decay_biases": True} if "weight_decay" in rendered else {}) | rendered | inner


def with_continuing(content: Content) -> Content:
    """Return a record that says from where a run went on though it had ended: it could not, before that was told.

    Digests of the rows as they were given, and what decides the last bits of numbers, are told since then, too. In an
    older record they stay missing.
    """
    return _completed(content, configuration={"continued_from": 0}) | {"schema_version": 2}


def with_units(content: Content) -> Content:
    """Return a record that says in which units its columns were: None, unknown, before that was kept."""
    return _completed(content, preprocessing={"units": None, "target_unit": None, "decimal": None})


STEPS: dict[int, tuple[Callable[[Content], Content], ...]] = {
    # what was added within version 1, in the order in which it came
    1: (
        with_restarts,
        with_class_weights,
        with_tracking,
        with_precision,
        with_levels_and_dates,
        with_last_batches,
        with_decay_of_biases,
        with_continuing,
    ),
    # what was added within version 2
    2: (with_units,),
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


def _with_only(origin: object) -> object:
    """Return the origin of rows with the columns that were chosen named `only`."""
    arguments = origin.get("arguments") if isinstance(origin, dict) else None
    if not isinstance(origin, dict) or not isinstance(arguments, dict) or "columns" not in arguments:
        return origin
    others = {name: value for name, value in arguments.items() if name != "columns"}
    return origin | {"arguments": others | {"only": arguments["columns"]}}
