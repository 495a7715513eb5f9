"""TAGnetClusterer with scikit-learn's tools, with graphs of the user's, on data at the edge."""

from __future__ import annotations

import copy
import io
import pickle
import warnings

import joblib
import numpy as np
import pytest
from helpers.quick import DIGIT
from helpers.quick import PIXELS as X
from helpers.quick import tagnet as small
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_mutual_info_score, make_scorer
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsTransformer, NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler

# What is known to the fit, and what is new to it.
KNOWN, NEW = X[:200], X[200:260]


@pytest.fixture(scope="module", autouse=True)
def short_start():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("skdeepclust.tagnet.HEAD_STEPS", 10)
        yield


@pytest.fixture(scope="module")
def fitted():
    return small().fit(KNOWN)


# ---------------------------------------------------------------- searches and pipelines

GRIDS = {
    "lam": [0.1, 0.5],
    "n_clusters": [5, 10],
    "graph_weight": [0.0, "auto"],
    "n_stages": [0, 6],
}


def own_score(estimator, samples, y):
    return estimator.score(samples)


def test_a_search_by_the_estimator_s_own_score():
    search = GridSearchCV(small(), {"n_stages": [0, 6]}, cv=2).fit(KNOWN)
    assert search.score(KNOWN) == search.best_estimator_.score(KNOWN)
    assert 0 < search.cv_results_["mean_test_score"].min() < search.best_score_ < 1


@pytest.mark.parametrize("name", GRIDS)
def test_grid_search(name):
    """Each value is really used, and the best by a score is refitted."""
    scoring = {"agreement": make_scorer(adjusted_mutual_info_score), "own": own_score}
    search = GridSearchCV(
        small(), {name: GRIDS[name]}, cv=2, scoring=scoring, refit="agreement", error_score="raise"
    ).fit(X[:300], DIGIT[:300])
    for score, least in (("agreement", 0.3), ("own", 0.1)):
        values = search.cv_results_[f"mean_test_{score}"]
        assert values.min() > least
        assert values[0] != values[1]
    best = search.cv_results_["mean_test_agreement"].argmax()
    assert search.best_params_ == {name: GRIDS[name][best]}
    assert np.array_equal(search.predict(X[:300]), search.best_estimator_.labels_)


@pytest.mark.parametrize("scaler", [StandardScaler(), Normalizer()])
def test_pipeline_after_a_scaler(scaler):
    pipeline = make_pipeline(clone(scaler), small()).fit(KNOWN)
    alone = small().fit(clone(scaler).fit_transform(KNOWN))
    assert np.array_equal(pipeline.predict(KNOWN), alone.labels_)
    expected = alone.predict(clone(scaler).fit(KNOWN).transform(NEW))
    assert np.array_equal(pipeline.predict(NEW), expected)


def test_codes_feed_kmeans(fitted):
    pipeline = make_pipeline(small(), KMeans(10, n_init=3, random_state=0)).fit(KNOWN)
    kmeans = KMeans(10, n_init=3, random_state=0).fit(fitted.transform(KNOWN))
    assert np.array_equal(pipeline.predict(NEW), kmeans.predict(fitted.transform(NEW)))
    assert adjusted_mutual_info_score(DIGIT[:200], pipeline.predict(KNOWN)) > 0.5
    names = pipeline[:-1].get_feature_names_out()
    assert len(names) == 32


# ---------------------------------------------------------------- graphs of the user's


def edges(rows=None, n_neighbors: int = 8) -> sparse.csr_array:
    """Return unweighted edges between known samples, or from rows to the known samples."""
    search = NearestNeighbors(n_neighbors=n_neighbors).fit(KNOWN)
    found = sparse.csr_array(search.kneighbors_graph(rows))
    return found if rows is not None else found.maximum(found.T).tocsr()


def test_precomputed_graph():
    model = small(affinity="precomputed")
    assert np.array_equal(model.fit_predict(KNOWN, affinity=edges()), model.labels_)
    assert (model.affinity_matrix_ != edges()).nnz == 0
    assert np.array_equal(model.predict(KNOWN), model.labels_)
    dense = small(affinity="precomputed").fit(KNOWN, affinity=edges().toarray())
    assert np.array_equal(dense.labels_, model.labels_)
    codes = model.transform(NEW, affinity=edges(NEW))
    assert np.array_equal(codes, dense.transform(NEW, affinity=edges(NEW).toarray()))
    mixed = model.transform(X[190:260], affinity=edges(X[190:260]))  # some are known
    assert np.array_equal(mixed, np.vstack([model.transform(KNOWN[190:]), codes]))
    other = model.transform(NEW, affinity=edges(NEW)[::-1])  # edges of somebody else
    assert np.abs(codes - other).max() > 0.01
    assert 0 < model.score(NEW, affinity=edges(NEW)) < 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, "60 of the 260 samples"),
        (edges(NEW), "affinity has 60 rows, but X has 260 samples"),
        (np.ones((260, 7)), r"shape \(60, 7\)"),
        (-np.ones((260, 200)), "negative"),
        (np.full((260, 200), np.nan), "NaN"),
    ],
)
def test_edges_that_are_missing_or_wrong(given, message):
    model = small(affinity="precomputed").fit(KNOWN, affinity=edges())
    with pytest.raises(ValueError, match=message):
        model.predict(X[:260], affinity=given)


@pytest.mark.parametrize(
    ("given", "message"),
    [(None, r"fit\(X, affinity=A\)"), (np.ones((200, 7)), r"\(200, 7\)"), (edges(NEW), "60 rows")],
)
def test_graphs_that_are_missing_or_wrong(given, message):
    with pytest.raises(ValueError, match=message):
        small(affinity="precomputed").fit(KNOWN, affinity=given)


def close(A, B):
    kernel = rbf_kernel(A, B, gamma=1.0)
    return sparse.csr_array(np.where(kernel > 0.05, kernel, 0))


def test_a_function_makes_the_graph():
    model = small(affinity=close).fit(KNOWN, affinity=KNOWN)
    expected = close(KNOWN, KNOWN)
    expected.setdiag(0)
    np.testing.assert_allclose(model.affinity_matrix_.toarray(), expected.toarray(), rtol=1e-6)
    same = small(affinity="precomputed").fit(KNOWN, affinity=expected)
    np.testing.assert_array_equal(model.labels_, same.labels_)
    codes = same.transform(NEW, affinity=close(NEW, KNOWN))
    np.testing.assert_allclose(model.transform(NEW, affinity=NEW), codes, atol=1e-5)
    alone = small(affinity=close).fit(KNOWN)  # of features that the estimator makes
    assert np.array_equal(alone.predict(KNOWN), alone.labels_)
    assert alone.predict(NEW).shape == (60,)


def test_features_make_the_graph():
    """Of two rows of the images: the graph differs from that of X."""
    features = KNOWN[:, :16]
    model = small().fit(KNOWN, affinity=features)
    on_rows = small().fit(KNOWN)
    assert (model.affinity_matrix_ != on_rows.affinity_matrix_).nnz > 0
    found = small(affinity=close).fit(KNOWN, affinity=features)
    assert found.affinity_matrix_.shape == (200, 200)
    assert model.predict(NEW, affinity=NEW[:, :16]).shape == (60,)
    assert np.array_equal(model.predict(KNOWN), model.labels_)
    with pytest.raises(ValueError, match=r"affinity=\.\.\.: give theirs, too"):
        model.predict(NEW)
    with pytest.raises(ValueError, match="features"):
        model.predict(NEW, affinity=NEW)  # 64 features instead of 16


def test_metadata_finds_its_way_through_a_pipeline():
    with config_context(enable_metadata_routing=True):
        step = small(affinity="precomputed").set_fit_request(affinity=True)
        step.set_predict_request(affinity=True).set_transform_request(affinity=True)
        pipeline = make_pipeline(Normalizer(), step).fit(KNOWN, affinity=edges())
        labels = pipeline.predict(NEW, affinity=edges(NEW))
    unit = Normalizer().fit_transform(KNOWN)
    alone = small(affinity="precomputed").fit(unit, affinity=edges())
    assert np.array_equal(pipeline[-1].labels_, alone.labels_)
    assert np.array_equal(labels, alone.predict(Normalizer().transform(NEW), affinity=edges(NEW)))


def test_a_search_of_the_user_s_finds_the_neighbors():
    search = KNeighborsTransformer(n_neighbors=11, mode="distance", algorithm="kd_tree")
    model, exact = small(neighbors=search).fit(KNOWN), small().fit(KNOWN)
    assert not hasattr(search, "n_features_in_")  # a clone did the work
    np.testing.assert_allclose(
        model.affinity_matrix_.toarray(), exact.affinity_matrix_.toarray(), atol=1e-4
    )
    assert np.array_equal(model.labels_, exact.labels_)
    manhattan = KNeighborsTransformer(n_neighbors=11, mode="distance", metric="manhattan")
    other = small(neighbors=manhattan).fit(KNOWN)
    assert (other.affinity_matrix_ != exact.affinity_matrix_).nnz > 0


# ---------------------------------------------------------------- copies


def by_joblib(model):
    buffer = io.BytesIO()
    joblib.dump(model, buffer)
    buffer.seek(0)
    return joblib.load(buffer)


def by_pickle(model):
    return pickle.loads(pickle.dumps(model))


def refitted(model):
    return clone(model).fit(KNOWN)


@pytest.mark.parametrize("changes", [{}, {"graph_weight": 0.0}, {"auxiliary_clusters": 3}])
def test_copies_predict_the_same(changes):
    model = small(**changes).fit(KNOWN)
    expected = model.predict_proba(X[100:260])
    for twin in (by_pickle, by_joblib, copy.deepcopy, refitted):
        other = twin(model)
        assert np.array_equal(other.labels_, model.labels_)
        again = by_pickle(other)  # before it has predicted anything
        for one in (other, again):
            assert np.array_equal(one.predict_proba(X[100:260]), expected)
            assert one.module_.known_codes.shape == (200, 32)


# ---------------------------------------------------------------- data at the edge


def rows(n: int, m: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, m))


# samples, number of clusters, clusters that the fit should find, parameters
EDGES = {
    "duplicates": (np.repeat(rows(20, 6), 5, axis=0), 3, 3, {}),
    "fewer distinct samples than clusters": (np.repeat(rows(3, 6), 10, axis=0), 5, 3, {}),
    "zeros among others": (np.vstack([rows(40, 6), np.zeros((10, 6))]), 3, 3, {}),
    "zeros": (np.zeros((20, 4)), 3, 1, {}),
    "constant": (np.ones((20, 4)), 2, 1, {}),
    "two parts": (np.vstack([rows(20, 5), rows(20, 5) + 100]), 2, 2, {"n_neighbors": 2}),
    "more neighbours than samples": (rows(12, 4), 3, 3, {"n_neighbors": 50}),
    "one feature of unit length": (rows(50, 1), 3, 2, {}),
    "one feature": (rows(50, 1), 3, 3, {"normalize": False}),
    "more atoms than samples": (rows(15, 6), 3, 3, {}),
    "a cluster a sample": (rows(12, 6), 12, 12, {}),
    "one cluster": (rows(30, 6), 1, 1, {}),
    "two samples": (rows(2, 4), 2, 2, {}),
    "large values": (rows(40, 4) * 1e6, 3, 3, {"normalize": False}),
    "no code above the threshold": (rows(40, 4), 3, 1, {"lam": 100.0}),
}


@pytest.mark.parametrize("settings", [{}, {"batch_size": 8, "normalized_laplacian": False}])
@pytest.mark.parametrize("name", EDGES)
def test_data_at_the_edge(name, settings):
    samples, n_clusters, n_found, changes = EDGES[name]
    model = small(n_clusters, **changes, **settings)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(samples)
    expected = [ConvergenceWarning] if n_found < n_clusters else []
    assert [warning.category for warning in caught] == expected
    assert len(np.unique(model.labels_)) == n_found
    assert np.array_equal(model.predict(samples), model.labels_)
    new = np.vstack([rows(3, samples.shape[1], seed=1), np.zeros((1, samples.shape[1]))])
    for found in (model.transform(samples), model.transform(new), model.predict_proba(new)):
        assert np.isfinite(found).all()
    assert all(np.isfinite(row["loss"]) for row in model.history_)


@pytest.mark.parametrize("dictionary", ["mini_batch", "ksvd", "kmeans"])
@pytest.mark.parametrize("name", ["zeros", "more atoms than samples", "one feature"])
def test_dictionaries_of_data_at_the_edge(dictionary, name):
    samples = EDGES[name][0]
    model = small(1, dictionary=dictionary, max_epochs=0).fit(samples)
    np.testing.assert_allclose(np.linalg.norm(model.dictionary_, axis=1), 1)
    assert np.isfinite(model.transform(samples)).all()
