"""ForcedApartEmbedder: networks of one's own, and which of their layers is the code."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers.quick import forced_apart as quick
from sklearn.datasets import load_digits
from torch import Tensor, nn

from skdeepclust import ForcedApartEmbedder, ParsimoniousClassifier
from skdeepclust.networks._layers import find_layer, layer_output


class Own(nn.Module):
    """Takes no `n_components`: its narrow layer is the last linear one but one."""

    def __init__(self, input_shape: tuple[int], n_outputs: int, units: int = 5) -> None:
        super().__init__()
        self.wide, self.narrow = nn.Linear(*input_shape, 9), nn.Linear(9, units)
        self.last = nn.Linear(units, n_outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.narrow(self.wide(x).relu()).relu())


class Named(Own):
    """Has a layer of the name `code`, and another linear one behind it."""

    def __init__(self, input_shape: tuple[int], n_outputs: int) -> None:
        super().__init__(input_shape, n_outputs)
        self.code = self.wide


def instance() -> nn.Sequential:
    return nn.Sequential(nn.Linear(64, 5), nn.ReLU(), nn.Linear(5, 2))


@pytest.mark.parametrize(
    ("module", "layer", "width"),
    [(Own, "narrow", 5), (Named, "code", 9), (instance(), "0", 5)],
    ids=["class", "layer of that name", "instance"],
)
@pytest.mark.parametrize("loss", ["multi", "single"])
def test_modules_of_ones_own(digits, module, layer, width, loss):
    X, coarse = digits[0][:100], digits[1][:100] >= 5
    model = quick(module=module, loss=loss).fit(X, coarse)
    code = model.transform(X)
    assert code.shape == (100, width)
    assert len(model.get_feature_names_out()) == width
    assert list(model.regularizers_[0].layers) == [layer]
    with layer_output(model.module_, layer) as kept, torch.no_grad():
        model.module_(torch.tensor(X, dtype=torch.float32))
    np.testing.assert_allclose(code, kept[0], rtol=1e-5, atol=1e-5)
    chosen = quick(module=Own, module__units=7, code_layer="wide").fit(X, coarse)
    assert chosen.transform(X).shape == (100, 9)


def test_the_loss_on_weights_takes_the_last_linear_layer_of_the_code(digits):
    module = Named((64,), 2)
    module.code = module.wide = nn.Sequential(nn.Linear(64, 3), nn.ReLU(), nn.Linear(3, 9))
    model = quick(module=module, loss="single").fit(digits[0][:100], digits[1][:100] >= 5)
    assert [find_layer(model.module_, name) for name in model.regularizers_[0].layers] == [
        model.module_.code[2]
    ]


def test_modules_that_do_not_fit(digits):
    X, coarse = digits[0][:100], digits[1][:100] >= 5
    with pytest.raises(ValueError, match=r"module=Linear has no .* before .*code_layer"):
        quick(module=nn.Linear(64, 2)).fit(X, coarse)
    with pytest.raises(ValueError, match=r"no layer 'fc1' in Own; its layers are: wide, narrow"):
        quick(module=Own, code_layer="fc1").fit(X, coarse)
    in_place = nn.Sequential(nn.Linear(64, 5), nn.ReLU(inplace=True), nn.Linear(5, 2))
    with pytest.raises(RuntimeError, match=r"layer '0' was overwritten.*Use inplace=False"):
        quick(module=in_place).fit(X, coarse)
    with pytest.raises(ValueError, match=r"outputs of shape \(2, 2\).*\(2, 3\)"):
        quick(module=instance()).fit(X, np.arange(100) % 3)
    with pytest.raises(ValueError, match=r"outputs of shape \(2, 2\).*\(2, 64\)"):
        quick(module=instance()).fit(X)


def test_a_warm_start_takes_up_another_weight_and_keeps_centres():
    X, y = load_digits(return_X_y=True)
    X, y = X[:300], y[:300]
    options = {"max_epochs": 1, "warm_start": True, "random_state": 0}
    embedder = ForcedApartEmbedder(**options).fit(X, y >= 5)
    embedder.set_params(lam=0.0).fit(X, y >= 5)
    assert embedder.history_[-1]["forced_apart_penalty"] == 0
    assert embedder.history_[0]["forced_apart_penalty"] > 0
    classifier = ParsimoniousClassifier(n_clusters=5, **options).fit(X, y)
    before = classifier.cluster_centers_["fc1"]
    classifier.set_params(lam=0.5, max_epochs=0).fit(X, y)
    np.testing.assert_array_equal(classifier.cluster_centers_["fc1"], before)
    assert classifier.regularizer_.lam == 0.5


def test_the_code_of_an_own_autoencoder_is_named():
    X = load_digits().data[:100]
    module = nn.Sequential(nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 32), nn.Linear(32, 64))
    with pytest.raises(ValueError, match="code_layer"):
        ForcedApartEmbedder(module=module, max_epochs=1).fit(X)
    embedder = ForcedApartEmbedder(module=module, code_layer="0", max_epochs=1)
    assert embedder.fit_transform(X).shape == (100, 8)
