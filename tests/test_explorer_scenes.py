"""Every scene does what its text says, and what it offers to try: played to its end, the claims as numbers."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest

from downslope.explorer.lessons import LESSONS
from downslope.explorer.protocol import NetworkSubject
from explorer_page import DirectPage

BY_NAME = {scene.name: scene for scene in LESSONS}
WANTED = {
    "too_large", "too_small", "stuck", "momentum", "saddle", "plateau", "raw", "normalized", "zeros", "restarts",
    "decay", "batches", "adam",
}  # fmt: skip


class Played:
    """A scene, opened in a session of its own."""

    def __init__(self, page, scene):
        self.page, self.scene, self.numbers = page, scene, ()

    def begin(self, *, name=None, **changes):
        """Start the balls of the scene, or the one of a name, with other settings or from elsewhere."""
        self.numbers = tuple(range(len(self.scene.descents) if name is None else 1))
        wanted = [start for start in self.scene.descents if name in (None, start.name)]
        at = {key: changes.pop(key) for key in ("a", "b") if key in changes}
        for number, start in enumerate(wanted):
            settings = start.settings.model_dump() | changes
            self.page.say("start", id=number, a=at.get("a", start.a), b=at.get("b", start.b), settings=settings)
        return self

    def to_the_end(self):
        """Let all balls go to their ends, every step of which is shown."""
        while not all(self.page.ended(number) for number in self.numbers):
            self.page.walk(100, numbers=self.numbers)
        return self

    def loss(self, number=0):
        return np.array([row["loss"] for row in self.page.rows(number)])

    def at(self, number=0):
        """Return the coordinates on the plane, `(points, 2)`, as 64-bit numbers."""
        return self.page.path(number)[:, 1:3].astype(float)

    def step(self, number=0):
        return np.array([row["step"] for row in self.page.rows(number)])


@pytest.fixture
def played(request):
    """Return a scene that is opened."""
    scene = BY_NAME[request.param]
    with DirectPage() as page:
        page.open(scene.subject.model_dump(), **(scene.plane.model_dump() | {"size": 9}))
        yield Played(page, scene)


def scene(name):
    return pytest.mark.parametrize("played", [name], indirect=True)


def test_every_lesson_is_there_with_two_sentences_and_one_thing_to_try():
    assert set(BY_NAME) == WANTED
    for one in LESSONS:
        assert len(re.findall(r"\.(?= |$)", one.text)) == 2, one.name
        assert one.to_try.endswith(".")
        assert len({start.name for start in one.descents}) == len(one.descents) <= 4


@scene("too_large")
def test_too_large_a_rate(played):
    played.begin().to_the_end()
    across, along = played.at()[:, 1], played.at()[:, 0]
    assert (np.sign(across[:-1]) == -np.sign(across[1:])).all()
    assert (np.abs(across[1:]) > np.abs(across[:-1])).all()
    assert (np.abs(along[1:]) < np.abs(along[:-1])).all()
    assert played.loss()[-1] > 1e5 * played.loss()[0]
    played.begin()
    played.page.walk(60)
    played.page.say("set", learning_rate=0.039)
    played.to_the_end()
    assert played.loss()[-1] < 1e-3 * played.loss()[60]
    assert len(played.loss()) > 60


@pytest.mark.slow
@scene("too_small")
def test_too_small_a_rate(played):
    played.begin()
    played.page.walk(200, numbers=(0, 1))
    slow, fast = played.at(0)[-1], played.at(1)[-1]
    assert abs(slow[1]) < 1e-6
    assert slow[0] < -1
    assert np.abs(fast).max() < 2e-3
    played.page.say("set", id=0, learning_rate=0.035)
    played.to_the_end()
    assert played.loss(0)[-1] < 1e-9


@pytest.mark.slow
@scene("momentum")
def test_momentum_carries_over(played):
    played.begin()
    played.page.walk(60, numbers=(0, 1))
    crawling, carried = played.at(0), played.at(1)
    assert (crawling[:, 0] < -1).all()
    assert carried[:, 0].max() > 0.1
    assert np.linalg.norm(carried[-1]) < 0.1 * np.linalg.norm(crawling[-1])
    played.begin(name="momentum 0.9", momentum=0.99).to_the_end()
    assert np.count_nonzero(np.diff(np.sign(played.at(0)[:, 0]))) >= 6


@pytest.mark.slow
@scene("saddle")
def test_a_saddle_holds_descent_up(played):
    played.begin().to_the_end()
    near = np.abs(played.loss()) < 0.1
    assert near.sum() > 35
    falls = -np.diff(played.loss()[-20:])
    assert (np.diff(falls) > 0).all()
    assert played.loss()[-1] < -1
    played.begin(b=0.0).to_the_end()
    np.testing.assert_allclose(played.at()[-1], 0, atol=1e-3)


@pytest.mark.slow
@scene("plateau")
def test_lost_on_a_plateau(played):
    played.begin().to_the_end()
    assert np.linalg.norm(played.at(0)[-1] - played.at(0)[0]) < 0.1
    assert played.loss(0)[-1] > 0.999
    assert played.loss(1)[-1] < 1e-3
    played.begin(name="plain", a=2.0, b=0.0).to_the_end()
    assert played.loss()[-1] < 1e-3


@pytest.mark.slow
@scene("zeros")
def test_all_weights_zero(played):
    played.begin().to_the_end()
    np.testing.assert_array_equal(played.at(0), 0)
    assert played.loss(0)[-1] == 0.5
    assert played.loss(1)[-1] == pytest.approx(0.2 - 0.02)
    played.begin(name="zero", a=0.5, b=-0.5).to_the_end()
    np.testing.assert_allclose(played.at()[-1], 0, atol=1e-4)


@pytest.mark.slow
@scene("restarts")
def test_restarts_end_in_different_minima(played):
    played.begin().to_the_end()
    ends = np.array([played.at(number)[-1] for number in range(4)])
    assert max(played.loss(number)[-1] for number in range(4)) < 1e-9
    apart = np.linalg.norm(ends[:, None] - ends[None], axis=2) + 10 * np.eye(4)
    assert apart.min() > 3
    sides = []
    for a in (-0.4, -0.1):
        played.begin(name="right", a=a, b=0.5).to_the_end()
        sides.append(played.at()[-1])
    assert np.linalg.norm(sides[0] - sides[1]) > 3


@pytest.mark.slow
@scene("decay")
def test_a_rate_that_decays(played):
    played.begin().to_the_end()
    best = 51.28267
    constant, decaying = (played.loss(number)[played.step(number) > 700] for number in (0, 1))
    assert constant.mean() - best > 10 * (decaying.mean() - best)
    assert played.loss(1)[-1] - best < 1
    rates = [row["learning_rate"] for row in played.page.rows(1)]
    assert rates[-1] == pytest.approx(0.1 / (1 + 0.02 * 999), rel=1e-3)
    played.begin(name="constant")
    played.page.walk(500)
    played.page.say("set", learning_rate=0.003)
    played.to_the_end()
    late = played.loss()[played.step() > 800]
    assert late.mean() - best < 0.2 * (constant.mean() - best)


@pytest.mark.slow
@scene("batches")
def test_small_against_large_batches(played):
    played.begin().to_the_end()
    lengths = [np.linalg.norm(np.diff(played.at(number), axis=0), axis=1).sum() for number in range(3)]
    straight = np.linalg.norm(played.at(2)[-1] - played.at(2)[0])
    assert lengths[0] > 2 * lengths[1] > 2.4 * lengths[2]
    assert lengths[2] == pytest.approx(straight, rel=0.1)
    told = [played.page.descent(number) for number in range(3)]
    assert [one["steps_an_epoch"] for one in told] == [272, 9, 1]
    assert len({round(one["settings"]["learning_rate"] * one["batch_size"], 4) for one in told}) == 1


NETWORKS = sorted(name for name, one in BY_NAME.items() if isinstance(one.subject, NetworkSubject))

PLAYER = """
import json, sys
import numpy as np
from downslope.explorer.subjects import Exhibit, open_subject
from downslope.explorer.exploration import slice_plane, with_directions
from downslope.explorer.exploration import Projector
from downslope.explorer.lessons import LESSONS

def losses(subject, projector, start, settings, a=None, b=None):
    walk = subject.stepper_at(projector.params_at(start.a if a is None else a, start.b if b is None else b), settings)
    found = [subject.loss_and_gradient(walk.variables)]
    for _ in range(10):
        walk.advance(settings.steps // 10)
        found.append(subject.loss_and_gradient(walk.variables))
    norms = [float(np.sqrt(sum(np.sum(np.asarray(leaf) ** 2) for layer in g for leaf in layer.values())))
             for _, g in found]
    return {"losses": [loss for loss, _ in found], "norms": norms}

scenes, told = {scene.name: scene for scene in LESSONS}, {}
for name in sys.argv[1:]:
    scene = scenes[name]
    subject = open_subject(scene.subject, Exhibit(), lambda text, done: None)
    cut = next(slice_plane(subject, with_directions(subject, scene.plane), None, lambda: False))
    projector = Projector(cut, cut.surface)
    told[name] = {start.name: losses(subject, projector, start, start.settings) for start in scene.descents}
    told[name]["center"] = subject.loss_and_gradient(subject.variables)[0]
    if name == "stuck":
        for start in scene.descents:
            told[name]["middle, " + start.name] = losses(subject, projector, start, start.settings, 0.0, 0.0)
    if name in ("adam", "normalized"):
        start, rate = scene.descents[0], {"adam": 1e-4, "normalized": 0.1}[name]
        other = start.settings.model_copy(update={"learning_rate": rate, "steps": 300})
        told[name]["tried"] = losses(subject, projector, start, other)
print(json.dumps(told))
"""


@pytest.mark.slow
def test_scenes_of_networks_as_users_see_them():
    """In single precision, which the tests' own process does not use."""
    words = [sys.executable, "-c", PLAYER, *NETWORKS]
    told = json.loads(subprocess.run(words, check=True, capture_output=True, text=True, timeout=300).stdout)
    stuck = told["stuck"]
    assert stuck["all rows"]["losses"][-1] == pytest.approx(0.51, abs=0.005)
    assert stuck["all rows"]["norms"][-1] < 5e-3
    assert np.mean(stuck["8 rows"]["losses"][-3:]) < 0.45
    assert stuck["middle, all rows"]["losses"][-1] < 0.26 < stuck["middle, 8 rows"]["losses"][-1]
    raw, normalized = told["raw"]["raw"]["losses"], told["normalized"]["normalized"]["losses"]
    assert max(raw) > 50 * raw[0]
    assert normalized[-1] < told["normalized"]["center"] < normalized[0]
    adam = told["adam"]
    assert np.diff(adam["plain"]["losses"]).max() < 0 < np.diff(adam["tried"]["losses"]).max()
    assert adam["Adam"]["losses"][-1] < 0.5 * adam["plain"]["losses"][-1]
    assert told["normalized"]["tried"]["losses"][-1] < adam["Adam"]["losses"][-1]


def test_these_scenes_have_networks():
    assert NETWORKS == ["adam", "normalized", "raw", "stuck"]
