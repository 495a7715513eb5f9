"""The recurrent bottleneck network: padding, words and the state at the last step."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from skdeepclust.networks import BottleneckRNN
from skdeepclust.networks._layers import layer_output

CELLS = pytest.mark.parametrize("cell", ["gru", "lstm"])
N_LAYERS = pytest.mark.parametrize("n_layers", [1, 2])
LENGTHS = [4, 7, 1, 0, 5]


@pytest.fixture(autouse=True)
def _seed():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def padded(lengths, n_steps, n_features=3):
    """Draw sequences of the given lengths, (n, n_steps, n_features), and add zeros."""
    x = torch.randn(len(lengths), n_steps, n_features, dtype=torch.float64)
    for sequence, length in zip(x, lengths, strict=True):
        sequence[length:] = 0
    return x


def code(network, x):
    with layer_output(network, "code") as kept:
        network(x)
    return kept[0]


def naive_code(network, sequences):
    """Run the recurrent layer on one sequence at a time, without padding."""
    codes = []
    for sequence in sequences:
        state = torch.zeros(network.recurrent.hidden_size, dtype=torch.float64)
        if len(sequence):
            inner = network.embedding(sequence) if network.embedding else sequence
            final = network.recurrent(inner[None])[1]
            final = final[0] if isinstance(final, tuple) else final  # (layers, 1, hidden)
            state = final[-1, 0]
        codes.append(network.code(state[None])[0])
    return torch.stack(codes)


# ---------------------------------------------------------------- padding


@CELLS
@N_LAYERS
@pytest.mark.parametrize("n_steps", [7, 10], ids=["longest", "cut"])
def test_codes_are_those_of_one_sequence_at_a_time(cell, n_layers, n_steps):
    network = BottleneckRNN((n_steps, 3), 2, cell=cell, hidden=6, n_layers=n_layers).double()
    network.standardize.set_(0.5, 2.0)
    x = padded(LENGTHS, n_steps)
    sequences = [(each[:n] - 0.5) / 2 for each, n in zip(x, LENGTHS, strict=True)]
    torch.testing.assert_close(code(network, x), naive_code(network, sequences))


@CELLS
@N_LAYERS
@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.float32, torch.float64])
def test_codes_of_words_are_those_of_one_sentence_at_a_time(cell, n_layers, dtype):
    options = {"vocabulary_size": 9, "embedding_dim": 4, "n_layers": n_layers}
    network = BottleneckRNN((8,), 2, cell=cell, hidden=6, **options).double()
    assert network.standardize is None
    words = torch.randint(1, 9, (len(LENGTHS), 8))
    sentences = [each[:n] for each, n in zip(words, LENGTHS, strict=True)]
    x = torch.zeros(len(LENGTHS), 8, dtype=dtype)
    for row, sentence in zip(x, sentences, strict=True):
        row[: len(sentence)] = sentence
    torch.testing.assert_close(code(network, x), naive_code(network, sentences))


@settings(max_examples=25)
@given(
    lengths=st.lists(st.integers(0, 6), min_size=1, max_size=5),
    more=st.integers(0, 4),
    beside=st.integers(0, 9),
    shift=st.sampled_from([0.0, -3.0]),
)
def test_padding_and_other_sequences_change_nothing(lengths, more, beside, shift):
    network = BottleneckRNN((6, 3), 2, hidden=4)
    network.standardize.set_(shift, 0.5)
    x = padded(lengths, 6).float()
    longer = torch.cat([x, torch.zeros(len(x), more, 3)], 1)
    longer = torch.cat([longer, padded([min(beside, 6 + more)], 6 + more).float()])
    expected = code(network, x)
    torch.testing.assert_close(code(network, longer)[:-1], expected, atol=1e-6, rtol=0)
    alone = torch.cat([code(network, row[None]) for row in x])
    torch.testing.assert_close(alone, expected, atol=1e-6, rtol=0)


@CELLS
def test_sequences_of_padding_alone_have_the_state_zero(cell):
    network = BottleneckRNN((5, 3), 2, cell=cell, hidden=4)
    network.standardize.set_(3.0, 0.1)
    nn.init.normal_(network.code.linear.bias)
    codes = code(network, torch.zeros(2, 5, 3))
    assert torch.equal(codes, network.code.linear.bias.expand(2, -1))


def test_zeros_before_the_last_step_are_steps():
    network = BottleneckRNN((5, 3), 2, hidden=4).double()
    x = padded([4], 5)
    x[0, 1:3] = 0
    expected = naive_code(network, [x[0, :4]])
    torch.testing.assert_close(code(network, x), expected)
    shorter = naive_code(network, [x[0, [0, 3]]])
    assert not torch.allclose(expected, shorter)


def test_a_step_with_one_feature_that_is_not_zero_is_no_padding():
    network = BottleneckRNN((4, 3), 2, hidden=4).double()
    x = padded([2], 4)
    x[0, 2] = torch.tensor([0.0, 1e-30, 0.0])
    torch.testing.assert_close(code(network, x), naive_code(network, [x[0, :3]]))


def test_padding_receives_no_gradient():
    network = BottleneckRNN((7, 3), 2, hidden=4).double()
    x = padded(LENGTHS, 7).requires_grad_()
    network(x).square().sum().backward()
    for gradient, length in zip(x.grad, LENGTHS, strict=True):
        assert not gradient[length:].any()
        assert gradient[:length].any() == (length > 0)


def test_padding_is_never_learnt_as_a_word():
    network = BottleneckRNN((4,), 2, vocabulary_size=5, hidden=4)
    network(torch.tensor([[1, 0, 2, 0], [3, 4, 0, 0]])).square().sum().backward()
    gradient = network.embedding.weight.grad
    assert not gradient[0].any()
    assert gradient[1:].any(1).all()


class _KeepIndices(nn.Module):
    """Keep the indices of words and make zeros of them, in the place of a large embedding."""

    def forward(self, indices):
        self.indices = indices
        return torch.zeros(*indices.shape, 32)


def test_large_indices_of_words_are_exact_as_floats_of_32_bits():
    network = BottleneckRNN((2,), 2, vocabulary_size=8, hidden=4)
    network.embedding = _KeepIndices()
    x = torch.tensor([[2**24 - 1, 2**24 - 2]])
    network(x.float())
    assert torch.equal(network.embedding.indices, x)


# ---------------------------------------------------------------- layers and devices


@pytest.mark.parametrize("vocabulary_size", [None, 9])
def test_on_an_accelerator_nothing_waits_for_a_number(vocabulary_size):
    shape = (6, 3) if vocabulary_size is None else (6,)
    network = BottleneckRNN(shape, 2, vocabulary_size=vocabulary_size, hidden=4).to("meta")
    steps = []
    network.recurrent.register_forward_hook(lambda _, given, made: steps.append(given[0].shape[1]))
    # tensors on this device have no values: reading one raises
    assert network(torch.ones(5, *shape, device="meta")).shape == (5, 2)
    assert steps == [6]


def test_on_the_cpu_the_batch_is_cut_at_its_longest_sequence():
    network = BottleneckRNN((9, 3), 2, hidden=4).double()
    steps = []
    network.recurrent.register_forward_hook(lambda _, given, made: steps.append(given[0].shape[1]))
    network(padded([2, 4, 1], 9))
    network(padded([0, 0], 9))
    assert steps == [4, 1]


@pytest.mark.parametrize(
    ("network", "names"),
    [
        (BottleneckRNN((4, 3), 2, layer_norm=True), ["standardize", "recurrent"]),
        (BottleneckRNN((4,), 2, layer_norm=True, vocabulary_size=5), ["embedding", "recurrent"]),
        (BottleneckRNN((4, 3), 2, layer_norm=True, standardize=False), ["recurrent"]),
    ],
    ids=["features", "words", "not-standardised"],
)
def test_layers_run_in_the_order_of_their_names(network, names):
    names = [*names, "code.linear", "code.layer_norm", "code", "activation", "output"]
    seen = []
    for name, layer in network.named_modules():
        layer.register_forward_hook(lambda *_, name=name: seen.append(name))
    network(torch.ones(2, *network.input_shape))
    assert seen == [*names, ""]


def test_the_cell_is_the_one_asked_for():
    assert isinstance(BottleneckRNN((4, 3), 2).recurrent, nn.GRU)
    lstm = BottleneckRNN((4, 3), 2, cell="lstm", hidden=5, n_layers=2).recurrent
    assert isinstance(lstm, nn.LSTM)
    assert (lstm.hidden_size, lstm.num_layers, lstm.batch_first) == (5, 2, True)


def test_words_outside_of_the_vocabulary_are_refused():
    network = BottleneckRNN((3,), 2, vocabulary_size=5)
    with pytest.raises(IndexError):
        network(torch.tensor([[1, 5, 0]]))


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((4,), {}, r"input_shape .* \(steps, features\) .* got \(4,\); set vocabulary_size"),
        ((4, 3, 2), {}, r"input_shape .* got \(4, 3, 2\)"),
        ((4, 3), {"vocabulary_size": 9}, r"input_shape .* \(steps,\) .* leave vocabulary_size=No"),
        ((0, 3), {}, "steps must be .* got 0"),
        ((4, 0), {}, "features must be .* got 0"),
        ((4, 3), {"cell": "rnn"}, "cell must be 'gru' or 'lstm', got 'rnn'"),
        ((4, 3), {"hidden": 0}, "hidden must be .* got 0"),
        ((4, 3), {"n_layers": 1.5}, "n_layers must be .* got 1.5"),
        ((4,), {"vocabulary_size": 0}, "vocabulary_size must be .* got 0"),
        ((4,), {"vocabulary_size": 5, "embedding_dim": 0}, "embedding_dim must be .* got 0"),
    ],
)
def test_wrong_arguments_are_refused(shape, options, message):
    with pytest.raises(ValueError, match=message):
        BottleneckRNN(shape, 2, **options)


def test_numpy_integers_are_sizes():
    network = BottleneckRNN(
        np.array([4]),
        np.int64(2),
        hidden=np.int64(5),
        n_layers=np.int64(2),
        vocabulary_size=np.int64(6),
        embedding_dim=np.int64(3),
    )
    assert network(torch.randint(6, (2, 4))).shape == (2, 2)
