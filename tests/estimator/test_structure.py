"""What a warm start can't change."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.quick import PIXELS, forced_apart, parsimonious, tagnet, triplet_dec
from torch import nn

from skdeepclust import ParsimoniousAutoencoder, ZeroShotClassifier, load, save

X, Y = PIXELS[:80], np.arange(80) % 4
MODELS = {
    "triplet": lambda: triplet_dec(4, warm_start=True),
    "tagnet": lambda: tagnet(4, warm_start=True),
    "classifier": lambda: parsimonious(warm_start=True),
    "autoencoder": lambda: ParsimoniousAutoencoder(
        n_clusters=5, max_epochs=1, warm_start=True, random_state=0
    ),
    "embedder": lambda: forced_apart(warm_start=True),
    "zero shot": lambda: ZeroShotClassifier(max_epochs=1, warm_start=True, random_state=0),
}
CHANGES = [
    ("triplet", "n_clusters", 5),
    ("triplet", "n_components", 7),
    ("triplet", "module__channels", (4, 4)),
    ("triplet", "image_shape", (4, 16)),
    ("tagnet", "n_clusters", 5),
    ("tagnet", "n_components", 16),
    ("tagnet", "n_stages", 2),
    ("tagnet", "auxiliary_clusters", 3),
    ("tagnet", "lam", 0.7),
    ("tagnet", "graph_weight", 1.5),
    ("tagnet", "dictionary", "ksvd"),
    ("classifier", "n_clusters", 5),
    ("classifier", "clustering", ["sample", "spatial"]),
    ("classifier", "layers", ["fc1"]),
    ("classifier", "module", nn.Linear),
    ("classifier", "dtype", "float64"),
    ("autoencoder", "n_components", 3),
    ("autoencoder", "n_clusters", 6),
    ("embedder", "n_components", 3),
    ("embedder", "sequence_shape", (8, 8)),
    ("zero shot", "fit_intercept", False),
    ("zero shot", "class_attributes", np.eye(4)[::-1]),
]


@pytest.fixture(scope="module")
def fitted(request):
    return MODELS[request.param]().fit(X, Y)


@pytest.mark.parametrize(
    ("fitted", "name", "value"), CHANGES, indirect=["fitted"],
    ids=[f"{model}-{name}" for model, name, _ in CHANGES],
)  # fmt: skip
def test_a_warm_start_names_what_it_cannot_change(fitted, name, value) -> None:
    before = fitted.get_params()
    doors = [door for door in ("fit", "partial_fit") if hasattr(fitted, door)]
    answer = fitted.transform if hasattr(fitted, "transform") else fitted.decision_function
    expected = answer(X)
    try:
        fitted.set_params(**{name: value})
        for door in doors:
            with pytest.raises(ValueError, match=rf"{name}.*warm.start") as refusal:
                getattr(fitted, door)(X, Y)
            assert "partial_fit" in str(refusal.value)
        np.testing.assert_array_equal(answer(X), expected)
    finally:
        # what a new parameter of the module was isn't to be had from the old ones
        fitted.__dict__.update({k: v for k, v in before.items() if "__" not in k})
        if name not in before:
            fitted.__dict__.pop(name, None)
        elif "__" in name:
            fitted.set_params(**{name: before[name]})


@pytest.mark.parametrize("name", MODELS)
def test_the_same_parameters_go_on_also_from_a_file(name, tmp_path) -> None:
    model = MODELS[name]().fit(X, Y)
    save(model, tmp_path / "model.safetensors")
    again = load(tmp_path / "model.safetensors")
    # equal numbers of another type are the same
    sizes = {k: np.int64(v) for k, v in again.get_params().items() if k in ("n_components",)}
    again.set_params(lr=model.lr, **sizes).fit(X, Y)
    assert len(again.history_) > len(model.history_)


def test_other_parameters_may_change() -> None:
    model = MODELS["classifier"]().fit(X, Y)
    model.set_params(lam=0.5, lr=0.01, batch_size=20, max_epochs=2, smoothing=0.5).fit(X, Y)
    assert model.regularizer_.lam == 0.5
