"""PyTorch modules as people have them: attention, mappings, penalties on their own parameters, hooks."""

import collections
import copy
import functools

import numpy as np
import pytest

import downslope as ds
from downslope import adapters
from downslope.core import SettingError, ShapeError

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
nn, functional = torch.nn, torch.nn.functional
DOUBLE = torch.float64


@pytest.fixture(autouse=True)
def one_thread():
    """Run torch in one thread: where others are at work, its threads wait for one another at every small operation."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(threads)


def true_hessian(module, loss, params):
    """Return the dense Hessian of `loss(module)` by PyTorch, over a module's parameters as one vector.

    The parameters are put into the module itself, one by one, so that all that uses them sees them.
    """
    shapes = {name: leaf.shape for name, leaf in params.items()}

    def value(vector):
        parts = dict(zip(shapes, vector.split([int(np.prod(shape)) for shape in shapes.values()]), strict=True))
        whole = Whole(module, loss)
        return torch.func.functional_call(whole, {f"module.{k}": v.view(shapes[k]) for k, v in parts.items()}, ())

    flat = torch.cat([torch.as_tensor(leaf).reshape(-1) for leaf in params.values()])
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        return torch.autograd.functional.hessian(value, flat).numpy()


class Whole(nn.Module):
    """A module with a loss as one module."""

    def __init__(self, module, loss):
        super().__init__()
        self.module, self.loss = module, loss

    def forward(self):
        return self.loss(self.module)


def assert_hessian(surface, module, loss):
    """Fail where products with a surface's Hessian are not those of the truth, or eigenvalues differ in six digits."""
    exact = true_hessian(module.eval(), loss, surface.params)
    v = {name: np.random.default_rng(0).normal(size=leaf.shape) for name, leaf in surface.params.items()}
    product, flat = surface.hvp(surface.params, v), np.concatenate([leaf.ravel() for leaf in v.values()])
    ours = np.concatenate([leaf.ravel() for leaf in product.values()])
    np.testing.assert_allclose(ours, exact @ flat, rtol=1e-9, atol=1e-12 * np.abs(exact).max())
    found = ds.eigenvalues(surface, surface.params, k=1, tol=1e-8).values
    np.testing.assert_allclose(found, np.linalg.eigvalsh(exact)[::-1][:1], rtol=1e-6)


class SelfAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention, self.out = nn.MultiheadAttention(4, 2, batch_first=True, dtype=DOUBLE), nn.Linear(4, 2)

    def forward(self, x):
        return self.out(self.attention(x, x, x, need_weights=False)[0].mean(1))


class Products(nn.Module):
    def __init__(self, **settings):
        super().__init__()
        self.qkv, self.settings = nn.Linear(4, 12), settings

    def forward(self, x):
        return functional.scaled_dot_product_attention(*self.qkv(x).chunk(3, -1), **self.settings).mean(1)


ATTENTION = {
    "MultiheadAttention": SelfAttention,
    "TransformerEncoderLayer": lambda: nn.Sequential(
        nn.TransformerEncoderLayer(4, 2, 6, batch_first=True), nn.Flatten(), nn.Linear(12, 2)
    ),
    "TransformerEncoder, gelu, norm first": lambda: nn.Sequential(
        nn.TransformerEncoder(
            nn.TransformerEncoderLayer(4, 2, 5, activation="gelu", norm_first=True, batch_first=True),
            1,
            enable_nested_tensor=False,
        ),
        nn.Flatten(),
        nn.Linear(12, 2),
    ),
    "scaled_dot_product_attention": Products,
    "causal": lambda: Products(is_causal=True, scale=0.7),
    "LSTM": lambda: Recurrent(nn.LSTM),
}


class Recurrent(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.cell = kind(4, 3, batch_first=True)

    def forward(self, x):
        return self.cell(x)[0].sum(1)


@pytest.mark.slow
@pytest.mark.parametrize("name", ATTENTION)
def test_d1_attention_has_second_derivatives(name):
    net = ATTENTION[name]().to(DOUBLE)
    x = torch.randn(6, 3, 4, dtype=DOUBLE)
    y = torch.randn(6, *net.eval()(x).shape[1:], dtype=DOUBLE)
    surface = adapters.from_torch(net, nn.MSELoss(), [(x[:4], y[:4]), (x[4:], y[4:])])
    fast = torch.backends.mha.get_fastpath_enabled()
    assert_hessian(surface, net, lambda module: functional.mse_loss(module(x), y))
    assert torch.backends.mha.get_fastpath_enabled() == fast
    assert surface.value(surface.params) == pytest.approx(functional.mse_loss(net(x), y).item(), rel=1e-12)


class Distances(nn.Module):
    def __init__(self):
        super().__init__()
        self.map = nn.Linear(4, 2)

    def forward(self, x):
        return torch.cdist(self.map(x), x[:1, :2])


class OnceOnly(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.exp()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, d):
        return d


class Custom(nn.Module):
    def __init__(self):
        super().__init__()
        self.map = nn.Linear(4, 1)

    def forward(self, x):
        return OnceOnly.apply(self.map(x))


@pytest.mark.parametrize("net, name", [(Distances, "cdist"), (Custom, "OnceOnly")])
def test_d1_an_operation_without_a_second_derivative_is_named(net, name):
    surface = adapters.from_torch(net(), nn.MSELoss(), [(torch.randn(6, 4), torch.randn(6, 1))])
    assert np.isfinite(surface.gradient(surface.params)["map.weight"]).all()
    with pytest.raises(SettingError, match=f"second derivatives, but PyTorch has none for {name}\\."):
        ds.eigenvalues(surface, surface.params)


# --- batches of any form ---


class Tokens(nn.Module):
    def __init__(self, takes_labels=False):
        super().__init__()
        self.embed, self.out = nn.Embedding(11, 3, dtype=DOUBLE), nn.Linear(3, 2, dtype=DOUBLE)

    def forward(self, input_ids, attention_mask=None):
        h = self.embed(input_ids)
        return self.out((h if attention_mask is None else h * attention_mask[..., None]).mean(1))


class Encoding(collections.UserDict):
    """What a tokenizer returns."""


class Reader:
    """What only reads like a mapping."""

    def __init__(self, entries):
        self.entries = entries

    def keys(self):
        return self.entries.keys()

    def __getitem__(self, name):
        return self.entries[name]


IDS, LABELS = torch.arange(24).reshape(8, 3) % 11, torch.arange(8) % 2
MASK = (torch.arange(24).reshape(8, 3) % 3 > 0).double()
Batch = collections.namedtuple("Batch", "input_ids attention_mask labels")
NAMED = {"input_ids": IDS, "attention_mask": MASK, "labels": LABELS}


def by_labels(output, batch):
    return functional.cross_entropy(output, batch["labels"])


FORMS = {
    "a dict": (NAMED, by_labels),
    "a dict of arrays": ({name: value.numpy() for name, value in NAMED.items()}, by_labels),
    "an encoding": (Encoding(NAMED), by_labels),
    "what reads like one": (Reader(NAMED), by_labels),
    "a loss of torch": (NAMED, nn.CrossEntropyLoss()),
    "a function of torch": (Encoding(NAMED), functional.cross_entropy),
    "a named tuple": (Batch(IDS, MASK, LABELS), lambda output, batch: by_labels(output, batch._asdict())),
    "inputs by name": (({"input_ids": IDS, "attention_mask": MASK}, LABELS), nn.CrossEntropyLoss()),
    "inputs of an encoding": ([Encoding(input_ids=IDS, attention_mask=MASK), LABELS], nn.CrossEntropyLoss()),
    "several inputs": (((IDS, MASK), LABELS), nn.CrossEntropyLoss()),
    "nested targets": (((IDS, MASK), {"a": {"labels": LABELS}}), lambda output, t: by_labels(output, t["a"])),
}


@pytest.mark.parametrize("form", FORMS)
def test_d1_batches_of_any_form(form):
    batch, loss = FORMS[form]
    net = Tokens()
    expected = functional.cross_entropy(net(IDS, MASK), LABELS).item()
    surface = adapters.from_torch(net, loss, [batch, batch])
    assert surface.value(surface.params) == pytest.approx(expected, rel=1e-12)
    assert surface.rows == 16
    gradients = list(surface.batch_gradients(surface.params, batch_size=4))
    mean = np.mean([gradient["out.weight"] for gradient in gradients], axis=0)
    np.testing.assert_allclose(mean, surface.gradient(surface.params)["out.weight"], rtol=1e-9)
    assert np.isfinite(ds.eigenvalues(surface, surface.params).values[0])


def test_d1_a_module_of_one_mapping():
    class Takes(Tokens):
        def forward(self, batch):
            return super().forward(batch["input_ids"], batch["attention_mask"])

    net = Takes()
    surface = adapters.from_torch(net, by_labels, [NAMED])
    assert surface.value(surface.params) == pytest.approx(by_labels(net(NAMED), NAMED).item(), rel=1e-12)


@pytest.mark.parametrize(
    "batch", [{"input_ids": IDS, "labels": LABELS, "text": ["a"] * 8}, {"input_ids": IDS[:3], "labels": LABELS}]
)
def test_d1_what_is_no_batch_is_one_sentence(batch):
    with pytest.raises(ShapeError, match="must hold"):
        adapters.from_torch(Tokens(), by_labels, [batch])


def test_d1_mappings_for_functions_of_jax():
    x, y = np.ones((4, 2)), np.arange(4.0)

    def loss(params, batch):
        return ((batch["x"] @ params - batch["y"]) ** 2).mean()

    values = [
        adapters.from_function(loss, np.ones(2), [kind({"x": x, "y": y})]).value(np.ones(2))
        for kind in (dict, Encoding)
    ]
    assert values[0] == values[1] == 1.5


def test_d1_lists_of_checkpoints_are_a_path():
    net = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)).to(DOUBLE)
    x, y = torch.randn(8, 3, dtype=DOUBLE), torch.randn(8, 2, dtype=DOUBLE)
    surface = adapters.from_torch(net, nn.MSELoss(), [(x, y)])
    optimizer, modules, states = torch.optim.SGD(net.parameters(), 0.1), [], []
    for _ in range(5):
        modules.append(copy.deepcopy(net))
        states.append(copy.deepcopy(net.state_dict()))
        optimizer.zero_grad()
        functional.mse_loss(net(x), y).backward()
        optimizer.step()
    stacked = {name: np.stack([state[name].numpy() for state in states]) for name in surface.params}
    plane = ds.slice_2d(surface, surface.params, directions="pca", trajectory=states, size=3)
    expected = ds.project(stacked, plane)
    wrapped = [{"epoch": 1, "model_state_dict": state} for state in states]
    for path in (
        states,
        modules,
        wrapped,
        tuple(states),
        [dict(zip(stacked, leaves, strict=True)) for leaves in zip(*stacked.values(), strict=True)],
    ):
        found = ds.project(path, plane)
        np.testing.assert_array_equal(found.coordinates, expected.coordinates)
        np.testing.assert_array_equal(found.losses, expected.losses)
    with pytest.raises(ShapeError, match="trajectory"):
        ds.project([{"other": np.ones(3)}], plane)


# --- penalties ---


def penalized(net, how):
    """Return a loss with a penalty of 100 on the squares of a module's parameters, got in some way."""
    listed, weight = list(net.parameters()), net[0].weight
    holder = {"net": net}

    class Penalized(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = net

        def forward(self, output, y):
            return functional.mse_loss(output, y) + squares(self.net.parameters())

    def squares(parameters):
        return 100 * sum(p.square().sum() for p in parameters)

    ways = {
        "parameters": lambda o, y: functional.mse_loss(o, y) + squares(net.parameters()),
        "a list": lambda o, y: functional.mse_loss(o, y) + squares(listed),
        "named": lambda o, y: functional.mse_loss(o, y) + squares(p for _, p in holder["net"].named_parameters()),
        "a submodule": lambda o, y: functional.mse_loss(o, y) + squares(net[0].parameters()),
        "a weight": lambda o, y: functional.mse_loss(o, y) + squares([weight]),
        "an attribute": lambda o, y: functional.mse_loss(o, y) + squares([net[0].weight]),
        "a norm": lambda o, y: functional.mse_loss(o, y) + 100 * torch.linalg.vector_norm(net[0].weight) ** 2,
        "a vector": lambda o, y: (
            functional.mse_loss(o, y)
            + 100 * nn.utils.parameters_to_vector(net.parameters()).dot(nn.utils.parameters_to_vector(listed))
        ),
        "a module": Penalized(),
        "a default": lambda o, y, w=weight: functional.mse_loss(o, y) + squares([w]),
    }
    return ways[how]


@pytest.mark.parametrize(
    "how",
    [
        "parameters",
        "a list",
        "named",
        "a submodule",
        "a weight",
        "an attribute",
        "a norm",
        "a vector",
        "a module",
        "a default",
    ],
)
@pytest.mark.parametrize("training", [True, False])
def test_f5_a_penalty_on_the_parameters_counts(how, training):
    net = nn.Sequential(nn.Linear(1, 1, bias=False)).to(DOUBLE).train(training)
    x = torch.full((4, 1), np.sqrt(2.62), dtype=DOUBLE)
    before, state = copy.deepcopy(net.state_dict()), torch.get_rng_state()
    surface = adapters.from_torch(net, penalized(net, how), [(x, 0 * x)])
    [found] = ds.eigenvalues(surface, surface.params).values
    assert found == pytest.approx(205.24, rel=1e-9)
    weight = net[0].weight.item()
    for at in (weight, 3.0):
        assert surface.value({"0.weight": np.full((1, 1), at)}) == pytest.approx(102.62 * at**2, rel=1e-9)
        gradient = surface.gradient({"0.weight": np.full((1, 1), at)})["0.weight"]
        assert float(gradient[0, 0]) == pytest.approx(205.24 * at, rel=1e-9)
    assert net.training == net[0].training == training
    assert net[0].weight.grad is None
    assert net[0].weight.requires_grad
    assert torch.equal(net[0].weight, before["0.weight"])
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("scale", [1.0, 0.0])
def test_f5_what_was_computed_from_parameters_before_is_refused(scale):
    net = nn.Linear(3, 1)
    with torch.no_grad():
        net.weight.mul_(scale)
    stale = net.weight * 2
    surface = adapters.from_torch(net, lambda o, y: functional.mse_loss(o, y) + stale.square().sum(), [PAIR])
    with pytest.raises(SettingError, match="computed from 'weight' before"):
        surface.value(surface.params)


PAIR = (torch.linspace(-1, 1, 12).reshape(4, 3), torch.ones(4, 1))


def test_f5_the_module_called_again_by_the_loss_counts():
    net, other = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)).to(DOUBLE), torch.randn(5, 3, dtype=DOUBLE)
    x, y = (part.double() for part in PAIR)

    def loss(output, target):
        return functional.mse_loss(output, target) + net(other).square().mean()

    assert_hessian(adapters.from_torch(net, loss, [(x, y)]), net, lambda module: loss(module(x), y))


def test_f5_weights_tied_by_a_closure_count():
    net = nn.Sequential(nn.Linear(3, 4, bias=False), nn.Tanh()).to(DOUBLE)
    x, y = (part.double() for part in PAIR)

    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.decode = net, lambda h: h @ net[0].weight

        def forward(self, x):
            return self.decode(self.inner(x)).sum(1, keepdim=True)

    tied = Tied()
    assert_hessian(
        adapters.from_torch(tied, nn.MSELoss(), [(x, y)]), tied, lambda module: functional.mse_loss(module(x), y)
    )


def test_f5_frozen_parameters_and_buffers_in_the_loss_stay_as_they_were():
    net = nn.Sequential(nn.Linear(3, 1), nn.BatchNorm1d(1)).to(DOUBLE)
    net[0].bias.requires_grad_(False)
    x, y = (part.double() for part in PAIR)

    def loss(output, target):
        return functional.mse_loss(output, target) + net[0].bias.square().sum() + net[1].running_var.sum()

    surface = adapters.from_torch(net, loss, [(x, y)])
    before = surface.value(surface.params)
    with torch.no_grad():
        net[0].bias.add_(1)
        net[1].running_var.mul_(3)
    assert surface.value(surface.params) == before


@pytest.mark.parametrize("how", ["a closure", "a partial", "a module", "a global"])
def test_f6_what_a_loss_holds_may_change_later(how, monkeypatch):
    weights = torch.tensor([1.0, 3.0])
    monkeypatch.setitem(globals(), "CLASS_WEIGHTS", weights)
    loss = {
        "a closure": lambda o, t: functional.cross_entropy(o, t, weight=weights),
        "a partial": functools.partial(functional.cross_entropy, weight=weights),
        "a module": nn.CrossEntropyLoss(weight=weights),
        "a global": lambda o, t: functional.cross_entropy(o, t, weight=CLASS_WEIGHTS),
    }[how]
    x, t = torch.randn(8, 3), torch.arange(8) % 2
    surface = adapters.from_torch(nn.Linear(3, 2), loss, [(x, t)])
    before = surface.value(surface.params)
    for tensor in (weights, x):
        tensor.fill_(0.1)
    t.fill_(0)
    assert surface.value(surface.params) == before


def test_f6_parameters_of_a_torch_surface_cannot_be_changed():
    surface = adapters.from_torch(nn.Linear(3, 1), nn.MSELoss(), [PAIR])
    before = surface.params["weight"].copy()
    surface.params["weight"][...] = 0
    np.testing.assert_array_equal(surface.params["weight"], before)


# --- hooks ---

CALLS = []


def counts_globally(module, inputs, output):
    CALLS.append(1)


class Counter:
    def __init__(self):
        self.calls = 0

    def __call__(self, module, *_):
        self.calls += 1

    def method(self, module, *_):
        self.calls += 1


@pytest.mark.parametrize("kind", ["closure", "object", "method", "global"])
@pytest.mark.parametrize("when", ["forward", "forward_pre", "full_backward"])
def test_f6_hooks_that_watch_do_not_run(kind, when):
    net, counter, calls = nn.Sequential(nn.Linear(3, 2), nn.Tanh(), nn.Linear(2, 1)), Counter(), []
    CALLS.clear()

    def watches(module, *_):
        calls.append(1)

    hook = {"closure": watches, "object": counter, "method": counter.method}.get(kind)
    hook = hook or (lambda module, *_: counts_globally(module, (), None))
    for part in net.modules():
        getattr(part, f"register_{when}_hook")(hook)
    surface = adapters.from_torch(net, nn.MSELoss(), [PAIR])
    ds.eigenvalues(surface, surface.params)
    assert (calls, counter.calls, CALLS) == ([], 0, [])
    net(PAIR[0].clone().requires_grad_()).sum().backward()
    assert calls or counter.calls or CALLS


@pytest.mark.parametrize("when", ["forward", "forward_pre"])
@pytest.mark.parametrize("how", ["returns", "in place"])
def test_f6_hooks_that_change_outputs_are_refused(when, how):
    net = nn.Sequential(nn.Linear(3, 2), nn.Tanh(), nn.Linear(2, 1))

    def changes(module, inputs, output=None):
        value = inputs[0] if output is None else output
        return 2 * value if how == "returns" else (value.mul_(2), None)[1]

    getattr(net[1], f"register_{when}_hook")(changes)
    with pytest.raises(SettingError, match="must not have hooks that change its outputs"):
        adapters.from_torch(net, nn.MSELoss(), [PAIR])


def test_f6_hooks_of_torch_itself_stay():
    from torch.nn.utils import prune

    net = nn.Sequential(nn.Linear(3, 2), nn.Tanh(), nn.Linear(2, 1)).to(DOUBLE)
    prune.l1_unstructured(net[0], "weight", 3)
    x, y = (part.double() for part in PAIR)
    net[0].weight = net[0].weight.detach()
    surface = adapters.from_torch(net, nn.MSELoss(), [(x, y)])
    assert_hessian(surface, net, lambda module: functional.mse_loss(module(x), y))


def test_f5_weight_norm_has_its_second_derivative():
    """PyTorch's own is wrong: the Hessian that it gives is not symmetric."""
    net, x, y = nn.Conv1d(2, 3, 2).to(DOUBLE), torch.randn(5, 2, 4, dtype=DOUBLE), torch.randn(5, 3, 3, dtype=DOUBLE)
    for dim in (0, 1, -1, None):
        normed = nn.utils.parametrizations.weight_norm(copy.deepcopy(net), dim=dim)
        surface = adapters.from_torch(normed, nn.MSELoss(), [(x, y)])
        params, v, ε = surface.params, surface.gradient(surface.params), 1e-5
        ends = [
            surface.gradient({name: leaf + sign * ε * v[name] for name, leaf in params.items()}) for sign in (1, -1)
        ]
        for name, product in surface.hvp(params, v).items():
            np.testing.assert_allclose(product, (ends[0][name] - ends[1][name]) / (2 * ε), rtol=1e-6, atol=1e-9)


class Skewed(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.prod(1, keepdim=True)

    @staticmethod
    def backward(ctx, d):
        [x] = ctx.saved_tensors
        return torch.cat([d * x[:, 1:], d * x[:, :1].detach()], 1)


def test_f5_a_wrong_second_derivative_is_refused():
    class Custom(nn.Module):
        def __init__(self):
            super().__init__()
            self.map = nn.Linear(3, 2)

        def forward(self, x):
            return Skewed.apply(self.map(x))

    surface = adapters.from_torch(Custom(), nn.MSELoss(), [PAIR])
    with pytest.raises(SettingError, match="second derivative that is symmetric"):
        ds.eigenvalues(surface, surface.params)
