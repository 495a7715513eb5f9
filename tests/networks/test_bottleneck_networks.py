"""Bottleneck networks for rows and images, and what all three have in common behind the code."""

from __future__ import annotations

import copy
import math
from functools import partial

import numpy as np
import pytest
import torch
from helpers.naive_layers import layer_outputs, linear, randomise, relu
from numpy.testing import assert_allclose
from torch import nn

from skdeepclust.networks import BottleneckCNN, BottleneckMLP, BottleneckRNN
from skdeepclust.networks._checks import check_outputs

small_cnn = partial(BottleneckCNN, block_channels=(3, 4), tail_channels=(4, 2))
small_rnn = partial(BottleneckRNN, hidden=6)
small_words = partial(BottleneckRNN, hidden=6, vocabulary_size=10, embedding_dim=3)
NETWORKS = [
    pytest.param(BottleneckMLP, (7,), id="mlp"),
    pytest.param(small_cnn, (2, 9, 14), id="cnn"),
    pytest.param(small_rnn, (5, 3), id="rnn"),
    pytest.param(partial(small_rnn, cell="lstm", n_layers=2), (5, 3), id="lstm"),
    pytest.param(small_words, (5,), id="words"),
]


@pytest.fixture(autouse=True)
def _seed():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def batch(network, n=6):
    """Make input that suits the network, in the type of its weights."""
    if getattr(network, "embedding", None) is not None:
        return torch.randint(1, 10, (n, *network.input_shape))
    dtype = network.code.linear.weight.dtype
    return torch.randn(n, *network.input_shape, dtype=dtype)


# ---------------------------------------------------------------- behind the code


@pytest.mark.parametrize("layer_norm", [True, False])
@pytest.mark.parametrize("output_hidden", [(), (6, 5)])
@pytest.mark.parametrize(("make", "shape"), NETWORKS)
def test_outputs_are_a_function_of_the_rectified_code(make, shape, output_hidden, layer_norm):
    network = make(shape, 3, n_components=4, layer_norm=layer_norm, output_hidden=output_hidden)
    network = randomise(network)
    made = layer_outputs(network, batch(network))
    code, activation, output = (made[name][0] for name in ("code", "activation", "output"))
    code_linear = made["code.linear"][0].detach()
    normalised = (code_linear - code_linear.mean(1, keepdim=True)) / torch.sqrt(
        code_linear.var(1, correction=0, keepdim=True) + 1e-5
    )
    if layer_norm:
        scale = network.code.layer_norm
        torch.testing.assert_close(code, normalised * scale.weight + scale.bias)
    else:
        assert torch.equal(code, code_linear)
    assert code.shape == (6, 4)
    assert (code < 0).any()
    assert torch.equal(activation, code.clamp(min=0))
    h = activation.detach().numpy()
    layers = [layer for layer in network.output.modules() if isinstance(layer, nn.Linear)]
    for layer in layers[:-1]:
        h = relu(linear(h, layer))
    assert_allclose(output.detach(), linear(h, layers[-1]), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("make", "shape"), NETWORKS)
def test_the_code_is_found_by_its_name(make, shape):
    network = make(shape, 3, n_components=4, layer_norm=True, output_hidden=(5,))
    assert [name for name, _ in network.get_submodule("code").named_children()] == [
        "linear",
        "layer_norm",
    ]
    assert network.get_submodule("code.linear").weight.shape[0] == 4
    assert not network.activation.inplace
    last = [layer for layer in network.modules() if isinstance(layer, nn.Linear)][-1]
    assert last.out_features == 3
    plain = make(shape, 3, layer_norm=False)
    assert [name for name, _ in plain.code.named_children()] == ["linear"]
    assert isinstance(plain.output, nn.Linear)


@pytest.mark.parametrize(("make", "shape"), NETWORKS)
def test_a_gradient_reaches_every_parameter(make, shape):
    network = make(shape, 4, layer_norm=True, output_hidden=(8,)).double()
    x = batch(network, 40)
    nn.functional.cross_entropy(network(x), torch.arange(40) % 4).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 1e-9, name


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("make", "shape"), NETWORKS)
def test_no_layer_writes_over_another_and_no_random_number_is_drawn(make, shape, training):
    network = make(shape, 4, output_hidden=(3,)).train(training)
    x = batch(network)
    before = torch.get_rng_state()
    for name, (output, as_made) in layer_outputs(network, x).items():
        assert torch.equal(output, as_made), name
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(("make", "shape"), NETWORKS)
def test_estimators_accept_the_network(make, shape):
    check_outputs(make(shape, 4), shape, 4)


@pytest.mark.parametrize(("make", "shape"), NETWORKS)
def test_a_batch_without_samples_has_no_outputs(make, shape):
    network = make(shape, 4)
    assert network(batch(network, 0)).shape == (0, 4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("make", "shape"), NETWORKS)
def test_the_type_of_the_weights_is_that_of_the_outputs(make, shape, dtype):
    network = make(shape, 4).to(dtype)
    outputs = network(batch(network))
    assert outputs.dtype == dtype
    assert outputs.shape == (6, 4)


def in_mixed_precision(network, x):
    """Run a network, or skip the test where oneDNN has no such layer for the processor."""
    try:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return network(x)
    except RuntimeError as error:
        if "could not create a primitive descriptor for the LSTM" not in str(error):
            raise
        pytest.skip("oneDNN has no LSTM in bfloat16 for this processor")


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("make", "shape"), NETWORKS)
def test_mixed_precision_is_close_to_full_precision(make, shape, training):
    network = make(shape, 4).train(training)
    x = batch(network)
    outputs = in_mixed_precision(network, x)
    outputs.float().square().mean().backward()
    torch.testing.assert_close(outputs.float(), network(x), atol=0.1, rtol=0.1)
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters())


@pytest.mark.parametrize(("make", "shape"), NETWORKS)
def test_saved_weights_give_the_same_outputs(make, shape):
    network, other = (make(shape, 4, layer_norm=True, output_hidden=(3,)) for _ in range(2))
    if network.standardize is not None:
        network.standardize.set_(0.5, 2.0)
    x = batch(network)
    assert not torch.equal(other(x), network(x))
    other.load_state_dict(network.state_dict())
    assert torch.equal(other(x), network(x))
    assert torch.equal(copy.deepcopy(network)(x), network(x))


@pytest.mark.parametrize(("make", "shape"), NETWORKS[:-1])
def test_standardize_is_the_first_layer_or_there_is_none(make, shape):
    torch.manual_seed(1)
    scaled = make(shape, 4).double()
    torch.manual_seed(1)
    plain = make(shape, 4, standardize=False).double()
    assert plain.standardize is None
    x = batch(plain) * 3 + 7
    assert torch.equal(scaled(x), plain(x))
    scaled.standardize.fit_(x)
    torch.testing.assert_close(scaled(x), plain((x - x.mean()) / x.std(correction=0)))
    assert set(scaled.state_dict()) - set(plain.state_dict()) == {
        "standardize.mean",
        "standardize.std",
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_outputs": 0}, "n_outputs must be .* got 0"),
        ({"n_outputs": True}, "n_outputs must be .* got True"),
        ({"n_components": 0}, "n_components must be .* got 0"),
        ({"output_hidden": (4, 0)}, "output_hidden must be .* got 0"),
    ],
    ids=["n_outputs", "bool", "n_components", "output_hidden"],
)
@pytest.mark.parametrize(("make", "shape"), NETWORKS)
def test_wrong_sizes_behind_the_code_are_refused(make, shape, options, message):
    with pytest.raises(ValueError, match=message):
        make(shape, **{"n_outputs": 2, **options})


# ---------------------------------------------------------------- rows


def test_mlp_equals_its_formula():
    network = randomise(BottleneckMLP((6,), 3, n_components=4, hidden=(5, 8), layer_norm=False))
    network.standardize.set_(0.5, 2.0)
    x = torch.randn(9, 6, dtype=torch.float64)
    h = relu(linear(relu(linear((x.numpy() - 0.5) / 2, network.fc1)), network.fc2))
    h = relu(linear(h, network.code.linear))
    assert_allclose(network(x).detach(), linear(h, network.output), rtol=1e-10, atol=1e-12)


def test_without_hidden_layers_the_code_is_linear_in_the_features():
    network = BottleneckMLP((6,), 3, hidden=(), layer_norm=False)
    names = [name for name, layer in network.named_modules() if isinstance(layer, nn.Linear)]
    assert names == ["code.linear", "output"]
    assert network.code.linear.in_features == 6


# ---------------------------------------------------------------- both


@pytest.mark.parametrize(("make", "shape"), [(BottleneckMLP, (50,)), (BottleneckCNN, (3, 16, 16))])
def test_convolutions_start_from_kaimings_weights_and_the_rest_from_smaller_ones(make, shape):
    network = make(shape, 64, n_components=32, output_hidden=(40,))
    for name, layer in network.named_modules():
        if isinstance(layer, (nn.Linear, nn.Conv2d)):
            gain = 1 / 3 if isinstance(layer, nn.Linear) else 2
            expected = math.sqrt(gain / layer.weight[0].numel())
            assert_allclose(layer.weight.std().item(), expected, rtol=0.15, err_msg=name)


@pytest.mark.parametrize(
    ("make", "shape", "options", "message"),
    [
        (BottleneckMLP, (1, 8, 8), {}, r"must be \(n_features,\), got \(1, 8, 8\); .* BottleneckC"),
        (BottleneckMLP, (0,), {}, "n_features must be .* got 0"),
        (BottleneckMLP, (4,), {"hidden": (8, 2.5)}, "hidden must be .* got 2.5"),
        (BottleneckCNN, (64,), {}, r"channels, height, width\), got \(64,\); use BottleneckMLP"),
        (
            BottleneckCNN,
            (1, 7, 28),
            {},
            r"input_shape=\(1, 7, 28\) is too small: .* 8 x 8.* sequence_shape",
        ),
        (BottleneckCNN, (0, 8, 8), {}, "at least one channel"),
        (BottleneckCNN, (1, 8, 8), {"block_channels": ()}, "block_channels must .* none"),
        (BottleneckCNN, (1, 8, 8), {"block_channels": (4, 0)}, "block_channels must be .* got 0"),
        (BottleneckCNN, (1, 8, 8), {"tail_channels": ()}, "tail_channels must .* none"),
        (BottleneckCNN, (1, 8, 8), {"tail_channels": (2.0,)}, "tail_channels must be .* got 2.0"),
    ],
)
def test_wrong_sizes_are_refused(make, shape, options, message):
    with pytest.raises(ValueError, match=message):
        make(shape, 2, **options)


def test_numpy_integers_are_sizes():
    network = BottleneckMLP(np.array([4]), np.int64(2), hidden=np.array([3]))
    assert network(torch.randn(2, 4)).shape == (2, 2)
    network = small_cnn(np.array([1, 8, 8]), np.int64(2), output_hidden=np.array([3]))
    assert network(torch.randn(2, 1, 8, 8)).shape == (2, 2)


def test_one_component_is_not_normalised():
    network = BottleneckMLP((4,), 2, n_components=1, layer_norm=True)
    assert [name for name, _ in network.code.named_children()] == ["linear"]
    assert network.code(network.fc1(torch.randn(9, 4))).std() > 0
