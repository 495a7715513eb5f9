"""Any X: an estimator fits it and keeps its promises, or says what is wrong with it.

`FUZZ_EXAMPLES=2000 python -m pytest tests/test_fuzz.py -s` tries more, and prints how many.
"""

from __future__ import annotations

import os
import re
import warnings
from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import sparse

from skdeepclust import (
    ForcedApartEmbedder,
    ParsimoniousAutoencoder,
    ParsimoniousClassifier,
    TAGnetClusterer,
    TripletDECClusterer,
    ZeroShotClassifier,
)
from skdeepclust.dictionary import KSVD
from skdeepclust.graph import NeighborAffinity

N_EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "25"))

QUICK = {"max_epochs": 1, "random_state": 0}
CLUSTERERS = {
    "tagnet": lambda k: TAGnetClusterer(k, n_components=4, n_stages=2, n_init=1, **QUICK),
    "tagnet in batches": lambda k: TAGnetClusterer(
        k, n_components=4, n_stages=2, n_init=1, batch_size=4, normalize=False, **QUICK
    ),
    "triplet dec": lambda k: TripletDECClusterer(
        k, n_components=2, pretrain_epochs=1, warmup_epochs=1, n_init=1, n_starts=1, **QUICK
    ),
}
CLASSIFIERS = {
    "classifier": lambda k: ParsimoniousClassifier(n_clusters=k, **QUICK),
    "zero shot": lambda k: ZeroShotClassifier(**QUICK),
    "embedder": lambda k: ForcedApartEmbedder(n_components=k, **QUICK),
}
TRANSFORMERS = {
    "autoencoder": lambda k: ParsimoniousAutoencoder(n_clusters=k, n_components=2, **QUICK),
    "dictionary": lambda k: KSVD(k, max_iter=2, random_state=0),
    "graph": lambda k: NeighborAffinity(k),
}
ALL = {**CLUSTERERS, **CLASSIFIERS, **TRANSFORMERS}


@pytest.fixture(scope="module", autouse=True)
def few_head_steps():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("skdeepclust.tagnet.HEAD_STEPS", 5)
        yield


DTYPES = ("float64", "float32", "float16", "int64", "uint8", "bool", "object")
VALUES = ("normal", "constant", "zero", "duplicates", "large", "tiny", "offset", "huge")
FLAWS = ("none", "none", "none", "nan", "inf")
FORMS = ("C", "F", "strided", "read-only", "list", "csr", "csc")
# What a message must name one of.
NAMES = re.compile(
    r"\b(X|y|n_samples|samples?|features?|NaN|infinity|n_clusters|labels?|dtype|lr|class(es)?|"
    r"n_components|n_neighbors|distances)\b"
)


@dataclass
class Draw:
    X: object
    y: np.ndarray
    n_clusters: int


@st.composite
def draws(draw) -> Draw:
    n, m = draw(st.integers(1, 12) | st.integers(4, 12)), draw(st.integers(1, 5))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kind = draw(st.sampled_from(VALUES))
    X = generator.normal(size=(n, m))
    if kind in ("constant", "zero"):
        X[:] = float(kind == "constant")
    elif kind == "duplicates":
        X = X[generator.integers(max(1, n // 3), size=n)]
    X = X * {"large": 1e6, "tiny": 1e-20, "huge": 1e30}.get(kind, 1.0)
    X += 1e8 if kind == "offset" else 0.0
    flaw = draw(st.sampled_from(FLAWS))
    if flaw != "none":
        X[generator.integers(n), generator.integers(m)] = {"nan": np.nan, "inf": np.inf}[flaw]
    with np.errstate(all="ignore"):
        X = X.astype(draw(st.sampled_from(DTYPES)))
    labels = draw(st.sampled_from((2, 3, 1)))
    y = np.array(["a", "b", "c"])[np.arange(n) % labels]
    k = draw(st.sampled_from((1, 2, 3, n, n + 1)))
    return Draw(in_form(X, draw(st.sampled_from(FORMS))), y, k)


def in_form(X: np.ndarray, form: str):
    if form in ("csr", "csc"):
        if X.dtype in (np.dtype("object"), np.dtype("float16")):
            return X
        return sparse.csr_array(X) if form == "csr" else sparse.csc_array(X)
    if form == "strided":
        twice = np.repeat(np.repeat(X, 2, axis=0), 2, axis=1)
        return twice[::2, ::2]
    if form == "list":
        return X.tolist()
    X = np.array(X, order="F" if form == "F" else "C")
    X.flags.writeable = form != "read-only"
    return X


def check(name: str, given_: Draw) -> str:
    """Fit and look at everything that the model says; return how it went."""
    model = ALL[name](given_.n_clusters)
    try:
        model.fit(given_.X, given_.y if name in CLASSIFIERS else None)
    except (ValueError, TypeError) as error:
        if not NAMES.search(str(error)):
            raise AssertionError("the message names no argument") from error
        return "refused"
    n = np.shape(given_.X)[0]
    if hasattr(model, "labels_"):
        assert model.labels_.shape == (n,)
        assert set(model.labels_.tolist()) <= set(range(given_.n_clusters))
        assert np.array_equal(model.predict(given_.X), model.labels_)
    if hasattr(model, "predict_proba"):
        probability = model.predict_proba(given_.X)
        np.testing.assert_allclose(probability.sum(1), 1, atol=1e-5)
        assert probability.min() >= 0
    if hasattr(model, "transform"):
        found = model.transform(given_.X)
        found = found.data if sparse.issparse(found) else found
        assert np.isfinite(found).all()
    if name in CLUSTERERS:
        assert 0 <= model.score(given_.X) <= 1
    return "fitted"


@pytest.mark.parametrize("name", ALL)
def test_any_input_is_fitted_or_refused_with_a_reason(name, capsys):
    outcomes: Counter = Counter()

    @settings(max_examples=N_EXAMPLES, suppress_health_check=list(HealthCheck))
    @given(draws())
    def trial(drawn: Draw) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # few, equal or wild samples are worth warnings
            outcomes[check(name, drawn)] += 1

    trial()
    with capsys.disabled():
        print(f"\n{name}: {sum(outcomes.values())} inputs, {dict(outcomes)}", end=" ")
    assert outcomes["fitted"] >= N_EXAMPLES // 5
    assert outcomes["refused"] > 0
