"""Runs side by side: the settings that differ, where each got to, how long it took."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

import numpy as np

from downslope.core import JSON, RunError, aligned, seconds_text
from downslope.runs._folder import RunFolder
from downslope.runs._record import Record, content_explained

MISSING = "—"
"""What stands for a setting that a run does not have."""

BESIDE = ("precision", "validation", "started_from", "record", "track", "metrics", "continued_from")
"""Settings that say little about where a run got to, unless nothing else differs."""


@dataclass(frozen=True)
class Compared:
    """One of the runs.

    Attributes:
        name: its folder, as it was given.
        settings: those that differ between the runs, by name, in words.
        history: name → values, one an epoch.
        kept_epoch: after how many epochs the run's parameters were reached; 0 if no epoch ended.
        stop_reason: why it ended; `"running"` while it has not.
        seconds: how long it trained; None while it has not ended.
    """

    name: str
    settings: dict[str, str]
    history: dict[str, np.ndarray]
    kept_epoch: int
    stop_reason: str
    seconds: float | None

    @property
    def epochs(self) -> int:
        """How many epochs ended."""
        return len(next(iter(self.history.values()), ()))

    @property
    def loss(self) -> float:
        """The loss to compare by: of the validation rows where there are any; NaN before the first epoch."""
        return self.at_kept("validation_loss") if "validation_loss" in self.history else self.at_kept("train_loss")

    def at_kept(self, name: str) -> float:
        """Return a value of the history in the epoch that was kept; NaN where there is none."""
        return (
            float(self.history[name][self.kept_epoch - 1]) if self.kept_epoch and name in self.history else float("nan")
        )


@dataclass(frozen=True)
class Comparison:
    """Runs side by side, the lowest loss first.

    Attributes:
        runs: all of them.
        loss: what descended; None if not the same in all.
        notes: sentences on what makes them hard to compare.
    """

    runs: tuple[Compared, ...]
    loss: str | None
    notes: tuple[str, ...]

    @property
    def values(self) -> tuple[str, ...]:
        """The names of the losses and metrics that any run has."""
        names = dict.fromkeys(name for run in self.runs for name in run.history)
        return tuple(name for name in names if name.startswith(("train_", "validation_")))

    def table(self) -> Any:
        """Return a polars table, one row a run."""
        import polars

        return polars.DataFrame([self._row(run) for run in self.runs], infer_schema_length=None)

    def as_json(self) -> dict[str, JSON]:
        """Return it as plain data."""
        return {"runs": [self._row(run) for run in self.runs], "notes": list(self.notes)}

    def __str__(self) -> str:
        settings = list(self.runs[0].settings)
        names = ["epochs asked" if name == "epochs" else name for name in settings]
        head = [
            "run",
            *names,
            "epochs made" if "epochs" in settings else "epochs",
            "stopped",
            *(name.replace("_", " ") for name in self.values),
            "time",
        ]
        rows = [
            [
                run.name,
                *run.settings.values(),
                str(run.epochs),
                run.stop_reason.replace("_", " "),
                *(_number(run.at_kept(name)) for name in self.values),
                MISSING if run.seconds is None else seconds_text(run.seconds),
            ]
            for run in self.runs
        ]
        return "\n".join([aligned([head, *rows], left=1 + len(settings)), *self.notes])

    def _row(self, run: Compared) -> dict[str, JSON]:
        """Return everything about a run, by name."""
        values = {name: run.at_kept(name) for name in self.values}
        facts = {"epochs": run.epochs, "kept_epoch": run.kept_epoch, "stop_reason": run.stop_reason}
        settings = {"epochs_asked" if name == "epochs" else name: value for name, value in run.settings.items()}
        return {"run": run.name, **settings, **facts, **values, "seconds": run.seconds}


def compare(paths: Sequence[str | os.PathLike[str]]) -> Comparison:
    """Return runs side by side, by what their folders say; no network is needed for that.

    Losses and metrics are those of the epoch whose parameters the run keeps: that of the lowest validation loss, or
    best by what early stopping went by, where there are validation rows, else the last.

    Args:
        paths: the folders of two runs or more.

    Raises:
        RunError: fewer than two, or a folder that holds no run.
        DamagedRunError: a file is not what was setting_text.

    Example:
        >>> import downslope as ds, tempfile, pathlib
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> for rate in (0.001, 0.1):
        ...     settings = {"optimizer": ds.sgd(rate), "epochs": 3, "store": folder / str(rate), "progress": False}
        ...     run = ds.train(ds.mlp([4], outputs=3), ds.load("iris"), normalize="standard", **settings)
        >>> comparison = ds.compare([folder / "0.001", folder / "0.1"])
        >>> [run.settings for run in comparison.runs]
        [{'learning_rate': '0.1'}, {'learning_rate': '0.001'}]
    """
    if len(paths) < 2:
        raise RunError(f"Runs are compared with each other: name two folders or more, got {len(paths)}.")
    folders = [RunFolder.open(path) for path in paths]
    with content_explained(folders[0].path.parent):
        return _comparison(paths, folders)


def _comparison(paths: Sequence[str | os.PathLike[str]], folders: Sequence[RunFolder]) -> Comparison:
    """Return the runs of some folders side by side."""
    records = [folder.read_record() for folder in folders]
    described = [{**record.configuration, "seed": record.seed} for record in records]
    settings = differing_settings(described)
    runs = [
        _compared(str(path), folder, record, words)
        for path, folder, record, words in zip(paths, folders, records, settings, strict=True)
    ]
    losses = {setting_text(record.configuration["loss"]) for record in records}
    ordered = sorted(runs, key=lambda run: (not np.isfinite(run.loss), run.loss))
    return Comparison(tuple(ordered), losses.pop() if len(losses) == 1 else None, _notes(records, runs))


def differing_settings(specs: Sequence[Mapping[str, JSON]]) -> list[dict[str, str]]:
    """Return the settings that differ, in words, by the shortest names that tell them apart.

    Example:
        >>> one = {"optimizer": {"kind": "optimizers.sgd", "learning_rate": 0.1, "momentum": 0.0}, "epochs": 5}
        >>> other = {"optimizer": {"kind": "optimizers.sgd", "learning_rate": 0.1, "momentum": 0.9}, "epochs": 9}
        >>> differing_settings([one, other])
        [{'momentum': '0', 'epochs': '5'}, {'momentum': '0.9', 'epochs': '9'}]
    """
    differences = _differences(list(specs))
    telling = {path: values for path, values in differences.items() if path[0] not in BESIDE} or differences
    last = [path[-1] for path in telling]
    names = {
        path: path[-1] if last.count(path[-1]) == 1 and not path[-1].isdigit() else ".".join(path) for path in telling
    }
    return [{names[path]: values[index] for path, values in telling.items()} for index in range(len(specs))]


def setting_text(spec: object) -> str:
    """Return a rendered setting in words.

    Example:
        >>> setting_text({"kind": "layers.Dense", "units": 64, "initializer": "auto", "bias": True})
        'Dense(64)'
        >>> setting_text([0.5, None, True])
        '0.5 none yes'
    """
    if isinstance(spec, Mapping):
        if "layers" in spec:
            return setting_text(spec["layers"])
        name = str(spec.get("kind") or spec.get("function") or spec.get("custom")).rpartition(".")[2]
        numbers = [setting_text(value) for key, value in spec.items() if key != "kind" and _is_number(value)]
        inner = [
            setting_text(value) for key, value in spec.items() if key != "kind" and isinstance(value, (Mapping, list))
        ]
        return f"{name}({', '.join(numbers + inner)})" if numbers or inner else name
    if isinstance(spec, (list, tuple)):
        return " ".join(map(setting_text, spec)) or "none"
    if isinstance(spec, bool):
        return "yes" if spec else "no"
    return "none" if spec is None else f"{spec:g}" if _is_number(spec) else str(spec)


def _differences(specs: Sequence[JSON], path: tuple[str, ...] = ()) -> dict[tuple[str, ...], list[str]]:
    """Return what differs between settings of one kind, by its path."""
    if all(spec == specs[0] for spec in specs):
        return {}
    parts = [spec for spec in specs if isinstance(spec, Mapping) and "layers" not in spec]
    if len(parts) < len(specs):
        return {path: [setting_text(spec) for spec in specs]}
    common = [name for name in parts[0] if name != "kind" and all(name in part for part in parts)]
    others = [{name: value for name, value in part.items() if name not in common} for part in parts]
    differences = (
        {} if all(other == others[0] for other in others) else {path: [_with_names(other) for other in others]}
    )
    for name in common:
        if _goes_with_the_kind(parts, name):
            continue
        differences |= _differences([part[name] for part in parts], (*path, name))
    return differences


def _goes_with_the_kind(specs: Sequence[Mapping[str, JSON]], name: str) -> bool:
    """Return whether a flag differs only between parts of different kinds, which say enough, as Adam and SGD do."""
    flags = {(str(spec.get("kind")), spec[name]) for spec in specs if isinstance(spec[name], bool)}
    return len({kind for kind, _ in flags}) == len(flags) > 1


def _with_names(spec: Mapping[str, JSON]) -> str:
    """Return a part with its numbers by their names, those that are 0 left out."""
    numbers = [f"{name} {setting_text(value)}" for name, value in spec.items() if _is_number(value) and value != 0]
    kind = setting_text({name: spec[name] for name in ("kind", "function", "custom") if name in spec})
    return f"{kind}({', '.join(numbers)})" if numbers else kind


def _compared(name: str, folder: RunFolder, record: Record, settings: dict[str, str]) -> Compared:
    """Return one of the runs."""
    lines = folder.read_epochs(at_least=0)
    names = [key for key in (lines[0] if lines else {}) if key != "epoch"]
    history = {key: np.array([line[key] for line in lines], float) for key in names}
    best = _kept_epoch(folder, record, history.get("validation_loss")) or len(lines)
    return Compared(name, settings, history, best, record.stop_reason or record.status, record.seconds)


def _kept_epoch(folder: RunFolder, record: Record, losses: np.ndarray | None) -> int | None:
    """Return the epoch that was best on the validation rows, by what early stopping went by; None if none was."""
    if isinstance(record.configuration["early_stopping"], dict) and folder.has("best"):
        return int(folder.read("best").facts["best_epoch"] or 0) or None
    return None if losses is None or not np.isfinite(losses).any() else int(np.nanargmin(losses)) + 1


def _notes(records: list[Record], runs: list[Compared]) -> tuple[str, ...]:
    """Return what makes the runs hard to compare."""
    notes = []
    if len({setting_text(record.configuration["loss"]) for record in records}) > 1:
        notes.append("They descended different losses, which do not compare.")
    if _differ(record.data["fingerprint"] for record in records) or _differ(map(_digests, records)):
        notes.append("They did not learn from the same rows, prepared alike: losses may not compare.")
    if len({"validation_loss" in run.history for run in runs}) > 1:
        notes.append("Some have validation rows and others do not: compare their training losses.")
    return tuple(notes)


def _differ(values: Iterable[object]) -> bool:
    """Return whether values that are known are not all the same."""
    known = [value for value in values if value is not None]
    return any(value != known[0] for value in known)


def _digests(record: Record) -> object:
    """Return the digests of the rows as they were given; None in records of earlier versions."""
    return record.data.get("digests")


def _number(value: float) -> str:
    """Return a loss or a metric to four digits."""
    return f"{value:.4g}" if np.isfinite(value) else MISSING


def _is_number(value: object) -> TypeGuard[float | int]:
    """Return whether a rendered setting is a number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)
