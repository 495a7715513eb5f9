"""ForcedApartEmbedder."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from skorch.callbacks import EarlyStopping
from torch import nn

from same.small import (
    COARSE,
    COLOURS,
    FORMS,
    IMAGES,
    KNOWN,
    PARTIAL,
    STORED,
    WEIGHT,
    Scenario,
    Y,
    fits,
    in_forms,
    sequences,
    texts,
)
from skdeepclust import ForcedApartEmbedder
from skdeepclust.networks import BottleneckMLP
from skdeepclust.regularizers import ClusteringRegularizer, XCovRegularizer

QUICK: Mapping[str, Any] = {
    "n_components": 4, "max_epochs": 3, "batch_size": 24, "random_state": 0,
}  # fmt: skip
SMALL: Mapping[str, Any] = {**QUICK, "module__hidden": (16,)}
STEPS: Mapping[str, Any] = {**QUICK, "max_epochs": 2, "module__hidden": 6}
STROKES, TEXTS = sequences(), texts()


class Plain(nn.Module):
    """A network without a layer that is called `code`."""

    def __init__(self, input_shape: tuple[int, ...], n_outputs: int, n_components: int):
        super().__init__()
        self.first = nn.Linear(64, n_components)
        self.last = nn.Linear(n_components, n_outputs)

    def forward(self, x):
        return self.last(self.first(x.flatten(1)).relu())


OPTIONS: Mapping[str, Mapping[str, Any]] = {
    **{f"loss {loss}": {"loss": loss} for loss in ("multi", "single", "both", "decov", "xcov")},
    "no loss": {"loss": None},
    "defaults of the short fit": {},
    **{
        f"divergence {divergence}": {"divergence": divergence, "loss": "both", "lam": 1.0}
        for divergence in ("kl", "js", "jeffreys", "hellinger")
    },
    "margins and weights of parts": {
        "loss": "both", "margin": {"multi": 2.0}, "lam": {"single": 0.5, "multi": 1.0}
    },
    "one margin": {"margin": 0.7, "lam": 3.0},
    "named layer": {"code_layer": "fc1"},
    "another network": {"module": Plain},
    "an instance as a network": {"module": partial(lambda _: BottleneckMLP((64,), 2, hidden=(5,)))},
    "no norm": {"module__layer_norm": False, "module__hidden": (8, 8)},
    "double precision": {"dtype": "float64"},
    "bfloat16": {"precision": "bf16"},
    "float16": {"precision": "fp16", "max_epochs": 4},
    "SGD": {"optimizer": "sgd", "lr": 0.1},
    "regularisers": {
        "regularizers": [
            ClusteringRegularizer(["fc1"], n_clusters=3),
            XCovRegularizer(["code"], lam=0.2),
        ]
    },
    "early end": {
        "max_epochs": 8,
        "callbacks": [EarlyStopping("train_loss", patience=1, threshold=0.3)],
    },
    "printed lines": {"verbose": 1},
}  # fmt: skip
UNLABELLED = {
    name: OPTIONS[name]
    for name in (
        "defaults of the short fit", "loss multi", "loss single", "loss both", "loss decov",
        "loss xcov", "no loss", "divergence js", "divergence hellinger", "double precision",
        "bfloat16",
    )
}  # fmt: skip
OF_STEPS: Mapping[str, Mapping[str, Any]] = {
    "GRU": {},
    "LSTM": {"module__cell": "lstm", "loss": "both"},
    "two layers": {"module__n_layers": 2, "dtype": "float64"},
    "bfloat16": {"precision": "bf16"},
}


def small(options: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**(QUICK if "module" in options else SMALL), **options}


SCENARIOS: dict[str, Scenario] = {
    **{
        f"embedder, {title}": fits(ForcedApartEmbedder, small(options), y=COARSE)
        for title, options in OPTIONS.items()
    },
    **{
        f"embedder without labels, {title}": fits(ForcedApartEmbedder, small(options))
        for title, options in UNLABELLED.items()
    },
    **in_forms("embedder", ForcedApartEmbedder, SMALL, COARSE),
    "embedder, some labels": fits(ForcedApartEmbedder, SMALL, y=PARTIAL),
    "embedder, some labels and weights": fits(
        ForcedApartEmbedder, {**SMALL, "loss": "both"}, y=PARTIAL, sample_weight=WEIGHT + 0.5
    ),
    "embedder, labels -1 and 1": fits(ForcedApartEmbedder, SMALL, y=2 * COARSE - 1),
    "embedder, texts as labels": fits(ForcedApartEmbedder, SMALL, y=(Y % 3).astype(str)),
    "embedder, weights": fits(ForcedApartEmbedder, SMALL, y=Y % 3, sample_weight=WEIGHT),
    "embedder without labels, weights": fits(ForcedApartEmbedder, SMALL, sample_weight=WEIGHT),
    "embedder, images": fits(ForcedApartEmbedder, QUICK, COLOURS[:60], COARSE, COLOURS[50:]),
    "embedder, images in rows": fits(
        ForcedApartEmbedder, {**QUICK, "image_shape": (8, 8), "loss": "both"}, y=COARSE
    ),
    "embedder, images of three dimensions": fits(
        ForcedApartEmbedder, {**QUICK, "image_shape": (8, 8)}, IMAGES[:60], COARSE, IMAGES[50:]
    ),
    "embedder without labels, images": fits(
        ForcedApartEmbedder, QUICK, COLOURS[:60], new=COLOURS[50:]
    ),
    **{
        f"embedder, sequences, {title}": fits(
            ForcedApartEmbedder, {**STEPS, **options}, STROKES[:60], COARSE, STROKES[50:]
        )
        for title, options in OF_STEPS.items()
    },
    **{
        f"embedder, sequences as {name}": fits(
            ForcedApartEmbedder,
            STEPS,
            partial(form, STROKES[:60]),
            COARSE,
            partial(form, STROKES[50:]),
        )
        for name, form in {**FORMS, **STORED}.items()
        if name in ("lists", "tensor", "memory map", "HDF5", "Dask")
    },
    "embedder, sequences in rows": fits(
        ForcedApartEmbedder,
        {**STEPS, "sequence_shape": (9, 4)},
        STROKES[:60].reshape(60, -1),
        COARSE,
        STROKES[50:].reshape(40, -1),
    ),
    "embedder without labels, sequences": fits(
        ForcedApartEmbedder, STEPS, STROKES[:60], new=STROKES[50:]
    ),
    "embedder, words": fits(
        ForcedApartEmbedder,
        {**STEPS, "vocabulary_size": 30, "module__embedding_dim": 5},
        TEXTS[:60],
        COARSE,
        TEXTS[50:],
    ),
    "embedder, words and some labels": fits(
        ForcedApartEmbedder,
        {**STEPS, "vocabulary_size": 30, "module__cell": "lstm"},
        partial(FORMS["CSR"], TEXTS[:60]),
        PARTIAL,
        partial(FORMS["CSR"], TEXTS[50:]),
    ),
    "embedder, one unit": fits(ForcedApartEmbedder, {**SMALL, "n_components": 1}, KNOWN, COARSE),
}
