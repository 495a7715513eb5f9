"""Scores of clusterings against brute force, and as scorers in a grid search."""

from __future__ import annotations

import tracemalloc
from fractions import Fraction
from itertools import permutations

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from sklearn import config_context
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs
from sklearn.model_selection import GridSearchCV

from skdeepclust import metrics
from skdeepclust.metrics import (
    clustering_accuracy_score,
    clustering_accuracy_scorer,
    embedding_silhouette_scorer,
    match_labels,
)

PAIRS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), min_size=1, max_size=20)


def brute_force_accuracy(true: np.ndarray, pred: np.ndarray) -> float:
    """Try every one-to-one renaming of five clusters; -1 is no class at all."""
    renamings = permutations([0, 1, 2, 3, -1])
    return max(float(np.mean(true == np.array(names)[pred])) for names in renamings)


@given(pairs=PAIRS)
def test_accuracy_is_the_best_over_all_matchings(pairs: list[tuple[int, int]]) -> None:
    true, pred = np.array(pairs).T
    expected = brute_force_accuracy(true, pred)
    assert clustering_accuracy_score(true, pred) == pytest.approx(expected, abs=1e-12)
    matched = match_labels(true, pred)
    assert np.mean(matched == true) == pytest.approx(expected, abs=1e-12)


@given(pairs=PAIRS)
def test_names_do_not_matter_and_the_partition_stays(pairs: list[tuple[int, int]]) -> None:
    true, pred = np.array(pairs).T
    class_names, cluster_names = np.array(["z", "cluster 7", "b", "a"]), np.array([7, -1, 3, 0, 9])
    accuracy = clustering_accuracy_score(class_names[true], cluster_names[pred])
    assert accuracy == clustering_accuracy_score(true, pred)
    matched = match_labels(class_names[true], cluster_names[pred])
    assert np.mean(matched == class_names[true]) == pytest.approx(accuracy, abs=1e-12)
    partners = set(zip(matched.tolist(), pred.tolist(), strict=True))
    assert len(partners) == len(set(matched.tolist())) == len(set(pred.tolist()))


@pytest.mark.parametrize(
    ("true", "pred", "expected"),
    [
        ([4, 4, 9, 9], [0, 0, 0, 0], {4}),
        (np.array([0, 0, 255, 255], dtype=np.uint8), [2, 2, 1, 0], {0, 255, 256}),
        ([True, True, False, True], [0, 0, 1, 2], {0, 1, 2}),
        ([0.5, 1.5, 1.5], ["a", "b", "c"], {0.5, 1.5, 2.0}),
        (["x", "x", "x"], [5, 5, 6], {"x", "cluster 6"}),
        (["x", "cluster 6", "x"], [5, 4, 6], None),
    ],
)
def test_clusters_without_partner_get_a_label_of_their_own(true, pred, expected) -> None:
    matched = set(match_labels(true, pred).tolist())
    assert len(matched) == len(set(pred))
    assert expected is None or matched == expected


def test_objects_and_lists_are_labels() -> None:
    names = np.array(["cat", "dog", "dog"], dtype=object)
    assert match_labels(names, ["x", "y", "y"]).tolist() == names.tolist()
    assert clustering_accuracy_score(names, [1, 0, 0]) == 1.0


DAYS = np.array(["2020-01-01", "2020-01-03", "2020-01-03"], dtype="datetime64[ns]")
KINDS = {
    "objects": (np.array([0, 1, 1], dtype=object), 2),
    "fractions": (np.array([Fraction(1, 3), Fraction(7, 2), Fraction(7, 2)]), 4),
    "truth values": (np.array([False, True, True], dtype=object), 2),
    "strings": (np.array(["a", "b", "b"], dtype=object), "cluster 6"),
    "nanoseconds": (DAYS, DAYS.max() + np.timedelta64(1, "ns")),
    "days": (DAYS.astype("datetime64[D]"), np.datetime64("2020-01-04")),
    "time spans": (np.array([3, 5, 5], dtype="timedelta64[h]"), np.timedelta64(6, "h")),
    "bytes": (np.array([1, 7, 7], dtype=np.uint8), 8),
    "largest": (np.array([0, 2**63 - 1, 2**63 - 1]), 1),
    "unsigned": (np.array([1, 2**64 - 1, 2**64 - 1], dtype=np.uint64), 0),
    "single": (np.float32([0, 1e9, 1e9]), 1),
    "huge": (np.array([1, 1e300, 1e300]), 0),
}


@pytest.mark.parametrize("name", KINDS)
def test_labels_stay_what_they_are(name) -> None:
    true, further = KINDS[name]
    for pred, expected in (([4, 5, 5], [*true]), ([4, 5, 6], [*true[:2], further])):
        matched = match_labels(true, pred)
        assert matched.dtype == true.dtype
        assert [*matched] == expected
        assert np.mean(matched == true) == pytest.approx(clustering_accuracy_score(true, pred))


def test_truth_values_stay_some_without_a_third() -> None:
    assert match_labels([True, False], [0, 1]).dtype == bool


@pytest.mark.parametrize("function", [clustering_accuracy_score, match_labels])
@pytest.mark.parametrize(
    ("true", "pred", "message"),
    [([0, 1], [0], "inconsistent"), ([], [], "empty"), ([[0, 1]], [0, 1], "1d|shape")],
)
def test_wrong_labels_are_refused(function, true: list, pred: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        function(true, pred)


@given(
    pairs=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 14)), min_size=1, max_size=60),
    swap=st.booleans(),
)
def test_a_large_table_is_matched_as_well_as_a_dense_one(pairs, swap: bool) -> None:
    true, pred = np.array(pairs).T[:: -1 if swap else 1]
    expected = clustering_accuracy_score(true, pred)
    n_partners = min(len(set(true.tolist())), len(set(pred.tolist())))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(metrics, "MAX_CELLS", 0)
        assert clustering_accuracy_score(true, pred) == expected
        matched = match_labels(true, pred)
        assert len(metrics._match(true, pred)[1]) == n_partners
    assert np.mean(matched == true) == pytest.approx(expected, abs=1e-12)
    assert len(set(matched.tolist())) == len(set(pred.tolist()))


def test_a_large_table_keeps_empty_columns_its_format_and_its_dtype(monkeypatch) -> None:
    given, solve = [], metrics.min_weight_full_bipartite_matching

    def solve_and_keep(graph, **options):
        given.append(graph)
        return solve(graph, **options)

    monkeypatch.setattr(metrics, "min_weight_full_bipartite_matching", solve_and_keep)
    counts = csr_array(np.array([[9, 0, 0], [5, 0, 0]]))
    rows, columns = metrics._sparse_assignment(counts)
    assert (rows.tolist(), columns.tolist()) == ([0, 1], [0, 1])
    assert (given[0].format, given[0].dtype) == ("csr", counts.dtype)


def test_memory_is_that_of_the_pairs_that_occur() -> None:
    true = np.arange(5000)
    pred = np.random.default_rng(0).permutation(5000) // 2  # half of the classes have a partner
    tracemalloc.start()
    assert clustering_accuracy_score(true, pred) == 0.5
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10e6  # 5000 x 2500 pairs would be 100 MB


MISSING = [
    [0.0, np.nan],
    ["a", None],
    [1, pd.NA],
    np.array(["a", np.nan], dtype=object),
    pd.Series([1, None], dtype="Int64"),
    pd.Series(["a", None], dtype="category"),
    np.ma.array([0, 1], mask=[False, True]),
]


@pytest.mark.parametrize("labels", MISSING, ids=lambda labels: type(labels).__name__)
@pytest.mark.parametrize("function", [clustering_accuracy_score, match_labels])
def test_missing_labels_are_refused(function, labels) -> None:
    with pytest.raises(ValueError, match=r"labels_true.*(contains|masked values)"):
        function(labels, [0, 1])
    with pytest.raises(ValueError, match=r"labels_pred.*(contains|masked values)"):
        function([0, 1], labels)


@pytest.mark.parametrize(
    "hold",
    [
        torch.tensor,
        np.ma.array,
        lambda values: [torch.tensor(value) for value in values],
        lambda values: pd.Series(values, dtype="Int64"),
        lambda values: pd.Series(values, dtype="category"),
    ],
    ids=["tensor", "no mask", "tensors", "nullable", "categories"],
)
def test_labels_of_other_libraries(hold) -> None:
    true, pred = [4, 4, 9, 9], [1, 0, 0, 0]
    for dispatch in (False, True):
        with config_context(array_api_dispatch=dispatch):
            assert clustering_accuracy_score(hold(true), hold(pred)) == 0.75
            assert match_labels(hold(true), hold(pred)).tolist() == [4, 9, 9, 9]


@pytest.mark.parametrize("scoring", [clustering_accuracy_scorer, embedding_silhouette_scorer])
def test_scorers_choose_the_right_number_of_clusters(scoring) -> None:
    X, y = make_blobs(200, centers=[[0, 0], [9, 0], [0, 9]], random_state=0)
    names = np.array(["a", "b", "c"])[y]
    grid = GridSearchCV(
        KMeans(n_init=3, random_state=0), {"n_clusters": [2, 3, 6]}, scoring=scoring
    )
    assert grid.fit(X, names).best_params_ == {"n_clusters": 3}
