"""Second derivatives of whole networks: those of our gradients are those of the loss, by `jax.hessian` and by torch."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

import cases
import downslope as ds
from cases import FEATURES, ROWS, refused
from downslope.core import SettingError, ShapeError, named_leaves
from downslope.reference import dense_hessian

PREDICTING = {"training": False}
TRAINING = {
    "training": True,
    "key": jax.random.PRNGKey(2),
    "row_weights": jnp.asarray([1.0, 2, 0.5, 1, 1.5, 0]),
}
NETWORKS = {name: (net, (FEATURES,)) for name, net in cases.NETWORKS.items() if name != "an activation alone"}
TRIED = NETWORKS | cases.SHAPED_NETWORKS
SLOW_TO_COMPILE = ["batch norm and dropout", "layer norm and skips", *cases.SHAPED_NETWORKS]

MADE_OF_THE_SAME = ["layer norm and skips", "batch norm and skips"]  # as "conv1d" and "conv2d with everything"


def problem(net, shape, loss, settings):
    """Return the loss as a function of the parameters, our gradient of it, and where to try them."""
    x, start = cases.normal(20, ROWS, *shape), cases.moved(net.init(0, shape))
    (outputs,) = net.output_shape(shape)
    if loss == "cross_entropy" and outputs == 1:  # of one class there is nothing to learn
        loss = "binary_cross_entropy"
    loss = ds.losses.as_loss(loss)
    t = cases.targets(loss, outputs)

    def value(params):
        output = net.forward(ds.Variables(params, start.state), x, **settings).output
        return loss.value(output, t, settings.get("row_weights"))

    def gradient(params):
        return ds.loss_and_gradients(net, ds.Variables(params, start.state), x, t, loss, **settings).params

    return value, gradient, start.params


def products(value, gradient, params, directions):
    """Return what `jax.jvp` of our gradient and of JAX's own say along each direction, as two matrices."""
    theta, unravel = ravel_pytree(params)

    def ours(theta):
        return ravel_pytree(gradient(unravel(theta)))[0]

    def judges(theta):
        return ravel_pytree(jax.grad(value)(unravel(theta)))[0]

    def along(theta, direction):
        return tuple(jax.jvp(g, (theta,), (direction,))[1] for g in (ours, judges))

    program = jax.jit(jax.vmap(along, in_axes=(None, 0))).lower(theta, directions)
    # every program runs once, so what takes time is to compile it
    quickly = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
    return map(np.asarray, program.compile(quickly)(theta, directions))


def assert_second_derivatives_are_right(value, gradient, params):
    n = ds.core.tree_size(params)
    v = cases.normal(4, 1, n)
    ours, judges = products(value, gradient, params, jnp.concatenate([jnp.eye(n), v]))
    (H, Hv), expected = np.split(ours, [n]), judges[:n]  # jax.hessian is jacfwd of grad: one product for every column
    scale = np.abs(expected).max()
    assert scale > 1e-3
    np.testing.assert_allclose(H, expected, rtol=0, atol=1e-10 * scale)
    np.testing.assert_allclose(H, H.T, rtol=0, atol=1e-12 * scale)
    np.testing.assert_allclose(Hv, v @ expected, rtol=0, atol=1e-10 * np.abs(v @ expected).max())


def in_turn(names, *, slow=False):
    return [pytest.param(*TRIED[name], id=name, marks=pytest.mark.slow if slow else ()) for name in names]


@pytest.mark.product
@pytest.mark.parametrize(
    ("net", "shape"),
    in_turn([name for name in TRIED if name not in MADE_OF_THE_SAME]) + in_turn(MADE_OF_THE_SAME, slow=True),
)
def test_second_derivatives_of_cross_entropy_in_a_training_step(net, shape):
    assert_second_derivatives_are_right(*problem(net, shape, "cross_entropy", TRAINING))


@pytest.mark.product
@pytest.mark.parametrize(
    ("net", "shape"),
    in_turn([name for name in TRIED if name not in SLOW_TO_COMPILE]) + in_turn(SLOW_TO_COMPILE, slow=True),
)
def test_second_derivatives_of_squared_error_in_a_training_step(net, shape):
    assert_second_derivatives_are_right(*problem(net, shape, "squared_error", TRAINING))


@pytest.mark.parametrize(("net", "shape"), in_turn(["batch norm and dropout"]))
def test_second_derivatives_in_prediction(net, shape):
    assert_second_derivatives_are_right(*problem(net, shape, "squared_error", PREDICTING))


# ── The oracle ───────────────────────────────────────────────────────────────────────────────────


def test_the_dense_hessian_is_jax_hessian_of_the_loss():
    value, gradient, params = problem(*TRIED["tanh"], "cross_entropy", TRAINING)
    theta, unravel = ravel_pytree(params)
    expected = jax.jit(jax.hessian(lambda theta: value(unravel(theta))))(theta)
    np.testing.assert_allclose(dense_hessian(gradient, params), expected, rtol=0, atol=1e-12)


def test_rows_and_columns_stand_in_the_order_of_named_leaves():
    params = ({"weight": np.ones((2, 2)), "bias": np.ones(1)}, {}, {"scale": np.float64(1)})
    factors = ({"weight": np.array([[2.0, 3.0], [4.0, 5.0]]), "bias": np.array([1.0])}, {}, {"scale": np.float64(6)})
    H = dense_hessian(lambda p: jax.tree.map(jnp.multiply, factors, p), params)
    np.testing.assert_array_equal(H, np.diag([1.0, 2, 3, 4, 5, 6]))
    in_order = np.concatenate([np.ravel(leaf) for leaf in named_leaves(factors).values()])
    np.testing.assert_array_equal(np.diag(H), in_order)


def test_it_is_computed_in_float64_whatever_the_parameters_are(float32):
    point = {"a": np.array([0.1, 0.2], np.float32)}
    H = dense_hessian(jax.grad(lambda p: jnp.sum(jnp.exp(p["a"]))), point)
    np.testing.assert_allclose(H, np.diag(np.exp(point["a"].astype(np.float64))), rtol=1e-14)
    assert H.dtype == np.float64


def test_no_parameters_have_an_empty_hessian():
    assert dense_hessian(lambda p: p, ({}, {})).shape == (0, 0)


def test_a_wrong_gradient_shows_as_a_matrix_that_is_not_symmetric():
    H = dense_hessian(lambda p: jnp.stack([p[0] * p[1], p[0]]), np.array([2.0, 3.0]))
    np.testing.assert_array_equal(H, [[3, 2], [1, 0]])


def test_what_cannot_be_is_refused():
    with refused(SettingError, match="`limit` is 2000 parameters, got 3000: their Hessian takes 69 MiB. Take a"):
        dense_hessian(lambda p: p, np.zeros(3000))
    with refused(ShapeError, match=r"at '0/bias' expected \(3,\), got nothing. If it returns the value, pass jax.grad"):
        dense_hessian(lambda p: jnp.sum(p[0]["bias"]), ({"bias": np.ones(3)},))
    with refused(ShapeError, match=r"at 'params' expected \(3,\), got \(2,\)"):
        dense_hessian(lambda p: p[:2], np.ones(3))
    with refused(SettingError, match="`limit` must be a whole number"):
        dense_hessian(lambda p: p, np.ones(3), limit=0)


# ── torch ────────────────────────────────────────────────────────────────────────────────────────


def their_loss(net, params, x, t):
    """Return torch's cross-entropy of a batch as a function of all our parameters in one vector."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    F = torch.nn.functional
    shapes = {name: leaf.shape for name, leaf in named_leaves(params).items()}
    apply = {
        ds.BatchNorm: lambda h, p: F.batch_norm(h, None, None, p["scale"], p["shift"], training=True),
        ds.Conv2D: lambda h, p: F.conv2d(h, p["weight"].permute(3, 2, 0, 1), p.get("bias"), padding="same"),
        ds.Dense: lambda h, p: h @ p["weight"] + p.get("bias", 0),
        ds.Flatten: lambda h, p: h.permute(0, 2, 3, 1).flatten(1),
        ds.MaxPool: lambda h, p: F.max_pool2d(h, 2),
        ds.Tanh: lambda h, p: torch.tanh(h),
    }

    def loss(theta):
        pieces = torch.split(theta, [int(np.prod(shape)) for shape in shapes.values()])
        named = {name: piece.reshape(shape) for (name, shape), piece in zip(shapes.items(), pieces, strict=True)}
        h = torch.tensor(np.moveaxis(np.asarray(x), -1, 1))  # channels first
        for place, layer in enumerate(net.layers):
            own = {name.split("/")[1]: leaf for name, leaf in named.items() if name.split("/")[0] == str(place)}
            h = apply[type(layer)](h, own)
        return F.cross_entropy(h, torch.tensor(np.asarray(t)))

    return torch, loss


@pytest.mark.product
@pytest.mark.parametrize(
    ("net", "shape"),
    [
        (ds.mlp([5], outputs=3, activation="tanh", norm="batch"), (FEATURES,)),
        (ds.cnn([3], outputs=3, activation="tanh", norm="batch", pool=2), (4, 4, 2)),
    ],
    ids=["dense", "convolutional"],
)
def test_second_derivatives_are_those_of_torch(net, shape):
    _, gradient, params = problem(net, shape, "cross_entropy", {"training": True})
    x, t = cases.normal(20, ROWS, *shape), cases.targets(ds.losses.cross_entropy, 3)
    torch, loss = their_loss(net, params, x, t)
    expected = torch.autograd.functional.hessian(loss, torch.tensor(np.asarray(ravel_pytree(params)[0]))).numpy()
    H = dense_hessian(gradient, params)
    np.testing.assert_allclose(H, expected, rtol=0, atol=1e-10 * np.abs(expected).max())
