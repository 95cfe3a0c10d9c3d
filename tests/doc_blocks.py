"""The code in pages of markdown: what there is, and running it as a reader would, from top to bottom."""

import ast
import contextlib
import importlib.util
import io
import re
from typing import NamedTuple

import jax

FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)
IMPORT = re.compile(r"^\s*(?:import|from)\s+(\w+)", re.MULTILINE)
OUTPUT = re.compile(r"\n```text\n(.*?)^```\s*$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A block of code: its language, the line of the page its first line is on, the code, and what it says it prints.

    The last is the text block right below; None where there is no such block.
    """

    language: str
    line: int
    code: str
    output: str | None


def blocks(page, language):
    """Return the blocks of a page that are in a language, in their order."""
    text = page.read_text(encoding="utf-8")
    matches = [match for match in FENCE.finditer(text) if match[1] == language]
    outputs = [OUTPUT.match(text, match.end()) for match in matches]
    return [
        Block(language, text[: match.start(2)].count("\n") + 1, match[2], output and output[1])
        for match, output in zip(matches, outputs, strict=True)
    ]


def run_python(page):
    """Run a page's Python, all blocks in one namespace; return the namespace and the packages that are missing.

    JAX is set as readers have it, not as strictly as for other tests. A block that imports a package that is not
    installed is left out, and so are the blocks that need a name from it. What a block raises points to its line of
    the page.

    Raises:
        AssertionError: a block prints something other than the page says.
    """
    names, missing, unbound = {"__name__": page.stem}, [], set()
    for block in blocks(page, "python"):
        absent = [name for name in IMPORT.findall(block.code) if importlib.util.find_spec(name) is None]
        missing += absent
        if absent:
            unbound |= bound_names(block.code)
            continue
        try:
            printed = run_block(page, block, names)
        except NameError as error:
            if error.name not in unbound:
                raise
            continue
        if block.output is not None and printed != block.output:
            raise AssertionError(f"{page.name}, line {block.line}: expected\n{block.output}\ngot\n{printed}")
    return names, missing


def run_block(page, block, names):
    """Run a block in a namespace; return what it prints."""
    printed, code = io.StringIO(), compile("\n" * (block.line - 1) + block.code, str(page), "exec")
    with (
        contextlib.redirect_stdout(printed),
        jax.enable_x64(False),
        jax.numpy_dtype_promotion("standard"),
        jax.numpy_rank_promotion("allow"),
    ):
        exec(code, names)  # noqa: S102
    return printed.getvalue()


def bound_names(code):
    """Return the names that a block would bind."""
    nodes = list(ast.walk(ast.parse(code)))
    defined = {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    imported = {alias.asname or alias.name.split(".")[0] for node in nodes for alias in getattr(node, "names", [])}
    return defined | imported | {node.id for node in nodes if isinstance(node, ast.Name)}
