"""The words everything else is written in: errors, checks, keys, trees, settings as JSON."""

import itertools
import json
import math
from dataclasses import dataclass
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import cases
import downslope as ds
from downslope import core, layers, losses, networks
from downslope.core import (
    CustomPartError,
    RunError,
    SettingError,
    ShapeError,
    UnknownNameError,
    check_choice,
    check_integer,
    check_number,
    close_names,
    fold,
    generator,
    rebuild,
    render,
)

ROOMS = {"layers": layers, "initializers": layers.initializers, "networks": networks, "losses": losses}

# ── Errors ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (core.SettingError("x"), ValueError),
        (core.UnknownNameError("x", "a", ["b"]), ValueError),
        (core.ShapeError("x"), ValueError),
        (core.DataError("x"), ValueError),
        (core.RunError("x"), ValueError),
        (core.DamagedRunError("x"), ValueError),
        (core.CustomPartError("x"), ValueError),
        (core.MissingExtraError("torch", "torch"), ImportError),
    ],
    ids=lambda value: type(value).__name__,
)
def test_errors_are_the_builtins_a_caller_expects(error, builtin):
    assert isinstance(error, builtin)
    assert isinstance(error, core.DownslopeError)


def test_every_error_is_in_the_tree_drawn_above_them():
    names = [name for name in core.__all__ if name.endswith("Error")]
    drawn = core._errors.__doc__ or ""
    assert all(f"{name}" in drawn for name in names)


def test_a_missing_package_says_what_to_install():
    assert "pip install 'downslope[torch]'" in str(core.MissingExtraError("torch", "torch"))


def test_an_unknown_name_lists_the_known_and_offers_the_close():
    error = UnknownNameError("optimizer", "adm", ["sgd", "adam", "adamw"])
    assert str(error).startswith("`optimizer` must be one of adam, adamw, sgd, got 'adm'.")
    assert str(error).endswith("Did you mean 'adam' or 'adamw'?")
    assert (error.setting, error.name) == ("optimizer", "adm")


def test_nothing_close_is_offered_where_nothing_is():
    assert "Did you mean" not in str(UnknownNameError("optimizer", "qqqq", ["sgd", "adam"]))


def test_a_long_list_is_cut():
    message = str(UnknownNameError("column", "x", [f"column {number:03}" for number in range(200)]))
    assert "column 029, …" in message
    assert "column 030" not in message


@pytest.mark.parametrize(
    ("name", "closest"), [("relo", "relu"), ("RELU", "relu"), ("Sigmoid", "sigmoid"), ("tan", "tanh"), ("xyz", None)]
)
def test_close_names_come_closest_first(name, closest):
    found = close_names(name, ["relu", "tanh", "sigmoid", "leaky_relu"])
    assert (found[0] if found else None) == closest


# ── Checks ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("value", [1, 7, np.int64(3), np.uint8(2)], ids=repr)
def test_whole_numbers_are_accepted(value):
    checked = check_integer("n", value)
    assert checked == value
    assert type(checked) is int


@pytest.mark.parametrize("value", [0, -1, 1.0, 1.5, "3", True, None, math.nan, np.ones(2), np.float64(3)], ids=repr)
def test_other_than_whole_numbers_from_one_are_refused(value):
    with pytest.raises(SettingError, match=r"`n` must be a whole number, 1 or more, got .*\. Try 8") as caught:
        check_integer("n", value, advice="Try 8.")
    assert caught.value.setting == "n"


def test_the_least_whole_number_can_be_another():
    assert check_integer("n", 0, at_least=0) == 0
    with pytest.raises(SettingError, match="5 or more"):
        check_integer("n", 4, at_least=5)


@pytest.mark.parametrize("value", [0.5, 1, np.float32(0.25), np.array(0.5), jnp.asarray(0.5), Fraction(1, 2)], ids=repr)
def test_numbers_are_accepted(value):
    checked = check_number("x", value, above=0, at_most=1)
    assert checked == float(value)
    assert type(checked) is float


@pytest.mark.parametrize("value", ["0.5", True, None, math.nan, math.inf, -math.inf, 1j, np.ones(1), [0.5]], ids=repr)
def test_what_is_no_finite_number_is_refused(value):
    with pytest.raises(SettingError, match="`x` must be a number, got"):
        check_number("x", value)


@pytest.mark.parametrize(
    ("bounds", "inside", "outside"),
    [
        ({"above": 0}, [1e-300, 5], [0, -1]),
        ({"at_least": 0}, [0, 5], [-1e-300]),
        ({"below": 1}, [0.999, -5], [1, 2]),
        ({"at_most": 1}, [1, -5], [1.0001]),
        ({"at_least": 0, "below": 1}, [0, 0.5], [1, -0.1]),
    ],
    ids=str,
)
def test_bounds(bounds, inside, outside):
    for value in inside:
        assert check_number("x", value, **bounds) == value
    for value in outside:
        with pytest.raises(SettingError, match=r"`x` must be a number .*(above|least|below|most)"):
            check_number("x", value, **bounds)


def test_a_choice_is_one_of_the_names():
    assert check_choice("order", "shuffle", ["shuffle", "sequential"]) == "shuffle"
    for wrong in ("shufle", 3, None, ["shuffle"]):
        with pytest.raises(UnknownNameError, match="`order` must be one of sequential, shuffle"):
            check_choice("order", wrong, ["shuffle", "sequential"])


# ── Keys ─────────────────────────────────────────────────────────────────────────────────────────

PURPOSES = [
    (),
    (0,),
    (1,),
    (0, 0),
    (0, 1),
    (1, 0),
    ("a",),
    ("b",),
    ("a", 0),
    ("a", 1),
    ("a", 0, 0),
    ("a", "b"),
    ("b", "a"),
]


def test_keys_of_different_seeds_and_purposes_differ():
    keys = [tuple(fold(seed, *purpose)) for seed, purpose in itertools.product([0, 1, 2**32, 2**40], PURPOSES)]
    assert len(set(keys)) == len(keys)


def test_no_key_depends_on_how_many_were_made_before():
    forward = [fold(3, *purpose).tolist() for purpose in PURPOSES]
    backward = [fold(3, *purpose).tolist() for purpose in reversed(PURPOSES)]
    assert forward == backward[::-1]


def test_keys_stay_the_same_between_versions():
    assert fold(0, "initialize", 0).tolist() == [4065526517, 248000815]


@pytest.mark.parametrize("make", [jax.random.key, jax.random.PRNGKey], ids=["typed", "raw"])
def test_keys_of_jax_are_folded_alike(make):
    np.testing.assert_array_equal(fold(make(5), "a"), fold(np.asarray(jax.random.PRNGKey(5)), "a"))
    assert fold(make(5), "a").tolist() != fold(make(6), "a").tolist()


def test_jax_takes_a_folded_key():
    assert jax.random.normal(fold(0, "noise"), (3,)).shape == (3,)


def test_generators_of_different_purposes_are_independent():
    draws = np.array([generator(0, "a", number).standard_normal(500) for number in range(8)])
    correlations = np.corrcoef(draws)[np.triu_indices(8, 1)]
    assert abs(correlations).max() < 4.5 / math.sqrt(500)
    np.testing.assert_array_equal(draws[3], generator(0, "a", 3).standard_normal(500))


@pytest.mark.parametrize("seed", [-1, np.int64(-5)])
def test_a_negative_seed_is_refused(seed):
    with cases.refused(SettingError, match="`seed` must be a whole number, 0 or more"):
        fold(seed, "a")


@pytest.mark.parametrize("key", [1.5, "seed", True, None, np.ones((2, 2), int), np.ones(2)], ids=repr)
def test_what_is_no_key_is_refused(key):
    with cases.refused(SettingError, match="`key` must be a seed or a key"):
        fold(key, "a")


def test_a_traced_key_is_refused():
    with pytest.raises(SettingError, match="concrete"):
        jax.jit(lambda key: fold(key, "a"))(jax.random.PRNGKey(0))


# ── Trees ────────────────────────────────────────────────────────────────────────────────────────

TREE = ({"weight": np.arange(6.0).reshape(2, 3), "bias": np.ones(3)}, {}, {"body": ({"scale": np.full(2, 3.0)},)})


def test_leaves_have_their_path_as_a_name():
    assert list(core.named_leaves(TREE)) == ["0/bias", "0/weight", "2/body/0/scale"]


def test_named_tuples_are_named_too():
    variables = ds.Variables(({"weight": np.ones(1)},), ({},))
    assert list(core.named_leaves(variables)) == ["params/0/weight"]


def test_named_leaves_make_the_tree_again():
    again = core.with_named_leaves(TREE, dict(reversed(core.named_leaves(TREE).items())))
    assert jax.tree.structure(again) == jax.tree.structure(TREE)
    jax.tree.map(np.testing.assert_array_equal, again, TREE)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda named: named.pop("0/bias"), r"missing \['0/bias'\], left over none"),
        (lambda named: named.update(extra=np.ones(1)), r"missing none, left over \['extra'\]"),
        (lambda named: named.update({"0/bias": np.ones(4)}), r"'0/bias' must be float64\[3\], got float64\[4\]"),
        (lambda named: named.update({"0/bias": np.ones(3, np.float32)}), r"must be float64\[3\], got float32\[3\]"),
    ],
    ids=["missing", "left over", "shape", "type"],
)
def test_leaves_that_do_not_fit_are_refused(change, message):
    named = core.named_leaves(TREE)
    change(named)
    with pytest.raises(ShapeError, match=message):
        core.with_named_leaves(TREE, named)


def test_size_norm_and_finiteness():
    assert core.tree_size(TREE) == 11
    np.testing.assert_allclose(core.tree_norm(TREE), math.sqrt(55 + 3 + 18))
    assert core.all_finite(TREE)
    assert not core.all_finite((TREE, {"a": np.array([1.0, np.nan])}))
    assert not core.all_finite({"a": np.array(np.inf)})


def test_precision_follows_the_mode(float32):
    assert core.float_dtype() == np.float32
    with jax.enable_x64(True):
        assert core.float_dtype() == np.float64


# ── Settings as JSON ─────────────────────────────────────────────────────────────────────────────

PLAIN = [None, True, 3, 0.1, "relu", [1, [2.5, None]], {"a": [1, {"b": "c"}]}]


@dataclass(frozen=True)
class Mine:
    """A layer of a user's own."""

    rate: float = 0.5


@pytest.mark.parametrize("value", PLAIN, ids=repr)
def test_plain_values_stay_as_they_are(value):
    assert rebuild(json.loads(json.dumps(render(value))), ROOMS) == value


def test_numbers_of_numpy_become_plain():
    assert json.dumps(render({"a": np.float64(0.5), "b": np.arange(3), "c": (np.int32(2),)})) == (
        '{"a": 0.5, "b": [0, 1, 2], "c": [2]}'
    )


@cases.every_network
def test_networks_are_built_again(net):
    spec = json.loads(json.dumps(render(net)))
    assert spec["kind"] == "networks.Sequential"
    assert rebuild(spec, ROOMS) == net
    assert not core.is_custom(spec)


def test_losses_and_initializers_are_built_again():
    net = ds.Sequential([ds.Dense(3, initializer=ds.initializers.uniform(0.1)), ds.LeakyReLU(slope=0.2)])
    settings = {"net": net, "loss": losses.hinge, "draw": ds.initializers.he_normal}
    again = rebuild(json.loads(json.dumps(render(settings))), ROOMS)
    assert again == settings


@pytest.mark.parametrize(
    "part, kind",
    [
        (ds.Record(), "training.Record"),
        (ds.Track(), "training.Track"),
        (ds.Dense(3), "layers.Dense"),
        (ds.layers.initializers.he_normal, "initializers.he_normal"),
        (ds.adam(0.1), "optimizers.adam"),
        (ds.schedules.constant(0.1), "schedules.constant"),
        (ds.losses.as_loss("huber"), "losses.huber"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_part_is_written_by_its_public_name_wherever_its_file_lies(part, kind):
    written = render(part)
    assert (written.get("kind") or written["function"]) == kind


@pytest.mark.parametrize(
    "spec",
    [
        {"kind": "layers.Denser", "units": 3},
        {"kind": "os.system", "command": "true"},
        {"kind": "layers.np"},
        {"kind": "layers._dense"},
        {"kind": "Dense"},
        {"kind": ""},
        {"function": "losses.jnp"},
        {"function": "initializers.__builtins__"},
    ],
    ids=str,
)
def test_only_public_names_of_known_rooms_are_built(spec):
    with pytest.raises(RunError, match="knows no"):
        rebuild(spec, ROOMS)
    with pytest.raises(RunError, match="knows no"):
        rebuild({"net": [spec]}, ROOMS)


@pytest.mark.parametrize(
    "part",
    [Mine(), Mine, cases.normal, jax.nn.relu, lambda z: z],
    ids=["instance", "class", "function", "jitted", "lambda"],
)
def test_a_users_own_part_is_recorded_by_name_and_not_built(part):
    spec = json.loads(json.dumps(render({"layers": [part]})))
    assert core.is_custom(spec)
    with pytest.raises(CustomPartError, match="Pass it again"):
        rebuild(spec, ROOMS)


def test_a_custom_part_within_one_of_ours_is_found():
    net = ds.Sequential([ds.Dense(3, initializer=jax.nn.initializers.he_normal()), ds.ReLU()])
    assert core.is_custom(render(net))
    assert not core.is_custom(render(ds.Sequential([ds.Dense(3), ds.ReLU()])))


# ── Loss surfaces ────────────────────────────────────────────────────────────────────────────────


class Counted:
    """A surface that passes everything on to another, and counts."""

    def __init__(self, surface):
        self.surface, self.calls = surface, 0

    def __getattr__(self, name):
        self.calls += 1
        return getattr(self.surface, name)


BOWL = core.FunctionSurface(lambda p: jnp.sum(p**2), np.zeros(2))


@pytest.mark.parametrize("surface", [BOWL, Counted(BOWL)], ids=["itself", "one that passes on"])
def test_a_surface_offers_what_it_answers(surface):
    assert core.offers(surface, core.LossSurface)
    assert not core.offers(surface, core.PlaneSurface)


def test_what_is_no_surface_offers_nothing():
    assert not core.offers(object(), core.LossSurface)
