"""The figures of curvature: what they draw, what they say, and what they refuse."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

import downslope as ds
from downslope import curvature, figures
from downslope.figures.curvature.eigenvalue_counts import mean_bounds
from downslope.figures.curvature.gradient_shares import MOST_BARS
from downslope.figures.curvature.hessian_blocks import MOST_NAMES, MOST_NUMBERS
from operators import SIZE, MatrixSurface, case, every_operator, tree_of

OUTLIERS = np.r_[np.linspace(-0.2, 1, SIZE - 3), 30.0, 60.0, -20.0]


@pytest.fixture(scope="module")
def bowl():
    """Return a surface of known outliers, a point, and what is measured there."""
    surface, params = MatrixSurface(np.diag(OUTLIERS), np.ones(SIZE)), tree_of(np.ones(SIZE))
    density = curvature.spectral_density(surface, params, probes=20, nodes=25)
    return surface, params, density, curvature.eigenvalues(surface, params, k=2, which="both")


def rendered(figure):
    """Draw a figure for real, so that warnings about its layout are errors, and return it."""
    figure.draw(FigureCanvasAgg(figure).get_renderer())
    return figure


def test_the_spectrum_draws_the_bulk_outliers_as_sticks_and_what_is_certified(bowl):
    _, _, density, pairs = bowl
    figure = rendered(figures.spectrum(density, pairs))
    bulk, counts = figure.axes
    curve, sticks, _, certain = bulk.get_lines()
    np.testing.assert_allclose(sticks.get_xdata(), [-20, 30, 60], atol=1e-6)
    peak = 1 / (density.bandwidth * np.sqrt(2 * np.pi))
    np.testing.assert_allclose(sticks.get_ydata(), density.outlier_shares * peak)
    assert np.allclose(curve.get_xdata(), density.axis)
    assert np.all(curve.get_ydata() >= density.density)  # no lower than where the axis ends
    np.testing.assert_allclose(certain.get_xdata(), pairs.values[pairs.resolved])
    assert (bulk.get_yscale(), counts.get_xscale(), counts.get_yscale()) == ("log", "log", "log")
    texts = [text.get_text() for text in counts.get_legend().texts]
    assert texts == ["above x", "below −x", "not told from 0: below 1e-13"]
    said = figures.alt_text(figure)
    assert "± " in said
    assert "(standard error)" in said
    assert f"of {SIZE} directions curve down, 2 certified" in said


def test_the_gauss_newton_term_stands_beside_the_hessian(bowl):
    surface, params, density, pairs = bowl
    term = curvature.spectral_density(surface, params, probes=5, nodes=25, operator="gauss_newton")
    trace = curvature.hessian_trace(surface, params, probes=SIZE)
    figure = rendered(figures.spectrum(density, pairs, gauss_newton=term, trace=trace))
    assert [axes.get_title(loc="left") for axes in figure.axes][::2] == ["Hessian", "Gauss–Newton term"]
    assert "above x, Gauss–Newton" in [text.get_text() for text in figure.axes[1].get_legend().texts]
    assert f"trace {OUTLIERS.sum():.4g} ± 0 (standard error)" in figures.alt_text(figure)


@pytest.mark.slow
@every_operator
def test_counts_are_between_their_bounds(name):
    found = case(name, 2)
    density = curvature.spectral_density(found.surface, found.params, probes=40, nodes=15)
    if name == "zero":
        with pytest.raises(ds.DataError, match="a Hessian of zeros"):
            figures.spectrum(density)
        return
    magnitudes = np.array([0.3, 0.55]) * found.largest
    for sign in (1, -1):
        least, most = mean_bounds(density, magnitudes, sign=sign)
        truth = np.sum(sign * found.eigenvalues[:, None] > magnitudes[None, :], axis=0)
        assert np.all(least <= truth + 1.5)
        assert np.all(most >= truth - 1.5)
    rendered(figures.spectrum(density))


def test_gradient_shares_are_those_of_the_step_model(bowl):
    surface, params, *_ = bowl
    model = curvature.step_model(surface, params, 0.01, k=4)
    shares, terms = rendered(figures.gradient_shares(model)).axes
    widths = [bar.get_width() for bar in shares.patches]
    np.testing.assert_allclose(widths[:4], 100 * model.shares)
    assert sum(widths) == pytest.approx(100)
    drawn = [bar.get_width() for bar in terms.patches]
    np.testing.assert_allclose(drawn[:4], model.curvature_shares)
    assert sum(drawn) == pytest.approx(0.5 * model.curvature)
    names = [label.get_text() for label in shares.get_yticklabels()]
    assert names[0].endswith("λ = 60")
    assert names[-1] == "all others"


def test_a_rest_that_dwarfs_the_others_leaves_the_axis(bowl):
    _, params, *_ = bowl
    gradient = np.r_[np.ones(SIZE - 3), 1e-3, 1e-3, 1e-3] - OUTLIERS  # the surface's own is added
    flat = MatrixSurface(np.diag(OUTLIERS), gradient)
    figure = rendered(figures.gradient_shares(curvature.step_model(flat, params, k=3)))
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts[-1] == "100 %, beyond the axis"
    assert figure.axes[0].get_xlim()[1] < 1


def test_many_eigenvectors_share_the_last_bar(bowl):
    surface, params, *_ = bowl
    figure = figures.gradient_shares(curvature.step_model(surface, params, 0.01, k=SIZE))
    assert len(figure.axes[0].patches) == MOST_BARS + 1


def test_without_a_gradient_or_eigenvectors_there_are_no_shares(bowl):
    surface, params, *_ = bowl
    with pytest.raises(ds.DataError, match="with 0 eigenvectors"):
        figures.gradient_shares(curvature.step_model(surface, params, k=0))


def blocks(count, *, exact=True, probes=0):
    """Return the blocks of a made-up Hessian."""
    shares = np.full((count, count), 0.1) + np.eye(count)
    names = tuple(f"{at // 3}[{at % 3}]" for at in range(count))
    total, inside = float(shares.sum()), np.diag(shares).copy()
    return curvature.HessianBlocks(
        names, (5,) * count, inside, total, 1 - inside.sum() / total, 0.02 * (not exact), shares if exact else None,
        probes, 9,
    )  # fmt: skip


def test_known_blocks_are_a_heat_map_with_the_share_outside_in_the_title():
    figure = rendered(figures.hessian_blocks(blocks(6)))
    axes, bar = figure.axes
    shares = np.asarray(axes.get_images()[0].get_array())
    assert shares.sum() == pytest.approx(100)
    assert axes.get_title(loc="left") == "31.3 % of ‖H‖² lies outside the 6 blocks (exact)"
    assert len(axes.texts) == 36
    assert (axes.get_xlabel(), bar.get_ylabel()) == ("neuron: layer [unit]", "share of ‖H‖² (%)")
    assert len(figures.hessian_blocks(blocks(MOST_NUMBERS + 1)).axes[0].texts) == 0


def test_estimated_blocks_are_bars_with_what_lies_outside():
    figure = rendered(figures.hessian_blocks(blocks(4, exact=False, probes=40)))
    axes = figure.axes[0]
    assert sum(bar.get_width() for bar in axes.patches) == pytest.approx(100)
    assert axes.get_title(loc="left") == "21.4 % of ‖H‖² lies outside the 4 blocks (± 2 %, 40 probes)"
    many = figures.hessian_blocks(blocks(40, exact=False, probes=40)).axes[0]
    assert [label.get_text() for label in many.get_yticklabels()][-2:] == ["16 others", "outside the blocks"]
    assert len(many.patches) == MOST_NAMES + 2


def test_a_hessian_of_zeros_has_no_blocks():
    found = case("zero")
    with pytest.raises(ds.DataError, match="not zero"):
        figures.hessian_blocks(curvature.hessian_blocks(found.surface, found.params))


def test_figures_of_curvature_can_be_saved(bowl, tmp_path):
    _, _, density, pairs = bowl
    path = figures.save(figures.spectrum(density, pairs), tmp_path / "spectrum.png")
    assert path.read_bytes().startswith(b"\x89PNG")
