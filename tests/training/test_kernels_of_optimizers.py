"""Where an optimiser has one kernel for all weights, it is taken only if that takes these."""

from __future__ import annotations

import pickle
from functools import partial

import numpy as np
import pytest
import torch
from helpers.small_fits import CLASSIC, KNOWN
from torch import nn

from skdeepclust import TripletDECClusterer
from skdeepclust._training.settings import _has_one_kernel

FEW = {**CLASSIC, "n_neighbors": 4, "lr": 0.01}
del FEW["module__hidden"]


class Chosen(torch.optim.Adam):
    """Adam for which somebody has chosen."""

    def __init__(self, params, lr=1e-3, fused=False):
        super().__init__(params, lr=lr, fused=fused)


class Autoencoder(nn.Module):
    """A linear one, beside whose weights there may be others, which come first."""

    def __init__(self, n_components=4, first=None, table=None):
        super().__init__()
        if first is not None:
            self.first = nn.Parameter(first, requires_grad=first.is_complex())
        self.encoder, self.decoder = nn.Linear(64, n_components), nn.Linear(n_components, 64)
        self.table = nn.Embedding(2, n_components, sparse=True) if table else None

    def encode(self, x):
        z = self.encoder(x)
        return z if self.table is None else z + self.table((x[:, 20] > 0.5).long())

    def decode(self, z):
        return self.decoder(z)


def of_weight(weight: torch.Tensor) -> nn.Module:
    layer = nn.Linear(2, 2)
    layer.weight = nn.Parameter(weight, requires_grad=weight.dtype.is_floating_point)
    return layer


@pytest.mark.parametrize(
    ("make", "module", "expected"),
    [
        (torch.optim.SGD, of_weight(torch.ones(4, 6)), True),
        (torch.optim.Adam, of_weight(torch.ones(4, 6).T), True),
        (
            torch.optim.Adam,
            of_weight(torch.ones(2, 3, 4, 5).to(memory_format=torch.channels_last)),
            True,
        ),
        (torch.optim.Adam, of_weight(torch.ones(4, 12)[:, ::2]), False),
        (torch.optim.Adam, of_weight(torch.ones(8, 6)[::2]), False),
        (torch.optim.Adam, of_weight(torch.ones(3, dtype=torch.complex64)), False),
        (torch.optim.Adam, of_weight(torch.arange(3)), False),
        (torch.optim.SGD, nn.Embedding(3, 2, sparse=True), False),
        (torch.optim.SGD, nn.EmbeddingBag(3, 2), True),
        (torch.optim.RMSprop, nn.Linear(2, 2), False),
        (Chosen, nn.Linear(2, 2), False),
        (partial(torch.optim.Adam, amsgrad=True), nn.Linear(2, 2), False),
    ],
)
def test_the_kernel_is_taken_where_it_takes_the_weights(make, module, expected):
    assert _has_one_kernel(make, module) is expected


def test_sparse_gradients_are_trained():
    fits = [
        TripletDECClusterer(
            3, module=Autoencoder, module__table=True, optimizer="sgd", **FEW, **options
        ).fit(KNOWN)
        for options in ({}, {"optimizer__fused": False})
    ]
    np.testing.assert_array_equal(*[each.transform(KNOWN) for each in fits])


@pytest.mark.parametrize(
    "first", [torch.arange(3), torch.ones(2, dtype=torch.complex64) * (1 + 2j)]
)
def test_samples_come_in_the_dtype_of_floating_point_weights(first):
    model = TripletDECClusterer(3, module=Autoencoder, module__first=first, **FEW).fit(KNOWN)
    assert model.transform(KNOWN).dtype == np.float32
    again = pickle.loads(pickle.dumps(model))
    for each in (model, again):
        assert torch.equal(each.module_.autoencoder.first.detach(), first)
    np.testing.assert_array_equal(again.transform(KNOWN), model.transform(KNOWN))
