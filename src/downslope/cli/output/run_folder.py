"""The folder of a new run, and what is said of it when others end the command."""

from __future__ import annotations

import glob
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from downslope.cli.interrupts import TRY_AGAIN, ending_signal
from downslope.cli.output.printing import say

if TYPE_CHECKING:
    from downslope.training import Run


@contextmanager
def run_folder(store: Path | None, overwrite: bool, source: str) -> Iterator[Path]:
    """Yield the folder for a run: `store`, else a new `runs/SOURCE-n`, removed again if no run began."""
    if store is not None:
        yield store
        return
    if overwrite:
        from downslope.core import Advice, Setting, SettingError

        raise SettingError(Setting("overwrite"), "goes with a folder, got none.", Advice("name it:", store="FOLDER"))
    folder = _next_free(Path("runs"), Path(source).stem)
    try:
        yield folder
    except BaseException:
        with suppress(OSError):  # folders that are not empty stay
            folder.rmdir()
            folder.parent.rmdir()
        raise


def leave_if_ended(run: Run) -> None:
    """Say where a run is that was saved because others ended the command, and end it.

    Raises:
        typer.Exit: they did, with the exit code of a command that is to be tried again.
    """
    name = ending_signal()
    if name is None:
        return
    path = str(run.path)
    where = f"{run.epochs} epoch{'s' * (run.epochs != 1)}, and saved in {path}"
    say(
        f"Stopped by {name} after {where}. Go on by the same command with --resume auto, or by: "
        f"{shlex.join(['downslope', 'resume', path])}"
    )
    raise typer.Exit(TRY_AGAIN)


def _next_free(parent: Path, stem: str) -> Path:
    """Make and return the folder `stem-n` with the first number after all taken ones.

    Raises:
        RunError: the folder cannot be made.
    """
    from downslope.core import Advice, RunError

    while True:
        ends = (path.name.removeprefix(f"{stem}-") for path in parent.glob(f"{glob.escape(stem)}-*"))
        folder = parent / f"{stem}-{max((int(end) for end in ends if end.isdecimal()), default=0) + 1}"
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue  # another training has just taken it
        except OSError as error:
            raise RunError(
                f"The folder {folder} cannot be made: {error.strerror}.", Advice("choose another", store="FOLDER")
            ) from error
        return folder
