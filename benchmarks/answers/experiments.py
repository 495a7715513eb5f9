"""One run of each experiment: what it fits, and what it measures."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.ensemble import IsolationForest
from sklearn.metrics import adjusted_rand_score, roc_auc_score, silhouette_score
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors

from benchmarks.answers.peers import (
    BOUNDED_KMEANS,
    HDBSCAN_SCORES,
    bounded_kmeans,
    outlier_scores,
)
from benchmarks.answers.settings import MAKE
from benchmarks.common.records import Record
from benchmarks.common.runs import Cost
from benchmarks.compare.samples import Samples
from skdeepclust.meta import (
    ConsensusClusterer,
    HierarchicalClusterer,
    OpenSetClusterer,
    SizeConstrainedClusterer,
)
from skdeepclust.meta._transport import bounded_assignment
from skdeepclust.metrics import clustering_accuracy_score

PEERS = "peers in the input"
CONTAMINATIONS = (0.05, 0.1, 0.2)
NEIGHBORS = (1, 5, 10, 20)


# ---------------------------------------------------------------- belongs nowhere


def withheld(samples: Samples, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rows of a fit, and new ones that are usual and that aren't: those of one class."""
    digit, order = seed % 10, np.random.default_rng(seed).permutation(len(samples.y))
    usual, new = order[samples.y[order] != digit], order[samples.y[order] == digit]
    n_new = len(usual) // 5
    return np.sort(usual[n_new:]), usual[:n_new], new


def novelty(samples: Samples, setting: str, seed: int) -> Record:
    """Withhold a class from the fit, the last digit of the seed; tell how well it is found."""
    known, usual, new = withheld(samples, seed)
    asked = np.concatenate([usual, new])
    is_new = np.arange(len(asked)) >= len(usual)

    def auroc(scores: np.ndarray) -> float:
        return float(roc_auc_score(is_new, -scores))

    X = samples.X
    if setting == PEERS:
        forest = IsolationForest(random_state=seed).fit(X[known])
        factor = LocalOutlierFactor(novelty=True).fit(X[known])
        return {
            "IsolationForest": auroc(forest.score_samples(X[asked])),
            "LocalOutlierFactor": auroc(factor.score_samples(X[asked])),
        }
    if setting == HDBSCAN_SCORES:
        with Cost() as cost:
            found = auroc(-outlier_scores(X[known], X[asked]))
        return {"HDBSCAN": found, **cost.record}
    inner = MAKE[setting](samples.rows(known), len(np.unique(samples.y)) - 1, seed)
    with Cost() as cost:
        model = OpenSetClusterer(inner, random_state=seed).fit(X[known])
    fitted = np.delete(known, model.calibration_indices_)
    with Cost() as own:
        scores = model.score_samples(X[asked])
    record: Record = {
        "neighbours": auroc(scores),
        "probability": auroc(model.estimator_.predict_proba(X[asked]).max(1)),
        "score_s": own.record["cpu_s"],
        **cost.record,
    }
    record |= thresholds(model, scores, is_new)
    for k in NEIGHBORS:
        distances = model.neighbors_.kneighbors(model.transform(X[asked]), k)[0]
        record[f"neighbours, k={k}"] = auroc(-distances.mean(1))
        search = NearestNeighbors(n_neighbors=k).fit(X[fitted])
        record[f"input, k={k}"] = auroc(-search.kneighbors(X[asked])[0].mean(1))
    return record


def thresholds(model: OpenSetClusterer, scores: np.ndarray, is_new: np.ndarray) -> Record:
    """Return the shares of usual and of new samples that each contamination refuses."""
    record, known = {}, np.sort(model.calibration_scores_)
    for contamination in CONTAMINATIONS:
        offset = known[int(contamination * (len(known) + 1) + 1e-9) - 1]
        record[f"usual refused at {contamination}"] = float((scores[~is_new] < offset).mean())
        record[f"new refused at {contamination}"] = float((scores[is_new] < offset).mean())
    return record


# ---------------------------------------------------------------- how sure


def agreement(samples: Samples, setting: str, seed: int) -> Record:
    """Put five runs to the vote, and score all of them."""
    inner = MAKE[setting](samples, samples.n_classes, seed)
    with Cost() as cost:
        model = ConsensusClusterer(inner, random_state=seed).fit(samples.X)
    runs = [
        clustering_accuracy_score(samples.y, run.predict(samples.X)) for run in model.estimators_
    ]
    sure, labels = model.sample_stability_ == 1, model.labels_
    matched = [clustering_accuracy_score(samples.y[rows], labels[rows]) for rows in (sure, ~sure)]
    return {
        "consensus": clustering_accuracy_score(samples.y, labels),
        "mean": float(np.mean(runs)),
        "std": float(np.std(runs)),
        "worst": min(runs),
        "best": max(runs),
        "sure": float(sure.mean()),
        "ACC of sure": matched[0],
        "ACC of others": matched[1],
        "least stability": float(model.stability_.min()),
        **cost.record,
    }


# ---------------------------------------------------------------- how many


def tree(samples: Samples, setting: str, seed: int) -> Record:
    """Merge three times as many clusters as classes; tell which number is found, by which rule."""
    n_classes = samples.n_classes
    inner = MAKE[setting](samples, 3 * n_classes, seed)
    with Cost() as cost:
        model = HierarchicalClusterer(inner).fit(samples.X)
    embedding = model.transform(samples.X)
    rows = np.random.default_rng(0).permutation(len(embedding))[:2000]
    levels = {n: model.labels_at(n) for n in range(2, model.n_leaves_ + 1)}
    silhouettes = {
        n: silhouette_score(embedding[rows], labels[rows]) for n, labels in levels.items()
    }
    graph = NearestNeighbors(n_neighbors=10).fit(embedding).kneighbors_graph().tocoo()
    modularities = {n: modularity(graph, labels) for n, labels in levels.items()}

    def ari(n_clusters: int) -> float:
        return float(adjusted_rand_score(samples.y, levels[n_clusters]))

    found = {
        "auto": model.n_clusters_,
        "silhouette": max(silhouettes, key=silhouettes.__getitem__),
        "modularity": max(modularities, key=modularities.__getitem__),
    }
    plain = MAKE[setting](samples, n_classes, seed).fit(samples.X)
    return {
        "n_classes": n_classes,
        "n_leaves": model.n_leaves_,
        **found,
        **{f"ARI by {rule}": ari(n) for rule, n in found.items()},
        "ARI at classes": ari(n_classes),
        "ARI of plain fit": float(adjusted_rand_score(samples.y, plain.predict(samples.X))),
        **cost.record,
    }


def modularity(graph: Any, labels: np.ndarray) -> float:
    n_clusters = labels.max() + 1
    weight = np.zeros((n_clusters, n_clusters))
    np.add.at(weight, (labels[graph.row], labels[graph.col]), 1)
    P = (weight + weight.T) / (2 * weight.sum())
    return float(np.trace(P) - (P.sum(1) ** 2).sum())


# ---------------------------------------------------------------- of which size


def sizes(samples: Samples, setting: str, seed: int) -> Record:
    """Bound sizes to a tenth around their mean; tell what that does, also to new samples."""
    known, new = samples.halves(seed)
    n_clusters = samples.n_classes
    mean = len(known.y) / n_clusters
    bounds = int(0.9 * mean), int(1.1 * mean) + 1
    answers: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    with Cost() as cost:
        if setting == BOUNDED_KMEANS:
            peer = bounded_kmeans(n_clusters, *bounds, seed).fit(known.X)
            answers["bounded"] = peer.labels_, peer.predict(new.X, size_min=None, size_max=None)
        else:
            inner = MAKE[setting](known, n_clusters, seed)
            model = SizeConstrainedClusterer(
                inner, min_cluster_size=bounds[0], max_cluster_size=bounds[1]
            )
            answers["bounded"] = model.fit(known.X).labels_, model.predict(new.X)
            free = model.estimator_
            answers["free"] = free.predict(known.X), free.predict(new.X)
    record: Record = {"mean size": mean, **cost.record}
    for name, labels in answers.items():
        for place, part, of in zip(("known", "new"), labels, (known, new), strict=True):
            counts = np.bincount(part, minlength=n_clusters) * mean * n_clusters / len(part)
            record[f"least, {name}, {place}"] = float(counts.min())
            record[f"most, {name}, {place}"] = float(counts.max())
            record[f"ACC, {name}, {place}"] = clustering_accuracy_score(of.y, part)
    return record


def assignment(n_samples: int, n_clusters: int, seed: int) -> Record:
    """Time the assignment of random samples around uneven clusters, to sizes within five."""
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=(n_clusters, 10))
    cluster = rng.choice(n_clusters, n_samples, p=rng.dirichlet(np.ones(n_clusters)))
    X = centers[cluster] + 0.8 * rng.normal(size=(n_samples, 10))
    costs = ((X[:, None] - centers) ** 2).sum(2)
    mean = n_samples // n_clusters
    with Cost() as cost:
        labels, prices = bounded_assignment(costs, mean - 5, mean + 5)
    moved = float((labels != costs.argmin(1)).mean())
    differ = int(((costs + prices).argmin(1) != labels).sum())
    return {"moved": moved, "differ": differ, **cost.record}
