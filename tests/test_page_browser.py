"""The page in a real browser: what it draws, says and does, by mouse, by keyboard, on a phone and without WebGL."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest

import page_examples
from chromium import CHROMIUM, QUIET, SOFTWARE, WITHOUT_WEBGL
from downslope.figures import surface_page

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
expect = sync_api.expect

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (Debian's package `chromium`)")


@pytest.fixture(scope="module")
def playwright():
    with sync_api.sync_playwright() as started:
        yield started


@pytest.fixture(scope="module")
def browser(playwright):
    with playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET + SOFTWARE) as launched:
        yield launched


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Pages on disk by name, and what they were made of."""
    folder = tmp_path_factory.mktemp("pages")
    bowl, paths, line = page_examples.old_faithful()
    holes, one = page_examples.broken()
    network, four = page_examples.network()
    (folder / "bowl.html").write_text(surface_page(bowl, paths, data=line, title="Old Faithful", step_label="epoch"))
    (folder / "holes.html").write_text(surface_page(holes, one, title="Holes"))
    (folder / "network.html").write_text(surface_page(network, four, title="Network"))
    (folder / "both.html").write_text(surface_page({"raw": bowl, "deep": network}, {"raw": paths, "deep": four}))
    return folder


@pytest.fixture
def visit(browser, pages):
    """Open a page; in the end nothing may have gone wrong in it, and nothing been asked of the network."""
    contexts, wrong = [], []

    def opened(name, fragment="", *, using=browser, size=(940, 640), **options):
        context = using.new_context(viewport={"width": size[0], "height": size[1]}, **options)
        contexts.append(context)
        page = context.new_page()
        address = (pages / f"{name}.html").as_uri()
        page.on("console", lambda message: wrong.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda request: request.url.split("#")[0] == address or wrong.append(request.url))
        page.goto(f"{address}#{fragment}")
        expect(page.locator("body[data-drawn]")).to_be_attached()
        return page

    yield opened
    for context in contexts:
        context.close()
    assert wrong == []


def shot(page, selector="#stage"):
    """The pixels of a part of the page, `(height, width, 3)`."""
    image = pytest.importorskip("PIL.Image").open(io.BytesIO(page.locator(selector).screenshot()))
    return np.asarray(image.convert("RGB"), int)


def colorful(pixels):
    """How much of a picture is colored, and not a shade of gray."""
    return float(np.mean(pixels.max(-1) - pixels.min(-1) > 40))


def readout(page):
    """Names and values of what is under the pointer."""
    names, values = (page.locator(f".readout {tag}").all_text_contents() for tag in ("dt", "dd"))
    return dict(zip(names, values, strict=True))


def point(page, across, down, frame=0):
    """Point at a place of a frame, in shares of its size."""
    box = page.locator(".frame").nth(frame).bounding_box()
    page.mouse.move(box["x"] + across * box["width"], box["y"] + down * box["height"])
    drawn(page)


def press(page, *keys):
    """Press keys, and wait for what they change."""
    for key in keys:
        page.keyboard.press(key)
    drawn(page)


def drawn(page):
    """Wait until the page has drawn what it was asked for."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def cell(plane, read):
    """The place in a slice that a readout names."""
    first, second = (float(read[label]) for label in plane.labels)
    return tuple(int(np.argmin(np.abs(axis - at))) for axis, at in zip(plane.axes, (first, second), strict=True))


DRAW_EVERYTHING = """async () => {
    const curve = document.querySelector(".panel select")
    const begun = performance.now()
    for (let round = 0; round < 2; round++) {
        document.querySelector("#log").click()
        for (const option of curve.options) {
            curve.value = option.value
            curve.dispatchEvent(new Event("change", { bubbles: true }))
            await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))
        }
    }
    return performance.now() - begun
}"""
"""Milliseconds to draw every quantity on both scales."""

MOST_TELLING = ("down to 1e-24", "neighbors at 1e22")


@pytest.fixture(scope="module")
def extremes(pages):
    """Return a function that writes a page whose losses are one of the ranges, and returns its name."""

    def written(name):
        (pages / f"{name}.html").write_text(surface_page(*page_examples.with_losses(page_examples.RANGES[name])))
        return name

    return written


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            name, marks=pytest.mark.slow if name in ("down to 1e-24", "neighbors at 1e22") else pytest.mark.long
        )
        for name in page_examples.RANGES
    ],
)
def test_e4_no_axis_is_slower_whatever_the_losses(visit, extremes, name):
    ordinary = visit("bowl").evaluate(DRAW_EVERYTHING)
    assert visit(extremes(name), "log=1").evaluate(DRAW_EVERYTHING) < 5 * ordinary


def test_e4_losses_below_1e_22_are_drawn_on_a_logarithmic_axis(visit, extremes):
    page = visit(extremes("down to 1e-24"), "log=1&step=59")
    assert colorful(shot(page, ".uplot")) > 0.001
    expect(page.locator(".curves dd").nth(1)).to_have_text("1e-24")


def test_it_opens_and_draws(visit):
    page = visit("bowl")
    assert page.locator("body").get_attribute("data-drawn") == "space"
    expect(page.locator("h1")).to_have_text("Old Faithful")
    assert page.title() == "Old Faithful"
    assert 0.1 < colorful(shot(page)) < 0.9
    assert colorful(shot(page, ".uplot")) > 0.001
    assert colorful(shot(page, ".fitted canvas")) > 0.005
    expect(page.locator("#summary")).to_contain_text("41 by 41 points")
    expect(page.locator("#summary")).to_contain_text("gradient descent goes from loss 7015.8")


def test_hover_shows_the_very_numbers_of_the_slice(visit):
    bowl, _, _ = page_examples.old_faithful()
    page = visit("bowl", "off=gradient descent,momentum 0.9")
    seen = set()
    for across, down in [(0.5, 0.55), (0.4, 0.5), (0.62, 0.5), (0.55, 0.3), (0.3, 0.35)]:
        point(page, across, down)
        i, j = cell(bowl, readout(page))
        assert float(readout(page)["loss"]) == bowl.losses[i, j]
        seen.add((i, j))
    assert len(seen) == 5
    expect(page.locator(".fitted dt")).to_have_text("under the pointer")
    point(page, 0.02, 0.98)
    expect(page.locator(".readout")).to_be_hidden()


@pytest.mark.slow
def test_hover_on_a_path_tells_true_loss_and_distance(visit):
    _, paths = page_examples.network()
    page = visit("network", "turn=0,90&off=sgd,momentum,rmsprop&step=0")
    ball = paths["adam"]
    found = {}
    for across in np.linspace(0.6, 0.85, 18):
        for down in np.linspace(0.6, 0.9, 14):
            point(page, across, down)
            found = readout(page)
            if "true loss" in found:
                break
        if "true loss" in found:
            break
    at = int(np.flatnonzero(ball.steps == int(found["step"]))[0])
    told = [float(found[name]) for name in ("true loss", "surface below", "off the plane")]
    assert told == [np.float64(values[at]) for values in (ball.losses, ball.heights, ball.distances)]


@pytest.mark.slow
def test_from_above_right_is_the_first_direction_and_up_the_second(visit):
    bowl, _, _ = page_examples.old_faithful()
    page = visit("bowl", "turn=0,90&off=gradient descent,momentum 0.9")
    middle, right, up = (
        (point(page, *at), cell(bowl, readout(page)))[1] for at in [(0.5, 0.5), (0.6, 0.5), (0.5, 0.4)]
    )
    assert middle == (20, 20)
    assert right[0] > 22
    assert right[1] == 20
    assert up[0] == 20
    assert up[1] > 22


def test_play_moves_the_ball_and_stops_at_the_end(visit):
    page = visit("bowl", "step=0&speed=4")
    start = shot(page)
    curve = shot(page, ".uplot")
    page.locator("#play").click()
    expect(page.locator("#play")).to_have_text("Pause")
    expect(page.locator("#where")).not_to_have_text("epoch 0 of 200")
    expect(page.locator("#play")).to_have_text("Play", timeout=15_000)
    expect(page.locator("#where")).to_have_text("epoch 200 of 200")
    expect(page.locator(".standing").first).to_contain_text("loss 51.283")
    assert np.mean(np.abs(shot(page) - start).max(-1) > 30) > 0.002
    assert np.any(shot(page, ".uplot") != curve)


def test_scrub_step_and_exact_values(visit):
    _, paths, _ = page_examples.old_faithful()
    page = visit("bowl")
    page.locator("#scrub").fill("7")
    expect(page.locator("#where")).to_have_text("epoch 7 of 200")
    page.locator("#forward").click()
    expect(page.locator("#where")).to_have_text("epoch 8 of 200")
    drawn(page)
    told = page.locator(".curves dd").all_text_contents()
    assert [float(text) for text in told] == [8, *(path.losses[8] for path in paths.values())]
    page.locator(".panel select").select_option("second")
    drawn(page)
    told = page.locator(".curves dd").all_text_contents()
    assert [float(text) for text in told] == [8, *(path.coordinates[8, 1] for path in paths.values())]
    page.locator("#first").click()
    expect(page.locator("#where")).to_have_text("epoch 0 of 200")
    expect(page.locator(".fitted dd").first).to_contain_text("intercept")


@pytest.mark.slow
def test_toggles_take_paths_away_and_bring_them_back(visit):
    page = visit("network")
    everything = shot(page)
    box = page.get_by_label("sgd", exact=True)
    box.uncheck()
    expect(page.locator(".curves dt")).to_have_text(["step", "momentum", "rmsprop", "adam"])
    assert np.any(shot(page) != everything)
    box.check()
    expect(page.locator(".curves dt")).to_have_count(5)
    point(page, 0, 0)
    page.mouse.move(0, 0)
    assert np.mean(np.abs(shot(page) - everything).max(-1) > 8) < 0.001


def test_keyboard_alone(visit):
    bowl, _, _ = page_examples.old_faithful()
    page = visit("bowl", "step=0")
    page.locator(".frame").focus()
    press(page, "ArrowRight")
    first = cell(bowl, readout(page))
    press(page, "ArrowRight", "ArrowUp")
    second = cell(bowl, readout(page))
    assert (abs(second[0] - first[0]), abs(second[1] - first[1])) == (1, 1)
    expect(page.locator("#said")).to_contain_text("loss")
    press(page, ".", ".", ",", "l", "c", "m", "2", "]", "Shift+ArrowLeft", "+", "w")
    expect(page.locator("#where")).to_have_text("epoch 1 of 200")
    expect(page.locator("#log")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#colors")).to_have_value("cividis")
    expect(page.locator("#speed")).to_have_value("2")
    expect(page.locator("body")).to_have_attribute("data-drawn", "map")
    expect(page.get_by_label("momentum 0.9")).not_to_be_checked()
    press(page, "m", "r", "Space")
    expect(page.locator("#play")).to_have_text("Pause")
    press(page, "Space")
    expect(page.locator("#said")).to_contain_text("Paused.")
    press(page, "End")
    expect(page.locator("#where")).to_have_text("epoch 200 of 200")
    press(page, "?")
    expect(page.locator("dialog")).to_contain_text("read the values of the next cell")
    press(page, "Escape")
    expect(page.locator("dialog")).to_be_hidden()


def test_the_help_unfolds_the_licenses(visit):
    page = visit("bowl", size=(390, 844))
    press(page, "?", "Tab")
    expect(page.locator(".licenses summary")).to_be_focused()
    expect(page.get_by_text("three.js authors")).to_be_hidden()
    press(page, "Enter")
    expect(page.get_by_text("three.js authors")).to_be_visible()
    assert page.locator("dialog").evaluate("dialog => dialog.scrollWidth - dialog.clientWidth") == 0


@pytest.mark.slow
def test_drag_turns_wheel_zooms_and_the_address_keeps_it(visit):
    page = visit("bowl")
    before = shot(page)
    point(page, 0.5, 0.5)
    page.mouse.down()
    page.mouse.move(420, 380, steps=3)
    page.mouse.up()
    page.mouse.wheel(0, -300)
    page.locator("#scrub").fill("3")
    page.get_by_label("momentum 0.9").uncheck()
    page.locator("#log").click()
    page.mouse.move(5, 5)
    expect(page).to_have_url(re.compile("#turn=.*&zoom=.*&log=1&step=3&off=momentum%200.9"))
    turned = shot(page)
    assert np.mean(np.abs(turned - before).max(-1) > 30) > 0.1
    again = visit("bowl", page.url.split("#")[1])
    expect(again.locator("#where")).to_have_text("epoch 3 of 200")
    expect(again.get_by_label("momentum 0.9")).not_to_be_checked()
    again.mouse.move(5, 5)
    assert np.mean(np.abs(shot(again) - turned).max(-1) > 12) < 0.01
    page.locator("#reset").click()
    expect(page).to_have_url(re.compile("#log=1&step=3"))


def test_what_is_not_finite_stays_a_hole_and_is_named(visit):
    holes, paths = page_examples.broken()
    page = visit("holes", "turn=0,90&step=1")
    expect(page.locator(".missing")).to_contain_text("not a number (NaN): 36")
    expect(page.locator(".missing")).to_contain_text("infinite: 20")
    expect(page.locator(".missing")).to_contain_text("not computed: 16")
    told = set()
    for across, down in [(0.68, 0.32), (0.29, 0.31), (0.29, 0.72), (0.5, 0.5)]:
        point(page, across, down)
        read = readout(page)
        told.add(read["loss"])
    assert {"not a number (NaN)", "infinite", "not computed"} < told
    expect(page.locator(".paths")).to_contain_text("The plane shows almost nothing of it: 4.1 % of its movement.")
    expect(page.locator(".paths label")).to_have_text(next(iter(paths)))
    expect(page.locator(".standing")).to_have_text("loss 1.2 · surface below 0.3 · 1.2 off the plane")
    page.keyboard.press("End")
    expect(page.locator(".standing")).to_contain_text("not in the picture")
    assert np.isnan(holes.losses[20, 20])


@pytest.mark.slow
def test_the_map_reads_the_same_numbers(visit):
    holes, _ = page_examples.broken()
    page = visit("holes", "view=map")
    assert colorful(shot(page)) > 0.1
    for across, down in [(0.4, 0.6), (0.45, 0.75), (0.3, 0.5)]:
        point(page, across, down)
        read = readout(page)
        assert np.float32(read["loss"]) == holes.losses[cell(holes, read)]


@pytest.mark.slow
def test_two_surfaces_stand_side_by_side(visit):
    page = visit("both", size=(1200, 700))
    expect(page.locator(".frame h2")).to_have_text(["raw", "deep"])
    pixels = shot(page)
    half = pixels.shape[1] // 2
    assert min(colorful(pixels[:, :half]), colorful(pixels[:, half:])) > 0.05
    network, _ = page_examples.network()
    point(page, 0.5, 0.6, frame=1)
    read = readout(page)
    expect(page.locator(".frame").nth(1).locator(".readout")).to_be_visible()
    if "true loss" not in read:
        assert np.float32(read["loss"]) == network.losses[cell(network, read)]


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
def test_a_phone_shows_everything_within_its_width(visit, scheme):
    page = visit("bowl", size=(390, 844), color_scheme=scheme, has_touch=True, reduced_motion="reduce")
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    for selector in ("#tools", "#stage", "#player"):
        box = page.locator(selector).bounding_box()
        assert 0 <= box["x"] <= 390 - box["width"]
    expect(page.locator("#play")).to_be_in_viewport()
    light = shot(page)[2:40, 2:40].mean() > 128
    assert light == (scheme == "light")
    page.touchscreen.tap(190, 330)
    expect(page.locator(".readout")).to_be_visible()


@pytest.mark.slow
def test_without_webgl_it_is_a_map_with_the_same_controls(visit, playwright):
    with playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET + WITHOUT_WEBGL) as plain:
        page = visit("network", using=plain)
        expect(page.locator("body")).to_have_attribute("data-drawn", "map")
        expect(page.locator("#notice")).to_contain_text("no WebGL")
        assert colorful(shot(page)) > 0.1
        network, _ = page_examples.network()
        point(page, 0.35, 0.7)
        read = readout(page)
        assert np.float32(read["loss"]) == network.losses[cell(network, read)]
        page.locator("#scrub").fill("5")
        expect(page.locator("#where")).to_have_text("step 50 of 800")
        page.get_by_label("adam").uncheck()
        page.keyboard.press("l")
        expect(page.locator("#log")).to_have_attribute("aria-pressed", "true")
        page.close()
