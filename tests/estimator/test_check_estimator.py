"""The scikit-learn contract, checked by scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import check_estimator, estimator_checks_generator

from skdeepclust import (
    ForcedApartEmbedder,
    ParsimoniousAutoencoder,
    ParsimoniousClassifier,
    TAGnetClusterer,
    TripletDECClusterer,
    tagnet,
)

SAMPLE_WEIGHT_CHECKS = {
    f"check_sample_weight_equivalence_on_{kind}_data" for kind in ("dense", "sparse")
}
REASON = (
    "Minibatches, augmentation and batch normalisation in float32 make weighting and repetition "
    "differ; test_sample_weights_equal_repetition holds them to each other in float64."
)
SMALL = {
    "clusterer": TripletDECClusterer(
        4,
        n_components=4,
        pretrain_epochs=1,
        warmup_epochs=1,
        max_epochs=1,
        n_init=1,
        n_starts=1,
        batch_size=32,
        random_state=0,  # some checks set none: four clusters of twelve samples may become three
        module__hidden=(16,),
    ),
    "graph clusterer": TAGnetClusterer(
        2,
        n_components=8,
        n_stages=2,
        normalize=False,
        dictionary="kmeans",
        n_init=1,
        lr=1e-5,
        max_epochs=2,
        batch_size=32,
        random_state=0,
    ),
    "classifier": ParsimoniousClassifier(
        n_clusters=4, batch_size=32, max_epochs=4, lr=0.06, module__hidden=(16,)
    ),
    "autoencoder": ParsimoniousAutoencoder(
        n_components=4, n_clusters=4, batch_size=32, max_epochs=1, module__hidden=(16,)
    ),
    "embedder": ForcedApartEmbedder(
        n_components=4, batch_size=32, max_epochs=4, lr=0.04, module__hidden=(16,)
    ),
}


@pytest.mark.parametrize("name", SMALL)
def test_check_estimator(name, monkeypatch):
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    monkeypatch.setattr(tagnet, "HEAD_STEPS", 3)
    results = check_estimator(
        clone(SMALL[name]),
        expected_failed_checks=dict.fromkeys(SAMPLE_WEIGHT_CHECKS, REASON),
        on_skip=None,
        on_fail=None,
    )
    bad = {r["check_name"]: r["exception"] for r in results if r["status"] != "passed"}
    assert set(bad) <= SAMPLE_WEIGHT_CHECKS, bad
    assert len(results) > 50


# Of float64 there is more to check than of names and refusals, which are the same ones.
OF_NUMBERS = ("dtype", "array_api", "pickle", "idempotent", "invariance")


@pytest.mark.parametrize("name", ["graph clusterer", "classifier"])
def test_checks_of_numbers_in_float64(name, monkeypatch):
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    monkeypatch.setattr(tagnet, "HEAD_STEPS", 3)
    model = clone(SMALL[name]).set_params(dtype="float64")
    n_checks = 0
    for estimator, check in estimator_checks_generator(model):
        check_name = getattr(check, "func", check).__name__
        if any(word in check_name for word in OF_NUMBERS) and "weight" not in check_name:
            check(estimator)
            n_checks += 1
    assert n_checks >= 7


# All data in one batch, nothing drawn for each sample, no statistics over the batch, no centres
# drawn from the rows, and no neighbours: those of a repeated sample are its copies.
WITHOUT_DRAWS: dict[str, BaseEstimator] = {
    "clusterer": TripletDECClusterer(
        2,
        n_components=2,
        init=np.eye(2),
        augmentation=None,
        n_neighbors=0,
        pretrain_epochs=3,
        max_epochs=3,
        module__hidden=(16,),
        module__batch_norm=False,
    ),
    "graph clusterer": TAGnetClusterer(
        2, n_stages=2, dictionary=np.eye(30), graph_weight=0, init=np.eye(2, 30), max_epochs=5
    ),
    "classifier": ParsimoniousClassifier(lam=0, max_epochs=5),
    "classifier, one centre": ParsimoniousClassifier(
        lam=0.5, n_clusters=1, smoothing=1, center_gradient="exact", max_epochs=5
    ),
    "autoencoder": ParsimoniousAutoencoder(n_components=4, lam=0, max_epochs=5),
    **{
        f"embedder, {loss}": ForcedApartEmbedder(n_components=4, loss=loss, max_epochs=5)
        for loss in (None, "multi", "single", "both", "decov", "xcov")
    },
    "embedder, Jensen-Shannon": ForcedApartEmbedder(divergence="js", loss="both", max_epochs=5),
}


@pytest.mark.parametrize("check", sorted(SAMPLE_WEIGHT_CHECKS))
@pytest.mark.parametrize("name", WITHOUT_DRAWS)
def test_sample_weights_equal_repetition(name, check):
    estimator = clone(WITHOUT_DRAWS[name]).set_params(dtype="float64", batch_size=10_000)
    getattr(estimator_checks, check)(type(estimator).__name__, estimator)


def test_array_api_checks_are_not_skipped():
    import scipy

    assert scipy._lib._array_api.SCIPY_ARRAY_API, "run with SCIPY_ARRAY_API=1, as `make test` does"
