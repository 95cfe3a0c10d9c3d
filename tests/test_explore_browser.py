"""The explorer in a real browser: every control, by mouse and by keyboard, against a real server."""

from __future__ import annotations

import contextlib
import io
import re

import numpy as np
import pytest

from chromium import CHROMIUM, QUIET, SOFTWARE, WITHOUT_WEBGL
from downslope.explorer import serve

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
pytest.importorskip("uvicorn", reason="uvicorn is not installed")
expect = sync_api.expect

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (Debian's package `chromium`)")
PATIENCE = 30_000
"""Milliseconds that a page has to do what it is expected to; a machine may be busy with other things."""

BOWL = "show=kind:classic,name:bowl&plane=size:17"
MOONS = "show=kind:network,data:moons,hidden:4,epochs:2&plane=size:9"
STARTED = "d1=learning_rate:0.05,a:1,b:-1"


@pytest.fixture(scope="module", autouse=True)
def patience():
    expect.set_options(timeout=PATIENCE)
    yield
    expect.set_options(timeout=5_000)


@pytest.fixture(scope="module")
def playwright():
    with sync_api.sync_playwright() as started:
        yield started


@pytest.fixture(scope="module")
def browser(playwright):
    with playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET + SOFTWARE) as launched:
        yield launched


@pytest.fixture(scope="module")
def server():
    with serve() as running:
        yield running


@pytest.fixture
def visit(browser, server):
    """Open the explorer; in the end nothing may have gone wrong, and nothing been asked of anybody but its server."""
    contexts, wrong = [], []

    def opened(fragment="", *, using=browser, at=server, size=(1120, 640), ready=True, **options):
        context = using.new_context(viewport={"width": size[0], "height": size[1]}, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("console", lambda message: wrong.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on(
            "request", lambda request: at.host in request.url or "blob:" in request.url or wrong.append(request.url)
        )
        page.goto(f"{at.url}&{fragment}" if fragment else at.url)
        if ready:
            settled(page)
        return page

    opened.wrong = wrong
    yield opened
    for context in contexts:
        context.close()
    assert wrong == []


def settled(page):
    """Wait until a surface is whole, and nothing rolls."""
    expect(page.locator("body[data-doing=paused][data-surface=whole][data-drawn]")).to_be_attached()


def steps(page):
    """Step shown, and last step."""
    shown, last = re.findall(r"\d+", page.locator("#where").text_content())
    return int(shown), int(last)


def drawn(page):
    """Wait until the page has drawn what it was asked for."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def texts(page, place):
    """Return what stands at a place, once the page has drawn what it was asked for."""
    drawn(page)
    return page.locator(place).all_text_contents()


def at_step(page, step, last=None):
    """Wait for a step."""
    expect(page.locator("#where")).to_have_text(f"step {step} of {step if last is None else last}")
    drawn(page)


def begin(page, across=0.6, down=0.42):
    """Click a start, in shares of the frame; of two, the one of now."""
    box = page.locator(".frame").last.bounding_box()
    page.mouse.click(box["x"] + across * box["width"], box["y"] + down * box["height"])


def rolling(page, least=1):
    """Wait until so many steps were made."""
    expect(page.locator("#where")).to_have_text(at_least(least))


def at_least(step):
    """A pattern of the steps from some step on; `step` below 100."""
    tens, ones = divmod(step, 10)
    low = f"{tens}[{ones}-9]|[{tens + 1}-9][0-9]" if tens else f"[{ones}-9]|[1-9][0-9]"
    return re.compile(rf"^step ({low}|[1-9][0-9]{{2,}}) of")


def pause(page):
    """Rest, and wait until nothing moves anymore."""
    page.locator("#play").click()
    rested(page)


def rested(page):
    """Wait until nothing moves anymore."""
    expect(page.locator("#play")).to_have_text("Play")
    settled(page)
    # told of the step that is shown only once that is the last
    expect(facts(page, "status")).to_be_visible()
    drawn(page)


def enter(page, name, value):
    """Type a number into a control, by the name that the wire has for it."""
    control = page.locator(f"[data-field={name}] input[type=number]")
    control.fill(str(value))
    control.press("Enter")


def facts(page, name):
    """A value of the chosen descent, as it is told."""
    return page.locator("#now dt", has_text=re.compile(f"^{name}$")).locator("+ dd")


def loss(page):
    return float(facts(page, "true loss").text_content())


def part(page, name):
    """Open a part of the controls or of what is beside."""
    found = page.locator(f"[data-part={name}]").first
    if found.get_attribute("open") is None:
        found.locator("> summary").click()
    return found


def python_losses(page):
    """Run what "Copy as Python" gives, and return the losses that it leaves."""
    share = part(page, "share")
    share.get_by_role("button", name="Copy as Python").click()
    expect(page.locator("#python")).to_have_value(re.compile("losses"))
    names: dict = {}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(page.locator("#python").input_value(), "copied", "exec"), names)  # noqa: S102  (our own code)
    return names["losses"]


def shot(page, selector="#stage"):
    """The pixels of a part of the page, `(height, width, 3)`."""
    image = pytest.importorskip("PIL.Image").open(io.BytesIO(page.locator(selector).first.screenshot()))
    return np.asarray(image.convert("RGB"), int)


def colorful(pixels):
    """How much of a picture is colored, and not a shade of gray."""
    return float(np.mean(pixels.max(-1) - pixels.min(-1) > 40))


def test_it_opens_refines_coarse_to_fine_and_starts_nothing_unasked(visit):
    grids = []
    page = visit(ready=False)
    page.on("websocket", lambda socket: socket.on("framereceived", lambda data: grids.append(data)))
    page.reload()
    settled(page)
    known = [
        np.frombuffer(frame, "<f4", offset=24).reshape(2, -1)[1].mean()
        for frame in grids
        if isinstance(frame, bytes) and frame[0] == 1
    ]
    assert len(known) >= 2
    assert known == sorted(known)
    assert known[-1] == 1
    expect(page.locator("h1")).to_contain_text("Ravine")
    assert 0.1 < colorful(shot(page)) < 0.9
    expect(page.locator("#hint")).to_be_visible()
    expect(page.locator("#now")).to_contain_text("no start yet")
    expect(page.locator("#play")).to_have_text("Play")
    assert not any(isinstance(frame, bytes) and frame[0] != 1 for frame in grids)
    expect(page.locator("#summary")).to_contain_text("51 by 51 points")


def test_a_click_starts_a_descent_whose_loss_is_that_of_the_same_run_in_python(visit):
    page = visit(BOWL)
    begin(page)
    rolling(page, 5)
    expect(page.locator("#hint")).to_be_hidden()
    pause(page)
    _, last = steps(page)
    expect(facts(page, "step")).to_have_text(str(last))
    (expected,) = python_losses(page)
    assert loss(page) == pytest.approx(expected, rel=1e-6, abs=1e-300)
    told = texts(page, ".curves dd")[-1]
    assert float(told) == pytest.approx(expected, rel=1e-6, abs=1e-300)
    expect(page.locator(".standing")).to_contain_text("on the surface")
    expect(page.locator(".paths")).to_contain_text("The plane holds all of its movement.")


@pytest.mark.slow
def test_rates_change_on_the_way_without_a_reset(visit):
    page = visit(f"{BOWL}&{STARTED}")
    page.locator("#forward").click()
    page.locator("#forward").click()
    at_step(page, 2)
    enter(page, "learning_rate", 0.2)
    enter(page, "momentum", 0.5)
    expect(page.locator(".formula .known").first).to_have_text(re.compile("0.2"))
    expect(page.locator(".formula math")).to_have_count(3 + 2)
    page.locator("#forward").click()
    at_step(page, 3)
    expect(facts(page, "rate")).to_have_text("0.2")
    table = part(page, "table")
    expect(table.locator("tbody td:first-child")).to_have_text(["3", "2", "1", "0"])
    (expected,) = python_losses(page)
    assert loss(page) == pytest.approx(expected, rel=1e-6)


@pytest.mark.slow
def test_play_pause_step_scrub_speed_and_replay(visit):
    page = visit(f"{BOWL}&{STARTED}")
    page.locator("#play").click()
    rolling(page, 12)
    pause(page)
    _, last = steps(page)
    page.locator("#forward").click()
    at_step(page, last + 1)
    page.locator("#back").click()
    rolling(page, 1)
    assert steps(page)[0] <= last
    page.locator("#scrub").fill("0")
    at_step(page, 0, last + 1)
    expect(facts(page, "step")).to_have_text("0")
    page.locator("#speed").select_option("4")
    page.locator("#replay").click()
    expect(page.locator("#play")).to_have_text("Pause")
    at_step(page, last + 1)
    expect(page.locator("#play")).to_have_text("Play")
    page.get_by_label("Steps").select_option("2")
    expect(page).to_have_url(re.compile("pace=2"))


@pytest.mark.slow
def test_four_optimizers_race_from_one_start_and_one_leaves(visit):
    page = visit(f"{BOWL}&{STARTED}")
    for count in (2, 3, 4):
        page.get_by_label("Add an optimizer to the race").click()
        expect(page.locator(".paths li")).to_have_count(count)
    expect(page.get_by_label("Add an optimizer to the race")).to_have_count(0)
    page.locator("#forward").click()
    at_step(page, 1)
    expect(page.locator(".curves dt")).to_have_text(["step", "1 SGD", "2 RMSprop", "3 Adam", "4 AdamW"])
    told = [float(text) for text in texts(page, ".curves dd")[1:]]
    assert told == pytest.approx(python_losses(page), rel=1e-6)
    page.locator("#first").click()
    at_step(page, 0, 1)
    assert len(set(texts(page, ".curves dd")[1:])) == 1
    page.get_by_role("button", name="Remove").click()
    expect(page.locator(".tabs button")).to_have_text(["1 SGD", "2 RMSprop", "3 Adam", "+"])
    expect(page.locator(".paths li")).to_have_count(3)
    page.locator("#controls select").filter(has_text="RMSprop").select_option("adagrad")
    expect(page.locator(".tabs button").first).to_have_text("1 AdaGrad")
    page.get_by_label("Schedule").first.select_option("step_decay")
    expect(page.get_by_label("Schedule: factor").first).to_have_value("0.5")


@pytest.mark.slow
def test_what_is_measured_on_demand_tells_the_curvature_and_what_is_wrong(visit):
    page = visit(f"{BOWL.replace('bowl', 'ravine')}&d1=learning_rate:0.041,a:-1,b:0.5")
    page.get_by_role("button", name="Largest eigenvalue").click()
    expect(page.locator("#sharpness")).to_contain_text("The largest curvature is 50")
    expect(page.locator("#sharpness")).to_contain_text("above it")
    page.locator(".panel select").select_option("largest")
    expect(page.locator(".curves dd").last).to_have_text(re.compile(r"^(50|49\.9|50\.0)"))
    page.get_by_role("button", name="What is wrong?").click()
    expect(page.locator("#verdict strong")).to_contain_text("At step 0")


@pytest.mark.slow
def test_refresh_restores_everything_from_the_address(visit):
    page = visit(f"show=kind:classic,name:himmelblau&plane=size:25&{STARTED}&d2=optimizer:adam,a:1,b:-1&select=2")
    page.locator("#scrub").wait_for()
    for step in (1, 2, 3):
        page.locator("#forward").click()
        at_step(page, step)
    page.locator("#log").click()
    pressed = page.locator("#log").get_attribute("aria-pressed")
    page.locator(".frame").focus()
    page.keyboard.press("Shift+ArrowLeft")
    page.get_by_label("1 SGD", exact=True).uncheck()
    expect(page).to_have_url(re.compile(r"#show=.*himmelblau.*turn=.*step=3.*off="))
    before = [texts(page, place) for place in ("h1", "#now dd", ".curves dd", ".tabs")]
    page.reload()
    settled(page)
    at_step(page, 3)
    expect(page.get_by_label("1 SGD", exact=True)).not_to_be_checked()
    expect(page.locator("#log")).to_have_attribute("aria-pressed", pressed)
    expect(page.locator("#now dd").first).to_have_text(before[1][0])
    after = [texts(page, place) for place in ("h1", "#now dd", ".curves dd", ".tabs")]
    assert after[0] == before[0]
    assert after[2:] == before[2:]
    assert after[1][:4] == before[1][:4]
    assert "token" not in page.url
    assert len(page.url) < 300


@pytest.mark.slow
def test_scenes_load_with_their_text_and_roll(visit):
    page = visit()
    names = [option.get_attribute("value") for option in page.get_by_label("Scene").locator("option").all()]
    assert len(names) >= 13
    for name in names[1::3]:
        page.get_by_label("Scene").select_option(name)
        expect(page.locator("#lesson")).to_have_attribute("data-name", name)
        expect(page.locator("#lesson .try")).to_contain_text("Try: ")
        expect(page.locator(".paths li").first).to_be_visible()
        expect(page.locator("#play")).to_have_text("Pause")
        rolling(page)
        expect(page).to_have_title("Downslope explorer")


@pytest.mark.slow
def test_a_scene_does_what_its_text_says(visit):
    page = visit("lesson=&show=kind:classic,name:bowl&plane=size:9")
    page.get_by_label("Scene").select_option("too_large")
    expect(page.locator("#lesson")).to_contain_text("above 2/50 = 0.04")
    rolling(page, 40)
    enter(page, "learning_rate", 0.039)
    expect(page.locator(".standing").first).to_be_visible()
    pause(page)
    (high,) = python_losses(page)
    assert loss(page) == pytest.approx(high, rel=1e-6)
    page.get_by_label("Steps").select_option("100000")
    page.locator("#play").click()
    expect(page.locator("#now")).to_contain_text("After 200 steps the loss is")
    assert loss(page) < high


def test_the_keyboard_alone(visit):
    page = visit(BOWL, reduced_motion="reduce")
    page.keyboard.press("Tab")
    for _ in range(80):
        if page.evaluate("() => document.activeElement.className") == "frame":
            break
        page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.matches(':focus-visible')")
    for key in ("ArrowRight", "ArrowRight", "ArrowUp"):
        page.keyboard.press(key)
    expect(page.locator("#said")).to_contain_text("loss")
    page.keyboard.press("Enter")
    rolling(page, 2)
    page.keyboard.press("Space")
    rested(page)
    _, last = steps(page)
    page.keyboard.press(".")
    at_step(page, last + 1)
    page.keyboard.press("Home")
    at_step(page, 0, last + 1)
    page.keyboard.press("1")
    expect(page.locator(".paths input")).not_to_be_checked()
    page.keyboard.press("?")
    expect(page.locator("dialog")).to_contain_text("start a descent where the arrows have led")
    page.keyboard.press("Escape")
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll("button, input, select, textarea")]
            .filter((one) => one.checkVisibility() && !one.labels?.length)
            .filter((one) => !(one.getAttribute("aria-label") || one.textContent.trim()))
            .map((one) => one.outerHTML)"""
    )
    assert unnamed == []


@pytest.mark.slow
def test_what_the_server_refuses_is_told_by_the_control_it_is_about(visit):
    page = visit(f"{BOWL}&d1=learning_rate:-1,a:1,b:1")
    wrong = page.locator("[data-field=learning_rate] .refused")
    expect(wrong).to_contain_text("0")
    expect(page.get_by_label("Learning rate").first).to_have_attribute("aria-invalid", "true")
    enter(page, "learning_rate", 0.1)
    page.get_by_role("button", name="Start again").click()
    rolling(page)
    expect(wrong).to_have_count(0)


@pytest.mark.slow
def test_controls_are_hidden_on_request(visit):
    page = visit(f"{BOWL}&hide=optimizer,tools,share,measures")
    for name in ("optimizer", "tools", "share", "measures"):
        expect(page.locator(f"[data-part={name}]").first).to_be_hidden()
    expect(page.locator("[data-part=lessons]")).to_be_visible()
    begin(page)
    rolling(page)


@pytest.mark.slow
def test_a_recorded_run_is_saved_as_a_page_that_plays_offline(visit, browser, tmp_path):
    page = visit(f"{BOWL}&{STARTED}")
    for step in (1, 2):
        page.locator("#forward").click()
        at_step(page, step)
    told = texts(page, ".curves dd")
    share = part(page, "share")
    with page.expect_download() as download:
        share.get_by_role("button", name="Save as a page").click()
    path = tmp_path / "saved.html"
    download.value.save_as(path)
    assert "connect-src ws" not in path.read_text()
    context = browser.new_context()
    saved = context.new_page()
    saved.on("console", lambda message: visit.wrong.append(message.text))
    saved.goto(path.as_uri())
    expect(saved.locator("h1")).to_contain_text("Bowl")
    expect(saved.locator("#where")).to_have_text("step 2 of 2")
    assert texts(saved, ".curves dd") == told
    saved.locator("#first").click()
    saved.locator("#play").click()
    expect(saved.locator("#where")).to_have_text("step 2 of 2")
    expect(saved.locator("dialog .licenses")).to_contain_text("three.js authors")
    context.close()


@pytest.mark.slow
def test_it_connects_again_when_the_server_is_back(visit):
    with serve() as first:
        port, token = int(first.host.split(":")[1]), first.token
        page = visit(f"{BOWL}&{STARTED}", at=first)
        page.locator("#forward").click()
        at_step(page, 1)
    visit.wrong.clear()
    expect(page.locator("#problem")).to_contain_text("lost")
    expect(page.get_by_role("button", name="Connect again")).to_be_visible()
    with serve(port=port, token=token):
        # unless it was quicker by itself
        page.evaluate("() => document.querySelector('#problem .main')?.click()")
        expect(page.locator("#problem")).to_be_hidden()
        settled(page)
        at_step(page, 1)
        page.locator("#forward").click()
        at_step(page, 2)
        page.close()
    visit.wrong[:] = [words for words in visit.wrong if "WebSocket" not in words]


def test_an_address_without_its_token_says_so(visit, server):
    page = visit(ready=False)
    page.evaluate("() => sessionStorage.clear()")
    page.goto("about:blank")
    page.goto(f"http://{server.host}/")
    expect(page.locator("#problem")).to_contain_text("Open the address that `downslope explore` printed")


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
def test_a_phone_shows_everything_within_its_width(visit, scheme):
    page = visit(BOWL, size=(390, 844), color_scheme=scheme, has_touch=True)
    page.touchscreen.tap(190, 300)
    rolling(page)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    for name in ("optimizer", "subject", "share", "lessons"):
        part(page, name)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    expect(page.locator("#play")).to_be_in_viewport()
    assert (shot(page)[2:40, 2:40].mean() > 128) == (scheme == "light")


@pytest.mark.slow
def test_without_webgl_it_is_a_map_with_the_same_controls(visit, playwright):
    with playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET + WITHOUT_WEBGL) as plain:
        page = visit(BOWL, using=plain)
        expect(page.locator("body")).to_have_attribute("data-drawn", "map")
        expect(page.locator("#notice")).to_contain_text("no WebGL")
        assert colorful(shot(page)) > 0.1
        begin(page)
        rolling(page, 2)
        pause(page)
        (expected,) = python_losses(page)
        assert loss(page) == pytest.approx(expected, rel=1e-6)
        page.close()


@pytest.mark.slow
def test_a_network_walks_in_all_its_dimensions(visit):
    page = visit(MOONS)
    expect(page.locator("h1")).to_contain_text("moons")
    expect(page.locator("[data-part=data] canvas").first).to_be_visible()
    begin(page)
    rolling(page, 2)
    pause(page)
    (expected,) = python_losses(page)
    assert loss(page) == pytest.approx(expected, rel=1e-6)
    expect(page.locator(".standing")).to_contain_text("off the plane")
    expect(page.locator("[data-part=data] figcaption")).to_have_text(re.compile(f"at step {steps(page)[1]}"))
    part(page, "units")
    expect(page.locator(".unit")).to_have_count(4)
    signals = part(page, "signals")
    expect(signals.locator("tbody tr")).to_have_count(3)
    picture = page.locator("[data-part=data] .square")
    boundary, last = picture.evaluate("(canvas) => canvas.toDataURL()"), steps(page)[1]
    page.locator("#forward").click()
    at_step(page, last + 1)
    expect(page.locator("[data-part=data] figcaption")).to_have_text(re.compile(f"at step {last + 1}"))
    assert picture.evaluate("(canvas) => canvas.toDataURL()") != boundary


@pytest.mark.long
def test_planes_of_a_network_are_cut_anew_and_its_descent_stays(visit):
    page = visit(f"{MOONS}&d1=a:0.3,b:0.3,learning_rate:0.5")
    for step in (1, 2):
        page.locator("#forward").click()
        at_step(page, step)
    before = loss(page)
    part(page, "plane")
    for directions, words in (("eigen", "eigenvectors"), ("pca", "principal components"), ("filter", "random")):
        page.get_by_label("Directions").select_option(directions)
        expect(page.locator(".heading")).to_contain_text(words)
        settled(page)
        at_step(page, 2)
        assert loss(page) == before
    page.get_by_role("button", name="Cut the plane along this path").click()
    expect(page.get_by_role("button", name="Cut the plane along this path")).to_be_hidden()
    settled(page)
    page.get_by_label("Directions").select_option("filter")
    page.get_by_role("button", name="Cut through the ball").click()
    expect(page.get_by_role("button", name="Back through the center")).to_be_visible()
    expect(page.locator(".standing")).to_contain_text("· 0 off the plane")
    # the plane along the path went through the ball, too, and the address is written a moment later
    expect(page).to_have_url(re.compile("plane=directions:filter,size:9,through:0&.*step=2"))
    page.reload()
    at_step(page, 2)
    expect(page.locator(".standing")).to_contain_text("· 0 off the plane")
    assert loss(page) == pytest.approx(before, rel=1e-6)


@pytest.mark.slow
def test_another_network_shows_its_surface_beside_the_one_before(visit):
    page = visit(f"{MOONS}&d1=a:0.3,b:0.3,learning_rate:0.5")
    network = part(page, "network")
    network.get_by_label("Skip connections").check()
    network.get_by_label("Hidden layers").first.fill("2")
    network.get_by_label("Hidden layers").first.press("Enter")
    network.get_by_label("Normalization inside").select_option("batch")
    enter(page, "noise", 0.2)
    network.get_by_role("button", name="Show its surface").click()
    expect(page.locator(".frame h2")).to_have_text([re.compile("^before: moons"), "now"])
    settled(page)
    page.locator("#forward").click()
    at_step(page, 1)
    network.get_by_label("Keep the surface before").uncheck()
    expect(page.locator(".frame")).to_have_count(1)


@pytest.mark.slow
def test_images_come_with_what_the_network_takes_them_for(visit):
    page = visit("show=kind:network,data:digits,hidden:8,epochs:2&plane=size:9&d1=a:0.2,b:0.2")
    page.locator("#forward").click()
    at_step(page, 1)
    expect(page.locator(".examples figcaption").first).to_have_text(re.compile("[✓✗] [0-9] [0-9]+%"))


@pytest.mark.slow
def test_what_takes_long_can_be_cancelled(visit):
    page = visit(BOWL)
    page.locator("[data-part=subject] select").select_option("network spirals")
    page.locator("#cancel").click()
    expect(page.locator("#cancel")).to_be_hidden()
    expect(page.locator("body")).to_have_attribute("data-doing", re.compile("idle|paused"))
    page.locator("[data-part=subject] select").select_option("classic saddle")
    settled(page)
    expect(page.locator("h1")).to_contain_text("Saddle")


@pytest.mark.long
def test_a_network_of_other_kind_is_the_one_that_was_asked_for(visit):
    page = visit(MOONS)
    network = part(page, "network")
    network.get_by_label("Activation").select_option("tanh")
    network.get_by_label("Initializer").select_option("orthogonal")
    network.get_by_label("Data scaled").select_option("minmax")
    for name, value in (("dropout", 0.2), ("epochs", 3)):
        enter(page, name, value)
    network.get_by_label("Units a layer").first.fill("5")
    network.get_by_label("Units a layer").first.press("Enter")
    network.get_by_role("button", name="Show its surface").click()
    expect(network.get_by_role("button", name="Show its surface")).to_be_disabled()
    settled(page)
    part(page, "plane")
    page.get_by_label("Network as").select_option("training")
    expect(page).to_have_url(re.compile("mode:training"))
    settled(page)
    enter(page, "weight_decay", 0.01)
    enter(page, "batch_size", 16)
    begin(page)
    rolling(page, 2)
    pause(page)
    (expected,) = python_losses(page)
    assert loss(page) == pytest.approx(expected, rel=1e-6)
    code = page.locator("#python").input_value()
    of_network = ("tanh", "orthogonal", "minmax", "dropout=0.2", "epochs=3", "[5]")
    for words in (*of_network, "ds.sgd(", "weight_decay=0.01", "batch_size=16", "mode='training'"):
        assert words in code, words


@pytest.mark.slow
def test_the_surface_is_turned_zoomed_moved_and_read(visit, browser):
    page = visit(BOWL)
    pictures = [shot(page)]
    for act in (
        lambda: page.keyboard.press("Shift+ArrowLeft"),
        lambda: page.keyboard.press("+"),
        lambda: page.keyboard.press("l"),
        lambda: page.get_by_label("Color scale").select_option(index=1),
    ):
        page.locator(".frame").focus()
        act()
        drawn(page)
        pictures.append(shot(page))
        assert np.abs(pictures[-1] - pictures[-2]).mean() > 0.2
    page.locator("#reset").click()
    drawn(page)
    box = page.locator(".frame").bounding_box()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.6 * box["height"])
    names, values = (texts(page, f".readout {kind}") for kind in ("dt", "dd"))
    told = dict(zip(names, values, strict=True))
    w = [float(told[name].replace("−", "-")) for name in ("w₁", "w₂")]
    assert float(told["loss"]) == pytest.approx(0.5 * sum(one**2 for one in w), rel=1e-5, abs=1e-6)
    context = browser.contexts[-1]
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    part(page, "share").get_by_role("button", name="Copy link").click()
    expect(page.locator("[data-part=share]")).to_contain_text("Copied.")
    assert "show=kind:classic,name:bowl" in page.evaluate("() => navigator.clipboard.readText()")
