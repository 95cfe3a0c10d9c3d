"""Condition, trace, density, noise: exact where they can be, within their standard errors where they are estimates."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

import cases
import downslope.curvature as curvature
from downslope.core import FunctionSurface, SettingError, generator
from operators import SIZE, case, every_operator, precision, tree_of  # noqa: F401

SEEDS = range(6)


# ── Condition ────────────────────────────────────────────────────────────────────────────────────


@every_operator
def test_condition_of_small_problems_is_exact(name, precision):  # noqa: F811
    found = case(name, 1)
    measured, truth = curvature.condition_number(found.surface, found.params), found.eigenvalues
    resolved = truth[np.abs(truth) > measured.floor]
    assert measured.floor == pytest.approx({"float32": 1e-6, "float64": 1e-14}[precision] * found.largest, rel=0.1)
    assert measured.complete
    assert measured.effective_rank == len(resolved)
    assert measured.negative == np.sum(resolved < 0)
    if np.all(resolved > 0) and len(resolved):
        # rounding of the products moves the smallest eigenvalue by about eps times the largest
        kappa = truth[-1] / resolved[0]
        assert measured.kappa == pytest.approx(kappa, rel=20 * np.finfo(precision).eps * kappa)
    else:
        assert measured.kappa is None
        assert "undefined" in str(measured)


@pytest.mark.parametrize(
    ("name", "kappa", "words"),
    [
        ("wide", None, "not resolved"),
        ("power law", SIZE**2, "κ = "),
        ("rank three", None, "not resolved"),
        ("random", None, "at least 1 of the eigenvalues is negative"),
        ("identity", 1, "κ = 1"),
        ("zero", None, "undefined"),
    ],
)
def test_condition_of_large_problems_is_known_where_the_ends_are(name, kappa, words):
    found = case(name, 1)
    tol = 1e-4 if name == "wide" else 1e-9
    measured = curvature.condition_number(found.surface, found.params, max_hvps=SIZE - 1, tol=tol)
    assert measured.effective_rank is None
    if kappa is None:
        assert measured.kappa is None
    elif measured.kappa is not None:  # or one product too few to resolve it, which is said
        assert measured.kappa == pytest.approx(kappa, rel=1e-3)
    assert words in str(measured) or "not resolved" in str(measured)
    assert measured.largest == pytest.approx(found.eigenvalues[-1], rel=1e-3, abs=1e-12)


# ── Trace ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.product
@every_operator
@pytest.mark.parametrize("deflate", [0, 4])
def test_the_trace_is_within_its_standard_error(name, deflate):
    for seed in SEEDS:
        found = case(name, seed)
        trace = curvature.hessian_trace(found.surface, found.params, probes=20, deflate=deflate, key=seed)
        assert trace.probes == 20
        # twenty draws: Student's t reaches 4.5 as often as a normal number 3.7
        assert abs(trace.value - np.sum(found.eigenvalues)) <= 4.5 * trace.standard_error + 1e-12 * found.largest


@every_operator
def test_the_trace_of_a_small_problem_is_exact(name, precision):  # noqa: F811
    found = case(name, 1)
    trace = curvature.hessian_trace(found.surface, found.params, probes=SIZE)
    assert (trace.standard_error, trace.probes, trace.hvps) == (0, 0, SIZE)
    allowed = SIZE * float(np.finfo(precision).eps) * found.largest
    assert trace.value == pytest.approx(np.trace(found.matrix), abs=allowed, rel=1e-9)


def test_deflation_lowers_the_error_where_few_eigenvalues_dominate():
    found = case("power law")
    plain, deflated = (
        curvature.hessian_trace(found.surface, found.params, probes=30, deflate=deflate).standard_error
        for deflate in (0, 5)
    )
    assert deflated < plain / 5


@pytest.mark.slow
def test_intervals_of_the_trace_cover_the_truth():
    found, covered = case("random", 3), 0
    for seed in range(200):
        low, high = curvature.hessian_trace(found.surface, found.params, probes=10, deflate=0, key=seed).interval
        covered += low <= np.trace(found.matrix) <= high
    assert covered >= 0.9 * 200


# ── Density ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.product
@every_operator
def test_the_density_integrates_to_one_and_has_the_moments_of_the_spectrum(name, precision):  # noqa: F811
    eps = float(np.finfo(precision).eps)
    for seed in SEEDS[:2]:
        found = case(name, seed)
        density = curvature.spectral_density(found.surface, found.params, probes=10, nodes=25, key=seed)
        assert density.integral == pytest.approx(1, abs=2e-3)
        np.testing.assert_allclose(density.weights.sum(axis=1), 1, rtol=1e-12)
        moments = (np.mean(found.eigenvalues), np.mean(found.eigenvalues**2))
        scales = found.largest, found.largest**2
        estimates = (
            (density.mean, density.mean_standard_error),
            (density.mean_square, density.mean_square_standard_error),
        )
        for (value, error), truth, scale in zip(estimates, moments, scales, strict=True):
            assert abs(value - truth) <= 5 * error + 100 * eps * scale + 1e-300


@pytest.mark.slow
def test_the_density_counts_eigenvalues():
    found = case("saddle")
    density = curvature.spectral_density(found.surface, found.params, probes=40, nodes=SIZE, bandwidth=0.05)
    above = density.axis > 4
    share = np.trapezoid(density.density[above], density.axis[above]) + np.sum(
        density.outlier_shares[density.outliers > 4]
    )
    assert share == pytest.approx(np.mean(found.eigenvalues > 4), abs=0.07)


@pytest.mark.slow
def test_outliers_are_sticks_of_their_share():
    spectrum = np.r_[np.linspace(0, 1, SIZE - 3), 30.0, 60.0, -20.0]
    surface = FunctionSurface(lambda p: 0.5 * jnp.sum(jnp.asarray(spectrum) * p**2), np.ones(SIZE))
    density = curvature.spectral_density(surface, np.ones(SIZE), probes=30, nodes=30)
    np.testing.assert_allclose(density.outliers, [-20, 30, 60], atol=1e-6)
    np.testing.assert_allclose(density.outlier_shares, 1 / SIZE, atol=0.02)
    assert density.axis[-1] < 2
    assert np.all(density.density >= 0)


# ── Step model ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
@every_operator
def test_the_step_model_of_a_quadratic_is_exact(name):
    found = case(name, 2)
    model = curvature.step_model(found.surface, found.params, 0.03, k=SIZE, tol=1e-9)
    g = found.surface.A @ np.concatenate([found.params["bias"], found.params["weight"].ravel()]) + found.surface.b
    assert model.squared_gradient == pytest.approx(g @ g)
    assert model.curvature == pytest.approx(g @ found.matrix @ g, rel=1e-9, abs=1e-12)
    assert model.predicted_loss == pytest.approx(model.observed_loss)
    assert model.predicted_ratio == pytest.approx(model.observed_ratio)
    assert model.ratio == pytest.approx(0.5 * 0.03 * model.curvature / model.squared_gradient)
    if len(model.eigenvalues) == SIZE:
        assert np.sum(model.shares) == pytest.approx(1)
        assert np.sum(model.curvature_shares) == pytest.approx(0.5 * model.curvature)


def test_the_best_step_is_the_lowest_along_the_gradient():
    found = case("power law")
    model = curvature.step_model(found.surface, found.params, k=0)
    assert model.learning_rate == model.best_step
    nearby = [curvature.step_model(found.surface, found.params, f * model.best_step, k=0) for f in (0.9, 1.1, 2.2)]
    assert all(model.observed_loss < other.observed_loss for other in nearby)
    assert nearby[2].ratio > 1
    assert nearby[2].observed_loss > model.loss
    assert "raises the loss" in str(nearby[2])


def test_along_negative_curvature_no_step_is_best():
    saddle = FunctionSurface(lambda p: -jnp.sum(p**2), np.ones(3))
    model = curvature.step_model(saddle, np.ones(3))
    assert model.best_step is model.learning_rate is model.predicted_loss is None
    assert model.rayleigh_quotient == pytest.approx(-2)
    assert "No best step" in str(model)


def test_without_a_gradient_there_is_nothing_to_model():
    model = curvature.step_model(FunctionSurface(lambda p: jnp.sum(p**2), np.ones(3)), np.zeros(3), 0.1)
    assert model.rayleigh_quotient is model.ratio is model.best_step is model.predicted_ratio is None
    assert np.all(model.shares == 0)


# ── Noise ────────────────────────────────────────────────────────────────────────────────────────

DEVIATIONS = np.array([1.0, 2.0, 0.5])
CENTER = np.array([0.5, -0.2, 0.1])


def cloud(seed, rows=1500, center=CENTER):
    """Return `½ mean |θ − x|²` over rows `x ~ N(c, diag(s²))`: at 0, `G = −c` and `tr Σ = Σ s²`, whatever the batch."""
    x = center[None, :] + DEVIATIONS[None, :] * generator(seed, "cloud").standard_normal((rows, 3))

    def loss(p, rows):
        return jnp.mean(0.5 * jnp.sum((p["t"][None, :] - rows) ** 2, axis=1))

    return FunctionSurface(loss, {"t": np.zeros(3)}, [x])


class Cloud:
    """The same gradients, without compiling."""

    def __init__(self, seed, rows=1500, center=CENTER):
        random = generator(seed, "cloud")
        self.x, self.rows = center[None, :] + DEVIATIONS[None, :] * random.standard_normal((rows, 3)), rows

    def batch_gradients(self, params, *, batch_size, key=0):
        order = generator(key, "order").permutation(self.rows)
        for start in range(0, self.rows - batch_size + 1, batch_size):
            mean = self.x[order[start : start + batch_size]].mean(axis=0)
            yield {"first": -mean[:1], "rest": -mean[1:]}


TRUTH = float(np.sum(DEVIATIONS**2) / np.sum(CENTER**2))


@pytest.mark.parametrize("exponent", [-300, -150, 150, 300])
def test_the_noise_scale_does_not_depend_on_units(exponent):
    plain, scaled = Cloud(1), Cloud(1)
    scaled.x = scaled.x * 2.0**exponent
    expected, measured = (curvature.noise_scale(cloud, {}, batch_size=20) for cloud in (plain, scaled))
    assert measured.value == expected.value
    assert measured.interval == expected.interval
    assert measured.noise == expected.noise * 4.0**exponent


@pytest.mark.slow
@pytest.mark.parametrize("batch_size", [5, 20])
def test_the_noise_scale_is_the_true_one_within_its_interval(batch_size):
    found = [curvature.noise_scale(Cloud(seed), {}, batch_size=batch_size, key=seed) for seed in range(100)]
    covered = np.mean([scale.interval[0] <= TRUTH <= scale.interval[1] for scale in found])
    assert covered >= 0.88
    noise, signal = np.array([scale.noise for scale in found]), np.array([scale.squared_gradient for scale in found])
    assert abs(noise.mean() - np.sum(DEVIATIONS**2)) < 4 * noise.std() / 10
    assert abs(signal.mean() - np.sum(CENTER**2)) < 4 * signal.std() / 10
    assert noise.mean() / signal.mean() == pytest.approx(TRUTH, rel=0.05)
    assert np.mean([scale.noise_standard_error for scale in found]) == pytest.approx(noise.std(), rel=0.25)
    assert np.mean([scale.squared_gradient_standard_error for scale in found]) == pytest.approx(signal.std(), rel=0.25)


def test_the_noise_of_leaves_adds_up():
    found = curvature.noise_scale(Cloud(1), {}, batch_size=10)
    assert list(found.leaves) == ["first", "rest"]
    assert sum(leaf.noise for leaf in found.leaves.values()) == pytest.approx(found.noise)
    assert sum(leaf.squared_gradient for leaf in found.leaves.values()) == pytest.approx(found.squared_gradient)
    assert found.leaves["first"].noise == pytest.approx(1, rel=0.3)


def test_noise_without_a_gradient_is_a_bound_that_holds():
    bounded = 0
    for seed in range(40):
        found = curvature.noise_scale(Cloud(seed, center=0 * CENTER), {}, batch_size=10)
        bounded += found.noise_dominated
        if found.noise_dominated:
            assert found.value is None
            assert found.interval[1] == np.inf
            assert "Noise-dominated: the noise scale is at least" in str(found)
    assert bounded >= 36


def test_the_error_bars_are_the_jackknifes():
    surface, K, size = Cloud(5, rows=60), 12, 5
    g = np.array([np.concatenate(list(tree.values())) for tree in surface.batch_gradients({}, batch_size=size)])

    def estimates(rows):
        mean = rows.mean(axis=0)
        noise = size / (len(rows) - 1) * np.sum((rows - mean[None, :]) ** 2)
        return noise, mean @ mean - noise / (len(rows) * size)

    left_out = np.array([estimates(np.delete(g, i, axis=0)) for i in range(K)])
    errors = np.sqrt((K - 1) / K * np.sum((left_out - left_out.mean(axis=0)[None, :]) ** 2, axis=0))
    found = curvature.noise_scale(surface, {}, batch_size=size)
    assert (found.noise, found.squared_gradient) == pytest.approx(estimates(g))
    assert (found.noise_standard_error, found.squared_gradient_standard_error) == pytest.approx(tuple(errors))


def test_functions_over_batches_have_a_noise_scale():
    found = curvature.noise_scale(cloud(1), {"t": np.zeros(3)})
    assert (found.batches, found.batch_size) == (136, 11)
    assert found.interval[0] < TRUTH < found.interval[1]
    assert 0 < found.efficiency(1000) < found.efficiency(10) < 1


def test_the_noise_scale_needs_batches():
    bowl = FunctionSurface(lambda p: jnp.sum(p**2), np.ones(2))
    with pytest.raises(SettingError, match="Make it with `batches`"):
        curvature.noise_scale(bowl, np.ones(2))
    with cases.refused(SettingError, "Make it with `batches`"):
        curvature.noise_scale(case("random").surface, {})
    with pytest.raises(SettingError, match="must leave 3 batches or more of 1500 rows, got 700"):
        curvature.noise_scale(Cloud(0), {}, batch_size=700)


# ── Sharpness and blocks ─────────────────────────────────────────────────────────────────────────


@functools.cache
def relu_network(scale=1.0):
    """Return a small relu network's loss and parameters, one layer scaled up and the next down."""
    random = np.random.default_rng(0)
    x, t = random.normal(size=(40, 3)), random.normal(size=(40, 2))
    shapes = {"one": {"weight": (3, 6), "bias": (6,)}, "two": {"weight": (6, 2), "bias": (2,)}}
    params = {layer: {n: random.normal(size=shape) for n, shape in leaves.items()} for layer, leaves in shapes.items()}
    params["one"] = {name: scale * leaf for name, leaf in params["one"].items()}
    params["two"]["weight"] = params["two"]["weight"] / scale

    def loss(p, batch):
        h = jax.nn.relu(batch[0] @ p["one"]["weight"] + p["one"]["bias"][None, :])
        return jnp.mean((h @ p["two"]["weight"] + p["two"]["bias"][None, :] - batch[1]) ** 2)

    return FunctionSurface(loss, params, [(x, t)]), params


@functools.cache
def dense_hessian():
    """Return the dense Hessian of the network as it is."""
    surface, params = relu_network(1.0)
    flat, unravel = ravel_pytree(params)
    return np.array([ravel_pytree(surface.hvp(params, unravel(unit)))[0] for unit in np.eye(flat.size)])


@pytest.mark.slow
def test_filter_normalized_sharpness_does_not_see_a_change_of_scale():
    plain, scaled = (curvature.sharpness(*relu_network(scale), probes=40) for scale in (1.0, 10.0))
    assert scaled.largest > 5 * plain.largest
    one, other = (
        curvature.sharpness(*relu_network(scale), filter_normalized=True, probes=40, tol=1e-8) for scale in (1.0, 10.0)
    )
    assert other.largest == pytest.approx(one.largest, rel=1e-6)
    assert other.trace == pytest.approx(one.trace, rel=1e-9)
    assert other.box == pytest.approx(one.box, rel=1e-9)
    assert one.box > 0


def test_the_box_measure_of_a_bowl_is_its_corner():
    found = case("identity")
    minimum = tree_of(np.zeros(SIZE))
    bowl = type(found.surface)(found.matrix, np.zeros(SIZE))
    measured = curvature.sharpness(bowl, minimum, epsilon=0.01)
    assert measured.box == pytest.approx(100 * 0.5 * SIZE * 0.01**2)
    assert (measured.largest, measured.trace) == pytest.approx((1, SIZE), rel=1e-2)


def test_sharpness_without_filters_is_refused():
    with pytest.raises(SettingError, match="needs weights of two axes"):
        curvature.sharpness(FunctionSurface(jnp.sum, np.ones(3)), np.ones(3), filter_normalized=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("by", "names", "sizes"),
    [
        ("layer", ("one", "two"), (24, 14)),
        ("leaf", ("one/bias", "one/weight", "two/bias", "two/weight"), (6, 18, 2, 12)),
        ("neuron", (*(f"one[{i}]" for i in range(6)), "two[0]", "two[1]"), (4,) * 6 + (7, 7)),
    ],
)
def test_blocks_are_estimated_within_their_standard_errors(by, names, sizes):
    surface, params = relu_network(1.0)
    exact = curvature.hessian_blocks(surface, params, by=by)
    assert (exact.names, exact.sizes, exact.standard_error) == (names, sizes, 0)
    dense = dense_hessian()
    assert exact.squared_norm == pytest.approx(np.sum(dense**2))
    assert np.sum(exact.interactions) == pytest.approx(exact.squared_norm)
    for seed in range(3):
        estimate = curvature.hessian_blocks(surface, params, by=by, exact_up_to=0, probes=60, key=seed)
        assert abs(estimate.share_outside - exact.share_outside) < 4 * estimate.standard_error
        assert 0 < estimate.standard_error < 0.2
        assert estimate.hvps == 120


def test_a_neurons_block_is_its_weights_and_its_bias():
    surface, params = relu_network(1.0)
    dense = dense_hessian()
    blocks = curvature.hessian_blocks(surface, params, by="neuron")
    first = [0, *range(6, 24, 6)]  # the bias of the first unit, and its column of weights
    assert blocks.squared_norms[0] == pytest.approx(np.sum(dense[np.ix_(first, first)] ** 2))


def test_blocks_that_do_not_interact_hold_everything():
    surface = FunctionSurface(lambda p: jnp.sum(p["a"] ** 4) + jnp.sum(p["b"]) ** 2, {"a": np.ones(3), "b": np.ones(2)})
    params = {"a": np.ones(3), "b": np.ones(2)}
    assert curvature.hessian_blocks(surface, params).share_outside == pytest.approx(0, abs=1e-15)
    flat = FunctionSurface(lambda p: jnp.sum(p), np.ones(3))
    assert curvature.hessian_blocks(flat, np.ones(3)).share_outside is None
