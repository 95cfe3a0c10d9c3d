"""Names from data are shown as text, whatever they hold: in every figure, and on every page."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

import downslope as ds
from downslope import figures
from downslope.core import Message
from downslope.diagnosis import Report
from downslope.landscape import Projection, Slice
from figure_cases import FIGURES

SCRIPT = "<img src=x onerror=alert(1)></script><script>alert(1)</script>"
NAMES = {
    "HTML": SCRIPT,
    "math": r"$\alpha$",
    "bad math": r"$\frac{$",
    "half a formula": "a_b^c$",
    "braces": "{} {0.x} ${x}",
    "percent": "%s 100 %",
    "many words": "a long name " * 30,
    "one long word": "x" * 300,
    "emoji": "🙂 名",
    "right to left": "שלום",
    "new line": "two\nlines",
    "underscore": "_hidden",
    "back-ticks": "`code` &amp;",
    "empty": "",
}
VALUES = [1.0, 0.5, 0.25]


@pytest.mark.filterwarnings("ignore:Glyph .* missing from font")
@pytest.mark.product(share=1 / 30)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("figure", FIGURES)
def test_e4_names_in_figures_are_text(figure, name):
    drawn = FIGURES[figure](VALUES, NAMES[name])
    drawn.draw(FigureCanvasAgg(drawn).get_renderer())
    for text in drawn.findobj(Text):
        assert "$" not in text.get_text() or not text.get_parse_math()


@pytest.mark.parametrize("name", ["HTML", "math", "bad math", "emoji", "right to left"])
def test_e4_a_saved_figure_holds_names_as_text(name, tmp_path):
    figure = FIGURES["lines"](VALUES, NAMES[name])
    figure.set_label(NAMES[name])
    root = ElementTree.parse(figures.save(figure, tmp_path / "figure.svg")).getroot()  # noqa: S314
    assert NAMES[name] in {element.text for element in root.iter()}
    assert not root.findall(".//{*}script")
    for ending in ("png", "pdf"):
        assert figures.save(figure, tmp_path / f"figure.{ending}").stat().st_size > 1000


@pytest.fixture(scope="module")
def report():
    bowl = ds.FunctionSurface(lambda p: p[0] ** 2 + 9 * p[1] ** 2, np.ones(2))
    return ds.diagnose(bowl, params=np.ones(2))


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_e4_names_on_pages_are_text(name, report):
    axis, sides = np.linspace(-1, 1, 5), (np.array([1.0, 0.0]), np.array([0.0, 1.0]))
    losses = axis[:, None] ** 2 + axis[None, :] ** 2
    plane = Slice((axis, axis), losses, losses >= 0, np.zeros(2), sides, "given", (name, "b"))
    ones = np.ones(3)
    path = Projection(np.arange(3), np.zeros((3, 2)), ones, ones, np.zeros(3), 1.0)
    plain = figures.surface_page({"surface": plane}, paths={"surface": {"path": path}}, title="title")
    page = figures.surface_page({name: plane}, paths={name: {name: path}}, title=name, description=name)
    assert tags(page) == tags(plain)


def test_e4_names_in_a_diagnosis_are_text(report):
    names = " and ".join(NAMES.values())
    said = Report(report.verdict, report.findings, *[Message(f"It is the column {names}.")] * 3, (), report.case)
    elements = tags(figures.diagnosis_page(said, title=names))
    plain = tags(figures.diagnosis_page(report, title="title"))
    assert [element for element in elements if element != "code"] == [element for element in plain if element != "code"]


def tags(page):
    """Return the elements of a page, in their order."""
    return re.findall(r"<([a-zA-Z]+)", page)
