"""The code in pages of markdown: what there is, and running it as a reader would, from top to bottom."""

import importlib.util
import re
from typing import NamedTuple

import jax

FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```\s*$", re.MULTILINE | re.DOTALL)
IMPORT = re.compile(r"^\s*(?:import|from)\s+(\w+)", re.MULTILINE)


class Block(NamedTuple):
    """A block of code: its language, the line of the page its first line is on, and the code."""

    language: str
    line: int
    code: str


def blocks(page, language):
    """Return the blocks of a page that are in a language, in their order."""
    text = page.read_text(encoding="utf-8")
    found = (Block(match[1], text[: match.start(2)].count("\n") + 1, match[2]) for match in FENCE.finditer(text))
    return [block for block in found if block.language == language]


def run_python(page):
    """Run a page's Python, all blocks in one namespace; return the namespace and the packages that are missing.

    JAX is set as readers have it, not as strictly as for other tests. A block that imports a package that is not
    installed is left out, and so are the blocks that fail for the want of names from it. What a block raises points to
    its line of the page.
    """
    names, missing = {"__name__": page.stem}, []
    for block in blocks(page, "python"):
        absent = [name for name in IMPORT.findall(block.code) if importlib.util.find_spec(name) is None]
        missing += absent
        if absent:
            continue
        try:
            with jax.enable_x64(False), jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
                exec(compile("\n" * (block.line - 1) + block.code, str(page), "exec"), names)  # noqa: S102
        except NameError:
            if not missing:
                raise
    return names, missing
