"""Layers against torch in float64: values, gradients and running statistics.

Ours are channels last, `(batch, …, channels)` and `(window…, in, out)`; torch's are channels first.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import cases
import downslope as ds
from downslope.layers import Context, forward_in, initial_state, initialize

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
F = torch.nn.functional
ROWS = 6

# torch says that it copies its input where the padding of "same" is odd
pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")


def close(ours, theirs, **settings):
    theirs = theirs.detach().numpy() if hasattr(theirs, "detach") else theirs
    np.testing.assert_allclose(ours, theirs, **({"rtol": 1e-10, "atol": 1e-12} | settings))


def first(x):
    """Return a batch of ours with its channels first, as a tensor that gradients are kept of."""
    return torch.tensor(np.moveaxis(np.asarray(x), -1, 1), requires_grad=True)


def last(tensor):
    """Return a batch of theirs with its channels last."""
    return np.moveaxis(tensor.detach().numpy(), 1, -1)


def kernel_of_theirs(weight):
    """Return a kernel of ours as theirs: `(out, in, window…)`."""
    return torch.tensor(np.moveaxis(np.asarray(weight), (-1, -2), (0, 1)), requires_grad=True)


def kernel_of_ours(tensor):
    """Return a kernel of theirs as ours: `(window…, in, out)`."""
    return np.moveaxis(np.asarray(tensor), (0, 1), (-1, -2))


def drawn(layer, shape, seed=0):
    """Return a layer's parameters, with noise, and an input."""
    params = jax.tree.map(lambda array: cases.noisy(array, seed + 1), initialize(layer, seed, shape))
    return params, cases.normal(seed, ROWS, *shape)


# ── Convolutions and pools ───────────────────────────────────────────────────────────────────────

CONVOLUTIONS = {
    "1d, same": (ds.Conv1D(4, 3), (9, 2), {"padding": "same"}),
    "1d, same, even window": (ds.Conv1D(4, 4), (9, 2), {"padding": "same"}),
    "1d, valid": (ds.Conv1D(4, 5, padding="valid"), (9, 2), {}),
    "1d, strided": (ds.Conv1D(4, 2, stride=3, padding="valid"), (11, 1), {"stride": 3}),
    "1d, strided, same": (ds.Conv1D(4, 3, stride=2), (9, 2), {"stride": 2, "padding": 1}),
    "1d, without bias": (ds.Conv1D(4, 3, bias=False), (9, 2), {"padding": "same"}),
    "2d, same": (ds.Conv2D(4, 3), (6, 7, 2), {"padding": "same"}),
    "2d, same, even window": (ds.Conv2D(4, (4, 2)), (6, 7, 2), {"padding": "same"}),
    "2d, valid": (ds.Conv2D(4, 3, padding="valid"), (6, 7, 2), {}),
    "2d, strided": (ds.Conv2D(4, (3, 2), stride=(2, 3), padding="valid"), (8, 9, 3), {"stride": (2, 3)}),
    "2d, strided, same": (ds.Conv2D(4, 5, stride=2), (9, 7, 2), {"stride": 2, "padding": 2}),
    "2d, window of the image": (ds.Conv2D(4, (5, 4), padding="valid"), (5, 4, 3), {}),
    "2d, window below the stride": (ds.Conv2D(4, 1, stride=3, padding="valid"), (7, 7, 3), {"stride": 3}),
}


@pytest.mark.product
@pytest.mark.parametrize(("layer", "shape", "settings"), CONVOLUTIONS.values(), ids=CONVOLUTIONS.keys())
def test_convolutions(layer, shape, settings):
    params, x = drawn(layer, shape)
    weight, theirs = kernel_of_theirs(params["weight"]), first(x)
    bias = torch.tensor(np.asarray(params["bias"]), requires_grad=True) if layer.bias else None
    output = (F.conv1d if len(shape) == 2 else F.conv2d)(theirs, weight, bias, **settings)
    y, cache = layer.forward(params, x)
    close(y, last(output))

    dy = cases.normal(5, *y.shape)
    output.backward(first(dy).detach())
    gradients, dx = layer.backward(params, cache, dy)
    close(dx, last(theirs.grad))
    close(gradients["weight"], kernel_of_ours(weight.grad))
    assert set(gradients) == ({"weight", "bias"} if layer.bias else {"weight"})
    if layer.bias:
        close(gradients["bias"], bias.grad)


POOLS = {
    "max, 1d": (ds.MaxPool(2), (9, 3), lambda x: F.max_pool1d(x, 2)),
    "max, 1d, overlapping": (ds.MaxPool(3, stride=2), (9, 3), lambda x: F.max_pool1d(x, 3, 2)),
    "max, 2d": (ds.MaxPool(2), (6, 7, 3), lambda x: F.max_pool2d(x, 2)),
    "max, 2d, sides": (ds.MaxPool((3, 1)), (6, 7, 3), lambda x: F.max_pool2d(x, (3, 1))),
    "max, 2d, overlapping": (ds.MaxPool(3, stride=(1, 2)), (6, 7, 3), lambda x: F.max_pool2d(x, 3, (1, 2))),
    "max, 2d, padded": (ds.MaxPool(3, stride=2, padding="same"), (7, 5, 3), lambda x: F.max_pool2d(x, 3, 2, 1)),
    "average, 1d": (ds.AvgPool(3), (9, 3), lambda x: F.avg_pool1d(x, 3)),
    "average, 2d": (ds.AvgPool((2, 3)), (6, 7, 3), lambda x: F.avg_pool2d(x, (2, 3))),
    "average, 2d, overlapping": (ds.AvgPool(3, stride=1), (6, 7, 3), lambda x: F.avg_pool2d(x, 3, 1)),
    "average, 2d, padded": (
        ds.AvgPool(3, stride=2, padding="same"),
        (7, 5, 3),
        lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
    ),
}


@pytest.mark.product
@pytest.mark.parametrize(("layer", "shape", "pool"), POOLS.values(), ids=POOLS.keys())
@pytest.mark.parametrize("ties", [False, True], ids=["all different", "with ties"])
def test_pools(layer, shape, pool, ties):
    x = cases.normal(0, ROWS, *shape)
    x = jnp.round(x) if ties else x
    theirs = first(x)
    output = pool(theirs)
    y, cache = layer.forward({}, x)
    close(y, last(output))

    dy = cases.normal(5, *y.shape)
    output.backward(first(dy).detach())
    close(layer.backward({}, cache, dy)[1], last(theirs.grad))


# ── Normalizations ───────────────────────────────────────────────────────────────────────────────

SHAPES = {"vectors": (4,), "sequences": (5, 4), "images": (3, 2, 4)}
every_shape = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())


def their_batch_norm(layer, shape, params):
    kind = {1: torch.nn.BatchNorm1d, 2: torch.nn.BatchNorm1d, 3: torch.nn.BatchNorm2d}[len(shape)]
    theirs = kind(shape[-1], eps=layer.eps, momentum=1 - layer.momentum, dtype=torch.float64)
    with torch.no_grad():
        theirs.weight.copy_(torch.tensor(np.asarray(params["scale"])))
        theirs.bias.copy_(torch.tensor(np.asarray(params["shift"])))
    return theirs


@pytest.mark.product
@every_shape
@pytest.mark.parametrize("layer", [ds.BatchNorm(), ds.BatchNorm(momentum=0.6, eps=1e-3)], ids=str)
def test_batch_norm_through_several_steps_and_in_prediction(layer, shape):
    params, _ = drawn(layer, shape)
    theirs, state = their_batch_norm(layer, shape, params), initial_state(layer, shape)
    for step in range(6):
        context = Context(training=step < 4)
        theirs.train(context.training)
        theirs.zero_grad()
        x, dy = 2 * cases.normal(step, ROWS, *shape) + step, cases.normal(step + 50, ROWS, *shape)
        inputs = first(x)
        output = theirs(inputs)
        output.backward(first(dy).detach())

        y, cache, state = forward_in(layer, context, params, state, x)
        gradients, dx = layer.backward(params, cache, dy)
        close(y, last(output))
        close(dx, last(inputs.grad))
        close(gradients["scale"], theirs.weight.grad)
        close(gradients["shift"], theirs.bias.grad)
        close(state["mean"], theirs.running_mean)
        close(state["variance"], theirs.running_var)


@pytest.mark.product
@every_shape
def test_batch_norm_takes_rows_of_weight_0_for_absent(shape):
    layer = ds.BatchNorm()
    params, x = drawn(layer, shape)
    there, state = np.array([0, 2, 3, 5]), initial_state(layer, shape)
    dy = np.zeros(x.shape)
    dy[there] = cases.normal(5, len(there), *shape)  # what no loss counts has no gradient
    weights = jnp.zeros(ROWS).at[there].set(2.5)
    y, cache, after = forward_in(layer, Context(True, None, weights), params, state, x)
    gradients, dx = layer.backward(params, cache, jnp.asarray(dy))

    theirs, inputs = their_batch_norm(layer, shape, params), first(x[there])
    output = theirs(inputs)
    output.backward(first(dy[there]).detach())
    close(y[there], last(output))
    close(dx[there], last(inputs.grad))
    close(gradients["scale"], theirs.weight.grad)
    close(gradients["shift"], theirs.bias.grad)
    close(after["mean"], theirs.running_mean)
    close(after["variance"], theirs.running_var)


def test_batch_norm_takes_a_weight_of_2_for_a_row_twice():
    layer, shape = ds.BatchNorm(), (4,)
    params, x = drawn(layer, shape)
    weights = jnp.asarray([1.0, 2, 1, 1, 2, 1])
    y, _, state = forward_in(layer, Context(True, None, weights), params, initial_state(layer, shape), x)
    twice = jnp.concatenate([x, x[1:2], x[4:5]])
    output = their_batch_norm(layer, shape, params)(first(twice))
    close(y, last(output)[:ROWS])
    # Bessel's correction counts rows, not weights: six of them
    close((state["variance"] - 0.9) / 0.1, np.var(twice, axis=0) * 6 / 5)


@every_shape
def test_layer_norm_of_features(shape):
    layer = ds.LayerNorm()
    params, x = drawn(layer, shape)
    dy = cases.normal(5, *x.shape)
    theirs = torch.nn.LayerNorm(shape[-1], dtype=torch.float64)
    with torch.no_grad():
        theirs.weight.copy_(torch.tensor(np.asarray(params["scale"])))
        theirs.bias.copy_(torch.tensor(np.asarray(params["shift"])))
    inputs = torch.tensor(np.asarray(x), requires_grad=True)
    output = theirs(inputs)
    output.backward(torch.tensor(np.asarray(dy)))
    y, cache = layer.forward(params, x)
    gradients, dx = layer.backward(params, cache, dy)
    close(y, output)
    close(dx, inputs.grad)
    close(gradients["scale"], theirs.weight.grad)
    close(gradients["shift"], theirs.bias.grad)


# ── Skips, and a whole network ───────────────────────────────────────────────────────────────────


@pytest.mark.product
@pytest.mark.parametrize("channels", [2, 5], ids=["identity", "projection"])
@pytest.mark.parametrize("stride", [1, 2])
def test_a_residual_block_of_images(channels, stride):
    block = ds.Residual(
        [ds.Conv2D(4, 3, stride=stride, bias=False), ds.BatchNorm(), ds.ReLU(), ds.Conv2D(channels, 3, bias=False)]
    )
    shape = (5, 6, 2)
    params, x = drawn(block, shape)
    body, projection = params["body"], params["projection"]
    inputs, tensors = first(x), {}
    tensors["first"] = kernel_of_theirs(body[0]["weight"])
    tensors["second"] = kernel_of_theirs(body[3]["weight"])
    norm = torch.nn.BatchNorm2d(4, dtype=torch.float64)
    with torch.no_grad():
        norm.weight.copy_(torch.tensor(np.asarray(body[1]["scale"])))
        norm.bias.copy_(torch.tensor(np.asarray(body[1]["shift"])))
    hidden = F.relu(norm(F.conv2d(inputs, tensors["first"], stride=stride, padding="same" if stride == 1 else (1, 1))))
    if stride == 2:  # torch pads both sides alike, we an odd zero at the end: 6 columns need (0, 1)
        padded = F.pad(inputs, (0, 1, 1, 1))
        norm.reset_running_stats()
        hidden = F.relu(norm(F.conv2d(padded, tensors["first"], stride=2)))
    output = F.conv2d(hidden, tensors["second"], padding="same")
    skipped = inputs
    if projection:
        tensors["skip"] = kernel_of_theirs(projection["weight"])
        skipped = F.conv2d(inputs, tensors["skip"], stride=stride)
    output = output + skipped
    assert bool(projection) == (channels != 2 or stride != 1)

    y, cache, state = forward_in(block, Context(training=True), params, initial_state(block, shape), x)
    close(y, last(output))
    dy = cases.normal(5, *y.shape)
    output.backward(first(dy).detach())
    gradients, dx = block.backward(params, cache, dy)
    close(dx, last(inputs.grad))
    close(gradients["body"][0]["weight"], kernel_of_ours(tensors["first"].grad))
    close(gradients["body"][3]["weight"], kernel_of_ours(tensors["second"].grad))
    close(gradients["body"][1]["scale"], norm.weight.grad)
    close(gradients["body"][1]["shift"], norm.bias.grad)
    close(state["body"][1]["variance"], norm.running_var)
    if projection:
        close(gradients["projection"]["weight"], kernel_of_ours(tensors["skip"].grad))


@pytest.mark.slow
def test_a_convolutional_network_learns_as_theirs_does():
    net = ds.cnn([3, 4], outputs=3, norm="batch", activation="tanh")
    shape, rate = (8, 6, 2), 0.1
    variables = cases.moved(net.init(0, shape))
    torch_net = torch.nn.Sequential(
        torch.nn.Conv2d(2, 3, 3, padding="same", bias=False),
        torch.nn.BatchNorm2d(3, momentum=0.1),
        torch.nn.Tanh(),
        torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(3, 4, 3, padding="same", bias=False),
        torch.nn.BatchNorm2d(4, momentum=0.1),
        torch.nn.Tanh(),
        torch.nn.MaxPool2d(2),
    ).double()
    head = torch.nn.Linear(2 * 1 * 4, 3, dtype=torch.float64)
    with torch.no_grad():
        for place in (0, 4):
            torch_net[place].weight.copy_(kernel_of_theirs(variables.params[place]["weight"]))
            torch_net[place + 1].weight.copy_(torch.tensor(np.asarray(variables.params[place + 1]["scale"])))
            torch_net[place + 1].bias.copy_(torch.tensor(np.asarray(variables.params[place + 1]["shift"])))
        head.weight.copy_(torch.tensor(np.asarray(variables.params[-1]["weight"]).T))
        head.bias.copy_(torch.tensor(np.asarray(variables.params[-1]["bias"])))
    optimizer = torch.optim.SGD([*torch_net.parameters(), *head.parameters()], lr=rate)
    t = np.array([0, 2, 1, 1, 0, 2])

    for step in range(5):
        x = cases.normal(step, ROWS, *shape)
        optimizer.zero_grad()
        outputs = head(torch_net(first(x).detach()).permute(0, 2, 3, 1).flatten(1))
        loss = F.cross_entropy(outputs, torch.tensor(t))
        loss.backward()
        optimizer.step()
        result = ds.loss_and_gradients(net, variables, x, t, "cross_entropy", training=True)
        close(result.loss, loss)
        params = jax.tree.map(lambda p, g: p - rate * g, variables.params, result.params)
        variables = ds.Variables(params, result.state)

    for place in (0, 4):
        close(variables.params[place]["weight"], kernel_of_ours(torch_net[place].weight.detach()), rtol=1e-9)
        close(variables.params[place + 1]["scale"], torch_net[place + 1].weight, rtol=1e-9)
        close(variables.state[place + 1]["mean"], torch_net[place + 1].running_mean, rtol=1e-9)
        close(variables.state[place + 1]["variance"], torch_net[place + 1].running_var, rtol=1e-9)
    torch_net.eval()
    outputs = head(torch_net(first(x).detach()).permute(0, 2, 3, 1).flatten(1))
    close(net.apply(variables, x), outputs, rtol=1e-9)
