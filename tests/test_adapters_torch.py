"""PyTorch modules as loss surfaces: our own numbers, exact weights, nothing of the user's touched."""

import sys

import numpy as np
import pytest

import downslope as ds
from adapted import B1, B2, BATCHES, W1, W2, X, assert_same_numbers
from downslope import adapters
from downslope.core import (
    BatchGradientsSurface,
    GaussNewtonSurface,
    LinearizedSurface,
    LossSurface,
    MissingExtraError,
    SettingError,
    ShapeError,
)

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
nn = torch.nn
SURFACES = (LossSurface, LinearizedSurface, GaussNewtonSurface, BatchGradientsSurface)
PAIRS = [(torch.tensor(x), torch.tensor(t)) for x, t in BATCHES]
ALL_X, ALL_T = (torch.cat(parts) for parts in zip(*PAIRS, strict=True))


@pytest.fixture(autouse=True)
def one_thread():
    """Run torch in one thread: where others are at work, its threads wait for one another at every small operation."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def our_network(dtype=torch.float64):
    """Return our network, between a batch norm that does nothing yet and a dropout."""
    norm, hidden, out = nn.BatchNorm1d(5, affine=False, eps=1e-16), nn.Linear(5, 6), nn.Linear(6, 3)
    for layer, W, b in ((hidden, W1, B1), (out, W2, B2)):
        layer.weight, layer.bias = nn.Parameter(torch.tensor(W.T)), nn.Parameter(torch.tensor(b))
    return nn.Sequential(norm, hidden, nn.Tanh(), nn.Dropout(), out).to(dtype)


def surface(loss=None, batches=PAIRS, net=None):
    return adapters.from_torch(net or our_network(), loss or nn.CrossEntropyLoss(), batches)


@pytest.mark.slow
def test_the_same_network_in_torch_has_the_same_numbers():
    theirs = surface()
    assert_same_numbers(theirs)
    assert all(isinstance(theirs, kind) for kind in SURFACES)
    assert list(theirs.params) == ["1.weight", "1.bias", "4.weight", "4.bias"]
    assert theirs.description == "CrossEntropyLoss over 20 rows, inference mode"


def test_in_float32_too(float32):
    pairs = [(x.float(), t) for x, t in PAIRS]
    theirs = surface(net=our_network(torch.float32), batches=pairs)
    assert theirs.params["1.weight"].dtype == np.float32
    found = ds.eigenvalues(theirs, theirs.params, k=2)
    exact = np.linalg.eigvalsh(dense(surface()))[::-1][:2]
    np.testing.assert_allclose(found.values, exact, atol=1e-5 * exact[0])


def flat(arrays):
    return np.concatenate([array.ravel() for array in arrays.values()])


def dense(surface):
    """Return the Hessian that PyTorch itself computes from the parameters as one vector."""
    shapes = {name: leaf.shape for name, leaf in surface.params.items()}

    def loss(vector):
        parts = vector.split([int(np.prod(shape)) for shape in shapes.values()])
        params = {name: part.view(shapes[name]) for name, part in zip(shapes, parts, strict=True)}
        return nn.functional.cross_entropy(torch.func.functional_call(surface.module, params, (ALL_X,)), ALL_T)

    return torch.autograd.functional.hessian(loss, torch.tensor(flat(surface.params))).numpy()


def test_products_are_those_of_the_dense_hessian():
    theirs = surface()
    expected = dense(theirs) @ flat(theirs.params)
    whole = surface(batches=[(ALL_X, ALL_T)]).hvp_at(theirs.params)
    for product in (theirs.hvp_at(theirs.params), whole, whole):
        np.testing.assert_allclose(flat(product(theirs.params)), expected, rtol=1e-9, atol=1e-13)


@pytest.mark.slow
def test_everything_that_measures_surfaces_works_on_it():
    theirs = surface()
    many = {name: np.stack([leaf, 0 * leaf]) for name, leaf in theirs.params.items()}
    np.testing.assert_allclose(theirs.values(many), [theirs.value(theirs.params), np.log(3)])
    gradients = list(theirs.batch_gradients(theirs.params, batch_size=5, key=1))
    whole = theirs.gradient(theirs.params)
    for name, leaf in whole.items():
        np.testing.assert_allclose(np.mean([gradient[name] for gradient in gradients], axis=0), leaf, atol=1e-14)
    assert ds.noise_scale(theirs, theirs.params, batch_size=2).noise > 0
    assert ds.step_model(theirs, theirs.params, k=1).best_step is not None
    blocks = ds.hessian_blocks(theirs, theirs.params)
    assert sum(blocks.sizes) == 57
    assert all("." not in name for name in blocks.names)  # weight and bias of a layer together
    assert ds.sharpness(theirs, theirs.params, probes=60).box > 0


def test_nothing_of_the_users_is_touched():
    net = our_network()
    net(ALL_X)  # moves the running statistics
    net(ALL_X).sum().backward()
    kept = {name: leaf.clone() for name, leaf in net.state_dict().items()}
    gradient, generator = net[1].weight.grad.clone(), torch.get_rng_state()
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(ALL_X, ALL_T), batch_size=7, shuffle=True)
    theirs = surface(net=net, batches=loader)
    with torch.no_grad():
        theirs.gradient(theirs.params)
    theirs.hvp(theirs.params, theirs.params)
    assert net.training
    assert all(module.training for module in net.modules())
    assert all(torch.equal(leaf, kept[name]) for name, leaf in net.state_dict().items())
    assert torch.equal(net[1].weight.grad, gradient)
    assert torch.equal(torch.get_rng_state(), generator)
    before = theirs.value(theirs.params)
    with torch.no_grad():
        net[1].weight.add_(1)
    net(ALL_X + 1)
    assert theirs.value(theirs.params) == before


def test_frozen_and_shared_parameters():
    net = nn.Sequential(nn.Linear(5, 5), nn.Tanh(), nn.Linear(5, 5), nn.Linear(5, 3))
    net = net.double()
    net[2].weight = net[0].weight
    net[3].requires_grad_(False)
    theirs = surface(net=net)
    assert list(theirs.params) == ["0.weight", "0.bias", "2.bias"]
    loss = nn.functional.cross_entropy(net(ALL_X), ALL_T)
    loss.backward()
    np.testing.assert_allclose(theirs.gradient(theirs.params)["0.weight"], net[0].weight.grad, rtol=1e-10)


def test_where_nothing_curves_there_are_zeros():
    flat = surface(lambda y, t: y.mean(), [(ALL_X, ALL_T)], nn.Linear(5, 3).double())
    for product in (flat.hvp, flat.gauss_newton_product, lambda params, v: flat.hvp_at(params)(v)):
        image = product(flat.params, flat.params)
        assert not any(leaf.any() for leaf in image.values())


class Forgetful(nn.Module):
    """A module whose dropout is on in every mode."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(5, 3).double()

    def forward(self, x):
        return self.linear(nn.functional.dropout(x, 0.5))


def test_dropout_that_stays_on_is_refused_and_draws_nothing():
    theirs, before = surface(net=Forgetful()), torch.get_rng_state()
    with pytest.raises(SettingError, match=r"must answer the same .* \(dropout off"):
        theirs.gradient(theirs.params)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    "loss",
    [nn.CrossEntropyLoss(reduction="sum"), nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 9.0]).double())],
    ids=["a sum", "class weights"],
)
def test_a_loss_that_is_no_mean_over_rows_is_refused_in_batches(loss):
    theirs = surface(loss)
    with pytest.raises(SettingError, match="must be a mean over rows"):
        theirs.value(theirs.params)
    whole = surface(loss, [(ALL_X, ALL_T)])
    assert whole.value(whole.params) > 0


def at_params(method, **settings):
    """Return a call of a method of a surface at its own parameters."""
    theirs = surface(settings.pop("loss", None))
    return getattr(theirs, method)(theirs.params, **settings)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: adapters.from_torch(len, nn.MSELoss(), PAIRS), SettingError, "torch.nn.Module, got builtin"),
        (lambda: surface(net=nn.Tanh()), SettingError, "a parameter with requires_grad=True"),
        (lambda: surface(net=nn.Linear(5, 3).half()), SettingError, "float32 or float64, got torch.float16"),
        (lambda: surface(batches=[]), SettingError, "at least one pair"),
        (lambda: surface(batches=PAIRS[0]), ShapeError, r"got Tensor. For one pass \[\(x, y\)\]"),
        (lambda: surface(batches=[(X, X[:3, 0])]), ShapeError, "equally many rows"),
        (lambda: surface(batches=[(X, X[:, 0]), (X[:, :4], X[:, 0])]), ShapeError, "chunks of one data set, alike"),
        (lambda: at_params("value", loss=lambda y, t: y), ShapeError, r"one floating-point number, .*\[11, 3\]"),
        (lambda: surface().value({"1.weight": W1.T}), ShapeError, "names of the parameters do not fit"),
        (lambda: at_params("hvp", v=surface().params | {"1.weight": W1}), ShapeError, r"'1.weight' .* got .*\[5, 6\]"),
        (lambda: at_params("batch_gradients", batch_size=21), SettingError, "at most 20, the rows"),
    ],
    ids=["module", "parameters", "half", "none", "no pair", "rows", "not alike", "loss", "names", "v", "batch size"],
)
def test_what_cannot_be_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_without_torch_the_message_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'downslope\[torch\]'"):
        adapters.from_torch(None, len, [])
