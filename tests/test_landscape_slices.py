"""Slices: every cell at its own point, the center like all others, coarse to fine, cancelled, gone on with."""

import itertools
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import cases
import downslope as ds
from downslope.core import FunctionSurface, PlaneSurface, SettingError, ShapeError, displaced, generator, open_meter
from downslope.landscape import Slice, nonconvexity, slice_1d, slice_2d, slice_levels
from downslope.landscape._evaluate import BlockSizes, filled
from downslope.landscape._levels import levels_of

RANDOM = generator(0, "tests", "landscape")
PARAMS = {"bias": RANDOM.normal(size=4), "weight": RANDOM.normal(size=(3, 4))}
FIRST, SECOND = ({name: RANDOM.normal(size=leaf.shape) for name, leaf in PARAMS.items()} for _ in range(2))


class Waves:
    """A loss in NumPy, nothing to compile, that counts what it is asked."""

    description = "waves"

    def __init__(self):
        self.asked = 0

    def value(self, params):
        self.asked += 1
        return float(sum(np.sum(leaf**2 + np.cos(3 * leaf)) for leaf in params.values()))

    def gradient(self, params):
        return {name: 2 * leaf - 3 * np.sin(3 * leaf) for name, leaf in params.items()}

    def hvp(self, params, v):
        return {name: (2 - 9 * np.cos(3 * leaf)) * v[name] for name, leaf in params.items()}

    def values(self, many_params):
        points = len(many_params["bias"])
        return np.array([self.value({name: leaf[at] for name, leaf in many_params.items()}) for at in range(points)])


class WavesOnPlanes(Waves):
    """The same with a way of its own on planes."""

    def values_on_plane(self, params, first, second, a, b):
        return np.array([[self.value(displaced(params, (first, second), (i, j))) for j in b] for i in a])


class Line(Waves):
    """What `1 / (1 − θ)` and a logarithm do: infinite and not defined in places."""

    def value(self, params):
        with np.errstate(divide="ignore", invalid="ignore"):
            return float(np.log(params["bias"][0]) + 0 * np.sum(params["weight"]))


@pytest.fixture(scope="module")
def network():
    """A trained network's surface and point."""
    data = ds.Dataset(RANDOM.normal(size=(40, 5)), RANDOM.integers(0, 3, 40))
    net = ds.mlp([6], outputs=3)
    variables = net.init(0, (5,))
    return ds.surface_of(net, "cross_entropy", data, variables), variables.params


@pytest.mark.parametrize("kind", [Waves, WavesOnPlanes])
def test_every_cell_is_the_loss_at_its_own_point(kind):
    surface, kept = kind(), jax.tree.map(np.copy, PARAMS)
    plane = slice_2d(surface, PARAMS, directions=(FIRST, SECOND), size=11, span=(0.5, 2.0))
    assert plane.complete
    assert plane.spans == (0.5, 2.0)
    for cell in RANDOM.integers(0, 11, size=(20, 2)):
        assert plane.losses[tuple(cell)] == surface.value(plane.point(*cell))
    assert plane.center == surface.value(PARAMS)
    assert [plane.kind, plane.labels, plane.description] == [
        "given",
        ("given direction 1", "given direction 2"),
        "waves",
    ]
    for before, leaf, copy in zip(*(jax.tree.leaves(tree) for tree in (kept, PARAMS, plane.params)), strict=True):
        assert before.tobytes() == leaf.tobytes() == copy.tobytes()


@pytest.mark.parametrize("directions", ["filter", "eigen"])
def test_slices_of_a_network(network, directions):
    surface, params = network
    plane = slice_2d(surface, params, directions=directions, size=5)
    assert plane.center == pytest.approx(surface.value(params), rel=1e-14)
    for cell in RANDOM.integers(0, 5, size=(8, 2)):
        assert plane.losses[tuple(cell)] == pytest.approx(surface.value(plane.point(*cell)), rel=1e-12)
    line = slice_1d(surface, params, plane.directions[0], size=5, span=plane.spans[0])
    np.testing.assert_allclose(line.losses, plane.losses[:, 2], rtol=1e-12)
    assert plane.description.startswith("cross_entropy over 40 rows")


def test_a_slice_in_single_precision(float32):
    surface = FunctionSurface(lambda p: jnp.sum(jnp.tanh(p["weight"])) + jnp.sum(p["bias"]), PARAMS)
    params = jax.tree.map(lambda leaf: leaf.astype(np.float32), PARAMS)
    plane = slice_2d(surface, params, size=5)
    assert plane.center == surface.value(params)
    assert plane.point(0, 0)["weight"].dtype == np.float32
    assert plane.losses[0, 4] == pytest.approx(surface.value(plane.point(0, 4)), rel=1e-6)


def test_the_second_difference_along_a_line_is_the_curvature(network):
    surface, params = network
    direction = jax.tree.map(lambda leaf: RANDOM.normal(size=leaf.shape), params)
    h = 1e-3
    low, middle, high = slice_1d(surface, params, direction, size=3, span=h).losses
    product = surface.hvp(params, direction)
    pairs = zip(jax.tree.leaves(direction), jax.tree.leaves(product), strict=True)
    assert (low - 2 * middle + high) / h**2 == pytest.approx(sum(float(np.vdot(d, p)) for d, p in pairs), rel=1e-4)


@pytest.mark.parametrize("shape", [(3, 3), (5, 5), (9, 9), (17, 17), (19, 19), (51, 51), (33, 1), (51, 1)])
def test_levels_hold_each_cell_once_and_begin_with_the_center(shape):
    count = np.zeros(shape, int)
    for number, level in enumerate(levels_of(shape)):
        for rows, columns in level:
            count[np.ix_(rows, columns)] += 1
        if number == 0:
            assert count[shape[0] // 2, shape[1] // 2] == 1
            assert count.sum() <= max(9, np.size(count) // 16)
    assert np.all(count == 1)


def test_levels_only_add_and_end_as_all_at_once():
    surface = Waves()
    whole = slice_2d(surface, PARAMS, directions=(FIRST, SECOND), size=17, span=1.0)
    assert surface.asked == 17 * 17
    parts = list(slice_levels(surface, PARAMS, directions=(FIRST, SECOND), size=17, span=1.0))
    assert len(parts) == 4
    for before, after in itertools.pairwise(parts):
        assert np.all(after.computed >= before.computed)
        assert np.array_equal(after.losses[before.computed], before.losses[before.computed])
        assert np.isnan(before.losses[~before.computed]).all()
    assert np.array_equal(parts[-1].losses, whole.losses)


@pytest.mark.parametrize("kind", [Waves, WavesOnPlanes])
@pytest.mark.parametrize("after", [0, 1, 30, 80])
def test_stopped_and_gone_on_with_is_uninterrupted(kind, after):
    surface, settings = kind(), {"directions": (FIRST, SECOND), "size": 11, "span": 1.0}
    whole = slice_2d(surface, PARAMS, **settings)
    draft = slice_2d(surface, PARAMS, **settings, should_stop=lambda: True)
    assert not draft.computed.any()
    surface.asked = 0
    *_, part = filled(
        surface,
        draft,
        should_stop=lambda: surface.asked >= after,
        progress=open_meter(False, 121, "losses", "compute"),
        sizes=BlockSizes(largest=20),
    )
    assert not part.complete
    assert "not computed" in str(part)
    assert np.array_equal(part.losses[part.computed], whole.losses[part.computed])
    surface.asked = 0
    again = slice_2d(surface, PARAMS, resume=part)
    assert surface.asked == (~part.computed).sum() + bool(part.computed.any())
    assert again.complete
    assert np.array_equal(again.losses, whole.losses)


class InterruptedAfterThirty(Waves):
    def value(self, params):
        if self.asked == 30:
            self.asked += 1
            raise KeyboardInterrupt
        return super().value(params)


def test_ctrl_c_keeps_what_there_is():
    surface = InterruptedAfterThirty()
    part = slice_1d(surface, PARAMS, FIRST, size=51, span=1.0)
    assert 0 < part.computed.sum() <= 30
    again = slice_1d(surface, PARAMS, resume=part)
    assert again.complete
    assert np.isfinite(again.losses).all()


def test_what_cannot_be_gone_on_with_is_refused():
    part = slice_1d(Waves(), PARAMS, FIRST, size=3, span=1.0)
    with pytest.raises(SettingError, match="through another point"):
        slice_1d(Waves(), FIRST, resume=part)
    with pytest.raises(SettingError, match="along 2 directions"):
        slice_2d(Waves(), PARAMS, resume=part)
    with pytest.raises(SettingError, match="same surface"):
        slice_1d(
            Line(), jax.tree.map(np.abs, PARAMS), resume=slice_1d(Waves(), jax.tree.map(np.abs, PARAMS), FIRST, size=3)
        )


def test_places_without_a_loss_stay_so():
    params = {"bias": np.array([1.0]), "weight": np.zeros((2, 2))}
    direction = {"bias": np.array([1.0]), "weight": np.zeros((2, 2))}
    line = slice_1d(Line(), params, direction, size=5, span=2.0)
    assert np.isnan(line.losses[0])
    assert line.losses[1] == -np.inf
    assert np.isfinite(line.losses[2:]).all()
    assert line.complete
    assert "2 not finite" in str(line)
    assert line.labels == ("bias[0]",)
    assert line.left_out == ("weight",)


def test_the_standard_error_is_that_of_the_rows():
    surface = Waves()
    found = slice_1d(surface, PARAMS, FIRST, size=3, span=1.0)
    assert repr(found) == f"Slice(3 losses, given directions, {found.center:.4g} at the center)"
    assert found.standard_error is None
    surface.row_losses = lambda params: np.array([1.0, 2.0, 3.0, 4.0])
    assert slice_1d(surface, PARAMS, FIRST, size=3, span=1.0).standard_error == pytest.approx(np.sqrt(5 / 3 / 4))


@pytest.mark.parametrize("progress", ["lines", "bar"])
def test_progress_says_an_estimate_first(progress, capsys):
    slice_2d(Waves(), PARAMS, directions=(FIRST, SECOND), size=9, span=1.0, progress=progress)
    said = capsys.readouterr().err
    assert said.startswith("81 losses to compute, about ")
    assert "81/81" in said
    slice_2d(Waves(), PARAMS, directions=(FIRST, SECOND), size=9, span=1.0)
    assert capsys.readouterr().err == ""


def test_what_cannot_be_is_refused():
    surface = Waves()
    with pytest.raises(SettingError, match=r"odd.* got 50\. Use 51"):
        slice_1d(surface, PARAMS, size=50)
    with cases.refused(SettingError, match="loss surface"):
        slice_1d(lambda p: 0.0, PARAMS)
    with pytest.raises(SettingError, match="finite"):
        slice_1d(surface, {**PARAMS, "bias": np.full(4, np.nan)})
    with pytest.raises(SettingError, match="half-width"):
        slice_1d(surface, PARAMS, span=0.0)
    with pytest.raises(SettingError, match="2 numbers"):
        slice_2d(surface, PARAMS, span=(1.0, 1.0, 1.0))
    with pytest.raises(SettingError, match="progress"):
        slice_1d(surface, PARAMS, progress="loud")
    with pytest.raises(ShapeError, match="bias"):
        slice_1d(surface, PARAMS, {**PARAMS, "bias": np.zeros(3)})
    assert not isinstance(surface, PlaneSurface)


def test_nonconvexity_is_the_share_that_curves_downward():
    axis = np.linspace(-1, 1, 41)
    # a double well: l'' = 12 a² − 4 < 0 for |a| < 1/√3
    losses = (axis[:, None] ** 2 - 1) ** 2 + axis[None, :] ** 2
    directions = (np.array([1.0, 0.0]), np.array([0.0, 1.0]))
    plane = Slice((axis, axis), losses, np.ones((41, 41), bool), np.zeros(2), directions, "given", ("a", "b"))
    assert nonconvexity(plane) == pytest.approx(np.mean(np.abs(axis[1:-1]) < 1 / np.sqrt(3)), abs=0.02)
    holes = replace(plane, losses=np.where(axis[:, None] < 0.7, np.nan, losses))
    assert nonconvexity(holes) == 0
    assert np.isnan(nonconvexity(replace(plane, computed=np.zeros((41, 41), bool))))
