"""Classic surfaces: stationary where they say, curved as they say, and starts that are inside the window."""

import jax
import numpy as np
import pytest

from downslope.core import LossSurface, SettingError
from downslope.landscape import descend, surfaces
from downslope.reference import dense_hessian

POINTS = [
    (name, kind, point)
    for name, known in surfaces.NAMES.items()
    for kind in ("minima", "saddles", "maxima")
    for point in getattr(known, kind)
]
SIGNS = {"minima": [1, 1], "saddles": [-1, 1], "maxima": [-1, -1]}


@pytest.fixture(scope="module")
def made():
    return {name: known.make() for name, known in surfaces.NAMES.items()}


@pytest.mark.product
@pytest.mark.parametrize("name, kind, point", POINTS, ids=str)
def test_stationary_points(made, name, kind, point):
    point = np.array(point)
    np.testing.assert_allclose(made[name].gradient(point), 0, atol=1e-6)
    curvatures = np.linalg.eigvalsh(dense_hessian(made[name].gradient, point))
    assert np.sign(curvatures).tolist() == SIGNS[kind]


@pytest.mark.parametrize("name", surfaces.NAMES)
def test_each_is_a_surface_whose_start_and_points_are_in_its_window(made, name):
    surface, known = made[name], surfaces.NAMES[name]
    assert isinstance(surface, LossSurface)
    for point in (surface.params, *known.minima, *known.saddles, *known.maxima):
        assert np.all(np.abs(np.array(point) - known.center) < known.span)
    assert np.linalg.norm(surface.gradient(surface.params)) > 0
    assert np.isfinite(surface.value(np.array(known.center) + known.span))
    assert known.formula == surface.description
    assert known.make.__name__ == name
    assert jax.tree.leaves(surface.params)[0].shape == (2,)


def test_known_values(made):
    assert made["two_minima"].value(np.array(surfaces.NAMES["two_minima"].minima[0])) == pytest.approx(0.2 - 0.02)
    assert made["beale"].value(np.array([0.0, 1.0])) == pytest.approx(14.203125)
    top = np.array(surfaces.NAMES["himmelblau"].maxima[0])
    assert made["himmelblau"].value(top) == pytest.approx(181.617, abs=1e-3)
    slope = [np.linalg.norm(made["plateau"].gradient(w)) for w in (made["plateau"].params, np.array([1.0, 0.0]))]
    assert 80 < slope[1] / slope[0] < 120


def test_settings_change_the_surface():
    assert surfaces.ravine(curvature=2, ratio=5, start=(0, 1)).value(np.array([1.0, 1.0])) == 6
    assert surfaces.saddle(rise=2, fall=4).value(np.ones(2)) == -1
    assert surfaces.rosenbrock(a=2, b=1).value(np.array([2.0, 4.0])) == 0
    with pytest.raises(SettingError, match="one minimum"):
        surfaces.two_minima(c=1.0)


def test_the_starts_tell_what_they_are_for(made):
    from downslope.optimizers import sgd

    walked = {name: descend(made[name], made[name].params, optimizer=sgd(rate), steps=60)
              for name, rate in {"two_minima": 0.1, "plateau": 0.1, "ravine": 0.035}.items()}  # fmt: skip
    assert np.min(np.linalg.norm(walked["two_minima"].params, axis=1)) < 0.2
    assert walked["two_minima"].losses[-1] == pytest.approx(0.18, abs=1e-2)
    assert walked["plateau"].losses[-1] > 0.99
    assert np.sum(np.diff(np.sign(walked["ravine"].params[:, 1])) != 0) > 20
