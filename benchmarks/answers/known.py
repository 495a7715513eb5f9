"""What is known of some samples: links, labels, and labels of samples that were asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks.answers.settings import MAKE
from benchmarks.common.records import Record
from benchmarks.common.runs import Cost
from benchmarks.compare.samples import Samples
from skdeepclust.meta import ConstrainedClusterer
from skdeepclust.metrics import clustering_accuracy_score

LEARNING, COP, GEMCLUS = "TripletDECClusterer", "COP-KMeans", "GemClus, LinearMMD"
AROUND = "ConstrainedClusterer, "
# How much is known, of which kind; peers know links alone.
NUMBERS = (50, 100, 200, 500)
KINDS = {"labels": NUMBERS, "links": NUMBERS, "queried labels": (50, 100)}
Known = dict[str, np.ndarray]


def amounts(name: str) -> Iterator[str]:
    """Yield what a clusterer is told, as part of the name of a setting."""
    yield "nothing"
    for kind, numbers in KINDS.items():
        if kind == "links" or name not in (COP, GEMCLUS):
            yield from (f"{number} {kind}" for number in numbers)


def random_links(y: np.ndarray, n_links: int, seed: int) -> Known:
    """Return links of random pairs, each of one kind or the other."""
    ends = np.random.default_rng(seed).integers(len(y), size=(2 * n_links, 2))
    ends = ends[ends[:, 0] != ends[:, 1]][:n_links]
    same = y[ends[:, 0]] == y[ends[:, 1]]
    return {"must_link": ends[same], "cannot_link": ends[~same]}


def labels_of(y: np.ndarray, rows: np.ndarray) -> Known:
    known = np.full(len(y), -1)
    known[rows] = y[rows]
    return {"known_labels": known}


def known(samples: Samples, setting: str, seed: int) -> Record:
    """Fit with what is known; tell the accuracy on all samples, and on those without a link."""
    name, _, amount = setting.rpartition(": ")
    number, _, kind = amount.partition(" ")
    y, fit = samples.y, fit_of(name, samples, seed)
    given: Known = {}
    if kind == "links":
        given = random_links(y, int(number), seed)
    elif kind == "labels":
        given = labels_of(y, np.random.default_rng(seed).permutation(len(y))[: int(number)])
    elif kind == "queried labels":
        given = labels_of(y, fit(samples.X, {}).query(samples.X, int(number)))
    with Cost() as cost:
        model = fit(samples.X, given)
    labels = np.asarray(model.labels_)
    rest = np.ones(len(y), dtype=bool)
    rest[given.get("known_labels", np.full(len(y), -1)) >= 0] = False
    links = {kind: given[kind] for kind in ("must_link", "cannot_link") if kind in given}
    for pairs in links.values():
        rest[pairs] = False
    together = {kind: np.equal(*labels[pairs].T) for kind, pairs in links.items()}
    holds = [same == (kind == "must_link") for kind, same in together.items()]
    return {
        "ACC": clustering_accuracy_score(y, labels),
        "ACC of rest": clustering_accuracy_score(y[rest], labels[rest]),
        "links kept": float(np.concatenate(holds).mean()) if holds else 1.0,
        **cost.record,
    }


def fit_of(name: str, samples: Samples, seed: int) -> Callable[[np.ndarray, Known], Any]:
    """Return what fits a clusterer to samples and what is known of them."""
    n_clusters = samples.n_classes
    if name == COP:
        return lambda X, given: cop_kmeans(X, n_clusters, seed, **given)
    if name == GEMCLUS:
        return lambda X, given: gemclus_linear(X, n_clusters, seed, **given)
    inner = MAKE[name.removeprefix(AROUND)](samples, n_clusters, seed)
    model = ConstrainedClusterer(inner) if name.startswith(AROUND) else inner
    return lambda X, given: model.fit(X, **given)


# ---------------------------------------------------------------- others


def cop_kmeans(X: np.ndarray, n_clusters: int, seed: int, **links: np.ndarray) -> Any:
    """Fit COP-KMeans, of ten seeds the first that finds an assignment, as it may find none."""
    try:
        from active_semi_clustering.exceptions import EmptyClustersException
        from active_semi_clustering.semi_supervised.pairwise_constraints import COPKMeans
    except ImportError as error:
        raise SystemExit(
            "COP-KMeans comes with: pip install --no-deps active-semi-supervised-clustering "
            "metric-learn"
        ) from error
    ml, cl = (list(map(tuple, links.get(name, ()))) for name in ("must_link", "cannot_link"))
    for attempt in range(10):
        np.random.seed(10 * seed + attempt)  # noqa: NPY002 - it draws from the global generator
        try:
            return COPKMeans(n_clusters=n_clusters).fit(X, ml=ml, cl=cl)
        except (EmptyClustersException, ValueError, AttributeError) as error:
            failed = error
    raise failed


def gemclus_linear(X: np.ndarray, n_clusters: int, seed: int, **links: np.ndarray) -> Any:
    try:
        from gemclus import add_mlcl_constraint
        from gemclus.linear import LinearMMD
    except ImportError as error:
        raise SystemExit("GemClus comes with: pip install --no-deps gemclus POT") from error
    options = {"batch_size": 128, "max_iter": 200, "ovo": True, "random_state": seed}
    model = LinearMMD(n_clusters=n_clusters, **options)
    if links:
        model = add_mlcl_constraint(model, **links)
    return model.fit(X.astype(np.float64))
