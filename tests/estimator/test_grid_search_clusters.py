"""A grid search on a cluster of Dask or Ray has exactly the scores of one in this process."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import joblib
import numpy as np
import pytest
import torch
from distributed import Client, LocalCluster
from helpers.small_fits import DIGIT, X
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV

from skdeepclust import ParsimoniousAutoencoder, ParsimoniousClassifier

# As each worker has: the number of threads decides how sums are rounded.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def searches() -> list[GridSearchCV | HalvingGridSearchCV]:
    classifier = ParsimoniousClassifier(n_clusters=5, max_epochs=2, random_state=0)
    autoencoder = ParsimoniousAutoencoder(n_components=4, n_clusters=5, random_state=0)
    return [
        GridSearchCV(classifier, {"lam": [0.0, 1.0]}, cv=2),
        HalvingGridSearchCV(
            autoencoder,
            {"lam": [0.0, 0.1]},
            resource="max_epochs",
            min_resources=1,
            max_resources=2,
            factor=2,
            cv=2,
            random_state=0,
        ),
    ]


def assert_same_as_in_this_process() -> None:
    """Fit both searches with the backend that is active, and without one."""
    for there, here in zip(searches(), searches(), strict=True):
        found = there.set_params(n_jobs=2).fit(X, DIGIT)
        with joblib.parallel_config("sequential"):
            expected = here.fit(X, DIGIT)
        assert found.best_params_ == expected.best_params_
        for name, values in expected.cv_results_.items():
            if "score" in name and "time" not in name and values.dtype.kind == "f":
                np.testing.assert_array_equal(found.cv_results_[name], values)
        np.testing.assert_array_equal(
            found.best_estimator_.transform(X), expected.best_estimator_.transform(X)
        )


@contextmanager
def dask_cluster() -> Iterator[Client]:
    cluster = LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None)
    with cluster, Client(cluster) as client:
        yield client


def test_dask() -> None:
    with dask_cluster() as client, joblib.parallel_config("dask"):
        assert len(client.run(os.getpid)) == 1
        assert os.getpid() not in client.run(os.getpid).values()
        assert_same_as_in_this_process()


def test_ray(monkeypatch) -> None:
    ray = pytest.importorskip(
        "ray", reason="Ray takes 240 MB: a job of its own in continuous integration installs it"
    )
    from ray.util.joblib import register_ray

    for name, value in ONE_THREAD.items():
        monkeypatch.setenv(name, value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Ray's own start
        ray.init(num_cpus=2, include_dashboard=False, configure_logging=False, log_to_driver=False)
    try:
        register_ray()
        with joblib.parallel_config("ray"):
            assert_same_as_in_this_process()
    finally:
        ray.shutdown()
