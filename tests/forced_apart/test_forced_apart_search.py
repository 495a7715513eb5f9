"""ForcedApartEmbedder in searches for its parameters, with hidden classes and without."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.quick import forced_apart as quick
from sklearn import config_context
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_mutual_info_score, make_scorer
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler

from skdeepclust.metrics import embedding_silhouette_scorer


@pytest.fixture(scope="module")
def data(digits) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return 600 digits, the coarse label and the digit, which is hidden from the network."""
    X, digit = digits[0][:600], digits[1][:600]
    return X, digit >= 5, digit


def pipeline(n_clusters: int = 10, **params) -> Pipeline:
    embedder = quick(**{"n_components": 15, "max_epochs": 8, "module__hidden": (64,), **params})
    kmeans = KMeans(n_clusters, n_init=2, random_state=0)
    return Pipeline([("scale", MinMaxScaler()), ("embed", embedder), ("cluster", kmeans)])


def hidden_class_score(coarse, clusters, hidden_class) -> float:
    """Return how well clusters agree with classes that the network was not told."""
    return adjusted_mutual_info_score(hidden_class, clusters)


def hidden_class_search(params: dict, **options) -> GridSearchCV:
    scorer = make_scorer(hidden_class_score).set_score_request(hidden_class=True)
    return GridSearchCV(pipeline(), params, scoring=scorer, cv=KFold(2), **options)


def test_search_with_hidden_classes(data):
    """The scores are those of a loop over the parts by hand, and 0 is the worst weight."""
    X, coarse, digit = data
    with config_context(enable_metadata_routing=True):
        search = hidden_class_search({"embed__lam": [0, 0.1]})
        search.fit(X, coarse, hidden_class=digit)
        score = search.score(X, coarse, hidden_class=digit)
    by_hand = []
    for train, test in KFold(2).split(X):
        model = pipeline(lam=0.1).fit(X[train], coarse[train])
        by_hand.append(adjusted_mutual_info_score(digit[test], model.predict(X[test])))
    results = search.cv_results_
    assert [results[f"split{i}_test_score"][1] for i in range(2)] == pytest.approx(by_hand)
    assert search.best_params_ == {"embed__lam": 0.1}
    assert results["mean_test_score"][1] > results["mean_test_score"][0] + 0.05
    assert score == adjusted_mutual_info_score(digit, search.predict(X))


def test_search_without_hidden_classes(data):
    """The silhouette of the code prefers a network with the loss to one without."""
    X, coarse, _ = data
    params = {"embed__margin": [1.0, 3.0], "embed__lam": [0.0, 0.1]}
    search = GridSearchCV(pipeline(), params, scoring=embedding_silhouette_scorer, cv=KFold(2))
    search.fit(X, coarse)
    scores = dict(
        zip(
            [(each["embed__margin"], each["embed__lam"]) for each in search.cv_results_["params"]],
            search.cv_results_["mean_test_score"],
            strict=True,
        )
    )
    assert scores[1.0, 0.0] == scores[3.0, 0.0]
    assert len(set(scores.values())) == 3
    best = search.best_estimator_
    expected = embedding_silhouette_scorer(best[-1], best[:-1].transform(X))
    assert search.score(X) == expected > 0.1


def test_search_for_the_number_of_clusters(data):
    X, coarse, _ = data
    options = {"scoring": embedding_silhouette_scorer, "cv": KFold(2)}
    search = GridSearchCV(pipeline(max_epochs=3), {"cluster__n_clusters": [2, 5, 10]}, **options)
    search.fit(X, coarse)
    assert len(np.unique(search.predict(X))) == search.best_params_["cluster__n_clusters"]
    assert search.score(X) > 0.1


def test_search_without_any_labels(data):
    X = data[0]
    options = {"scoring": embedding_silhouette_scorer, "cv": 2}
    search = GridSearchCV(pipeline(max_epochs=2), {"embed__lam": [0.0, 0.1]}, **options).fit(X)
    assert not hasattr(search.best_estimator_["embed"], "classes_")
    errors = GridSearchCV(quick(), {"n_components": [1, 15]}, cv=2).fit(X)
    assert errors.best_params_ == {"n_components": 15}
    assert errors.best_score_ < 0


def test_scores_of_the_embedder_itself_are_coarse_accuracies(data):
    X, coarse, _ = data
    partial = np.where(np.arange(600) % 4 == 0, -1, coarse)
    scores = cross_val_score(quick(max_epochs=15, lr=0.01), X, partial, cv=3)
    assert ((scores > 0.8) & (scores <= 1)).all()
    train, test = next(iter(KFold(3).split(X)))
    of_first = cross_val_score(quick(), X, partial, cv=KFold(3))[0]
    model = quick().fit(X[train], partial[train])
    known = partial[test] != -1
    assert of_first == np.mean(model.predict(X[test][known]) == partial[test][known])
