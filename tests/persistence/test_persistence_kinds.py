"""What `fit` takes, `save` keeps, and what `save` keeps, `load` reads."""

from __future__ import annotations

import functools
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from helpers.small_fits import DIGIT, KNOWN, QUICK
from helpers.trusting import loaded
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

from skdeepclust import (
    ParsimoniousAutoencoder,
    ParsimoniousClassifier,
    ZeroShotClassifier,
    metrics,
    save,
)

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
