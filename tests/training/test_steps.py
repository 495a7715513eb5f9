"""Steps of an optimiser: one kernel for all weights, and rates of phases."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from helpers.quick import triplet_dec
from sklearn.datasets import load_digits, make_blobs
from skorch.callbacks import Callback

from skdeepclust import ParsimoniousClassifier

X, Y = make_blobs(120, 5, centers=3, random_state=0)
IMAGES = load_digits().data[:120]
FEW = {"max_epochs": 3, "batch_size": 32, "random_state": 0, "dtype": "float64"}


class Groups(Callback):
    """Writes down what the optimiser of each phase was made with."""

    def on_train_begin(self, net, **kwargs):
        self.seen_ = [*getattr(self, "seen_", []), dict(net.optimizer_.param_groups[0])]


def groups(**params) -> dict:
    seen = Groups()
    ParsimoniousClassifier(**FEW, callbacks=[seen], **params).fit(X, Y)
    return seen.seen_[0]


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_one_kernel_takes_the_steps_of_many(optimizer):
    fits = [
        ParsimoniousClassifier(**FEW, optimizer=optimizer, **options).fit(X, Y)
        for options in ({}, {"optimizer__fused": False})
    ]
    one, many = (fit.predict_proba(X) for fit in fits)
    np.testing.assert_allclose(one, many, rtol=1e-9)


def test_convolutions_in_channels_last_take_the_same_steps():
    fits = [
        triplet_dec(3, dtype="float64", **options).fit(IMAGES)
        for options in ({}, {"optimizer__fused": False})
    ]
    one, many = (fit.transform(IMAGES) for fit in fits)
    np.testing.assert_allclose(one, many, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, True),
        ({"optimizer": torch.optim.Adam}, True),
        ({"optimizer__foreach": True}, None),
        ({"optimizer__fused": False}, False),
        ({"optimizer": partial(torch.optim.Adam, foreach=True)}, None),
        ({"optimizer": "rmsprop"}, None),
    ],
)
def test_what_is_asked_for_is_left_as_it_is(options, expected):
    assert groups(**options).get("fused") is expected


def test_the_warm_up_has_three_times_the_rate():
    seen = Groups()
    triplet_dec(3, lr=0.002, n_starts=1, callbacks=[seen]).fit(IMAGES)
    assert [group["lr"] for group in seen.seen_] == pytest.approx([0.002, 0.006, 0.002])
    given = Groups()
    triplet_dec(3, optimizer__lr=0.004, n_starts=1, callbacks=[given]).fit(IMAGES)
    assert [group["lr"] for group in given.seen_] == pytest.approx([0.004, 0.012, 0.004])
