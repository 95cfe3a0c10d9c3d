"""A session without a network: requests in, answers and frames out."""

import dataclasses
import itertools
import threading

import numpy as np
import pytest

from downslope.explorer.protocol import CLASSICS, DATA_SETS, PATH_COLUMNS, Kind
from downslope.explorer.session.player import LAG, TICK
from downslope.explorer.session.work import diagnosis_work
from downslope.explorer.subjects import open_subject
from downslope.explorer.subjects.surface_stepper import SurfaceStepper
from downslope.landscape import descend, surfaces
from downslope.optimizers import adam, sgd
from downslope.training import Recipe
from explorer_page import DirectPage

RAVINE = {"kind": "classic", "name": "ravine"}


def classic(name):
    return {"kind": "classic", "name": name}


def test_hello_is_answered_by_all_there_is_to_choose():
    with DirectPage() as page:
        page.say("hello", version=1)
        told = page.until("hello")
    assert told["opens"] == RAVINE
    assert tuple(told["classics"]) == CLASSICS == tuple(surfaces.NAMES)
    assert tuple(one["name"] for one in told["data_sets"]) == DATA_SETS
    assert [one["name"] for one in told["optimizers"]][:3] == ["sgd", "rmsprop", "adam"]
    assert len(told["scenes"]) >= 12


@pytest.mark.product
@pytest.mark.parametrize("name", CLASSICS)
def test_every_classic_surface_fills_coarse_to_fine_with_true_losses(name):
    with DirectPage() as page:
        told = page.open(classic(name), size=17)
        shown = [frame for frame in page.frames if frame.kind == Kind.SURFACE]
    known = [int(frame.values[1].sum()) for frame in shown]
    assert known == sorted(set(known))
    assert known[0] < known[-1] == 17 * 17
    assert [frame.flags for frame in shown] == [0] * (len(shown) - 1) + [1]
    for earlier, later in itertools.pairwise(shown):
        there = earlier.values[1] == 1
        np.testing.assert_array_equal(earlier.values[0][there], later.values[0][there])
    surface, (a, b) = surfaces.NAMES[name].make(), surfaces.NAMES[name].span
    center = np.array(surfaces.NAMES[name].center)
    corner = surface.value(center + np.array([a, -b]))
    assert shown[-1].values[0][-1, 0] == pytest.approx(corner, rel=1e-5)
    assert told["surface"]["axes"][0]["label"] == "w₁"
    assert told["suggested"]["settings"]["steps"] > 0


RULES = {
    "sgd": ({"learning_rate": 0.03, "momentum": 0.8}, sgd(0.03, momentum=0.8)),
    "adam": ({"optimizer": "adam", "learning_rate": 0.1}, adam(0.1)),
}


@pytest.mark.parametrize("name", RULES)
def test_the_table_holds_the_exact_losses_of_the_same_descent_in_python(name):
    settings, rule = RULES[name]
    path = descend(surfaces.ravine(), np.array([-2.0, 0.5]), optimizer=rule, steps=25)
    with DirectPage() as page:
        page.open(RAVINE)
        page.say("start", id=0, a=-2.0, b=0.5, settings=settings | {"steps": 25})
        page.walk(25)
        rows, frames = page.rows(), page.path()
    assert [row["step"] for row in rows] == list(range(26))
    np.testing.assert_allclose([row["loss"] for row in rows], path.losses, rtol=1e-12)
    np.testing.assert_allclose(frames[:, 1:3], path.params, rtol=1e-6, atol=1e-7)
    shown = dict(zip(PATH_COLUMNS, frames.T, strict=True))
    np.testing.assert_allclose(shown["height"], shown["loss"], rtol=1e-6)
    np.testing.assert_allclose(shown["gradient_b"], 50 * shown["b"], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(shown["velocity_a"][1:], np.diff(shown["a"]), rtol=1e-4, atol=1e-6)
    assert np.isnan(shown["lambda_max"]).all()
    assert shown["distance"].max() == 0


def test_a_race_has_a_ball_for_each_and_ends_when_all_have():
    with DirectPage() as page:
        page.open(RAVINE)
        for number, steps in enumerate((5, 10, 20, 40)):
            page.say("start", id=number, a=-2.0, b=0.5, settings={"learning_rate": 0.01, "steps": steps})
        page.play()
        ends = [page.descent(number) for number in range(4)]
    assert [end["step"] for end in ends] == [5, 10, 20, 40]
    assert {end["ended"] for end in ends} == {"completed"}
    assert [end["loss"] for end in ends] == sorted((end["loss"] for end in ends), reverse=True)


def test_a_change_on_the_way_resets_nothing():
    with DirectPage() as page:
        page.open(RAVINE)
        page.say("start", id=0, a=-2.0, b=0.02, settings={"learning_rate": 0.041})
        page.walk(30)
        before = page.last()
        page.say("set", learning_rate=0.02, momentum=0.5)
        told = page.until("descent", where=lambda one: one["hyperparams"]["learning_rate"] == 0.02)
        assert (told["step"], told["hyperparams"]["momentum"]) == (30, 0.5)
        page.walk(30)
        rows = page.rows()
    assert rows[30] == before
    assert [row["step"] for row in rows] == list(range(61))
    assert rows[31]["learning_rate"] == 0.02
    assert rows[60]["loss"] < before["loss"]


def test_one_ball_is_changed_alone_and_numbers_that_it_has_not_are_refused():
    with DirectPage() as page:
        page.open(RAVINE)
        page.say("start", id=0, a=1.0, b=0.5, settings={"learning_rate": 0.01})
        page.say("start", id=1, a=1.0, b=0.5, settings={"optimizer": "adam", "learning_rate": 0.01})
        page.say("set", id=1, b1=0.5)
        page.until("descent", where=lambda one: one["hyperparams"].get("b1") == 0.5)
        assert "b1" not in page.descent(0)["hyperparams"]
        page.say("set", id=0, b1=0.5)
        assert "momentum" in page.until("error")["message"]
        page.say("set", id=2, learning_rate=0.5)
        assert page.until("error")["field"] == "id"
        page.say("set", b1=0.25)
        page.until("descent", where=lambda one: one["hyperparams"].get("b1") == 0.25)


def test_a_plane_through_the_ball_has_it_in_the_middle_and_the_path_comes_again():
    with DirectPage() as page:
        page.open(RAVINE)
        page.say("start", id=0, a=-2.0, b=0.5, settings={"learning_rate": 0.02})
        page.walk(10)
        before = page.path()
        page.say("slice", run=2, plane={"through": 0, "size": 9})
        page.until("done", where=lambda one: one["run"] == 2)
        page.meet(lambda: any(one.run == 2 and one.kind == Kind.PATH for one in page.frames))
        page.settle()
        after = page.path()
    np.testing.assert_allclose(after[-1, 1:3], 0, atol=1e-7)
    np.testing.assert_allclose(after[:, 1:3], before[:, 1:3] - before[-1, 1:3], atol=1e-6)
    np.testing.assert_array_equal(after[:, 3], before[:, 3])


def test_without_credit_balls_wait_and_with_it_they_go_on():
    with DirectPage(draws=False) as page:
        page.open(RAVINE)
        page.session.outbox.credit = 0
        page.say("start", id=0, a=-2.0, b=0.5, settings={"learning_rate": 0.01})
        page.say("play")
        page.say("eigenvalue", id=0)
        page.until("eigenvalue")
        assert page.rows() == []
        page.say("credit", frames=1)
        page.until("rows")
        page.take()
        assert [frame.kind for frame in page.frames].count(Kind.PATH) == 1
        page.draws = True
        page.say("credit", frames=4)
        page.meet(lambda: page.rows() and page.last()["step"] > 5)


@pytest.mark.slow
def test_a_long_jump_shows_about_a_hundred_points():
    with DirectPage() as page:
        page.open(classic("bowl"))
        page.say("start", id=0, a=1.0, b=1.0, settings={"learning_rate": 1e-4, "steps": 20_000})
        page.walk(1500)
        rows = page.rows()
        assert rows[-1]["step"] == 1500
        assert 90 < len(rows) < 500
        assert rows[-1]["loss"] == pytest.approx((1 - 1e-4) ** 3000, rel=1e-6)


def test_a_descent_that_flies_apart_says_so_and_stays_where_it_was_finite():
    with DirectPage() as page:
        page.open(classic("rosenbrock"))
        page.say("start", id=0, a=1.0, b=1.0, settings={"learning_rate": 1.0})
        page.play()
        told = page.descent()
        assert told["ended"] == "diverged"
        assert "rate 1 is too large" in told["text"]
        assert np.isfinite(told["loss"])
        assert page.last()["loss"] == told["loss"]
        page.say("set", id=0, learning_rate=0.1)
        page.say("step", count=5)
        page.say("code")
        page.until("code")
        assert page.descent()["step"] == told["step"]


def test_words_follow_the_ball_and_are_right_at_every_rest():
    with DirectPage() as page:
        page.open(RAVINE)
        page.say("start", id=0, a=-2.0, b=0.5, settings={"learning_rate": 0.01})
        assert page.until("descent")["text"].startswith("At the start: the loss is 8.25")
        page.say("play")
        page.meet(lambda: page.rows() and page.last()["step"] >= 3)
        page.say("pause")
        told = page.until("descent")
        page.settle()
    assert told["step"] == page.last()["step"] >= 3
    assert f"After {told['step']} steps the loss is" in told["text"]
    assert told["explained"] == pytest.approx(1)


class Clock:
    """A clock that stands still until it is set forward; a reading takes a microsecond."""

    def __init__(self):
        self.time = 0.0

    def __call__(self):
        self.time += 1e-6
        return self.time


def test_balls_roll_by_the_clock_and_catch_up_only_so_far():
    clock = Clock()
    with DirectPage(clock=clock) as page:
        page.open(RAVINE)
        page.say("start", id=0, a=-2.0, b=0.5, settings={"learning_rate": 0.01})
        page.until("rows")
        page.say("speed", steps_per_second=100)
        page.say("play")
        page.until("status", where=lambda one: one["state"] == "playing")
        for seconds, steps in ((TICK + 0.01, 4), (0.1, 10), (3600.0, 100 * LAG)):
            last = page.last()["step"]
            clock.time += seconds
            page.meet(lambda least=last + steps - 1: page.last()["step"] >= least)
            assert page.last()["step"] - last == pytest.approx(steps, abs=1)
        page.say("pause")
        page.settle()
        assert page.last()["step"] - last == pytest.approx(steps, abs=1)


@pytest.mark.slow
def test_points_are_bounded_and_those_that_stay_are_true():
    with DirectPage() as page:
        page.open(classic("bowl"))
        page.say("start", id=0, a=1.0, b=1.0, settings={"learning_rate": 0.01, "steps": 500})
        page.until("rows")
        page.session.exploration.descents[0].point_limit = 64
        for _ in range(3):
            page.walk(99)
        points = page.session.exploration.descents[0].points
        assert 32 <= len(points) <= 65
        assert (points[0].step, points[-1].step) == (0, page.last()["step"])
        page.say("slice", run=2, plane={"size": 9})
        page.until("rows", where=lambda one: one["replaces"])
        page.settle()
        for row in page.rows():
            assert row["loss"] == pytest.approx(0.99 ** (2 * row["step"]), rel=1e-9)


def test_cancel_stops_what_is_being_opened_and_what_comes_next_is_done():
    endless = []

    def networks_take_forever(subject, exhibit, tell):
        if subject.kind != "network":
            return open_subject(subject, exhibit, tell)
        endless.append(subject)
        while True:
            tell("Working", 0.5)

    with DirectPage(open_subject=networks_take_forever) as page:
        page.say("open", run=1, subject={"kind": "network", "data": "moons"})
        page.until("status", where=lambda one: one["text"] == "Working")
        page.say("cancel")
        told = page.until("done")
        assert (told["run"], told["cancelled"]) == (1, True)
        assert page.until("status")["state"] in ("idle", "opening")
        page.open(RAVINE, run=2)
    assert len(endless) == 1


def test_a_newer_subject_ends_the_work_on_an_older_one():
    with DirectPage() as page:
        page.say("open", run=1, subject=RAVINE, plane={"size": 129})
        page.open(classic("bowl"), run=2)
        dones = [one for one in page.answers if one["type"] == "done"]
    assert [one["run"] for one in dones if one["what"] == "surface"] == [2]


class BrokenDescent(SurfaceStepper):
    """A descent that nobody foresaw."""

    def advance(self, steps):
        raise KeyError("nobody foresaw this")


def test_whatever_goes_wrong_is_told_and_the_session_lives_on():
    def broken(subject, exhibit, tell):
        if subject.name == "bowl":
            raise KeyError("nobody foresaw this")
        opened = open_subject(subject, exhibit, tell)
        if subject.name == "ravine":
            surface = surfaces.ravine()
            stepper_at = lambda params, settings: BrokenDescent(surface, params, sgd(0.1))  # noqa: E731
            opened = dataclasses.replace(opened, stepper_at=stepper_at)
        return opened

    with DirectPage(open_subject=broken) as page:
        page.open(RAVINE)
        page.say("start", id=0, a=1.0, b=0.5)
        page.until("rows")
        page.say("play")
        assert "Something went wrong: KeyError" in page.until("error")["message"]
        assert not page.session.player.playing
        page.say("open", run=2, subject=classic("bowl"))
        assert "Something went wrong: KeyError" in page.until("error")["message"]
        assert page.until("status")["state"] == "idle"
        page.open(classic("saddle"), run=3)


@pytest.mark.slow
def test_measures_wait_behind_the_surface_and_do_not_end_it():
    with DirectPage() as page:
        page.open(RAVINE)
        page.say("start", id=0, a=-2.0, b=0.5, settings={"learning_rate": 0.03, "momentum": 0.5, "weight_decay": 1.0})
        page.say("slice", run=2, plane={"size": 33})
        page.say("eigenvalue", id=0)
        page.say("diagnose", id=0)
        page.until("eigenvalue", "diagnosis")
        page.until("diagnosis")
        order = [one["type"] for one in page.answers if one["type"] in ("done", "eigenvalue", "diagnosis")]
        eigenvalue = next(one for one in page.answers if one["type"] == "eigenvalue")
    assert order == ["done", "done", "eigenvalue", "diagnosis"]
    assert eigenvalue["value"] == pytest.approx(50)
    assert eigenvalue["limit"] == pytest.approx(2 * 1.5 / 51)
    assert "not above it" in eigenvalue["text"]


def test_balls_are_taken_away_one_or_all():
    with DirectPage() as page:
        page.open(RAVINE)
        for number in range(3):
            page.say("start", id=number, a=1.0, b=0.5)
        page.say("remove", id=1)
        assert page.until("removed")["id"] == 1
        page.say("remove", id=1)
        assert page.until("error")["field"] == "id"
        page.say("remove")
        assert [page.until("removed")["id"], page.until("removed")["id"]] == [0, 2]
        page.say("play")
        page.until("status")
        assert page.session.exploration.descents == {}


def test_a_closed_session_leaves_no_thread():
    before = set(threading.enumerate())
    with DirectPage() as page:
        page.say("open", run=1, subject=RAVINE, plane={"size": 129})
        page.until("surface")
        assert len(set(threading.enumerate()) - before) == 2
    assert set(threading.enumerate()) <= before


@pytest.mark.slow
def test_other_starts_of_a_network_are_trained_as_its_ball_is():
    with DirectPage() as page:
        start = page.open({"kind": "line"})["suggested"]
        page.say("start", id=0, a=start["a"], b=start["b"], settings=start["settings"])
        page.play()
        page.say("diagnose", id=0)
        told = page.until("diagnosis")["verdict"]
    assert "Are we stuck? No: this is a minimum, as good as other starts find: of 8 other starts, trained" in told
    assert "the same way for 300 epochs" in told  # 100 of the run that its plane goes through, and its own 200


def test_a_request_to_diagnose_prepares_no_data(monkeypatch):
    with DirectPage() as page:
        start = page.open({"kind": "line"})["suggested"]
        page.say("start", id=0, a=start["a"], b=start["b"], settings=start["settings"])
        page.walk(3)
        monkeypatch.setattr(Recipe, "problem", lambda recipe: pytest.fail("the data were prepared in the request"))
        diagnosis_work(page.session._current(), 0)
