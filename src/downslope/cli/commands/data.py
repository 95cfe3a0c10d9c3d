"""`downslope data`."""

from __future__ import annotations

from downslope.cli.options import JsonOption
from downslope.cli.output import print_json, print_lines

FACTS = ("name", "rows", "features", "task", "about")


def data(json: JsonOption = False) -> None:
    """List the data sets that can be trained on by name."""
    from downslope.core import aligned
    from downslope.data import available

    if json:
        print_json([{name: getattr(info, name) for name in FACTS} for info in available()])
        return
    cells = [(info.name, info.task, str(info.rows), str(info.features)) for info in available()]
    table = aligned([("name", "task", "rows", "features"), *cells], left=2).splitlines()
    about = ["about", *(info.about for info in available())]
    width = max(map(len, table))
    print_lines([f"{line.ljust(width)}  {words}" for line, words in zip(table, about, strict=True)])
