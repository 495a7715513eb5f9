"""TAGnet: graphs that differ from the one it was built for; arguments that it must refuse."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers.quick import PIXELS as X
from helpers.quick import tagnet as small
from scipy import sparse
from sklearn.neighbors import NearestNeighbors

from skdeepclust.networks import TAGnet

KNOWN, NEW = X[:200], X[200:260]


# ---------------------------------------------------------------- graphs that change


def neighbors_of(rows=None) -> sparse.csr_array:
    search = NearestNeighbors(n_neighbors=8).fit(KNOWN)
    found = sparse.csr_array(search.kneighbors_graph(rows))
    return found if rows is not None else found.maximum(found.T).tocsr()


@pytest.mark.parametrize("factor", [0.1, 1.0, 10.0, 1000.0])
def test_strong_edges_of_new_samples_keep_codes_finite(factor):
    """A new sample may have a larger degree than any that the network has been built for."""
    model = small(
        affinity="precomputed", normalized_laplacian=False, normalize=False, n_stages=20
    ).fit(KNOWN, affinity=neighbors_of())
    largest = float(np.abs(model.transform(NEW, affinity=factor * neighbors_of(NEW))).max())
    assert largest < 3 * float(np.abs(model.transform(KNOWN)).max())


@pytest.mark.parametrize("normalized", [True, False])
def test_edges_to_a_graph_without_edges(normalized):
    model = small(affinity="precomputed", normalized_laplacian=normalized)
    model.fit(KNOWN, affinity=sparse.csr_array((200, 200)))
    probabilities = model.predict_proba(NEW, affinity=neighbors_of(NEW))
    assert int(np.isnan(probabilities).sum()) == 0
    isolated = model.transform(NEW, affinity=sparse.csr_array((60, 200)))
    assert np.isfinite(isolated).all()
    assert np.abs(isolated).max() > 0.1


def test_warm_start_with_stronger_edges_does_not_diverge():
    model = small(
        affinity="precomputed", normalized_laplacian=False, normalize=False, n_stages=20,
        warm_start=True,
    ).fit(KNOWN, affinity=neighbors_of())  # fmt: skip
    before = float(np.abs(model.transform(KNOWN)).max())
    model.fit(KNOWN, affinity=50 * neighbors_of())
    assert float(np.abs(model.transform(KNOWN)).max()) < 3 * before


def test_the_gain_without_graph_is_zero():
    model = small(graph_weight=0.0).fit(KNOWN)
    assert model.affinity_matrix_ is None
    assert model.graph_gain_ == 0
    model = small(warm_start=True).fit(KNOWN).set_params(graph_weight=0.0).fit(KNOWN)
    assert model.affinity_matrix_ is None
    assert model.graph_gain_ == 0


# torch's tracing meets warnings of torch, which it hides from users, and fails if they are errors
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("batch_size", ["auto", 100])
def test_compiled_training_equals_plain_training(traced_losses, batch_size):
    codes = [
        small(compile=compiled, batch_size=batch_size).fit_transform(X[:200])
        for compiled in (True, False)
    ]
    np.testing.assert_allclose(codes[0], codes[1], atol=1e-6)


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"dictionary": torch.ones(1, 6)}, "dictionary"),
        ({"dictionary": torch.ones(5, 1)}, "dictionary"),
        ({"dictionary": torch.ones(6, 5)}, "dictionary"),
        ({"lam": -1.0}, "lam"),
        ({"graph_weight": -1.0}, "graph_weight"),
        ({"graph_weight": "much"}, "graph_weight"),
    ],
)
def test_wrong_dictionaries_and_weights_are_refused(options, name):
    net = TAGnet(input_shape=(6,), n_components=5)
    with pytest.raises(ValueError, match=name):
        net.set_dictionary(**{"dictionary": torch.ones(5, 6), **options})


def test_tasks_with_more_clusters_than_samples_are_refused():
    with pytest.raises(ValueError, match="auxiliary_clusters"):
        small(auxiliary_clusters=300).fit(KNOWN)


def test_the_default_network_may_be_named_with_tasks():
    tasks = [3, None, None, 2]
    default, named = (
        small(auxiliary_clusters=tasks, **changes).fit(KNOWN)
        for changes in ({}, {"module": TAGnet})
    )
    assert np.array_equal(named.labels_, default.labels_)
    assert np.array_equal(named.auxiliary_labels_[0], default.auxiliary_labels_[0])
