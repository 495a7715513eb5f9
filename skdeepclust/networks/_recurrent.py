"""A network with a narrow code for sequences of different lengths, padded with zeros."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from skdeepclust.networks._bottleneck import code_and_output
from skdeepclust.networks._checks import check_positive
from skdeepclust.networks._standardize import Standardize

CELLS = {"gru": nn.GRU, "lstm": nn.LSTM}


def _check_sequence_shape(
    input_shape: Sequence[int], vocabulary_size: int | None
) -> tuple[int, ...]:
    """Return ``(steps, features)``, or ``(steps,)`` for sequences of words."""
    shape = tuple(int(size) for size in input_shape)
    names = ("steps", "features") if vocabulary_size is None else ("steps",)
    if len(shape) != len(names):
        needed = "(steps, features)" if vocabulary_size is None else "(steps,)"
        other = "set vocabulary_size" if vocabulary_size is None else "leave vocabulary_size=None"
        kind = "indices of words" if vocabulary_size is None else "sequences of features"
        raise ValueError(
            f"input_shape of BottleneckRNN must be {needed} with "
            f"vocabulary_size={vocabulary_size}, got {shape}; {other} for {kind}."
        )
    check_positive(**dict(zip(names, shape, strict=True)))
    return shape


def _lengths(x: Tensor) -> Tensor:
    """Return the number of each sequence's steps before the zeros at its end, (n,)."""
    is_step = x != 0  # (n, steps) or (n, steps, features)
    if is_step.ndim == 3:
        is_step = is_step.any(2)
    places = torch.arange(1, is_step.shape[1] + 1, device=x.device)
    return (is_step * places).amax(1)


class BottleneckRNN(nn.Module):
    """Recurrent network with a narrow code, ``output(relu(code(h_T)))``, for sequences.

    The layer `recurrent` reads a sequence; the hidden state after its last step, :math:`h_T`,
    enters the layers `code`, `activation` and `output` of `BottleneckMLP`. Words, given by
    their index, are first looked up by the layer `embedding`.

    Sequences that are shorter than others end with padding: steps whose features are all exactly
    0, or words of index 0. Padding changes nothing: a sequence has the same code whatever
    zeros follow it. Zeros before the last other step are steps. A sequence of nothing but padding
    has the state of one without steps, zeros. The length of a batch may differ from that in
    `input_shape`.

    Parameters
    ----------
    input_shape : tuple of int, (steps, features) or (steps,)
        Number of steps and of features at each; with `vocabulary_size` number of words.
    n_outputs : int
        Number of classes; of an autoencoder, the number of steps times features.
    n_components : int, default=15
        Components of the code; one alone is not normalised.
    cell : {"gru", "lstm"}, default="gru"
        Gated recurrent units or long short-term memory.
    hidden : int, default=64
        Units of a recurrent layer.
    n_layers : int, default=1
        Number of recurrent layers, one on top of the other.
    vocabulary_size : int or None, default=None
        Number of words including the padding: indices are 0 (padding) to ``vocabulary_size - 1``.
        They may be given as floats; of 32 bits these are exact up to :math:`2^{24}`. None
        for sequences of features.
    embedding_dim : int, default=32
        Numbers that a word is looked up as. Ignored without `vocabulary_size`.
    layer_norm : bool, default=False
        Whether the code of each sample is normalised to mean 0 and variance 1 over its components,
        and then scaled and shifted by learnt numbers.
    output_hidden : sequence of int, default=()
        Units of hidden layers, each followed by ReLU, between the code and the last layer of
        `output`.
    standardize : bool, default=True
        Whether there is a layer `standardize` before all others, a `Standardize` that leaves
        the sequences as they are until somebody sets it. What is padding is decided before.
        Ignored with `vocabulary_size`: words have no scale.

    Raises
    ------
    ValueError
        If a size is not a positive integer, `input_shape` is not of the length that features or
        words need, or `cell` is unknown.

    References
    ----------
    Anonymous (2018). Forced Apart: Discovering Disentangled Representations Without Exhaustive
    Labels. Under review at ICLR. Figure 1 and sections 4.1 and 4.3.

    K. Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder for Statistical
    Machine Translation", EMNLP 2014 (gated recurrent units).

    S. Hochreiter, J. Schmidhuber, "Long Short-Term Memory", Neural Computation 9(8), 1997.

    Examples
    --------
    >>> import torch
    >>> from skdeepclust.networks import BottleneckRNN
    >>> network = BottleneckRNN((48, 4), 2, n_components=5)
    >>> network(torch.randn(3, 48, 4)).shape
    torch.Size([3, 2])
    >>> network.code
    Sequential(
      (linear): Linear(in_features=64, out_features=5, bias=True)
    )

    Sentences of up to 20 words:

    >>> network = BottleneckRNN((20,), 2, vocabulary_size=1000)
    >>> network(torch.tensor([[7, 3, 999, 0, 0], [5, 1, 2, 3, 4]])).shape
    torch.Size([2, 2])
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        n_outputs: int,
        *,
        n_components: int = 15,
        cell: Literal["gru", "lstm"] = "gru",
        hidden: int = 64,
        n_layers: int = 1,
        vocabulary_size: int | None = None,
        embedding_dim: int = 32,
        layer_norm: bool = False,
        output_hidden: Sequence[int] = (),
        standardize: bool = True,
    ) -> None:
        super().__init__()
        if cell not in CELLS:
            raise ValueError(f"cell must be 'gru' or 'lstm', got {cell!r}.")
        shape = _check_sequence_shape(input_shape, vocabulary_size)
        check_positive(hidden=hidden, n_layers=n_layers)
        self.standardize = Standardize() if standardize and vocabulary_size is None else None
        self.embedding: nn.Embedding | None = None
        if vocabulary_size is not None:
            check_positive(vocabulary_size=vocabulary_size, embedding_dim=embedding_dim)
            self.embedding = nn.Embedding(vocabulary_size, embedding_dim, padding_idx=0)
        n_inputs = shape[-1] if vocabulary_size is None else int(embedding_dim)
        # unlike other layers these insist on Python's own integers
        self.recurrent = CELLS[cell](n_inputs, int(hidden), int(n_layers), batch_first=True)
        head = code_and_output(
            hidden,
            n_outputs,
            n_components=n_components,
            layer_norm=layer_norm,
            output_hidden=output_hidden,
        )
        self.code, self.activation = head["code"], head["activation"]
        self.output = head["output"]
        self.input_shape = shape
        self.n_outputs = n_outputs

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs for sequences or words, (n, steps, ...) -> (n, n_outputs)."""
        return self.output(self.activation(self.code(self._last_state(x))))

    def _last_state(self, x: Tensor) -> Tensor:
        """Return the last layer's hidden state after each sequence's last step, (n, hidden)."""
        lengths = _lengths(x)
        # elsewhere reading the number would wait for the device; a traced graph can't branch on it
        if x.device.type == "cpu" and not torch.compiler.is_compiling():
            x = x[:, : max([1, *lengths.tolist()])]
        if self.standardize is not None:
            x = self.standardize(x)
        if self.embedding is not None:
            x = self.embedding(x.long())
        states = self.recurrent(x)[0]  # (n, steps, hidden)
        last = (lengths - 1).clamp(min=0).view(-1, 1, 1).expand(-1, 1, states.shape[2])
        return states.gather(1, last).squeeze(1).masked_fill((lengths == 0)[:, None], 0.0)
