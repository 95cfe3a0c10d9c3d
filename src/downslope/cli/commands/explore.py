"""`downslope explore`."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from downslope.cli.compile_cache import keep_compiled_code
from downslope.cli.interrupts import raise_on_interrupt
from downslope.cli.options import reader
from downslope.cli.output import say

if TYPE_CHECKING:
    from downslope.explorer import Exhibit

LINE = "old_faithful"

PAUSE = 0.2
"""Seconds until Ctrl-C takes effect, at most."""


def explore(
    subject: Annotated[
        str | None,
        typer.Argument(
            metavar="[RUN|NAME]",
            help="The folder of a run; or old_faithful, a classic surface such as ravine, or a data set that small "
            "networks learn in seconds, such as digits or moons.",
            show_default="the ravine, with everything to choose",
        ),
    ] = None,
    port: Annotated[
        int,
        typer.Option(
            parser=reader(int, "a port, 0 to 65535"), metavar="NUMBER", help="Where to serve.", show_default="any free"
        ),
    ] = 0,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Print the address only; open nothing.")] = False,
) -> None:
    """Walk on a loss surface in the browser: turn it, start a descent, change its rate on the way.

    Serves a page on this machine alone, prints its address, and opens it. The surface is the real loss, and a descent
    the real training, all parameters of it, shown on a plane. Ctrl-C ends it.
    """
    from downslope.explorer import serve

    exhibit = exhibit_of(subject)
    keep_compiled_code()
    raise_on_interrupt()
    with serve(exhibit, port=port) as server, suppress(KeyboardInterrupt):
        print(server.url, flush=True)
        say("Ctrl-C ends it.")
        if not no_browser:
            _open_browser(server.url)
        _wait_for_interrupt()


def exhibit_of(name: str | None) -> Exhibit:
    """Return the exhibit to begin with.

    Args:
        name: the folder of a run, or a name; None for the ravine.

    Raises:
        RunError: there is neither a run nor anything else of that name.
        DamagedRunError: a run whose files are not what was written.
    """
    from downslope.core import RunError, close_names
    from downslope.explorer import CLASSICS, DATA_SETS, Exhibit, subject_named

    if name is None:
        return Exhibit()
    if Path(name).exists():
        return _exhibit_of_run(name)
    known = name.replace("-", "_")
    names = [*CLASSICS, LINE, *DATA_SETS]
    if known not in names:
        close = " or ".join(close_names(known, names))
        raise RunError(
            f"There is neither a run at {name} nor anything to explore of that name. "
            + (f"Did you mean {close}? " if close else "")
            + f"Known: {', '.join(names)}."
        )
    return Exhibit(subject_named(known))


def _exhibit_of_run(folder: str) -> Exhibit:
    """Return a run from its folder, with its rows."""
    from downslope.explorer import Exhibit, RunSubject
    from downslope.training import open_run

    return Exhibit(RunSubject(), run=open_run(folder).with_data(), name=folder)


def _open_browser(url: str) -> None:
    """Open the page, or say that there is nothing to open it with."""
    import webbrowser

    def opened() -> None:
        if not webbrowser.open(url):
            say("No browser could be opened. Open the address above in one.")

    threading.Thread(target=opened, name="downslope explorer browser", daemon=True).start()


def _wait_for_interrupt() -> None:
    """Wait for Ctrl-C."""
    over = threading.Event()
    # without a timeout, once polars is imported, Ctrl-C would not be seen: it has the system take up waits again
    while not over.wait(PAUSE):
        pass
