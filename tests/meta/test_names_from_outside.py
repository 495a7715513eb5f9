"""Errors of what stands inside a meta-estimator name the parameter that can be set."""

from __future__ import annotations

import pytest
from helpers.meta_around import NAMES, around
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepclust import TAGnetClusterer, TripletDECClusterer, meta
from skdeepclust.meta._inside import named_from_outside

X, _ = make_blobs(90, 4, centers=3, cluster_std=0.6, random_state=0)

WRONG = {
    "tagnet": (TAGnetClusterer(500), "should be >= estimator__n_clusters=500"),
    "in a pipeline": (
        make_pipeline(StandardScaler(), TAGnetClusterer(500)),
        "estimator__tagnetclusterer__n_clusters=500",
    ),
    "of scikit-learn": (KMeans(500), r"n_clusters=500"),
    "inside of two": (
        meta.OpenSetClusterer(TAGnetClusterer(500)),
        "estimator__estimator__n_clusters=500",
    ),
}


@pytest.mark.parametrize("kind", WRONG)
@pytest.mark.parametrize("name", NAMES)
def test_errors_of_the_estimator_inside_name_its_parameters(name, kind):
    inside, message = WRONG[kind]
    with pytest.raises(ValueError, match=message):
        around(name, inside).fit(X)


def test_names_from_outside_are_those_that_can_be_set():
    inside = make_pipeline(StandardScaler(), TripletDECClusterer(3, module__hidden=(4,)))
    path = "estimator__tripletdecclusterer__"
    for text, expected in (
        ("n_clusters=3 is too much", f"{path}n_clusters=3 is too much"),
        ("the loss isn't finite: lower lr", "the loss isn't finite: lower lr"),
        ("loss='x'", "loss='x'"),  # no parameter
        ("set init='kmeans'", f"set {path}init='kmeans'"),
        ("with_mean is False", "estimator__standardscaler__with_mean is False"),
        (
            "The 'n_clusters' parameter of KMeans must be",
            "The 'n_clusters' parameter of KMeans must be",
        ),
        ("module__hidden=(4,)", f"{path}module__hidden=(4,)"),
        ("labels.n_clusters and n_clusters_", "labels.n_clusters and n_clusters_"),
    ):
        assert named_from_outside(text, inside) == expected
        assert named_from_outside(expected, inside) == expected
