"""What is noise is not stated as fact: noise of second-order steps, times on a busy machine, batch sizes."""

import itertools
import time
from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest

import downslope as ds
from cases import refused
from downslope.core import FunctionSurface, SettingError
from downslope.curvature import NoiseScale
from downslope.curvature._curvature_noise import drawn_rows
from downslope.efficiency import Deadline, LayerProfile, Profile, StepTime, Timing, in_rounds, stops_growing
from downslope.efficiency._other_work import other_work
from downslope.efficiency._result import share_of
from downslope.training import BatchCosts, FoundBatchSize, find_batch_size
from downslope.training.finders.batch_size.outlook import batch_outlooks, sizes_within_spread

ROWS, FEATURES = 4000, 23
PUBLISHED = {256: (0.11, 0.19, 1.03), 64: (0.22, 0.35, 2.3)}


def least_squares(rows=ROWS, features=FEATURES, kappa=1000.0):
    """Return inputs of covariance eigenvalues from 1 down to `1/κ`, and targets of a linear model without noise."""
    random = np.random.default_rng(1)
    spectrum = kappa ** -((np.arange(features) / (features - 1)) ** 0.45)
    x = random.standard_normal((rows, features)) * np.sqrt(spectrum)
    return x, x @ (spectrum**-0.05 * random.choice([-1.0, 1.0], features))


def surface_of(x, y, chunk=1500):
    parts = [(x[start : start + chunk], y[start : start + chunk]) for start in range(0, len(x), chunk)]
    return FunctionSurface(lambda w, rows: jnp.mean((rows[0] @ w - rows[1]) ** 2), np.zeros(x.shape[1]), parts)


def dense_errors(x, y, size, draws, *, damping=0.0, key=None):
    """Return the errors of `g`, `H g` and `H⁻¹ g` by NumPy, over the same batches."""

    def gradient_and_hessian(x, y):
        return -2 * x.T @ y / len(x), 2 * x.T @ x / len(x)

    g, H = gradient_and_hessian(x, y)
    inverse = np.linalg.inv(H + damping * np.eye(len(g)))
    squares = []
    for draw in range(draws):
        rows = drawn_rows(len(x), size, draw, key)
        g_B, H_B = gradient_and_hessian(x[rows], y[rows])
        pairs = ((g_B, g), (H_B @ g_B, H @ g), (inverse @ g_B, inverse @ g))
        squares.append([np.sum((estimate - exact) ** 2) / np.sum(exact**2) for estimate, exact in pairs])
    return np.sqrt(np.mean(squares, axis=0))


@pytest.mark.slow
def test_a5_least_squares_of_condition_1000_has_the_noise_that_was_published():
    x, y = least_squares()
    assert np.linalg.cond(x.T @ x) == pytest.approx(1000, rel=0.1)
    found = ds.curvature_noise(surface_of(x, y), np.zeros(FEATURES), [256, 64], key=1)
    assert found.batch_sizes.tolist() == [64, 256]
    assert found.converged
    assert not found.notes
    for index, size in enumerate(found.batch_sizes):
        names = ("gradient", "hessian_gradient", "newton_step")
        values = np.array([getattr(found, name)[index] for name in names])
        errors = np.array([getattr(found, f"{name}_standard_error")[index] for name in names])
        np.testing.assert_allclose(values, dense_errors(x, y, int(size), found.draws, key=1), rtol=1e-6)
        assert np.all(np.abs(values - PUBLISHED[int(size)]) < 3 * errors), (size, values, errors)
        assert np.all(errors < 0.2 * values)


@pytest.mark.parametrize("damping, sizes", [(0.0, [10, 25]), (0.03, [32, 64]), (5.0, [17])])
def test_a5_errors_are_those_of_the_dense_matrix(damping, sizes):
    x, y = least_squares(rows=200, features=6, kappa=100.0)
    found = ds.curvature_noise(surface_of(x, y, 90), np.zeros(6), sizes, damping=damping, draws=4, key=3)
    for index, size in enumerate(sizes):
        expected = dense_errors(x, y, size, 4, damping=damping, key=3)
        got = found.gradient[index], found.hessian_gradient[index], found.newton_step[index]
        np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_a5_the_noise_of_newton_steps_grows_with_the_condition_number_and_damping_limits_it():
    settings = {"draws": 8, "key": 0}
    errors = {}
    for kappa in (1.0, 100.0, 10000.0):
        x, y = least_squares(rows=400, features=6, kappa=kappa)
        found = ds.curvature_noise(surface_of(x, y), np.zeros(6), [40], **settings)
        errors[kappa] = float(found.newton_step[0] / found.gradient[0])
    assert errors[1.0] < 1.5 < errors[100.0] < errors[10000.0]
    damped = ds.curvature_noise(surface_of(x, y), np.zeros(6), [40], damping=0.1, **settings)
    assert damped.newton_step[0] < 0.2 * found.newton_step[0]
    assert "H damped by 0.1" in str(damped)


@pytest.mark.slow
def test_a5_rows_needed_follow_the_errors():
    x, y = least_squares(rows=2000, features=6, kappa=100.0)
    found = ds.curvature_noise(surface_of(x, y), np.zeros(6), [50, 100, 200], draws=40, key=0)
    for quantity in ("gradient", "newton_step"):
        low, high = found.rows_needed(quantity, error=0.3)
        assert low < high < 2 * low
        exact = dense_errors(x, y, round((low + high) / 2), 400)
        assert exact[("gradient", "hessian_gradient", "newton_step").index(quantity)] == pytest.approx(0.3, rel=0.15)
    assert found.rows_needed("gradient") < found.rows_needed("newton_step")
    with refused(SettingError, "`quantity` must be one of"):
        found.rows_needed("hessian")


def test_a5_a_batch_of_all_rows_has_no_error():
    x, y = least_squares(rows=60, features=4, kappa=50.0)
    found = ds.curvature_noise(surface_of(x, y, 25), np.ones(4), [60, 12], draws=2)
    assert max(found.gradient[1], found.hessian_gradient[1], found.newton_step[1]) < 1e-12
    alone = ds.curvature_noise(surface_of(x, y, 25), np.ones(4), [60], draws=2)
    assert all(np.isnan(alone.rows_needed("newton_step")))


def test_a5_where_the_hessian_is_not_positive_definite_there_is_no_newton_step():
    rows = np.random.default_rng(0).standard_normal((100, 2))
    curved = jnp.array([[1.0, -0.5]])
    saddle = FunctionSurface(
        lambda w, rows: jnp.mean(jnp.sum(curved * (w[None] - rows) ** 2, axis=1)), np.ones(2), [rows]
    )
    found = ds.curvature_noise(saddle, np.ones(2), [20], draws=3)
    assert np.all(np.isfinite(found.gradient))
    assert np.all(np.isfinite(found.hessian_gradient))
    assert np.all(np.isnan(found.newton_step))
    assert np.all(np.isnan(found.newton_step_standard_error))
    assert not found.converged
    assert "not positive definite" in str(found)
    assert "damping=" in str(found)
    assert "H⁻¹ g by batch size" not in str(found)
    damped = ds.curvature_noise(saddle, np.ones(2), [20], draws=3, damping=2.0)
    assert np.all(np.isfinite(damped.newton_step))
    assert damped.converged


def test_a5_solutions_that_are_not_finished_are_said():
    x, y = least_squares(rows=200, features=12, kappa=1000.0)
    found = ds.curvature_noise(surface_of(x, y), np.zeros(12), [50], draws=2, max_hvps=3)
    assert not found.converged
    assert "3 of 3 solutions of H⁻¹ g did not reach the tolerance" in found.notes[0]


@pytest.mark.usefixtures("float32")
def test_a5_single_precision_agrees_within_what_it_resolves():
    x, y = least_squares(rows=400, features=8, kappa=100.0)
    surface = surface_of(x.astype(np.float32), y.astype(np.float32))
    found = ds.curvature_noise(surface, np.zeros(8, np.float32), [40], draws=4, key=0)
    expected = dense_errors(x, y, 40, 4, key=0)
    got = found.gradient[0], found.hessian_gradient[0], found.newton_step[0]
    np.testing.assert_allclose(got, expected, rtol=1e-3)


def test_a5_a_batch_size_is_judged_by_the_noise_of_newton_steps():
    timings = [Timing(1.0, 0.0, 25)] * 5
    x, y = least_squares(rows=2000, features=6, kappa=1000.0)
    noise = ds.curvature_noise(surface_of(x, y), np.zeros(6), [50, 200], draws=6, key=0)
    found = replace(found_size(costs_of(timings), scale(30.0, (28.0, 32.0))), curvature=noise, rows=2000)
    newton, gradient = noise.rows_needed("newton_step"), noise.rows_needed("gradient")
    assert newton[0] > gradient[1]
    text = str(found)
    assert "Second-order methods step along H⁻¹ g" in text
    assert f"batches of about {int(newton[0])} to {int(np.ceil(newton[1]))} rows" in text
    unknown = replace(noise, newton_step=np.full(2, np.nan), notes=("H is not positive definite here.",))
    assert "how large their batches must be is not known here" in str(replace(found, curvature=unknown))
    # drawn from many more rows than were measured, nearly all of them need not be
    assert noise.rows_needed("newton_step", error=0.01, of=10**9)[0] > 2000


def test_a5_a_torch_module_is_measured_too():
    torch = pytest.importorskip("torch")
    x, y = least_squares(rows=120, features=3, kappa=20.0)
    module = torch.nn.Linear(3, 1, bias=False).double()
    torch.nn.init.zeros_(module.weight)
    rows = torch.from_numpy(x), torch.from_numpy(y[:, None])
    surface = ds.adapters.from_torch(module, torch.nn.functional.mse_loss, [rows])
    found = ds.curvature_noise(surface, surface.params, [16, 40], draws=3, key=0)
    expected = dense_errors(x, y, 40, 3, key=0)
    np.testing.assert_allclose(
        [found.gradient[1], found.hessian_gradient[1], found.newton_step[1]], expected, rtol=1e-5
    )


def test_a5_the_surface_of_a_run_is_measured_as_it_is():
    data = ds.load("iris")
    run = ds.train(ds.mlp([], outputs=3), data, normalize="standard", epochs=1, progress=False)
    found = ds.curvature_noise(run.surface(), run.params, [16, 64], damping=0.01, draws=2)
    assert np.all(found.newton_step > 0)
    assert found.rows == 150


@pytest.mark.parametrize(
    "sizes, settings, message",
    [
        ([], {}, "`batch_sizes` must be one number or more, none above 200"),
        ([8, 201], {}, "`batch_sizes` must be one number or more, none above 200"),
        ([8], {"damping": -1.0}, "`damping` must be a number of at least 0"),
        ([8], {"draws": 1}, "`draws` must be a whole number, 2 or more"),
    ],
)
def test_a5_what_cannot_be_is_refused(sizes, settings, message):
    x, y = least_squares(rows=200, features=3)
    with refused(SettingError, message):
        ds.curvature_noise(surface_of(x, y), np.zeros(3), sizes, **settings)


def test_a5_a_surface_without_rows_is_refused():
    with refused(SettingError, "over some of its rows"):
        ds.curvature_noise(ds.surfaces.bowl(), ds.surfaces.bowl().params, [8])
    x, y = least_squares(rows=20, features=3)
    summed = FunctionSurface(
        lambda w, rows: jnp.sum((rows[0] @ w - rows[1]) ** 2), np.zeros(3), [(x, y)], chunk_weights=[1.0]
    )
    with refused(SettingError, "a loss that is a mean over the rows"):
        ds.curvature_noise(summed, np.zeros(3), [8])


class Ticking:
    """A clock that goes on by itself at each look."""

    def __init__(self, seconds=1.0):
        self.time, self.seconds = 0.0, seconds

    def __call__(self):
        self.time += self.seconds
        return self.time


def alone():
    """Watch a machine that has no other work."""
    return lambda: 0.0


def measured(costs, noise, seed, *, tick=0.01):
    """Return timings of made-up things in rounds: their costs, times a noise drawn for each sample."""
    random = np.random.default_rng(seed)
    samplers = [lambda cost=cost: float(cost * noise(random)) for cost in costs]
    return in_rounds(samplers, deadline=Deadline(1e9, Ticking(tick)), watch=alone)


def profile_of(timings, operations=None, sizes=()):
    """Return the profile of a network whose layers were timed so."""
    rows = tuple(
        LayerProfile(f"{place}", f"Dense({place + 1})", (4,), 3, 3, flops, timing, Timing(0.0, 0.0, 0), *share)
        for place, (timing, flops, share) in enumerate(
            zip(
                timings,
                operations or [1000] * len(timings),
                [share_of(timings, index) for index in range(len(timings))],
                strict=True,
            )
        )
    )
    step = StepTime(32, timings[0], 100)
    return Profile(rows, (4,), step, 1e12, 1e12, (), tuple(sizes), 2**30, ())


def quiet(random):
    return 1 + 0.02 * random.random()


def noisy(random):
    """Other work takes the processor from most samples, for a time as long as what is measured, on average."""
    return 1 + random.exponential()


def wild(random):
    """Some samples take ten times as long."""
    return 1 + random.exponential(3.0) * (random.random() < 0.7)


LAYERS = {"one dominates": [4.0, 1.0, 1.0], "none does": [2.0, 1.8, 1.0, 0.2], "nearly": [1.05, 0.5, 0.5]}


def test_a4_rounds_are_interleaved_and_every_second_one_goes_backwards():
    order = []
    samplers = [lambda name=name: order.append(name) or 1.0 for name in "abc"]
    timings = in_rounds(samplers, deadline=Deadline(1e9, Ticking()), watch=alone)
    assert "".join(order[:9]) == "abccbaabc"
    assert {timing.rounds for timing in timings} == {8}  # each round takes a second, and these are enough


def test_a4_a_deadline_ends_the_rounds_but_not_the_first():
    timings = in_rounds([lambda: 2.0, lambda: 1.0], deadline=Deadline(0.0, Ticking()), watch=alone)
    assert [(timing.seconds, timing.rounds, timing.settled) for timing in timings] == [(2.0, 1, False), (1.0, 1, False)]
    assert str(timings[0]) == "2.00 s +?"


def test_a4_the_time_is_the_fastest_round_and_its_spread_that_of_the_fastest_quarter():
    assert Timing.of([3.0, 1.0, 1.5, 9.0, 1.25, 2.0, 5.0]) == Timing(1.0, 4.0, 7)  # of six rounds at least
    assert Timing.of([float(sample) for sample in range(1, 26)]) == Timing(1.0, 6.0, 25)
    assert Timing.of([2.0]) == Timing(2.0, 0.0, 1)


@pytest.mark.parametrize("tick", [0.01, 1.0], ids=["25 rounds", "8 rounds"])
@pytest.mark.parametrize("noise", [quiet, noisy, wild])
@pytest.mark.parametrize("layers", LAYERS.values(), ids=LAYERS)
def test_a4_noisy_measurements_never_name_different_bottlenecks(layers, noise, tick):
    truth = 0 if layers[0] > sum(layers[1:]) else None
    told = []
    for seed in range(60):
        found = profile_of(measured(layers, noise, seed, tick=tick))
        told.append((found.bottleneck.place if found.bottleneck else None) if found.bottleneck_known else "?")
    answers = {"None" if answer is None else answer for answer in told} - {"?"}
    assert answers <= {"None" if truth is None else str(truth)}, told


def test_a4_a_quiet_machine_gets_its_answers():
    for layers, named in ((LAYERS["one dominates"], "0"), (LAYERS["none does"], None)):
        found = profile_of(measured(layers, quiet, seed=0))
        assert found.bottleneck_known
        assert (found.bottleneck.place if found.bottleneck else None) == named
    assert found.bottleneck_sentence().startswith("No layer dominates: Dense(1) at place 0 takes longest, 40%")
    alike = profile_of(measured([1.0, 1.0, 1.0], quiet, seed=0))
    assert ", or Dense(" in alike.bottleneck_sentence()


def test_a4_what_the_spread_leaves_open_is_too_noisy_to_say():
    found = profile_of(measured([1.2, 1.0], noisy, seed=1))
    assert not found.bottleneck_known
    assert found.bottleneck is None
    assert found.bottleneck_sentence().startswith("Too noisy to say")
    low, high = found.largest.share_between
    assert low < 0.5 < high
    text = str(found)
    assert f"{low:.0%} to {high:.0%}" in text
    assert "The bottleneck" not in text
    assert found.table()["share_low"][0] == found.rows[0].share_between[0]
    assert found.table()["forward_spread"][0] == found.rows[0].forward.spread


def test_a4_few_rounds_decide_nothing():
    once = profile_of([Timing(9.0, 0.0, 1), Timing(1.0, 0.0, 1)])
    assert not once.bottleneck_known
    assert "More `seconds` tell more" in once.bottleneck_sentence()
    half = replace(once, rows=(once.rows[0], replace(once.rows[1], forward=None, backward=None, share=None)))
    assert not half.bottleneck_known
    assert "1 of 2 were not" in half.bottleneck_sentence()


def test_a4_operations_counted_that_contradict_the_times_are_said():
    timings = measured([1.1, 1.0], noisy, seed=0)
    order = [10, 1000] if timings[0].seconds > timings[1].seconds else [1000, 10]
    assert "their times may be in the wrong order" in profile_of(timings, order).bottleneck_sentence()
    assert "Of the operations" not in profile_of(timings, order[::-1]).bottleneck_sentence()
    sure = profile_of(measured([3.0, 1.0], quiet, seed=0), [10, 1000])
    assert (
        "makes 99%, Dense(1) at place 0 1%: most of the time does not go into arithmetic" in sure.bottleneck_sentence()
    )
    too_fast = profile_of(measured([3.0, 1.0], quiet, seed=0), [10**13, 10**12])
    assert "makes more operations a second than the large matrix product" in too_fast.bottleneck_sentence()


@pytest.mark.parametrize("share, named", [(0.1, True), (0.6, False)])
def test_a4_work_that_disturbs_every_round_widens_what_times_may_be(share, named):
    samplers = [lambda cost=cost: cost for cost in (1.3, 1.0)]
    timings = in_rounds(samplers, deadline=Deadline(1e9, Ticking(0.01)), watch=lambda: lambda: share)
    assert [timing.least for timing in timings] == [1.3 * (1 - share), 1 - share]
    found = profile_of(timings)
    assert found.bottleneck_known == named
    assert f"Other work took {share:.0%} of the processors meanwhile" in str(found)
    assert found.table()["forward_other_work"].to_list() == [share, share]


def test_a4_other_work_is_a_share_of_the_processors():
    told = other_work()
    assert told() == 0.0  # nothing is told of so short a time
    busy = other_work()
    begin = time.monotonic()
    while time.monotonic() - begin < 0.3:
        sum(range(1000))
    assert 0 <= busy() <= 1


SIZES = [1, 2, 4, 8, 16, 32]
STEPS = [1.0, 1.0, 1.04, 2.0, 4.0, 8.0]  # throughput grows up to 4


@pytest.mark.parametrize("noise", [quiet, noisy, wild])
def test_a4_where_throughput_stops_growing_is_hardly_ever_said_wrongly(noise):
    ranges, wrong = set(), 0
    for seed in range(60):
        steps = [StepTime(size, timing, 1) for size, timing in zip(SIZES, measured(STEPS, noise, seed), strict=True)]
        found = profile_of([steps[0].timing], sizes=steps)
        low, high = found.growth_between
        wrong += not low <= 4 <= high
        assert found.growth_stops_at == (low if low == high else None)
        assert ("somewhere from" in found.growth_sentence()) == (low != high)
        ranges.add((low, high))
    assert wrong <= 1
    if noise is quiet:
        assert ranges == {(4, 4)}


def test_a4_growth_within_the_spread_lies_between_every_order_of_the_times():
    sizes, most, least = [1, 2, 4], [100, 200, 300], [80, 150, 260]
    low, high = stops_growing(sizes, most, least)
    exact = [stops_growing(sizes, rates, rates)[0] for rates in itertools.product(*zip(least, most, strict=True))]
    assert low <= min(exact)
    assert max(exact) <= high


def scale(value, interval):
    return NoiseScale(value, None if value is None else 1.0, interval, 1.0, 0.1, 1.0, 0.1, 128, 4, {})


def costs_of(timings, *, complete=True, first=4):
    steps = tuple(StepTime(first * 2**place, timing, 1000) for place, timing in enumerate(timings))
    nothing = Timing(0.0, 0.0, 9)
    return BatchCosts(steps, nothing, {"shuffle": nothing}, "shuffle", complete, ())


def found_size(costs, noise, batch_size=32):
    usable = noise.interval[0] if noise.value is None else noise.value
    return FoundBatchSize(batch_outlooks(costs, usable), noise, None, 100, None, costs, (), batch_size, 1000, 1.0, ())


FLAT_THEN_LINEAR = [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.9, 3.7]  # 4 to 512


@pytest.mark.parametrize("low", [0.0, 5.0, 300.0])
@pytest.mark.parametrize("largest, usual", [(8, 32), (3, 16), (1, 4)])
def test_a4_a_noise_scale_that_is_not_resolved_recommends_no_size(low, largest, usual):
    timings = [Timing(seconds, 0.0, 25) for seconds in FLAT_THEN_LINEAR[:largest]]
    found = found_size(costs_of(timings), scale(None, (low, float("inf"))))
    assert not found.resolved
    assert found.suggestion == usual
    assert found.between == (4, 4 * 2 ** (largest - 1))
    assert "No batch size can be recommended on this evidence" in found.reason
    assert "is not resolved, at least" in found.reason
    assert "not one that was found to be best" in found.reason
    assert "the fastest" not in found.reason
    assert "least time" not in found.reason


def test_a4_what_rate_a_lower_bound_allows_is_a_range():
    timings = [Timing(seconds, 0.0, 25) for seconds in FLAT_THEN_LINEAR]
    found = found_size(costs_of(timings), scale(None, (50.0, float("inf"))), batch_size=256)
    assert "by something from 0.13 to 0.47." in str(found)


@pytest.mark.slow
@pytest.mark.parametrize("noise", [quiet, noisy, wild])
def test_a4_sizes_that_the_spread_leaves_open_hold_the_best(noise):
    true = costs_of([Timing(seconds, 0.0, 25) for seconds in FLAT_THEN_LINEAR])
    best = found_size(true, scale(100.0, (100.0, 100.0)))
    assert best.resolved
    for seed in range(40):
        found = found_size(costs_of(measured(FLAT_THEN_LINEAR, noise, seed)), scale(100.0, (100.0, 100.0)))
        low, high = found.between
        assert low <= best.suggestion <= high
        assert low <= found.suggestion <= high
        assert found.resolved == (high <= 8 * low)
        assert ("Too noisy to say" in found.reason) != found.resolved
        if low != high:
            assert f"{low} to {high}" in found.reason
        if noise is quiet:
            assert low == high == best.suggestion


def test_a4_the_usual_size_moves_into_what_is_not_ruled_out():
    times = [Timing(seconds, seconds * 30, 25) for seconds in [1.0] * 8]
    found = found_size(costs_of(times, first=64), scale(1e9, (1e8, 1e10)))
    low, _ = found.between
    assert not found.resolved
    assert found.suggestion == low >= 64
    assert "nearest to the usual 32" in found.reason


def test_a4_few_rounds_recommend_nothing():
    found = found_size(costs_of([Timing(seconds, 0.0, 2) for seconds in FLAT_THEN_LINEAR]), scale(100.0, (90.0, 110.0)))
    assert not found.resolved
    assert found.suggestion == 32
    assert "too few rounds" in found.reason
    assert found.growth_between == (4, 512)


def test_a4_sizes_that_there_was_no_time_for_are_said():
    timings = [Timing(seconds, 0.0, 25) for seconds in FLAT_THEN_LINEAR[:4]]
    cut = found_size(costs_of(timings, complete=False), scale(1000.0, (900.0, 1100.0)))
    assert cut.suggestion == 32
    assert "larger ones may be faster" in cut.reason
    assert "larger ones" not in found_size(costs_of(timings), scale(1000.0, (900.0, 1100.0))).reason


def test_a4_the_spread_widens_the_sizes_on_both_sides():
    exact = sizes_within_spread(batch_outlooks(costs_of([Timing(s, 0.0, 9) for s in FLAT_THEN_LINEAR]), 100.0))
    wide = sizes_within_spread(batch_outlooks(costs_of([Timing(s, 0.8 * s, 9) for s in FLAT_THEN_LINEAR]), 100.0))
    assert exact[0] == exact[1]
    assert wide[0] < exact[0] < wide[1]


@pytest.mark.slow
@pytest.mark.optimized
@pytest.mark.parametrize("seed", [0, 1])
def test_a4_targets_that_no_input_tells_anything_of_get_the_usual_size(seed):
    random = np.random.default_rng(seed)
    data = ds.Dataset(random.standard_normal((600, 5)), random.standard_normal(600))
    settings = {"optimizer": ds.sgd(0.05), "steps": 2000, "seconds": 2, "progress": False}
    found = find_batch_size(ds.mlp([], outputs=1), data, **settings)
    assert found.noise.value is None
    assert found.suggestion == 32
    assert "No batch size can be recommended" in str(found)
    assert found.between == (found.outlook[0].batch_size, found.outlook[-1].batch_size)
