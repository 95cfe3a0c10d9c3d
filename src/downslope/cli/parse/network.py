"""A network as text: `64,64`, `linear` or `conv32-pool-dense128`, and how its weights start."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from downslope.core import Piece
    from downslope.data import Dataset
    from downslope.layers import AnyLayer
    from downslope.layers.initializers import Initializer
    from downslope.losses import Loss
    from downslope.networks import Sequential

LINEAR = "linear"
KINDS = ("conv", "pool", "maxpool", "avgpool", "dense")
WRITTEN = "conv32, conv32k5s2, pool, pool3, avgpool, dense64"
_STAGE = re.compile(
    r"conv(?P<channels>[1-9]\d*)(k(?P<kernel>[1-9]\d*))?(s(?P<stride>[1-9]\d*))?"
    r"|(?P<pooling>|max|avg)pool(?P<window>[1-9]\d*)?"
    r"|dense(?P<width>[1-9]\d*)"
)


@dataclass(frozen=True)
class Stage:
    """One stage of a network as it is written.

    Attributes:
        kind: `"conv"`, `"max"`, `"avg"` or `"dense"`.
        size: channels, window or width.
        kernel: the window of a convolution.
        stride: the places from one window of a convolution to the next.
    """

    kind: str
    size: int
    kernel: int = 3
    stride: int = 1


def stages_of(text: str) -> tuple[Stage, ...]:
    """Return the hidden stages of a network, the dense ones last.

    Raises:
        SettingError: it is none of the notations.

    Example:
        >>> [stage.size for stage in stages_of("64,32")], stages_of("linear")
        ([64, 32], ())
        >>> stages_of("conv16k5s2-pool")
        (Stage(kind='conv', size=16, kernel=5, stride=2), Stage(kind='max', size=2, kernel=3, stride=1))
    """
    words = text.strip().lower()
    if words == LINEAR:
        return ()
    if "," in words or not re.match("[a-z]", words):
        return tuple(Stage("dense", width) for width in _widths(words))
    stages = tuple(_stage(part, text) for part in words.split("-"))
    kinds = [stage.kind for stage in stages]
    if kinds != sorted(kinds, key="dense".__eq__):
        raise _network_error(f"must have its dense stages last, got {text!r}. Convolve and pool first.")
    return stages


def convolves(text: str) -> bool:
    """Return whether a network looks at images or sequences rather than at rows of numbers."""
    return any(stage.kind != "dense" for stage in stages_of(text))


def network_of(
    data: Dataset,
    network: str,
    loss: Loss,
    *,
    activation: str,
    initializer: str,
    norm: str | None,
    skip: bool,
    dropout: float,
) -> Sequential:
    """Return the network that a text stands for, with the outputs that data and loss ask for.

    Args:
        data: what it is to learn.
        network: widths, `linear`, or stages.
        loss: what will descend.
        activation: as `ds.mlp` takes it.
        initializer: a name, and a number where it needs one.
        norm: as `ds.mlp` takes it.
        skip: as `ds.mlp` takes it.
        dropout: as `ds.mlp` takes it.

    Raises:
        SettingError: a text or a number that cannot be, or convolutions for rows that are no images or sequences.
    """
    from downslope.core import check_number
    from downslope.layers import Flatten
    from downslope.networks import Sequential, mlp

    stages = stages_of(network)
    check_number("dropout", dropout, at_least=0, below=1)
    around = {
        "activation": activation,
        "initializer": initializer_of(initializer),
        "norm": None if norm == "none" else norm,
    }
    dense = [stage.size for stage in stages if stage.kind == "dense"]
    windowed = [stage for stage in stages if stage.kind != "dense"]
    outputs = _outputs(data, loss)
    if not windowed:
        net = mlp(dense, outputs=outputs, skip=skip, dropout=dropout, **around)
        return net if len(data.x.shape) == 2 else Sequential([Flatten(), *net.layers])
    head = mlp(dense, outputs=outputs, dropout=dropout, **around)
    return Sequential(
        [*_windowed(windowed, _dimensions(data, network), skip=skip, **around), *_flat(dropout), *head.layers]
    )


def initializer_of(text: str, *, setting: str = "initializer") -> Initializer | str:
    """Return the initializer of a name, or of a name and a number, such as `normal:0.01`.

    Args:
        text: the name.
        setting: whose value it is, for the message if it is none.

    Raises:
        UnknownNameError: there is none of this name.
        SettingError: a number is missing, or none is needed.

    Example:
        >>> initializer_of("auto"), initializer_of("constant:0.5").c
        ('auto', 0.5)
    """
    from downslope.core import Setting, SettingError, UnknownNameError
    from downslope.layers import initializers

    with_number = initializers.WITH_NUMBER
    name, colon, number = text.partition(":")
    if name not in with_number and name not in ("auto", *initializers.names()):
        raise UnknownNameError(setting, name, ["auto", *initializers.names(), *(f"{n}:x" for n in with_number)])
    if (name in with_number) is not bool(colon):
        requirement = f"a number, such as {name}:0.1" if name in with_number else f"no number, just {name}"
        raise SettingError(Setting(setting), f"{name} takes {requirement}, got {text!r}.")
    if not colon:
        return name
    try:
        return with_number[name](float(number))
    except ValueError:
        raise SettingError(Setting(setting), f"{name} takes a number, such as {name}:0.1, got {text!r}.") from None


def _widths(words: str) -> list[int]:
    """Return widths separated by commas."""
    widths = [part.strip() for part in words.split(",")]
    if not all(width.isdecimal() and int(width) > 0 for width in widths):
        raise _network_error(
            f"must be the widths of the hidden layers, each 1 or more, such as 64,64, or {LINEAR}, or stages "
            f"joined by dashes, such as conv32-pool-dense64, got {words!r}."
        )
    return [int(width) for width in widths]


def _stage(word: str, text: str) -> Stage:
    """Return one stage."""
    match = _STAGE.fullmatch(word)
    if match is None:
        raise _unknown_stage_error(word, text)
    if match["channels"]:
        return Stage("conv", int(match["channels"]), int(match["kernel"] or 3), int(match["stride"] or 1))
    if match["width"]:
        return Stage("dense", int(match["width"]))
    return Stage(match["pooling"] or "max", int(match["window"] or 2))


def _unknown_stage_error(word: str, text: str) -> Exception:
    """Return the error for an unknown stage, with close names."""
    from downslope.core import close_names

    letters, digits = re.match(r"([a-z_]*)(\d*)", word).groups()  # pyright: ignore[reportOptionalMemberAccess]
    close = close_names(letters, [*KINDS, LINEAR])
    candidates = [f"{name}{'' if name == LINEAR else digits}" for name in close if f"{name}{digits}" != word]
    advice = f"Did you mean {' or '.join(map(repr, candidates))}?" if candidates else ""
    where = "" if word == text else f" in {text!r}"
    return _network_error(f"must be made of stages such as {WRITTEN}, got {word!r}{where}.", advice)


def _windowed(stages: list[Stage], dimensions: int, *, skip: bool, **around: Any) -> list[AnyLayer]:
    """Return convolutions and pools with their activations and norms, as `ds.cnn` has them."""
    from downslope.layers import AvgPool, Conv1D, Conv2D, MaxPool
    from downslope.networks import Stages

    convolution, pools = (Conv1D if dimensions == 1 else Conv2D), {"max": MaxPool, "avg": AvgPool}
    dressed = Stages(skip=skip, dropout=0, **around)
    blocks = sum(stage.kind == "conv" for stage in stages) - 1
    layers: list[AnyLayer] = []
    before = None
    for stage in stages:
        if stage.kind != "conv":
            layers.append(pools[stage.kind](stage.size))
            continue
        n_in = None if before is None else before * stage.kernel**dimensions
        start = dressed.initializer_of(n_in, blocks=blocks)
        layer = convolution(stage.size, stage.kernel, stage.stride, initializer=start, bias=dressed.bias)
        layers += dressed.stage(layer, first=before is None)
        before = stage.size
    return layers if before is None else [*layers, *dressed.end()]


def _flat(dropout: float) -> list[AnyLayer]:
    """Return the layers between windows and dense layers."""
    from downslope.layers import Dropout, Flatten

    return [Flatten(), *([] if dropout == 0 else [Dropout(dropout)])]


def _dimensions(data: Dataset, text: str) -> int:
    """Return 2 for images and 1 for sequences.

    Raises:
        SettingError: rows are neither.
    """
    from downslope.core import Advice

    axes = len(data.x.shape) - 1
    if axes not in (2, 3):
        raise _network_error(
            f"{text} needs images or sequences, got rows of {data.x.shape[1]} features.",
            Advice("say what a row is", shape="28x28x1"),
            Advice("use widths", network="64,64"),
        )
    return axes - 1


def _outputs(data: Dataset, loss: Loss) -> int:
    """Return how many outputs data and loss ask for."""
    from downslope.losses import outputs_for

    classes = None if data.classes is None else len(data.classes)
    columns = 1 if data.y.ndim == 1 else data.y.shape[1]
    # a loss for numbers does not suit classes; with an output a class, it is training that says so
    return outputs_for(loss, classes=classes, target_columns=classes or columns)


def _network_error(*predicate: Piece) -> Exception:
    """Return the error about the network."""
    from downslope.core import Setting, SettingError

    return SettingError(Setting("network"), *predicate)
