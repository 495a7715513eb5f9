"""What the regularisers of Forced Apart and cross-covariance refuse, and what they say."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from helpers.labelled_layers import LABELS, mlp, penalty_of
from torch import nn

from skdeepclust.regularizers import (
    ForcedApartRegularizer,
    ForcedApartWeightRegularizer,
    XCovRegularizer,
)

REFUSED: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "margin of js": (
        lambda: ForcedApartRegularizer(divergence="js"),
        ValueError,
        r"margin must be less than ln 2.*got 3\.0",
    ),
    "margin of hellinger": (
        lambda: ForcedApartWeightRegularizer(divergence="hellinger", margin=1),
        ValueError,
        "margin must be less than 1",
    ),
    "margin of 0": (lambda: ForcedApartRegularizer(margin=0), ValueError, "positive and finite"),
    "margin in words": (lambda: ForcedApartRegularizer(margin="auto"), TypeError, "be a number"),
    "divergence": (lambda: ForcedApartRegularizer(divergence="l2"), ValueError, "must be one of"),
    "lam": (lambda: ForcedApartRegularizer(lam=-1), ValueError, "lam must be"),
    "lam of a layer": (lambda: XCovRegularizer({"0": -1}), ValueError, "lam must be"),
    "option of a layer": (
        lambda: ForcedApartRegularizer({"0": {"margin": 1}}),
        ValueError,
        r"option 'lam' only, got \['margin'\]",
    ),
    "layer without weights": (
        lambda: penalty_of(ForcedApartWeightRegularizer(["1"]), mlp()),
        ValueError,
        r"'1' \(ReLU\) has no weight matrix of at least 2 rows",
    ),
    "layer with weights in a row": (
        lambda: ForcedApartWeightRegularizer(["0"]).attach(nn.Sequential(nn.LayerNorm(4))),
        ValueError,
        r"'0' \(LayerNorm\) has no weight matrix",
    ),
    "layer of one unit": (
        lambda: ForcedApartWeightRegularizer(["0"]).attach(nn.Sequential(nn.Linear(4, 1))),
        ValueError,
        r"'0' \(Linear\) has no weight matrix of at least 2 rows",
    ),
    "unknown layer": (
        lambda: penalty_of(ForcedApartWeightRegularizer(["9"]), mlp()),
        ValueError,
        "no layer '9'",
    ),
    "unknown output": (
        lambda: penalty_of(XCovRegularizer(["0"], output="9"), mlp()),
        ValueError,
        "no layer '9' in Sequential; its layers are: 0, 1, 2, 3, 4",
    ),
    "no output": (
        lambda: XCovRegularizer(["0"]).attach(nn.Sequential(nn.ReLU())),
        ValueError,
        "Sequential has no fully connected or convolutional layer that makes predictions",
    ),
    "labels that are floats": (
        lambda: penalty_of(ForcedApartRegularizer(["0"]), mlp(), labels=LABELS.float()),
        TypeError,
        "labels must be a tensor of integers",
    ),
    "number of labels": (
        lambda: penalty_of(ForcedApartRegularizer(["0"]), mlp(), labels=LABELS[:3]),
        ValueError,
        r"labels must hold one number .* 8 samples.*shape \(3,\)",
    ),
    "matrix of labels": (
        lambda: penalty_of(ForcedApartRegularizer(["0"]), mlp(), labels=LABELS[:, None]),
        ValueError,
        r"labels must .*shape \(8, 1\)",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_misuse_is_refused_with_advice(name):
    call, error, message = REFUSED[name]
    with pytest.raises(error, match=message):
        call()
