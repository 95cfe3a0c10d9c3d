"""The page as a text: its document, and what it may do."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np
import pytest

import page_examples
from downslope.core import SettingError, ShapeError
from downslope.figures import FittedLine, surface_page
from downslope.figures.pages import BUILT
from downslope.figures.pages.document import Array, Document, packed, unpacked
from downslope.landscape import Slice


def document(text: str) -> dict:
    """What the page holds, as JSON."""
    (inside,) = re.findall(r'<script type="application/json" id="document">(.*?)</script>', text, re.DOTALL)
    return json.loads(inside)


def numbers(array: dict) -> np.ndarray:
    return unpacked(Array.model_validate(array))


def hashed(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@pytest.mark.parametrize(
    "values, dtype",
    [
        (np.array([0.5, -np.inf, np.nan, -0.0]), "float32"),
        (np.array([0.1, 1e300, 5e-324, np.nan]), "float64"),
        (np.array([0.1], np.float32), "float32"),
        (np.arange(6).reshape(2, 3), "int32"),
        (np.array([True, False]), "uint8"),
        (np.asfortranarray(np.arange(6.0).reshape(2, 3)).astype(">f8"), "float32"),
        (np.zeros((0, 2)), "float32"),
    ],
)
def test_arrays_arrive_as_they_were(values, dtype):
    array = packed(values)
    assert array.dtype == dtype
    np.testing.assert_array_equal(unpacked(array), values)
    np.testing.assert_array_equal(np.signbit(unpacked(array)), np.signbit(values))


def test_the_document_holds_slice_and_paths_exactly():
    bowl, paths, line = page_examples.old_faithful()
    bowl = replace(bowl, params=np.array([0.0, 0.9]), standard_error=0.1)
    (surface,) = document(surface_page(bowl, paths, data=line))["surfaces"]
    np.testing.assert_array_equal(numbers(surface["losses"]), bowl.losses)
    assert [axis["origin"] for axis in surface["axes"]] == [0, 0.9]
    assert surface["standard_error"] is None
    assert document(surface_page(bowl, sample=True))["surfaces"][0]["standard_error"] == 0.1
    for name, path, written in zip(paths, paths.values(), surface["paths"], strict=True):
        assert written["name"] == name
        for field in ("steps", "coordinates", "losses", "heights", "distances"):
            np.testing.assert_array_equal(numbers(written[field]), getattr(path, field))
    lines = {one["path"]: numbers(one["values"]) for one in surface["view"]["lines"]}
    np.testing.assert_allclose(lines["gradient descent"][-1], [33.4743970, 10.7296414], rtol=1e-4)


def test_several_surfaces_carry_their_own_paths_and_data():
    bowl, paths, line = page_examples.old_faithful()
    other, others = page_examples.broken()
    page = surface_page({"bowl": bowl, "other": other}, {"bowl": paths, "other": others}, data={"bowl": line})
    first, second = document(page)["surfaces"]
    assert [len(first["paths"]), len(second["paths"])] == [2, 1]
    assert first["view"]["kind"] == "line"
    assert second["view"] is None
    assert np.count_nonzero(numbers(second["computed"]) == 0) == 16
    Document.model_validate(document(page))


def test_names_cannot_break_out_of_the_page():
    bowl, paths, _ = page_examples.old_faithful()
    nasty = "</script><script>alert(1)</script><!--document--><!--title-->"
    page = surface_page(bowl, {nasty: paths["momentum 0.9"]}, title=nasty, description=nasty)
    assert page.count("<script") == surface_page(bowl).count("<script")
    assert document(page)["title"] == nasty
    assert document(page)["surfaces"][0]["paths"][0]["name"] == nasty


def test_the_policy_allows_this_script_and_this_style_and_nothing_else():
    page = BUILT.read_text(encoding="utf-8")
    (policy,) = re.findall(r'<meta http-equiv="Content-Security-Policy" content="(.*?)">', page)
    (script,) = re.findall(r'<script type="module">(.*?)</script>', page, re.DOTALL)
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    allowed = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert allowed == {
        "default-src": "'none'",
        "script-src": f"'{hashed(script)}'",
        "style-src": f"'{hashed(style)}'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert page.index("Content-Security-Policy") < page.index("<style>") < page.index("<script")
    assert not re.search(r"<(link|img|iframe|object)\b", page.replace(script, ""))


def test_the_page_holds_the_whole_notice():
    (licenses,) = re.findall(r'<template id="licenses">(.*?)</template>', BUILT.read_text(encoding="utf-8"), re.DOTALL)
    notice = (Path(__file__).parents[1] / "NOTICE").read_text(encoding="utf-8")
    words = re.sub(r"\n-+\n", "\n", notice).split()
    assert unescape(re.sub("<[^>]*>", "", licenses)).split() == words


def test_refusals():
    bowl, paths, line = page_examples.old_faithful()
    flat = Slice(bowl.axes[:1], bowl.losses[0], bowl.computed[0], bowl.params, bowl.directions[:1], "given", ("a",))
    with pytest.raises(ShapeError, match="planes"):
        surface_page(flat)
    with pytest.raises(SettingError, match="`paths` must be given by the names of the surfaces, a, got 'b'"):
        surface_page({"a": bowl}, {"b": paths})
    with pytest.raises(SettingError, match="`data`"):
        surface_page({"a": bowl}, data={"b": line})
    with pytest.raises(SettingError, match="1 to 4 surfaces, got 0"):
        surface_page({})
    with pytest.raises(ShapeError, match="one number a row"):
        FittedLine(np.zeros(3), np.zeros(2), origin=np.zeros(2), along=np.eye(2))
