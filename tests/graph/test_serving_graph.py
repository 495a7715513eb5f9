"""Graphs of TAGnet look up samples, and the neighbours of new ones, as the estimator does."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers.naive_affinity import KINDS, samples
from helpers.needs import needs_export
from helpers.served import assert_same, load_onnx, run_program
from helpers.small_fits import GRAPH, KNOWN
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.datasets import load_digits
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.neighbors import KNeighborsTransformer

from skdeepclust import TAGnetClusterer, export
from skdeepclust.graph import NeighborAffinity
from skdeepclust.graph._known_samples import KnownSamples, fingerprints
from skdeepclust.graph._sample_graph import padded
from skdeepclust.graph._served_graph import _bits, traced_edges, traced_rows

pytestmark = needs_export

DIGITS = load_digits().data[:700].astype(np.float32)
HALF, OTHER = DIGITS[::2] / 16, DIGITS[1::2] / 16
# Each twice, one many times: of an odd number of neighbours the last is one of two.
DUPLICATES = np.concatenate([HALF[:150], HALF[:150], HALF[:1].repeat(40, 0), HALF[:200]])
NAMES = ["labels", "probabilities", "embedding"]

CASES = {
    "self_tuning": ({"auxiliary_clusters": [5, None]}, HALF),
    "gaussian": ({"n_neighbors": 7, "dtype": "float64"}, DUPLICATES),
    "connectivity": ({"normalize": False, "normalized_laplacian": False}, HALF),
}


# Each of its operators is one of the others, which become ONNX models.
AS_PROGRAMS = {"self_tuning"}


@pytest.mark.usefixtures("few_head_steps")
@pytest.mark.parametrize("edge_weights", CASES)
def test_graphs_say_what_the_estimator_says(edge_weights):
    settings, X = CASES[edge_weights]
    clusterer = TAGnetClusterer(10, edge_weights=edge_weights, **GRAPH, **settings).fit(X)
    state = dict(vars(clusterer))
    if edge_weights in AS_PROGRAMS:
        graph = export(clusterer, "torch").module()

        def answer(batch):
            return run_program(graph, batch, NAMES), None

    else:
        answer = load_onnx(export(clusterer, "onnx").SerializeToString())
    assert vars(clusterer).keys() == state.keys()
    mixed = np.concatenate([OTHER[:4], HALF[:3]])
    close = HALF[:50] + 1e-4 * np.float32(OTHER[:50] > 0)
    for batch in (OTHER, HALF, close, mixed, OTHER[:1], HALF[:1]):
        assert_same(clusterer, batch, *answer(batch))
    outputs, _ = answer(X)
    np.testing.assert_array_equal(outputs["labels"], clusterer.labels_)
    outputs, _ = answer(np.full((2, 64), np.nan, np.float32))  # as long as it answers
    assert outputs["labels"].shape == (2,)


@pytest.mark.usefixtures("few_head_steps")
@pytest.mark.parametrize(
    "settings",
    [
        {"n_neighbors": 100},
        {"n_neighbors": 1},
        {"n_stages": 0},
        {"module": torch.nn.Linear(64, 8)},  # without a graph: "sparse codes" of test_serving.py
    ],
    ids=str,
)
def test_graphs_at_the_edge(settings):
    clusterer = TAGnetClusterer(3, **{**GRAPH, **settings}).fit(KNOWN)
    graph = export(clusterer, "torch").module()
    for batch in (OTHER, np.float32(KNOWN), OTHER[:1]):
        assert_same(clusterer, batch, run_program(graph, batch, NAMES), None)


GIVEN = {
    "precomputed": ({"affinity": "precomputed"}, {"affinity": rbf_kernel(KNOWN)}),
    "features": ({}, {"affinity": KNOWN[:, 20:40]}),
    "a function": ({"affinity": rbf_kernel}, {}),
    "a search": ({"neighbors": KNeighborsTransformer(n_neighbors=12)}, {}),
}


@pytest.mark.parametrize("name", GIVEN)
def test_graphs_that_tensors_can_not_make_are_refused(name, tmp_path):
    settings, metadata = GIVEN[name]
    clusterer = TAGnetClusterer(3, **GRAPH, **settings).fit(KNOWN, **metadata)
    with pytest.raises(ValueError, match=r"TAGnetClusterer was fitted with a graph .*graph_weight"):
        export(clusterer, tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_of_equal_training_samples_it_does_not_matter_which_is_the_neighbor():
    clusterer = TAGnetClusterer(10, **GRAPH, n_neighbors=3).fit(DUPLICATES)
    x, weights = torch.from_numpy(OTHER[:20]), torch.ones(20, 2)
    first = torch.tensor([[0, 7]]).repeat(20, 1)
    expected = clusterer._embed(x, first, weights)
    for equal in (first + 150, torch.tensor([[310, 157]]).repeat(20, 1)):
        torch.testing.assert_close(clusterer._embed(x, equal, weights), expected, rtol=0, atol=0)


# ---------------------------------------------------------------- neighbours


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("k", [1, 4, 9, 60])
@pytest.mark.parametrize("n_features", [3, 20])
@pytest.mark.parametrize("kind", KINDS)
def test_edges_are_those_of_the_search(kind, n_features, k, dtype):
    X = samples(50, n_features).astype(dtype)
    source = NeighborAffinity(k, edge_weights=kind).fit(X[:40])
    neighbors, weights = traced_edges(source, torch.from_numpy(X))
    found = np.zeros((50, 40))
    np.put_along_axis(found, neighbors.numpy(), weights.numpy(), axis=1)
    np.testing.assert_allclose(found, source.transform(X).toarray(), rtol=1e-5)
    assert weights.numpy().dtype == dtype


@pytest.mark.parametrize("offset", [0.0, 1000.0])
@pytest.mark.parametrize("kind", KINDS)
def test_edges_to_duplicates_and_to_what_is_almost_one(kind, offset):
    X = samples(40, 30).astype(np.float32) + np.float32(offset)
    X[:12] = X[0]
    X[12:24] = np.nextafter(X[0], np.float32(np.inf))
    for source in (
        NeighborAffinity(5, edge_weights=kind).fit(X),
        NeighborAffinity(5, edge_weights=kind).fit(X[:12]),  # of bandwidth 0
    ):
        _, weights = traced_edges(source, torch.from_numpy(X))
        expected = padded(source.transform(X))["weights"]
        np.testing.assert_allclose(np.sort(weights), np.sort(expected), rtol=1e-4)


# ---------------------------------------------------------------- samples


@given(x=arrays(np.float32, (2, 5), elements=st.floats(width=32, allow_nan=False)))
def test_bits_of_any_floats(x):
    x = torch.from_numpy(np.where(np.isinf(x), 1, x).astype(np.float32))
    single, double = x + 0.0, x.double() + 0.0  # -0.0 becomes 0.0
    torch.testing.assert_close(_bits(x), single.view(torch.int32).long())
    torch.testing.assert_close(_bits(x.double()), double.view(torch.int64))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_bits_at_powers_of_two(dtype):
    powers = torch.exp2(torch.arange(-149.0, 128, dtype=torch.float64)).float()
    below, above = (torch.nextafter(powers, torch.tensor(end)) for end in (0.0, float("inf")))
    x = torch.stack([powers, below, above, -powers, -below, -above]).to(dtype) + 0.0
    integers = torch.int32 if dtype == torch.float32 else torch.int64
    torch.testing.assert_close(_bits(x), x.view(integers).long())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("n_features", [1, 64, 1000])
def test_samples_are_found_as_the_estimator_finds_them(n_features, dtype):
    X = torch.from_numpy(samples(60, n_features)).float().to(dtype)
    X[5], X[9], X[:, 0] = X[0], X[3], -0.0 if n_features > 1 else X[:, 0]
    known = KnownSamples(fingerprints(X[:40]).numpy())
    new = torch.cat([X.flip(0), X.roll(1, 0) if n_features == 1 else X.roll(1, 1)])
    is_known, rows = traced_rows(known, new)
    expected = known.find(fingerprints(new).numpy())
    np.testing.assert_array_equal(np.where(is_known, rows, -1), expected)
    assert (expected[:20] == -1).all()
    assert (expected[20:60] >= 0).all()
