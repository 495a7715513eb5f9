"""KSVD and NeighborAffinity."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.neighbors import KNeighborsTransformer

from same.seen import answer, fitted, of_model
from same.small import KNOWN, NEW, Scenario, fits, in_forms
from skdeepclust.dictionary import KSVD
from skdeepclust.graph import NeighborAffinity

DICTIONARIES: Mapping[str, Mapping[str, Any]] = {
    "few atoms": {"n_components": 8},
    "one atom a sample": {"n_components": 8, "n_nonzero_coefs": 1},
    "many atoms": {"n_components": 70, "n_nonzero_coefs": 5, "max_iter": 4},
    "defaults": {"max_iter": 3},
    "to the end": {"n_components": 5, "tol": 0, "max_iter": 8},
    "printed": {"n_components": 4, "verbose": 1, "max_iter": 3},
}
SEARCH = KNeighborsTransformer(n_neighbors=8, mode="distance", metric="manhattan")
GRAPHS: Mapping[str, Mapping[str, Any]] = {
    "Gaussian edges": {"n_neighbors": 4},
    "self-tuning edges": {"edge_weights": "self_tuning"},
    "equal edges": {"edge_weights": "connectivity", "n_neighbors": 3},
    "a transformer": {"neighbors": SEARCH, "n_neighbors": 5},
    "more neighbours than samples": {"n_neighbors": 100},
}


def forms(title: str, estimator: type, params: Mapping[str, Any]) -> dict[str, Scenario]:
    return {
        name: scenario
        for name, scenario in in_forms(title, estimator, params).items()
        if "HDF5" not in name and "zarr" not in name and "Dask" not in name
    }


def affinity(folder: Path) -> Iterable[tuple[str, Any]]:
    """A graph of few features in two trees of search, and of samples that are equal."""
    model = fitted(NeighborAffinity(4), KNOWN[:, 18:21])
    yield from of_model(model, KNOWN[:, 18:21], NEW[:, 18:21])
    equal = fitted(NeighborAffinity(3), np.repeat(KNOWN[:5], 6, axis=0))
    yield "equal samples", equal.affinity_matrix_
    yield "fit_transform", NeighborAffinity(3).fit_transform(KNOWN)
    yield "zeros", answer(NeighborAffinity(3).fit_transform, sparse.csr_array((20, 4)))


SCENARIOS: dict[str, Scenario] = {
    **{
        f"K-SVD, {title}": fits(KSVD, {"random_state": 0, **options})
        for title, options in DICTIONARIES.items()
    },
    **forms("K-SVD", KSVD, {"n_components": 6, "max_iter": 4, "random_state": 0}),
    "K-SVD, codes of codes": fits(KSVD, {"n_components": 3, "random_state": 1}, np.eye(12)),
    **{f"affinity, {title}": fits(NeighborAffinity, options) for title, options in GRAPHS.items()},
    **forms("affinity", NeighborAffinity, {"n_neighbors": 4}),
    "affinity, few features": affinity,
}
