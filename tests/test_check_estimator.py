"""The scikit-learn contract, checked by scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import check_estimator

from skdeepclust import TripletDECClusterer

SAMPLE_WEIGHT_CHECKS = {
    f"check_sample_weight_equivalence_on_{kind}_data" for kind in ("dense", "sparse")
}
REASON = (
    "Minibatches, augmentation and batch normalisation in float32 make weighting and repetition "
    "differ; test_sample_weights_equal_repetition holds them to each other in float64."
)


def small(**params) -> TripletDECClusterer:
    defaults = {
        "n_clusters": 4,
        "n_components": 4,
        "pretrain_epochs": 1,
        "warmup_epochs": 1,
        "max_epochs": 1,
        "n_init": 1,
        "batch_size": 32,
        "module__hidden": (16,),
    }
    return TripletDECClusterer(**{**defaults, **params})


@pytest.mark.parametrize("estimator", [small(), small(dtype="float64")], ids=["float32", "float64"])
def test_check_estimator(estimator, monkeypatch):
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    results = check_estimator(
        estimator,
        expected_failed_checks=dict.fromkeys(SAMPLE_WEIGHT_CHECKS, REASON),
        on_skip=None,
        on_fail=None,
    )
    bad = {r["check_name"]: r["exception"] for r in results if r["status"] != "passed"}
    assert set(bad) <= SAMPLE_WEIGHT_CHECKS, bad
    assert len(results) > 50


@pytest.mark.parametrize("check", sorted(SAMPLE_WEIGHT_CHECKS))
def test_sample_weights_equal_repetition(check):
    # all data in one batch, nothing drawn for each sample, no statistics over the batch, and no
    # neighbours: those of a repeated sample are its copies
    estimator = small(
        n_clusters=2,
        n_components=2,
        init=np.eye(2),
        dtype="float64",
        batch_size=10_000,
        augmentation=None,
        n_neighbors=0,
        pretrain_epochs=3,
        max_epochs=3,
        module__batch_norm=False,
    )
    getattr(estimator_checks, check)("TripletDECClusterer", estimator)


def test_array_api_checks_are_not_skipped():
    import scipy

    assert scipy._lib._array_api.SCIPY_ARRAY_API, "run with SCIPY_ARRAY_API=1, as `make test` does"
