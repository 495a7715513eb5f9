"""What `fit` takes, `save` keeps, and what `save` keeps, `load` reads."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.small_fits import DIGIT, KNOWN, QUICK, assert_same
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor, make_column_selector
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import GridSearchCV, KFold, StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
    TargetEncoder,
)
from torch import nn
from torch.nn.utils import parametrizations, spectral_norm, weight_norm

from skdeepclust import (
    ForcedApartEmbedder,
    ParsimoniousAutoencoder,
    ParsimoniousClassifier,
    TAGnetClusterer,
    TripletDECClusterer,
    ZeroShotClassifier,
    load,
    metrics,
    save,
)
from skdeepclust._storage.trust import UntrustedError

Y = DIGIT[:60]
TABLE = pd.DataFrame(
    {"kind": list("abc") * 20, "size": np.arange(60.0), "gap": [np.nan, 1.0, 2.0] * 20}
)
TEXTS = ["red apple pie", "green apple tree", "fast car road"] * 20


def coder(**options):
    return ParsimoniousAutoencoder(n_clusters=2, **{**QUICK, "max_epochs": 1, **options})


def classifier(**options):
    return ParsimoniousClassifier(n_clusters=2, **{**QUICK, "max_epochs": 1, **options})


def of_columns(*parts, **options):
    return make_pipeline(ColumnTransformer([*parts], **options), coder()), TABLE


def of_function(function, **options):
    return make_pipeline(FunctionTransformer(function, **options), coder()), KNOWN


def of_texts(vectorizer):
    return make_pipeline(vectorizer, coder()), TEXTS


def doubled(X):
    return 2 * X


def search(scoring, **options):
    grid = GridSearchCV(classifier(), {"lr": [0.1, 0.01]}, scoring=scoring, **options)
    return grid, KNOWN, Y % 2


# Estimators, and what `fit` and then `predict` or `transform` take.
KINDS: dict[str, Any] = {
    "slices": lambda: (
        make_pipeline(ColumnTransformer([("a", StandardScaler(), slice(0, 9))]), coder()),
        KNOWN,
    ),
    "one column after another": lambda: of_columns(
        ("kind", OneHotEncoder(dtype=np.float32), ["kind"]), remainder=SimpleImputer()
    ),
    "columns by their type": lambda: of_columns(
        ("text", OrdinalEncoder(dtype=np.int64), make_column_selector(dtype_exclude=np.number)),
        ("rest", SimpleImputer(add_indicator=True), make_column_selector("size|gap")),
    ),
    "bins": lambda: of_columns(
        ("a", KBinsDiscretizer(2, strategy="uniform"), ["size"])
    ),
    "encoded by y": lambda: (
        make_pipeline(ColumnTransformer([("a", TargetEncoder(), ["kind"])]), classifier()),
        TABLE,
        Y % 2,
    ),
    "data frames between steps": lambda: (
        make_pipeline(StandardScaler(), coder()).set_output(transform="pandas"),
        TABLE[["size"]],
    ),
    "ufunc": lambda: of_function(np.log1p, inverse_func=np.expm1),
    "function of numpy": lambda: of_function(functools.partial(np.clip, a_min=0.1, a_max=0.5)),
    "function of a module": lambda: of_function(doubled),
    "counts": lambda: of_texts(CountVectorizer(tokenizer=str.split, token_pattern=None)),
    "frequencies": lambda: of_texts(TfidfVectorizer(max_features=4, stop_words=["red"])),
    "hashes": lambda: of_texts(HashingVectorizer(n_features=16)),
    "union": lambda: (
        make_pipeline(FeatureUnion([("a", StandardScaler()), ("b", coder())]), KMeans(2)),
        KNOWN,
    ),
    "neighbours": lambda: (make_pipeline(coder(), KNeighborsClassifier(3)), KNOWN, Y),
    "splits that are given": lambda: search(None, cv=[(range(30), range(30, 60))]),
    "trees": lambda: (make_pipeline(coder(), RandomForestClassifier(3)), KNOWN, Y),
    "target": lambda: (
        TransformedTargetRegressor(
            make_pipeline(coder(), Ridge()), func=np.log1p, inverse_func=np.expm1
        ),
        KNOWN,
        Y + 1.0,
    ),
    "search": lambda: search(None, cv=2),
    "search by a scorer": lambda: search(make_scorer(accuracy_score), cv=KFold(2)),
    "search by several": lambda: search(
        {"a": "accuracy", "b": metrics.clustering_accuracy_scorer}, refit="a", cv=StratifiedKFold(2)
    ),
    "times as labels": lambda: (classifier(), KNOWN, np.array(["2020", "2021"], "M8[Y]")[Y % 2]),
    "categories as labels": lambda: (classifier(), KNOWN, pd.Series(pd.Categorical(Y.astype(str)))),
    "attributes as a frame": lambda: (
        ZeroShotClassifier(
            class_attributes=pd.DataFrame(np.eye(10), index=pd.Index(range(10), name="digit")),
            **QUICK,
        ),
        KNOWN,
        Y,
    ),
    "numbers of numpy": lambda: (coder(lr=np.float32(0.01), n_components=np.int64(3)), KNOWN),
    "a state of random numbers": lambda: (coder(random_state=np.random.RandomState(3)), KNOWN),
}  # fmt: skip


def find(module: str, name: str) -> Any:
    found = __import__(module, fromlist=["_"])
    for part in name.split("."):
        found = getattr(found, part)
    return found


def loaded(path: Path) -> Any:
    """Load a file, and trust all that it names beside this library, which the error lists."""
    try:
        return load(path)
    except ValueError as error:
        if not isinstance(error.__cause__, UntrustedError):
            raise
        return load(path, trusted=[find(*name) for name in error.__cause__.names])


def said(model, X) -> np.ndarray:
    names = ("transform", "predict")
    return np.asarray(next(getattr(model, name) for name in names if hasattr(model, name))(X))


def as_text(model) -> str:
    return re.sub("0x[0-9a-fA-F]+", "", repr(model))


@pytest.mark.parametrize("name", KINDS)
def test_kinds(name, tmp_path):
    model, X, *y = KINDS[name]()
    model.fit(X, *y)
    save(model, tmp_path / "first")
    again = loaded(tmp_path / "first")
    np.testing.assert_array_equal(said(again, X), said(model, X))
    assert as_text(again) == as_text(model)
    for each, file in ((model, "second"), (again, "third")):
        save(each, tmp_path / file)
        assert (tmp_path / file).read_bytes() == (tmp_path / "first").read_bytes()


def test_what_a_search_has_found(tmp_path):
    grid, X, y = search(None, cv=2)
    save(grid.fit(X, y), tmp_path / "search")
    again = loaded(tmp_path / "search").cv_results_
    assert again.keys() == grid.cv_results_.keys()
    pd.testing.assert_frame_equal(pd.DataFrame(again), pd.DataFrame(grid.cv_results_))
    assert isinstance(again["param_lr"], np.ma.MaskedArray)


# ---------------------------------------------------------------- networks


def chain(*layers):
    return nn.Sequential(*layers, nn.ReLU(), nn.Linear(8, 10))


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two, self.out = nn.Linear(64, 64), nn.Linear(64, 64), nn.Linear(64, 10)
        self.two.weight = self.one.weight

    def forward(self, x):
        return self.out(torch.relu(self.two(torch.relu(self.one(x)))))


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.out = nn.Linear(64, 10)

    def forward(self, x):
        rows = x.reshape(-1, 8, 8)
        return self.out(torch.relu(self.attention(rows, rows, rows)[0].flatten(1)))


class Parts(nn.Module):
    """Parameters in lists and dicts, buffers, a size, functions, and hooks with a handle."""

    def __init__(self):
        super().__init__()
        self.weights = nn.ParameterList([nn.Parameter(torch.rand(64, 10) / 8)])
        self.named = nn.ParameterDict({"bias": nn.Parameter(torch.zeros(10))})
        self.register_buffer("n_batches", torch.zeros((), dtype=torch.int64))
        self.size, self.function = torch.Size([64]), nn.functional.gelu
        self.handle = self.register_forward_pre_hook(self.halve)
        self.dead = self.register_forward_hook(doubled_output)
        self.dead.remove()
        self.register_forward_hook(doubled_output)
        self.last = nn.Linear(10, 10)

    def halve(self, module, arguments):
        return (arguments[0] / 2,)

    def forward(self, x):
        self.n_batches += self.training
        return self.last(self.function(x @ self.weights[0] + self.named["bias"]))


def doubled_output(module, arguments, output):
    return 2 * output


def old_weight_norm():
    return chain(weight_norm(nn.Linear(64, 8)))


def lasting(make):
    return chain(make(nn.Linear(64, 8)))


NETWORKS = {
    "weight norm": lambda: lasting(parametrizations.weight_norm),
    "spectral norm": lambda: lasting(parametrizations.spectral_norm),
    "orthogonal": lambda: lasting(parametrizations.orthogonal),
    "two of them": lambda: lasting(
        lambda layer: parametrizations.spectral_norm(parametrizations.weight_norm(layer))
    ),
    "old spectral norm": lambda: lasting(spectral_norm),
    "old weight norm": lambda: old_weight_norm,
    "tied": Tied,
    "attention": Attention,
    "parts": Parts,
    "lazy": lambda: nn.Sequential(nn.LazyLinear(8), nn.ReLU(), nn.LazyLinear(10)),
    "half lazy": lambda: nn.Sequential(nn.Linear(64, 8), nn.ReLU(), nn.LazyLinear(10)),
    "norms": lambda: chain(nn.Linear(64, 8), nn.BatchNorm1d(8), nn.LayerNorm(8), nn.Dropout(0.1)),
}


@pytest.mark.filterwarnings("ignore:.*weight_norm. is deprecated:FutureWarning")
@pytest.mark.parametrize("name", NETWORKS)
def test_networks_of_users_go_on_as_they_would_have(name, tmp_path):
    torch.manual_seed(0)
    model = ZeroShotClassifier(module=NETWORKS[name](), **QUICK).fit(KNOWN, Y)
    save(model, tmp_path / "first")
    again = loaded(tmp_path / "first")
    assert_same(again, model)
    save(model, tmp_path / "second")
    assert (tmp_path / "second").read_bytes() == (tmp_path / "first").read_bytes()
    for each in (model, again):
        each.set_params(warm_start=True, max_epochs=1).fit(KNOWN, Y)
    assert_same(again, model)
    state = again.module_.state_dict()
    for key, value in model.module_.state_dict().items():
        assert torch.equal(state[key], value), key


class Coder(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = Tied()
        self.outer = parametrizations.weight_norm(nn.Linear(10, 64))

    def encode(self, x):
        return self.inner(x)

    def decode(self, code):
        return self.outer(code)

    def forward(self, x):
        return self.decode(self.encode(x))


METHODS = {
    "tagnet": lambda: TAGnetClusterer(
        2, module=Tied(), n_components=10, n_init=1, **{**QUICK, "lr": 1e-4}
    ),
    "classifier": lambda: classifier(module=Tied(), layers=["one"]),
    "autoencoder": lambda: coder(module=Coder(), layers=["inner.one"]),
    "embedder": lambda: ForcedApartEmbedder(module=Tied(), code_layer="two", **QUICK),
    "triplet dec": lambda: TripletDECClusterer(
        3, module=Coder(), pretrain_epochs=1, warmup_epochs=1, n_init=1, **QUICK
    ),
    "zero shot": lambda: ZeroShotClassifier(module=Tied(), **QUICK),
}
OPTIMIZERS = [
    torch.optim.SGD, "rmsprop", torch.optim.NAdam, functools.partial(torch.optim.SGD, momentum=0.9),
    functools.partial(torch.optim.Adam, amsgrad=True), torch.optim.Adagrad,
]  # fmt: skip


@pytest.mark.parametrize(("name", "optimizer"), [*zip(METHODS, OPTIMIZERS, strict=True)])
def test_every_method_goes_on_with_shared_weights_and_moments(name, optimizer, tmp_path):
    torch.manual_seed(0)
    labels = (DIGIT[:60] % 10,) if name not in ("autoencoder", "tagnet", "triplet dec") else ()
    model = METHODS[name]().set_params(optimizer=optimizer).fit(KNOWN, *labels)
    save(model, tmp_path / "model")
    again = loaded(tmp_path / "model")
    for each in (model, again):
        each.set_params(warm_start=True).fit(KNOWN, *labels)
    assert_same(again, model)
    one, other = (len([*each.module_.parameters()]) for each in (model, again))
    assert one == other


def test_hooks_are_numbered_on(tmp_path):
    model = ZeroShotClassifier(module=Parts(), **QUICK).fit(KNOWN, Y)
    save(model, tmp_path / "model")
    layer = loaded(tmp_path / "model").module
    x = torch.rand(3, 64)
    expected = layer(x)
    torch.testing.assert_close(expected, model.module(x))
    layer.register_forward_hook(doubled_output)  # in addition, not in the place of another
    torch.testing.assert_close(layer(x), 2 * expected)
    layer.handle.remove()
    torch.testing.assert_close(layer(x / 2), 2 * expected)
