"""Sentences written for Python, said in the words of the command line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

OPTIMIZER = (
    r"(?<!\d, )(?:\boptimizer=)?\b(adam|adamw|nadam|rmsprop|adagrad|adadelta|sgd)"
    r"\((\d[\w.+-]*(?:, \w+=\d[\w.+-]*)*)\)"
)
"""An optimizer as Python makes it, of numbers alone and with nothing around it."""

PHRASES: tuple[tuple[str, Any], ...] = (
    (r"\b([Ss])et the task to (\w+)", r"\1et --task \2"),
    (r"\b([Ss])et the task\b", r"\1et --task"),
    (r"declare the column categorical", "declare the column categorical (--categorical)"),
    (r"Use classification\.", "Use --task classification."),
    (r"Pass `y`, or name", "Name"),
    (r"clip the gradient", "clip the gradient (--clip 1)"),
    (r"`metrics`", "--metric"),
    (r"Use ds\.LayerNorm\(\)", "Use --norm layer"),
    (r" padding='same',", ""),
    (r"`rate` must", "--dropout must"),
    (r"Put ds\.LayerNorm\(\) or ds\.BatchNorm\(\) before the activations", "Normalize (--norm layer or --norm batch)"),
    (r", or skips around the layers \(ds\.mlp\(…, skip=True\)\)\.", ", or lead skips around the layers (--skip)."),
    (r"ds\.mlp\(…, skip=True\)", "--skip"),
    (r"ds\.mlp\(\[([\d, ]+)\], …\)", lambda found: f"--network {found[1].replace(' ', '')}"),
    (r": ds\.schedules\.piecewise_constant", " (--schedule step:0.1:STEPS)"),
    (r"`compare_initializations` \(`downslope init`\)", "downslope init"),
    (r"metrics=\['(\w+)'\]", r"--metric \1"),
    (r"normalize_targets='standard'", "--normalize standard"),
    (r"ds\.LeakyReLU\(\)", "--activation leaky_relu"),
    (r"ds\.Flatten\(\)", "the dense layers"),
    (r"Give `profile` more", "Give it more"),
    (r", or leave `normalize_targets` off", ""),
    (r" \(--overwrite, overwrite=True\)", " (--overwrite)"),
    (r"; for a single row, pass `x\[None\]`", ""),
    (r"^`x` must", "The rows must"),
    (r" with `path` or the environment variable", " with the environment variable"),
    (r"`(train|resume)`", r"downslope \1"),
)
"""What else Python's sentences advise, and how it is done on the command line."""


def on_the_command_line(sentence: str, options: Mapping[str, str]) -> str:
    """Return a sentence with Python's names of settings as options.

    Args:
        sentence: as Downslope's errors and notes put it.
        options: Python name → option.

    Example:
        >>> on_the_command_line("`batch_size` must be 1 or more, got 0.", {"batch_size": "--batch-size"})
        '--batch-size must be 1 or more, got 0.'
        >>> on_the_command_line("Hold some out (validation=0.2).", {"validation": "--validation"})
        'Hold some out (--validation 0.2).'
        >>> options = {name: f"--{name}" for name in ("optimizer", "learning_rate", "momentum")}
        >>> on_the_command_line("Use momentum: optimizer=sgd(0.1, momentum=0.9).", options)
        'Use momentum: --optimizer sgd --learning_rate 0.1 --momentum 0.9.'
    """
    sentence = re.sub(OPTIMIZER, lambda found: _made(found, options), sentence)
    sentence = re.sub(r"`(\w+)`", lambda found: options.get(found[1], found[0]), sentence)
    sentence = re.sub(r"\b(\w+)=('[^']*'|-?\d[\w.+-]*\w|\d)", lambda found: _assigned(found, options), sentence)
    for pattern, replacement in PHRASES:
        sentence = re.sub(pattern, replacement, sentence)
    return sentence


def usage_sentence(error: Any, options: Mapping[str, str]) -> str:
    """Return what typer has to say about a command that cannot be, as one sentence with a way out.

    Args:
        error: a usage error of typer: it has a message, and maybe the parameter or the names it had expected.
        options: Python name → option.
    """
    parameter = getattr(error, "param", None)
    message = getattr(error, "message", "")
    if parameter is not None and message.startswith("must "):
        return f"{options.get(parameter.name, parameter.name)} {message}"
    close = getattr(error, "possibilities", None)
    if close:
        return f"{message.rstrip('.')}. Did you mean {' or '.join(sorted(close))}?"
    sentence = error.format_message().rstrip(".")
    if "Did you mean" in sentence:
        return sentence
    context = getattr(error, "ctx", None)
    return f"{sentence}. See {context.command_path if context else 'downslope'} --help."


def _made(found: re.Match[str], options: Mapping[str, str]) -> str:
    """Return an optimizer as the options that make it, if there are such options."""
    rate, *others = found[2].split(", ")
    given = {"optimizer": found[1], "learning_rate": rate.removesuffix(".0")}
    given |= dict(other.split("=") for other in others)
    known = all(name in options for name in given)
    return " ".join(f"{options[name]} {value}" for name, value in given.items()) if known else found[0]


def _assigned(found: re.Match[str], options: Mapping[str, str]) -> str:
    """Return `name=value` as an option and its value, if there is such an option."""
    option = options.get(found[1])
    return found[0] if option is None else f"{option} {found[2].strip(chr(39))}"
