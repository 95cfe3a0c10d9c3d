"""README and the pages of documentation: their Python runs, their commands exist, their links lead somewhere."""

import re
import shlex
from pathlib import Path

import pytest
import typer

from doc_blocks import blocks, run_python
from downslope.cli.app import app

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
WRITTEN = {
    "README": {"runs", "surface.png", "all_years"},
    "curvature": {"spectrum.png", "shares.png", "blocks.png"},
    "larger-than-memory": {"all_years", "images.npy"},
    "landscapes": {"old_faithful.png", "bowls.png", "way.png", "way.html", "between.png"},
}
"""The files that the code of a page writes."""


def _set_of(page):
    """Return the mark of the tests that run a page's Python: README's at each commit, the others in turns."""
    return pytest.mark.slow if page.stem == "README" else pytest.mark.long


every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


@pytest.mark.optimized
@pytest.mark.parametrize("page", [pytest.param(page, marks=_set_of(page), id=page.stem) for page in PAGES])
def test_its_python_runs_and_prints_what_it_says(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _, missing = run_python(page)
    assert {path.name for path in tmp_path.iterdir()} == WRITTEN.get(page.stem, set())
    if missing:
        pytest.skip(f"ran, but for blocks that need {', '.join(sorted(set(missing)))}")


@every_page
def test_its_commands_and_options_exist(page):
    verbs = typer.main.get_command(app).commands
    for block in blocks(page, "bash"):
        for line in block.code.splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] != ["downslope"]:
                continue
            known = {option for parameter in verbs[words[1]].params for option in parameter.opts}
            assert {word for word in words[2:] if word.startswith("--")} <= known, line


@every_page
def test_its_links_to_files_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_blocks_run_in_one_namespace_and_errors_name_their_line(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# Title\n\n```python\nx = 1\n```\n\n```text\nnot code\n```\n\n```python\ny = x + 1\n```\n")
    assert run_python(page)[0]["y"] == 2
    page.write_text(
        "```python\nimport a_package_nobody_has\nz = 1\n```\n\n```python\nz\n```\n\n```python\nw = 3\n```\n"
    )
    names, missing = run_python(page)
    assert (names["w"], missing) == (3, ["a_package_nobody_has"])
    page.write_text("```python\nimport a_package_nobody_has\nz = 1\n```\n\n```python\ny\n```\n")
    with pytest.raises(NameError, match="'y'"):
        run_python(page)
    page.write_text("one\n\n```python\n\n1 / 0\n```\n")
    with pytest.raises(ZeroDivisionError) as caught:
        run_python(page)
    assert caught.traceback[-1].lineno == 4  # counted from 0


def test_the_text_right_below_a_block_is_what_it_prints(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "```python\nprint(1 + 1)\n```\n```text\n2\n```\n\n```python\nprint(3)\n```\n\nSo:\n```text\n4\n```\n"
    )
    run_python(page)
    page.write_text("```python\nprint(1 + 1)\n```\n```text\n3\n```\n")
    with pytest.raises(AssertionError, match=r"page\.md, line 2: expected\n3\n\ngot\n2\n"):
        run_python(page)
