"""Autoencoders: shapes, memory format, initialisation and known optima."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from sklearn.decomposition import PCA
from torch import nn

from skdeepclust.networks import (
    ConvAutoencoder,
    MLPAutoencoder,
    SequenceAutoencoder,
    Standardize,
)

SIDES = st.integers(8, 37)
CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d)
NETWORKS = [
    pytest.param(ConvAutoencoder, (2, 9, 14), id="conv"),
    pytest.param(SequenceAutoencoder, (9, 2), id="sequences"),
    pytest.param(MLPAutoencoder, (7,), id="mlp"),
]


@pytest.fixture(autouse=True)
def _seed():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@settings(max_examples=25, deadline=None)
@given(channels=st.integers(1, 5), height=SIDES, width=SIDES, layers=st.integers(1, 5))
def test_decoder_restores_the_shape_of_any_image(channels, height, width, layers):
    shape = (channels, height, width)
    network = ConvAutoencoder(shape, 3, channels=[4] * layers)
    images = torch.randn(2, *shape)
    embedding = network.encode(images)
    assert embedding.shape == (2, 3)
    assert network.decode(embedding).shape == images.shape


@settings(max_examples=25, deadline=None)
@given(steps=st.integers(1, 37), features=st.integers(1, 5), layers=st.integers(1, 5))
def test_decoder_restores_the_length_of_any_sequence(steps, features, layers):
    network = SequenceAutoencoder((steps, features), 3, channels=[4] * layers)
    sequences = torch.randn(2, steps, features)
    embedding = network.encode(sequences)
    assert embedding.shape == (2, 3)
    assert network.decode(embedding).shape == sequences.shape


def test_sequences_are_images_one_pixel_wide():
    """With the kernels' columns of an image network, beside which there is nothing but padding."""
    images = ConvAutoencoder((2, 16, 8), 3, channels=(4,)).double().eval()
    sequences = SequenceAutoencoder((16, 2), 3, channels=(4,)).double().eval()
    kernel = images.encoder[0].weight.detach()
    kernel[..., [0, 2]] = 0
    sequences.encoder[0].weight.data.copy_(kernel[..., 1])
    x = torch.randn(5, 16, 2, dtype=torch.float64)
    wide = x.transpose(1, 2)[..., None].expand(-1, -1, -1, 8)
    codes = images.encoder(wide)
    torch.testing.assert_close(codes[..., 0], sequences.encoder(x.transpose(1, 2)))
    torch.testing.assert_close(codes[..., 0], codes[..., 3])


@pytest.mark.parametrize("kernel_size", [1, 5])
def test_other_kernels_restore_the_shape(kernel_size):
    images = torch.randn(3, 1, 11, 8)
    assert ConvAutoencoder((1, 11, 8), kernel_size=kernel_size)(images).shape == images.shape


@pytest.mark.parametrize(("cls", "shape"), NETWORKS)
def test_forward_is_decode_of_encode_and_dtype_follows_the_weights(cls, shape):
    network = cls(shape, 4).double().eval()
    x = torch.randn(5, *shape, dtype=torch.float64)
    reconstruction = network(x)
    assert reconstruction.dtype == torch.float64
    assert reconstruction.shape == x.shape
    assert torch.equal(reconstruction, network.decode(network.encode(x)))


@pytest.mark.parametrize(("cls", "shape"), NETWORKS)
def test_a_gradient_reaches_every_parameter(cls, shape):
    network = cls(shape, 4).double()
    x = torch.randn(16, *shape, dtype=torch.float64)
    embedding = network.encode(x)
    # the embedding's bias is lost on the decoder, which normalises over the batch
    loss = (network.decode(embedding) - x).square().mean() + (embedding - 1).square().mean()
    loss.backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        # a bias before batch normalisation would have nothing but rounding errors
        assert parameter.grad.abs().max() > 1e-9, name


@pytest.mark.parametrize(("cls", "shape"), NETWORKS)
def test_weights_are_drawn_from_xaviers_uniform_distribution(cls, shape):
    for name, parameter in cls(shape, 64).named_parameters():
        if name.endswith("bias"):
            assert not parameter.any(), name
        elif parameter.ndim > 1:
            area = parameter[0, 0].numel()
            bound = math.sqrt(6 / (area * (parameter.shape[0] + parameter.shape[1])))
            assert parameter.abs().max() <= bound, name
            assert parameter.abs().max() > 0.9 * bound, name


@pytest.mark.parametrize("n_channels", [1, 3])
@pytest.mark.parametrize("copied", [False, True])
def test_convolutions_run_in_channels_last(n_channels, copied):
    network = ConvAutoencoder((n_channels, 12, 9))
    if copied:
        network = copy.deepcopy(network)
    strides = []
    for layer in network.modules():
        if isinstance(layer, CONVOLUTIONS):
            assert layer.weight.is_contiguous(memory_format=torch.channels_last)
            layer.register_forward_hook(lambda _, given, made: strides.append((given[0], made)))
    network(torch.randn(2, n_channels, 12, 9))
    assert len(strides) == 6
    for given_to, made in strides:
        # with one channel the two formats have the same memory but other strides
        assert given_to.stride(1) == 1 or given_to.shape[1] == 1
        assert made.stride(1) == 1 or made.shape[1] == 1
    assert all(made.stride(1) == 1 for _, made in strides[:-1])


def test_the_memory_format_does_not_change_the_result():
    network = ConvAutoencoder((3, 10, 13)).double()
    plain = copy.deepcopy(network).to(memory_format=torch.contiguous_format)
    x = torch.randn(6, 3, 10, 13, dtype=torch.float64)
    hidden = plain.from_embedding(plain.to_embedding(plain.encoder(x).flatten(1)))
    expected = plain.decoder(hidden.view(6, 64, 2, 2))
    torch.testing.assert_close(network(x), expected)
    last = x.contiguous(memory_format=torch.channels_last)
    assert torch.equal(network(last), network(x))


def test_linear_autoencoder_reaches_the_optimum_of_pca():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 6)) @ rng.normal(size=(6, 6))
    pca = PCA(n_components=2).fit(X)
    best = np.mean((X - pca.inverse_transform(pca.transform(X))) ** 2)
    network = MLPAutoencoder((6,), 2, hidden=()).double()
    x = torch.as_tensor(X)
    optimizer = torch.optim.LBFGS(network.parameters(), max_iter=300, line_search_fn="strong_wolfe")

    def loss():
        optimizer.zero_grad()
        error = (network(x) - x).square().mean()
        error.backward()
        return error

    optimizer.step(loss)
    assert_allclose(loss().item(), best, rtol=1e-5)


@pytest.mark.parametrize("batch_norm", [True, False])
def test_rows_are_independent_in_training_only_without_batch_norm(batch_norm):
    network = MLPAutoencoder((5,), 2, batch_norm=batch_norm).double()
    x = torch.randn(8, 5, dtype=torch.float64)
    same = torch.allclose(network(x)[:3], network(x[:3]), atol=1e-12)
    assert same is not batch_norm


def test_hidden_layers_are_mirrored():
    network = MLPAutoencoder((20,), 3, hidden=(16, 8))
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
    sizes = [(layer.in_features, layer.out_features) for layer in layers]
    assert sizes == [(20, 16), (16, 8), (8, 3), (3, 8), (8, 16), (16, 20)]


@pytest.mark.parametrize(("cls", "shape"), NETWORKS)
@pytest.mark.parametrize("training", [True, False])
def test_the_option_standardize_changes_neither_weights_nor_values(cls, shape, training):
    torch.manual_seed(1)
    plain = cls(shape, 4).train(training)
    after = torch.get_rng_state()
    torch.manual_seed(1)
    scaled = cls(shape, 4, standardize=True).train(training)
    assert torch.equal(torch.get_rng_state(), after)
    assert plain.standardize is None
    kept = scaled.state_dict()
    assert set(kept) == {"standardize.mean", "standardize.std", *plain.state_dict()}
    for name, value in plain.state_dict().items():
        assert torch.equal(value, kept[name]), name
    x = torch.randn(6, *shape)
    assert torch.equal(scaled(x), plain(x))


@pytest.mark.parametrize(("cls", "shape"), NETWORKS)
def test_standardize_makes_a_reconstruction_follow_the_units_of_the_input(cls, shape):
    network = cls(shape, 4, standardize=True).double()
    x = torch.randn(6, *shape, dtype=torch.float64) + 2
    network.standardize.fit_(x)
    embedding, reconstruction = network.encode(x), network(x)
    assert_allclose(reconstruction.mean().item(), x.mean().item(), atol=2)
    network.standardize.fit_(5 * x + 100)
    torch.testing.assert_close(network.encode(5 * x + 100), embedding)
    torch.testing.assert_close(network(5 * x + 100), 5 * reconstruction + 100)


@pytest.mark.parametrize(("cls", "shape"), NETWORKS)
def test_mixed_precision_keeps_the_digits_of_a_mean_far_from_zero(cls, shape):
    network = cls(shape, 4, standardize=True).eval()
    network.standardize.set_(1000.0, 1.0)
    x = torch.randn(6, *shape) + 1000
    expected = network(x)
    with torch.autocast("cpu", torch.bfloat16):
        reconstruction = network(x)
    assert reconstruction.dtype == torch.float32
    # numbers near 1000 are 4 apart in bfloat16
    torch.testing.assert_close(reconstruction, expected, atol=0.1, rtol=0)


def test_without_batch_norm_the_output_of_a_linear_layer_is_not_written_over():
    network = MLPAutoencoder((20,), 3, batch_norm=False)
    made = []
    for layer in network.modules():
        if isinstance(layer, nn.Linear):
            layer.register_forward_hook(lambda _, given, output: made.append(output))
    network(torch.randn(5, 20))
    assert len(made) == 6
    assert not any(output._version for output in made)


def test_with_batch_norm_activations_are_in_place():
    layers = [layer for layer in MLPAutoencoder((20,), 3).modules() if isinstance(layer, nn.ReLU)]
    assert len(layers) == 4
    assert all(layer.inplace for layer in layers)


@pytest.mark.parametrize(
    ("cls", "shape", "options", "message"),
    [
        (SequenceAutoencoder, (9,), {}, "steps, features"),
        (SequenceAutoencoder, (0, 2), {}, "steps must be .* got 0"),
        (SequenceAutoencoder, (9, 2), {"kernel_size": 4}, "odd, got 4"),
        (ConvAutoencoder, (1, 7, 28), {}, "8 x 8"),
        (ConvAutoencoder, (1, 28, 7), {}, "8 x 8"),
        (ConvAutoencoder, (0, 8, 8), {}, "at least one channel"),
        (ConvAutoencoder, (28, 28), {}, "channels, height, width"),
        (ConvAutoencoder, (1, 8, 8), {"channels": ()}, "at least one layer"),
        (ConvAutoencoder, (1, 8, 8), {"channels": (4, 0)}, "channels must be .* got 0"),
        (ConvAutoencoder, (1, 8, 8), {"kernel_size": 4}, "odd, got 4"),
        (ConvAutoencoder, (1, 8, 8), {"n_components": 0}, "n_components must be .* got 0"),
        (MLPAutoencoder, (1, 8, 8), {}, "n_features"),
        (MLPAutoencoder, (0,), {}, "n_features must be"),
        (MLPAutoencoder, (4,), {"hidden": (8, 2.5)}, "hidden must be .* got 2.5"),
        (MLPAutoencoder, (4,), {"n_components": True}, "n_components must be"),
    ],
)
def test_wrong_sizes_are_refused(cls, shape, options, message):
    with pytest.raises(ValueError, match=message):
        cls(shape, **options)


def test_numpy_integers_are_sizes():
    network = MLPAutoencoder(np.array([4]), np.int64(2), hidden=np.array([3]))
    assert network(torch.randn(2, 4)).shape == (2, 4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_standardize_gives_zero_mean_and_unit_deviation(dtype):
    x = torch.randn(50, 4, dtype=dtype) * 3 + 7
    scale = Standardize().to(dtype).fit_(x)
    y = scale(x)
    assert y.dtype == dtype
    assert_allclose(y.mean().item(), 0, atol=1e-6)
    assert_allclose(y.std(correction=0).item(), 1, atol=1e-6)
    torch.testing.assert_close(scale.inverse(y), x)


def test_standardize_takes_integers_and_constants():
    scale = Standardize().fit_(torch.full((3, 4), 200, dtype=torch.uint8))
    assert not scale(torch.full((3, 4), 200, dtype=torch.uint8)).any()
    assert scale.std == 1
    assert Standardize(2.0, 0.0).std == 1


def test_standardize_is_saved_with_the_network():
    restored = Standardize()
    restored.load_state_dict(Standardize(2.0, 4.0).state_dict())
    assert restored(torch.tensor(10.0)) == 2


@pytest.mark.parametrize(("mean", "std"), [(math.nan, 1.0), (0.0, math.inf), (0.0, -1.0)])
def test_standardize_refuses_what_is_no_scale(mean, std):
    with pytest.raises(ValueError, match="mean and std must be finite"):
        Standardize(mean, std)
