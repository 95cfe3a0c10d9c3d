"""Schedules: the same laws for all, torch's numbers where they mean the same, and the sums the docstrings promise."""

import json
import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from downslope import core, schedules
from downslope.core import CustomPartError, SettingError, UnknownNameError, rebuild, render

SCHEDULES = {
    "constant": schedules.constant(0.1),
    "step_decay": schedules.step_decay(0.1, 0.5, every=7),
    "piecewise_constant": schedules.piecewise_constant([0.1, 0.3, 0.05], at=[7, 30]),
    "exponential_decay": schedules.exponential_decay(0.1, 0.97),
    "exponential_decay, every 5": schedules.exponential_decay(0.1, 0.9, 5),
    "inverse_time_decay": schedules.inverse_time_decay(0.1, 0.3),
    "inverse_time_decay, root": schedules.inverse_time_decay(0.1, 0.3, power=0.5),
    "cosine_decay": schedules.cosine_decay(0.1, 50),
    "cosine_decay to an end": schedules.cosine_decay(0.1, steps=50, end=0.01),
    "cyclic, triangular": schedules.cyclic(0.01, 0.1, 10),
    "cyclic, triangular2": schedules.cyclic(0.01, 0.1, 10, mode="triangular2"),
    "cyclic, exp_range": schedules.cyclic(0.01, 0.1, 9, mode="exp_range", gamma=0.99),
    "one_cycle": schedules.one_cycle(0.1, 60),
    "one_cycle, linear": schedules.one_cycle(0.1, 60, start_fraction=0.5, div_factor=10, shape="linear"),
    "sequence": schedules.sequence(schedules.cosine_decay(0.1, 30), schedules.one_cycle(0.2, 40), at=20, offset=5),
    "warmup": schedules.warmup(8, 0.1),
    "warmup of a decay": schedules.warmup(8, schedules.step_decay(0.1, 0.5, 7), start_factor=0.25),
    "reduce_on_plateau": schedules.reduce_on_plateau(0.1, 0.5, 2, cooldown=1, minimum=0.01),
}
STEPS = [0, 1, 2, 5, 7, 8, 9, 10, 13, 20, 35, 49, 50, 51, 59, 60, 200, 3000]

every_schedule = pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES.keys())


@every_schedule
def test_compiled_equals_not_compiled(schedule):
    compiled = jax.jit(lambda schedule, step: schedule(step))
    for step in STEPS:
        np.testing.assert_allclose(compiled(schedule, jnp.int32(step)), schedule(step), rtol=1e-13, err_msg=str(step))
        np.testing.assert_allclose(schedule(jnp.int32(step)), schedule(step), rtol=1e-13, err_msg=str(step))


@every_schedule
def test_all_steps_at_once_equal_one_by_one(schedule):
    np.testing.assert_allclose(schedule(np.arange(60)), [schedule(step) for step in range(60)], rtol=1e-15)


@every_schedule
def test_values_have_the_precision_of_the_moment(schedule, float32):
    assert schedule(3).dtype == np.float32
    traced = jax.jit(lambda schedule, step: schedule(step))(schedule, jnp.int32(3))
    assert traced.dtype == jnp.float32
    np.testing.assert_allclose(traced, schedule(3), rtol=1e-5)


@every_schedule
def test_values_have_double_precision_when_it_is_on(schedule):
    assert schedule(3).dtype == np.float64
    assert jax.eval_shape(schedule, jnp.int32(3)).dtype == jnp.float64


@every_schedule
def test_what_is_rendered_can_be_built_again(schedule):
    spec = json.loads(json.dumps(render(schedule)))
    again = rebuild(spec, {"schedules": schedules})
    assert again == schedule
    assert [float(again(step)) for step in STEPS] == [float(schedule(step)) for step in STEPS]


@every_schedule
def test_a_schedule_that_went_through_jax_renders_the_same_call(schedule):
    assert render(jax.jit(lambda schedule: schedule)(schedule)) == render(schedule)
    assert render(schedules.with_array_leaves(schedule)) == render(schedule)


@every_schedule
def test_array_leaves_give_the_same_values(schedule):
    arrays = schedules.with_array_leaves(schedule)
    for leaf in jax.tree.leaves(arrays):
        assert leaf.dtype in (np.int32, np.float64)
    compiled = jax.jit(lambda schedule, step: schedule(step))
    for step in STEPS:
        assert float(arrays(step)) == float(schedule(step))
        np.testing.assert_allclose(compiled(arrays, jnp.int32(step)), schedule(step), rtol=1e-13)


@every_schedule
def test_values_are_finite_and_not_negative(schedule):
    values = schedule(np.arange(5000))
    assert np.isfinite(values).all()
    assert (values >= 0).all()


FAMILIES = {
    "constant": [schedules.constant(value) for value in (0.1, 0.2, 1)],
    "step_decay": [schedules.step_decay(0.1, factor, every) for factor, every in ((0.5, 3), (0.1, 10), (1, 1))],
    "exponential_decay": [schedules.exponential_decay(start, 0.9, every) for start, every in ((1, 1), (0.1, 7))],
    "inverse_time_decay": [schedules.inverse_time_decay(0.1, rate, power) for rate, power in ((0.1, 1), (2, 0.5))],
    "cosine_decay": [schedules.cosine_decay(0.1, steps, end) for steps, end in ((10, 0), (100, 0.01))],
    "cyclic": [schedules.cyclic(0.1, 1, period) for period in (2, 10, 11)],
    "one_cycle": [schedules.one_cycle(peak, steps) for peak, steps in ((1, 10), (0.1, 100))],
    "warmup": [schedules.warmup(steps, then) for steps, then in ((3, 0.1), (10, schedules.constant(1)))],
    "reduce_on_plateau": [
        schedules.reduce_on_plateau(0.1, factor, patience) for factor, patience in ((0.5, 1), (0.1, 9))
    ],
}


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES.keys())
def test_schedules_of_one_family_share_one_trace(family):
    traces = []

    @jax.jit
    def value(schedule, step):
        traces.append(schedule)
        return schedule(step)

    for schedule in family:
        value(schedules.with_array_leaves(schedule), np.int32(4))
    assert len(traces) == 1


def test_a_python_step_compiles_nothing(monkeypatch):
    monkeypatch.setattr(jnp, "asarray", None)
    for schedule in SCHEDULES.values():
        assert isinstance(schedule(3), (np.ndarray, np.floating))


# --- closed forms, and the sums that the docstrings speak of ---

SUMS = {  # schedule: does Σ ηₜ diverge, does ηₜ tend to 0, is Σ ηₜ² finite
    "constant": (schedules.constant(0.1), True, False, False),
    "step_decay": (schedules.step_decay(0.1, 0.5, 100), False, True, True),
    "exponential_decay": (schedules.exponential_decay(0.1, 0.99), False, True, True),
    "inverse_time_decay": (schedules.inverse_time_decay(0.1, 0.1), True, True, True),
    "inverse_time_decay, power 0.4": (schedules.inverse_time_decay(0.1, 0.1, 0.4), True, True, False),
    "inverse_time_decay, power 0.75": (schedules.inverse_time_decay(0.1, 0.1, 0.75), True, True, True),
    "inverse_time_decay, power 2": (schedules.inverse_time_decay(0.1, 0.1, 2), False, True, True),
    "cosine_decay": (schedules.cosine_decay(0.1, 1000), False, True, True),
    "cosine_decay to an end": (schedules.cosine_decay(0.1, 1000, 0.01), True, False, False),
    "cyclic, triangular": (schedules.cyclic(0, 0.1, 100), True, False, False),
    "cyclic, triangular2": (schedules.cyclic(0, 0.1, 100, "triangular2"), False, True, True),
    "cyclic, triangular2, low > 0": (schedules.cyclic(0.01, 0.1, 100, "triangular2"), True, False, False),
    "cyclic, exp_range": (schedules.cyclic(0, 0.1, 100, "exp_range", 0.99), False, True, True),
    "one_cycle": (schedules.one_cycle(0.1, 1000, div_factor=5, final_div_factor=1), True, False, False),
    "warmup of a decay": (schedules.warmup(100, schedules.inverse_time_decay(0.1, 0.1)), True, True, True),
}


@pytest.mark.parametrize("schedule, diverges, vanishes, squares_converge", SUMS.values(), ids=SUMS.keys())
def test_sums_are_as_the_docstrings_say(schedule, diverges, vanishes, squares_converge):
    # A sum of positive terms diverges if sums over [N, 2N) do not shrink as N doubles, and converges if they do so
    # geometrically. (A power just above 1/2 or 1 would need more steps than these to show.)
    values = schedule(np.arange(2**20))

    def grows(values):
        last, before = values[2**19 :].sum(), values[2**18 : 2**19].sum()
        return bool(last > 0 and last >= 0.99 * before)

    assert grows(values) == diverges
    assert (not grows(values**2)) == squares_converge
    assert bool(values[-4000:].max() < 0.05 * values[:4000].max()) == vanishes


def test_sums_have_their_closed_forms():
    steps = np.arange(20_000)
    np.testing.assert_allclose(schedules.step_decay(0.1, 0.5, 10)(steps).sum(), 0.1 * 10 / 0.5, rtol=1e-12)
    np.testing.assert_allclose(schedules.exponential_decay(0.1, 0.9)(steps).sum(), 0.1 / 0.1, rtol=1e-12)
    rate = 0.81**0.5
    np.testing.assert_allclose(schedules.exponential_decay(0.1, 0.81, 2)(steps).sum(), 0.1 / (1 - rate), rtol=1e-12)
    np.testing.assert_allclose(
        schedules.inverse_time_decay(1.0, 1.0)(steps).sum(), math.log(20_000) + np.euler_gamma, atol=1e-4
    )
    np.testing.assert_allclose(schedules.cosine_decay(0.2, 100)(steps[:101]).sum(), 0.1 * 101, rtol=1e-12)


def test_inverse_time_decay_is_a_power_of_the_inverse():
    schedule = schedules.inverse_time_decay(0.3, 0.2, power=0.7)
    np.testing.assert_allclose([schedule(t) for t in STEPS], [0.3 / (1 + 0.2 * t) ** 0.7 for t in STEPS], rtol=1e-14)


def test_cosine_decay_stays_at_its_end():
    schedule = schedules.cosine_decay(0.1, 10, end=0.02)
    np.testing.assert_allclose([schedule(t) for t in (10, 11, 15, 20, 1000)], 0.02, rtol=1e-14)


def test_warmup_climbs_to_the_start_of_what_follows_which_then_counts_from_zero():
    then = schedules.step_decay(0.8, 0.5, 3)
    schedule = schedules.warmup(4, then)
    climb = [0.0, 0.2, 0.4, 0.6]
    np.testing.assert_allclose([schedule(t) for t in range(12)], climb + [then(t) for t in range(8)], rtol=1e-14)


@pytest.mark.parametrize("settings", [(1,), (2,), (3,), (10, 0.0), (10, 1.0), (10, 0.1)])
def test_short_cycles_reach_the_peak_or_the_end(settings):
    steps, fraction = settings if len(settings) == 2 else (*settings, 0.3)
    values = schedules.one_cycle(1.0, steps, start_fraction=fraction)(np.arange(50))
    assert np.isfinite(values).all()
    assert values.max() <= 1.0
    np.testing.assert_allclose(values[steps:], 1 / 25e4, rtol=1e-12)


# --- agreement with torch ---


def torch_rates(make, steps, start=0.1):
    """Return the rates of a torch scheduler."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=start)
    scheduler = make(torch.optim.lr_scheduler, optimizer)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


TORCH = {
    "MultiStepLR": (
        schedules.piecewise_constant([0.1, 0.05, 0.025], at=[7, 30]),
        lambda lr, o: lr.MultiStepLR(o, [7, 30], 0.5),
        100,
    ),
    "StepLR": (schedules.step_decay(0.1, 0.5, 7), lambda lr, o: lr.StepLR(o, 7, 0.5), 100),
    "ExponentialLR": (schedules.exponential_decay(0.1, 0.97), lambda lr, o: lr.ExponentialLR(o, 0.97), 100),
    "CosineAnnealingLR": (
        schedules.cosine_decay(0.1, 50, end=0.01),
        lambda lr, o: lr.CosineAnnealingLR(o, 50, eta_min=0.01),
        51,
    ),
    "CyclicLR, triangular": (
        schedules.cyclic(0.01, 0.1, 12),
        lambda lr, o: lr.CyclicLR(o, 0.01, 0.1, 6, cycle_momentum=False),
        100,
    ),
    "CyclicLR, triangular2": (
        schedules.cyclic(0.01, 0.1, 12, "triangular2"),
        lambda lr, o: lr.CyclicLR(o, 0.01, 0.1, 6, mode="triangular2", cycle_momentum=False),
        100,
    ),
    "CyclicLR, exp_range": (
        schedules.cyclic(0.01, 0.1, 12, "exp_range", gamma=0.98),
        lambda lr, o: lr.CyclicLR(o, 0.01, 0.1, 6, mode="exp_range", gamma=0.98, cycle_momentum=False),
        100,
    ),
    "OneCycleLR": (
        schedules.one_cycle(0.1, 80),
        lambda lr, o: lr.OneCycleLR(o, 0.1, 80, cycle_momentum=False),
        80,
    ),
    "OneCycleLR, linear": (
        schedules.one_cycle(0.1, 77, start_fraction=0.45, div_factor=7, final_div_factor=50, shape="linear"),
        lambda lr, o: lr.OneCycleLR(
            o,
            0.1,
            77,
            pct_start=0.45,
            div_factor=7,
            final_div_factor=50,
            anneal_strategy="linear",
            cycle_momentum=False,
        ),
        77,
    ),
    "LinearLR": (
        schedules.warmup(9, 0.1, start_factor=0.25),
        lambda lr, o: lr.LinearLR(o, start_factor=0.25, total_iters=9),
        30,
    ),
    "SequentialLR": (
        schedules.warmup(9, schedules.exponential_decay(0.1, 0.9), start_factor=0.25),
        lambda lr, o: lr.SequentialLR(
            o, [lr.LinearLR(o, start_factor=0.25, total_iters=9), lr.ExponentialLR(o, 0.9)], milestones=[9]
        ),
        30,
    ),
}


@pytest.mark.parametrize("schedule, make, steps", TORCH.values(), ids=TORCH.keys())
# torch itself steps a scheduler inside SequentialLR in a way it warns of.
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_rates_are_those_of_torch(schedule, make, steps):
    np.testing.assert_allclose([schedule(t) for t in range(steps)], torch_rates(make, steps), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("settings", [{}, {"cooldown": 3}, {"threshold": 0.05}, {"minimum": 0.02}])
@pytest.mark.parametrize("patience", [0, 1, 4])
def test_plateaus_are_those_of_torch(patience, settings):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    generator = np.random.default_rng(3)
    losses = [*(1 / (1 + np.arange(20.0)) + 0.05 * generator.normal(size=20)), *[0.06] * 20, 0.01, *[np.nan] * 3, 0.02]
    parameters = [torch.zeros(1, requires_grad=True)]
    optimizer = torch.optim.SGD(parameters, lr=0.1)
    renamed = {"min_lr" if name == "minimum" else name: value for name, value in settings.items()}
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=patience, eps=0, **renamed)
    ours = schedules.reduce_on_plateau(0.1, 0.5, patience, **settings)
    arrays = schedules.with_array_leaves(ours)
    for loss in losses:
        theirs.step(loss)
        ours, arrays = ours.observe(loss), arrays.observe(loss)
        np.testing.assert_allclose(float(ours(0)), optimizer.param_groups[0]["lr"], rtol=1e-12)
        assert float(arrays(0)) == float(ours(0))
    assert float(ours(0)) < 0.1


def test_observing_is_pure_and_keeps_types():
    before = schedules.with_array_leaves(schedules.reduce_on_plateau(0.1, 0.5, 0))
    after = before.observe(1.0).observe(1.0)
    assert float(before(0)) == 0.1
    assert float(after(0)) == 0.05
    assert [leaf.dtype for leaf in jax.tree.leaves(after)] == [leaf.dtype for leaf in jax.tree.leaves(before)]
    assert render(after) == render(before)


def test_a_warmup_passes_losses_on():
    schedule = schedules.warmup(2, schedules.reduce_on_plateau(0.1, 0.5, 0))
    for _ in range(2):
        schedule = schedules.observe(schedule, 1.0)
    np.testing.assert_allclose([schedule(t) for t in range(4)], [0, 0.025, 0.05, 0.05], rtol=1e-14)
    still = schedules.constant(0.1)
    assert schedules.observe(still, 1.0) is still


# --- anything as a schedule ---


def test_numbers_schedules_and_functions_become_schedules():
    assert schedules.as_schedule(0.1) == schedules.constant(0.1)
    schedule = schedules.step_decay(0.1, 0.5, 7)
    assert schedules.as_schedule(schedule) is schedule
    assert schedules.as_schedule(schedules.as_schedule(math.sqrt)) == schedules.as_schedule(math.sqrt)
    theirs = schedules.as_schedule(optax.cosine_decay_schedule(0.1, 50))
    for step in STEPS:
        np.testing.assert_allclose(theirs(step), schedules.cosine_decay(0.1, 50)(step), atol=1e-15)
        np.testing.assert_allclose(jax.jit(theirs)(step), theirs(step), rtol=1e-13)


def test_a_function_cannot_be_built_from_a_run():
    spec = render(schedules.as_schedule(optax.cosine_decay_schedule(0.1, 50)))
    assert core.is_custom(spec)
    with pytest.raises(CustomPartError):
        rebuild(spec, {"schedules": schedules})


# --- refusals ---

BAD = {
    "negative constant": partial(schedules.constant, -0.1),
    "constant of text": partial(schedules.constant, "0.1"),
    "constant NaN": partial(schedules.constant, math.nan),
    "values and steps that do not fit": partial(schedules.piecewise_constant, [0.1, 0.2], at=[]),
    "steps that do not rise": partial(schedules.piecewise_constant, [0.1, 0.2, 0.3], at=[5, 5]),
    "factor 0": partial(schedules.step_decay, 0.1, 0, 10),
    "factor above 1": partial(schedules.step_decay, 0.1, 2, 10),
    "every 0": partial(schedules.step_decay, 0.1, 0.5, 0),
    "every a fraction": partial(schedules.step_decay, 0.1, 0.5, 2.5),
    "rate above 1": partial(schedules.exponential_decay, 0.1, 1.1),
    "period 0": partial(schedules.exponential_decay, 0.1, 0.9, 0),
    "negative rate": partial(schedules.inverse_time_decay, 0.1, -1),
    "negative power": partial(schedules.inverse_time_decay, 0.1, 1, -1),
    "no steps": partial(schedules.cosine_decay, 0.1, 0),
    "infinite end": partial(schedules.cosine_decay, 0.1, 10, math.inf),
    "low above high": partial(schedules.cyclic, 0.2, 0.1, 10),
    "period 1": partial(schedules.cyclic, 0.1, 0.2, 1),
    "gamma above 1": partial(schedules.cyclic, 0.1, 0.2, 10, "exp_range", 1.01),
    "peak 0": partial(schedules.one_cycle, 0, 10),
    "share above 1": partial(schedules.one_cycle, 0.1, 10, start_fraction=1.1),
    "division by 0": partial(schedules.one_cycle, 0.1, 10, div_factor=0),
    "no warmup": partial(schedules.warmup, 0, 0.1),
    "then nothing": partial(schedules.warmup, 10, None),
    "start factor above 1": partial(schedules.warmup, 10, 0.1, start_factor=2),
    "factor 1": partial(schedules.reduce_on_plateau, 0.1, 1, 10),
    "negative patience": partial(schedules.reduce_on_plateau, 0.1, 0.5, -1),
    "threshold 1": partial(schedules.reduce_on_plateau, 0.1, 0.5, 1, threshold=1),
}


@pytest.mark.parametrize("call", BAD.values(), ids=BAD.keys())
def test_bad_settings_are_refused_in_one_sentence_or_two(call):
    with pytest.raises(SettingError, match="must be") as error:
        call()
    assert not isinstance(error.value, UnknownNameError)
    assert "\n" not in str(error.value)
    assert error.value.setting


@pytest.mark.parametrize(
    "call", [partial(schedules.cyclic, 0, 1, 10, "triangle"), partial(schedules.one_cycle, 1, 9, shape="cosin")]
)
def test_unknown_names_list_the_close_ones(call):
    with pytest.raises(UnknownNameError, match="Did you mean"):
        call()


def test_public_names_are_sorted_and_there():
    assert schedules.__all__ == sorted(schedules.__all__)
    assert all(hasattr(schedules, name) for name in schedules.__all__)
