"""The scikit-learn contract of the zero-shot classifier, checked by scikit-learn."""

from __future__ import annotations

import pytest
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import check_estimator

from skdeepclust import ZeroShotClassifier

SAMPLE_WEIGHT_CHECKS = {
    f"check_sample_weight_equivalence_on_{kind}_data" for kind in ("dense", "sparse")
}
REASON = "Minibatches in float32 make weighting and repetition differ; float64 is checked below."


def test_check_estimator(monkeypatch):
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    results = check_estimator(
        ZeroShotClassifier(max_epochs=10),
        expected_failed_checks=dict.fromkeys(SAMPLE_WEIGHT_CHECKS, REASON),
        on_skip=None,
        on_fail=None,
    )
    bad = {r["check_name"]: r["exception"] for r in results if r["status"] != "passed"}
    assert set(bad) <= SAMPLE_WEIGHT_CHECKS, bad
    assert len(results) > 50


@pytest.mark.parametrize("check", sorted(SAMPLE_WEIGHT_CHECKS))
def test_sample_weights_equal_repetition(check):
    estimator = ZeroShotClassifier(dtype="float64", batch_size=10_000)
    getattr(estimator_checks, check)("ZeroShotClassifier", estimator)
