"""How well the judge of initial clusters, which sees no classes, ranks partitions of rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy.stats import spearmanr
from sklearn.decomposition import PCA

from benchmarks.common.records import Record
from benchmarks.common.tables import markdown
from benchmarks.compare.samples import Samples
from benchmarks.compare.tables import by_method, mean_of
from skdeepclust._clusters.input_starts import candidate_rows, central_of_best, input_candidates
from skdeepclust._clusters.judge import UNCERTAINTY_WEIGHT, Judge, number_of_wide_neighbors
from skdeepclust.graph import nearest_neighbors
from skdeepclust.graph._input_graph import N_COMPONENTS
from skdeepclust.metrics import clustering_accuracy_score

JUDGE = "the judge of initial clusters"
# As the defaults of `TripletDECClusterer` have it.
N_INIT, N_NEIGHBORS = 15, 10


def judge_of(samples: Samples) -> Judge:
    n_samples, n_features = samples.X.shape
    pca = PCA(min(N_COMPONENTS, n_features), random_state=0)
    points = pca.fit_transform(samples.X.astype(np.float64))
    n_wide = number_of_wide_neighbors(N_NEIGHBORS, n_samples, samples.n_classes)
    neighbors = torch.from_numpy(nearest_neighbors(points, n_wide))
    weight = UNCERTAINTY_WEIGHT
    return Judge(samples.n_classes, True, neighbors, N_NEIGHBORS, weight, lambda: points)


def judged(method: None, samples: Samples, value: None, seed: int) -> Record:
    """Rank the candidates of the input by near and by wide neighbours, and by ACC."""
    judge, rows = judge_of(samples), candidate_rows(np.arange(len(samples.y)), seed)
    found = input_candidates(judge, rows=rows, n_init=N_INIT, random_state=1_000 * seed)
    accuracy = [clustering_accuracy_score(samples.y, each.labels) for each in found]
    near = [judge.merit(each.labels) for each in found]
    chosen = central_of_best(found, rows)
    return {
        "rank_correlation": float(spearmanr([each.merit for each in found], accuracy)[0]),
        "rank_correlation_of_near": float(spearmanr(near, accuracy)[0]),
        "ACC": float(clustering_accuracy_score(samples.y, chosen)),
        "mean_ACC": float(np.mean(accuracy)),
        "best_ACC": float(np.max(accuracy)),
    }


def table(records: Sequence[Record]) -> str:
    """Return rank correlations and accuracies by data set, and their means."""
    names = ("rank_correlation", "rank_correlation_of_near", "ACC", "mean_ACC", "best_ACC")
    head = ["data", "rank correlation", "by 10 neighbours", "ACC of the choice", "mean", "best"]
    rows = [[d, *(mean_of(runs, n) for n in names)] for d, _, runs in by_method(records, "judge")]
    rows += [["**mean**", *np.mean([row[1:] for row in rows], axis=0)]] if rows else []
    return markdown(head, [[row[0], *(f"{value:.3f}" for value in row[1:])] for row in rows])


TABLES = {"compare-judge": table}
