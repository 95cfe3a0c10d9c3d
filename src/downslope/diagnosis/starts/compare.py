"""Compare initializers on the user's own network and data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from downslope.core import Setting, SettingError, check_integer, render
from downslope.data import Dataset
from downslope.diagnosis.starts.comparison import StartComparison
from downslope.layers.initializers import Initializer
from downslope.networks import Sequential, with_initializer
from downslope.training import TrainingSettings, train

INITIALIZERS = ("auto", "he_normal", "glorot_normal", "lecun_normal", "orthogonal")
"""The initializers compared by default."""


def compare_initializations(
    net: Sequential,
    data: Dataset,
    *,
    initializers: Sequence[Initializer | str] | Mapping[str, Initializer | str] = INITIALIZERS,
    restarts: int = 5,
    epochs: int = 20,
    progress: str | bool = "auto",
    **settings: Any,
) -> StartComparison:
    """Train a network from several kinds of starting weights, a few restarts each, and compare them.

    For each initializer the runs are those of `ds.train(with_initializer(net, initializer), …, restarts=restarts)` with
    the same seed: the same split, the same batches.

    Args:
        net: the network. The initializer of every layer that has one is replaced, in blocks and frozen layers too.
        data: rows with targets.
        initializers: names and functions of `ds.initializers`, or your own; or a name for each.
        restarts: starts with each, 2 or more, trained at once.
        epochs: passes over the data, at most.
        progress: as for `ds.train`, for each initializer in turn.
        **settings: of `ds.train`. With validation rows, the lowest loss there is compared; else the last training loss.

    Raises:
        SettingError: a setting that cannot be.
        UnknownNameError: there is no initializer, or no setting, of a name.

    Example:
        >>> import downslope as ds
        >>> from downslope.diagnosis import compare_initializations
        >>> fast = {"optimizer": ds.adam(1e-2), "epochs": 10, "restarts": 3, "progress": False}
        >>> compared = compare_initializations(
        ...     ds.mlp([16], outputs=3), ds.load("iris"), initializers=["zeros", "he_normal"], **fast
        ... )
        >>> compared.best
        'he_normal'
        >>> list(compared.losses)
        ['zeros', 'he_normal']
    """
    check_integer("restarts", restarts, at_least=2, advice="The spread between restarts is what tells starts apart.")
    nets = {name: with_initializer(net, initializer) for name, initializer in _by_name(initializers).items()}
    training = TrainingSettings.of(settings | {"epochs": epochs, "start": None})
    runs = {
        name: train(variant, data, **training, restarts=restarts, progress=progress) for name, variant in nets.items()
    }
    held_out = training.holds_out
    return StartComparison(runs, "validation loss" if held_out else "training loss")


def _by_name(
    initializers: Sequence[Initializer | str] | Mapping[str, Initializer | str],
) -> dict[str, Initializer | str]:
    """Return the initializers, each by its name.

    Raises:
        SettingError: there is none, or a name stands for two.
    """
    if isinstance(initializers, Mapping):
        named = list(initializers.items())
    elif isinstance(initializers, str) or not isinstance(initializers, Sequence):
        raise SettingError(
            Setting("initializers"), f"must be several, such as ('he_normal', 'zeros'), got {initializers!r}."
        )
    else:
        named = [
            (initializer if isinstance(initializer, str) else _name_of(initializer), initializer)
            for initializer in initializers
        ]
    if not named or len(dict(named)) < len(named):
        names = [name for name, _ in named]
        raise SettingError(Setting("initializers"), f"must hold one or more, each of its own name, got {names}.")
    return dict(named)


def _name_of(initializer: Initializer) -> str:
    """Return an initializer's name with its settings: `constant(c=0.1)`."""
    spec = render(initializer)
    if "kind" not in spec:
        return next(iter(spec.values())).split(".")[-1]
    settings = ", ".join(f"{name}={value}" for name, value in spec.items() if name != "kind")
    return f"{spec['kind'].split('.')[-1]}({settings})"
