"""What runs that earlier versions wrote do not tell, and what is done without."""

from __future__ import annotations

import warnings

from downslope.core import Advice, RunError, RunWarning
from downslope.runs import Checkpoint, Record, RunFolder


def saved_precision(folder: RunFolder) -> str:
    """Return the precision of a run whose record does not name it: that of its parameters."""
    arrays = folder.read("last").arrays
    return next(array.dtype.name for name, array in arrays.items() if name.startswith("variables/"))


def best_saved(folder: RunFolder, last: Checkpoint) -> Checkpoint | None:
    """Return the checkpoint of the best parameters, where the last state does not hold them itself.

    Today it holds them unless they are its own. Earlier versions kept them in `best.safetensors` alone, which was
    written before the last state and may be of another save.

    Raises:
        RunError: they are of another save.
    """
    best, facts = last.facts["best_epoch"], last.facts
    if (
        not best
        or any(name.startswith("best/") for name in last.arrays)
        or (best, 0) == (facts["epoch"], facts["step"])
    ):
        return None
    checkpoint = folder.read("best")
    if checkpoint.facts["best_epoch"] != best:
        raise RunError(
            f"{folder.checkpoint_path('best')} holds the parameters of epoch {checkpoint.facts['best_epoch']}, and the "
            f"last state says that those of epoch {best} were best, which are not kept.",
        )
    return checkpoint


def check_members(folder: RunFolder, record: Record) -> None:
    """Check that several starts that have ended can go on.

    Raises:
        RunError: only the best one was kept.
    """
    if record.status == "finished" and not folder.has("members"):
        raise RunError(
            f"{folder.path} was written by an earlier version, which kept the best of "
            f"{record.configuration['restarts']} starts and not the state of the others, so they cannot go on.",
            Advice("train again"),
        )


def warn_of_gaps(folder: RunFolder, record: Record) -> None:
    """Warn of what the record of an earlier version does not tell, so that it cannot be compared or had again."""
    data = record.data
    gaps = []
    if data["validation_rows"] and "validation_fingerprint" not in data:
        gaps.append("a digest of its validation rows, so whether they are the same is not checked")
    if record.configuration["started_from"] != "initialization" and not folder.has("start"):
        gaps.append("the variables that it began from, so it is no recipe to begin again")
    if gaps:
        sentence = f"{folder.path} was written by an earlier version, which did not keep {'; nor '.join(gaps)}."
        warnings.warn(RunWarning(sentence), stacklevel=4)
