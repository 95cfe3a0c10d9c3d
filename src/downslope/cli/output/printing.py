"""Results as text for readers, and as JSON for programs."""

from __future__ import annotations

import json
import math
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from downslope.cli.output.face import in_command_words
from downslope.cli.streams import knows_all_characters

if TYPE_CHECKING:
    from downslope.data import Dataset
    from downslope.training import EarlyStopping, Run

Scores = Mapping[str, float]


def print_json(value: object) -> None:
    """Print strict JSON: null for numbers that are not finite, sentences in the words of the command.

    What the encoding of stdout lacks, or would steer a terminal, is escaped as JSON does, so that nothing is lost.
    """
    from downslope.core import STEERING

    text = json.dumps(_plain(value), ensure_ascii=not knows_all_characters(sys.stdout.encoding), allow_nan=False)
    print(STEERING.sub(lambda match: json.dumps(match[0])[1:-1], text))


def print_rows(text: str) -> None:
    """Print rows for programs as they are; on a terminal, without what steers it."""
    from downslope.core import printable

    print(printable(text) if sys.stdout.isatty() else text, end="")
    if not (knows_all_characters(sys.stdout.encoding) or _is_encodable(text, sys.stdout.encoding)):
        say(f"Characters that the encoding of standard output, {sys.stdout.encoding}, lacks are spelled in others.")


def _is_encodable(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def say(*sentences: str) -> None:
    """Say sentences on stderr, a line each, in the words of the command that speaks."""
    for sentence in sentences:
        print(in_command_words(sentence), file=sys.stderr)


@contextmanager
def without_warnings() -> Iterator[None]:
    """Hide what a run would warn of, where the command says it itself."""
    from downslope.core import RunWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RunWarning)
        yield


def score_lines(parts: Mapping[str, tuple[int, Scores]]) -> list[str]:
    r"""Return a table of the scores of several parts.

    Args:
        parts: name → how many rows, and the scores by name.

    Example:
        >>> print("\n".join(score_lines({"test": (50, {"loss": 0.25, "accuracy": 0.96})})))
              rows  loss  accuracy
        test    50  0.25    96.0 %
    """
    from downslope.core import aligned

    names = list(next(iter(parts.values()))[1])
    rows = [["", "rows", *names]]
    for part, (count, scores) in parts.items():
        rows.append([part, str(count), *(score_text(name, scores[name]) for name in names)])
    return aligned(rows, left=1).splitlines()


def score_text(name: str, value: float) -> str:
    """Return a score as text for readers."""
    if not math.isfinite(value):
        return str(value)
    if name in ("accuracy", "balanced_accuracy"):
        return f"{value:.1%}".replace("%", " %")
    return f"{value:.4f}" if name == "r2" and abs(value) < 100 else f"{value:.4g}"


def stop_sentence(run: Run, stopping: EarlyStopping) -> str:
    """Return in words how long a training went, why it ended, and which parameters it keeps."""
    epochs, watched = counted(run.epochs, "epoch"), stopping.metric.replace("_", " ")
    best = ""
    if "validation_loss" in run.history and run.best_epoch:
        end = "lowest" if stopping.minimizes else "highest"
        best = f" Kept: epoch {run.best_epoch}, which had the {end} validation {watched}."
    match run.stop_reason:
        case "early_stopping":
            return f"Stopped early after {epochs}: {stopping.patience} of them without {stopping.progress}.{best}"
        case "interrupted":
            return f"Interrupted after {epochs}.{best or ' Kept: the parameters at that moment.'}"
        case "diverged":
            return f"Diverged after {epochs}.{best or ' Kept: the last parameters with a finite loss.'}"
        case _:
            return f"Completed {epochs}.{best}"


def counted(count: int, noun: str) -> str:
    """Return a count and its noun.

    Example:
        >>> counted(1, "row"), counted(1200, "row")
        ('1 row', '1,200 rows')
    """
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def described(data: Dataset) -> str:
    """Return the size and the task of a data set in a few words."""
    features = " × ".join(map(str, data.x.shape[1:]))
    into = "" if data.classes is None else f" into {len(data.classes)} classes"
    return f"{counted(len(data), 'row')}, {features} feature{'s' * (features != '1')}, {data.task}{into}."


def shown_progress() -> str:
    """Return how progress shows: a bar on a terminal, lines elsewhere."""
    return "bar" if sys.stderr.isatty() else "lines"


def print_lines(lines: Iterable[str]) -> None:
    """Print lines to stdout."""
    from downslope.core import printable

    print(printable("\n".join(lines)))


def print_text(*paragraphs: str) -> None:
    """Print paragraphs to stdout, in the words of the command that speaks."""
    print("\n\n".join(map(in_command_words, paragraphs)))


def _plain(value: object) -> object:
    """Return a value with null in place of numbers that are not finite, sentences in the words of the command."""
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    if isinstance(value, str):
        return value if type(value) is str else in_command_words(value)  # names are data, and stay as they are
    return None if isinstance(value, float) and not math.isfinite(value) else value
