"""Classifier networks against naive loops, and what a regulariser of their layers relies on."""

from __future__ import annotations

import copy
import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from helpers.naive_layers import convolve, layer_outputs, linear, randomise, relu
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from torch import nn

from skdeepclust.networks import MLP, CIFARQuick

SIDES = st.integers(4, 37)
NETWORKS = [
    pytest.param(MLP, (7,), id="mlp"),
    pytest.param(CIFARQuick, (2, 9, 14), id="conv"),
]


@pytest.fixture(autouse=True)
def _seed():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


# ---------------------------------------------------------------- values


def pool(images, reduce):
    """Windows of 3 x 3 pixels, a step of 2 apart, clipped at the border; one at least."""
    height, width = images.shape[2:]
    rows, columns = (range(0, max(1, side - 1), 2) for side in (height, width))
    return np.array(
        [
            [[[reduce(c[i : i + 3, j : j + 3]) for j in columns] for i in rows] for c in image]
            for image in images
        ]
    )


@pytest.mark.parametrize("shape", [(2, 9, 14), (1, 4, 5), (3, 12, 8)])
def test_conv_network_equals_naive_loops(shape):
    network = randomise(CIFARQuick(shape, 3, channels=(3, 2, 4), n_hidden=5))
    network.standardize.set_(0.5, 2.0)
    x = torch.randn(2, *shape, dtype=torch.float64)
    h = pool(convolve((x.numpy() - 0.5) / 2, network.conv1), np.max)
    h = pool(relu(convolve(relu(h), network.conv2)), np.mean)
    h = pool(relu(convolve(h, network.conv3)), np.mean)
    h = linear(h.reshape(2, -1), network.fc1)
    assert_allclose(network(x).detach(), linear(h, network.output), rtol=1e-9)


def test_mlp_equals_its_formula():
    network = randomise(MLP((6,), 3, hidden=(5, 4)))
    network.standardize.set_(0.5, 2.0)
    x = torch.randn(8, 6, dtype=torch.float64)
    h = relu(linear(relu(linear((x.numpy() - 0.5) / 2, network.fc1)), network.fc2))
    assert_allclose(network(x).detach(), linear(h, network.output), rtol=1e-12)


def test_mlp_without_hidden_layers_reaches_the_optimum_of_logistic_regression():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(150, 4))
    y = (X @ rng.normal(size=(4, 3)) + rng.gumbel(size=(150, 3))).argmax(1)
    best = LogisticRegression(C=np.inf, tol=1e-8, max_iter=1000).fit(X, y)
    network = MLP((4,), 3, hidden=()).double()
    x, target = torch.as_tensor(X), torch.as_tensor(y)
    optimizer = torch.optim.LBFGS(network.parameters(), max_iter=300, line_search_fn="strong_wolfe")

    def loss():
        optimizer.zero_grad()
        error = nn.functional.cross_entropy(network(x), target)
        error.backward()
        return error

    optimizer.step(loss)
    assert_allclose(loss().item(), log_loss(y, best.predict_proba(X)), rtol=1e-6)


@settings(max_examples=25)
@given(channels=st.integers(1, 5), height=SIDES, width=SIDES, layers=st.integers(1, 5))
def test_images_of_any_size_are_taken(channels, height, width, layers):
    shape = (channels, height, width)
    network = CIFARQuick(shape, 3, channels=[4] * layers, n_hidden=6)
    logits = network(torch.randn(2, *shape))
    assert logits.shape == (2, 3)
    assert logits.isfinite().all()


@pytest.mark.parametrize(("cls", "shape"), NETWORKS)
def test_a_gradient_reaches_every_parameter(cls, shape):
    network = cls(shape, 4).double()
    x = torch.randn(16, *shape, dtype=torch.float64)
    nn.functional.cross_entropy(network(x), torch.arange(16) % 4).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 1e-9, name


# ---------------------------------------------------------------- layers that can be looked at


@pytest.mark.parametrize(("cls", "shape"), NETWORKS)
def test_no_layer_writes_over_the_output_of_another(cls, shape):
    made = layer_outputs(cls(shape, 4, dropout=0.5), torch.randn(5, *shape))
    for name, (output, as_made) in made.items():
        assert torch.equal(output, as_made), name


@pytest.mark.parametrize(
    ("network", "names"),
    [
        (MLP((4,), 2), ["fc1", "fc2", "output"]),
        (MLP((4,), 2, hidden=()), ["output"]),
        (CIFARQuick((1, 8, 8), 2), ["conv1", "conv2", "conv3", "fc1", "output"]),
        (CIFARQuick((1, 8, 8), 2, channels=(2,)), ["conv1", "fc1", "output"]),
    ],
    ids=["mlp", "mlp-linear", "conv", "conv-one"],
)
def test_layers_run_in_the_order_of_their_names(network, names):
    layers = {name: layer for name, layer in network.named_modules() if name}
    assert [name for name in layers if list(layers[name].parameters())] == names
    assert list(layer_outputs(network, torch.randn(2, *network.input_shape))) == list(layers)


@pytest.mark.parametrize(("cls", "shape"), NETWORKS)
def test_a_module_added_later_does_not_run(cls, shape):
    network, x = cls(shape, 4), torch.randn(3, *shape)
    before = network(x)
    network.beside = nn.Linear(4, 9)
    assert torch.equal(network(x), before)


@pytest.mark.parametrize("n_channels", [1, 3])
@pytest.mark.parametrize("copied", [False, True])
def test_pixels_of_a_convolution_are_rows_without_copying(n_channels, copied):
    network = CIFARQuick((n_channels, 12, 9), 2)
    if copied:
        network = copy.deepcopy(network)
    made = layer_outputs(network, torch.randn(4, n_channels, 12, 9))
    for name in ("conv1", "conv2", "conv3"):
        output = made[name][0]
        rows = output.permute(0, 2, 3, 1).flatten(0, 2)
        assert rows.data_ptr() == output.data_ptr(), name


def test_the_memory_format_does_not_change_the_result():
    network = CIFARQuick((3, 10, 13), 4).double()
    plain = copy.deepcopy(network).to(memory_format=torch.contiguous_format)
    x = torch.randn(6, 3, 10, 13, dtype=torch.float64)
    h = x
    for layer in plain.children():
        h = layer(h)
    torch.testing.assert_close(network(x), h)
    assert torch.equal(network(x.contiguous(memory_format=torch.channels_last)), network(x))


# ---------------------------------------------------------------- initial weights


@pytest.mark.parametrize(("cls", "shape"), NETWORKS)
def test_weights_are_drawn_from_kaimings_normal_distribution(cls, shape):
    network = cls(shape, 64)
    names = [name for name, _ in network.named_modules()]
    for name, parameter in network.named_parameters():
        if name.endswith("bias"):
            assert not parameter.any(), name
        else:
            gain = 2 if name.replace(".weight", "_relu") in names else 1
            expected = math.sqrt(gain / parameter[0].numel())
            assert_allclose(parameter.std().item(), expected, rtol=0.1, err_msg=name)


def test_the_initial_weights_keep_the_scale_through_many_layers():
    made = layer_outputs(MLP((512,), 512, hidden=[512] * 8), torch.randn(512, 512))
    mean_squares = {name: output.square().mean().item() for name, (output, _) in made.items()}
    assert_allclose([mean_squares[f"fc{i}"] for i in range(1, 9)], 2, rtol=0.3)
    assert_allclose(mean_squares["output"], 1, rtol=0.3)


# ---------------------------------------------------------------- options


@pytest.mark.parametrize(("cls", "shape"), NETWORKS)
def test_standardize_is_the_first_layer_or_there_is_none(cls, shape):
    torch.manual_seed(1)
    scaled = cls(shape, 4).double()
    torch.manual_seed(1)
    plain = cls(shape, 4, standardize=False).double()
    assert plain.standardize is None
    x = torch.randn(5, *shape, dtype=torch.float64) * 3 + 7
    assert torch.equal(scaled(x), plain(x))
    scaled.standardize.fit_(x)
    torch.testing.assert_close(scaled(x), plain((x - x.mean()) / x.std(correction=0)))
    kept = scaled.state_dict()
    assert set(kept) == {"standardize.mean", "standardize.std", *plain.state_dict()}


@pytest.mark.parametrize(("cls", "shape"), NETWORKS)
def test_dropout_silences_hidden_units_in_training_only(cls, shape):
    network = cls(shape, 4, dropout=0.25)
    x = torch.randn(500, *shape)
    made = [(name, output) for name, (output, _) in layer_outputs(network, x).items()]
    for (_, before), (name, after) in pairwise(made):
        if name.endswith("_dropout"):
            silenced = (after[before != 0] == 0).double().mean().item()
            assert_allclose(silenced, 0.25, atol=0.02, err_msg=name)
    network.eval()
    assert torch.equal(network(x), network(x))


@pytest.mark.parametrize(("cls", "shape"), NETWORKS)
def test_without_dropout_a_step_draws_no_random_numbers(cls, shape):
    network, x = cls(shape, 4), torch.randn(5, *shape)
    before = torch.get_rng_state()
    network(x)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("cls", "shape", "n_outputs", "options", "message"),
    [
        (MLP, (1, 8, 8), 2, {}, r"must be \(n_features,\), got \(1, 8, 8\); .* CIFARQuick"),
        (MLP, (0,), 2, {}, "n_features must be .* got 0"),
        (MLP, (4,), 0, {}, "n_outputs must be .* got 0"),
        (MLP, (4,), 2, {"hidden": (8, 2.5)}, "hidden must be .* got 2.5"),
        (MLP, (4,), 2, {"dropout": 1}, "dropout must be .* got 1"),
        (MLP, (4,), 2, {"dropout": -0.1}, "dropout must be .* got -0.1"),
        (MLP, (4,), 2, {"dropout": math.nan}, "dropout must be .* got nan"),
        (CIFARQuick, (64,), 2, {}, r"channels, height, width\), got \(64,\); use MLP"),
        (CIFARQuick, (1, 3, 28), 2, {}, "4 x 4"),
        (CIFARQuick, (0, 8, 8), 2, {}, "at least one channel"),
        (CIFARQuick, (1, 8, 8), True, {}, "n_outputs must be .* got True"),
        (CIFARQuick, (1, 8, 8), 2, {"channels": ()}, "at least one layer"),
        (CIFARQuick, (1, 8, 8), 2, {"channels": (4, 0)}, "channels must be .* got 0"),
        (CIFARQuick, (1, 8, 8), 2, {"n_hidden": 0}, "n_hidden must be .* got 0"),
        (CIFARQuick, (1, 8, 8), 2, {"kernel_size": 4}, "odd, got 4"),
        (CIFARQuick, (1, 8, 8), 2, {"dropout": 1.5}, "dropout must be .* got 1.5"),
    ],
)
def test_wrong_sizes_are_refused(cls, shape, n_outputs, options, message):
    with pytest.raises(ValueError, match=message):
        cls(shape, n_outputs, **options)


def test_numpy_integers_are_sizes():
    network = MLP(np.array([4]), np.int64(2), hidden=np.array([3]))
    assert network(torch.randn(2, 4)).shape == (2, 2)
    network = CIFARQuick(np.array([1, 8, 8]), np.int64(2), channels=np.array([3]))
    assert network(torch.randn(2, 1, 8, 8)).shape == (2, 2)
