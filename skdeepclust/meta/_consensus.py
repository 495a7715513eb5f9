"""Several runs of a clusterer: what most of them say, and how far they agree."""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from scipy import sparse
from sklearn.utils import check_random_state
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from skdeepclust._clusters.votes import (
    LEAST_WEIGHT,
    agreements,
    consensus,
    jaccard_of_clusters,
    voted,
)
from skdeepclust._compat import Interval, RealNotInt, fit_context
from skdeepclust._engine.rng import draw_seed
from skdeepclust._engine.whole_fits import all_or_nothing
from skdeepclust.meta._base import (
    BaseMetaClusterer,
    Embedding,
    indexed,
    metadata_of_rows,
    some_rows,
    spread_of,
)
from skdeepclust.meta._inside import fitted


class ConsensusClusterer(BaseMetaClusterer):
    r"""Several runs of a clusterer, of which a vote makes one clustering, and says how sure it is.

    Runs differ by their seeds, and by their samples if `max_samples` is below 1. Each run r gives
    probabilities :math:`P_r` of its clusters, or 0 and 1 if the clusterer has none. A matching
    :math:`M_r` brings them to one numbering, and the consensus is

    .. math:: Q = \frac{\sum_r w_r P_r M_r}{\sum_r w_r}, \qquad
              M_r = \arg\max_M \operatorname{tr}(M^T H_r^T Q),

    with the hard clusters :math:`H_r` of a run, found in turns from each of the runs; the most
    unanimous vote is kept. The weight :math:`w_r` of a run
    is its mean adjusted Rand index with the others. Matchings are one-to-one by the Hungarian
    method; of a run with more clusters, those left over go where most of their samples are.

    Parameters
    ----------
    estimator : estimator
        Clusterer with `fit` and `predict`, or a pipeline that ends in one. Copies of it are fitted.
    n_runs : int, default=5
        Number of runs.
    max_samples : float, default=1.0
        Share of the samples that each run is fitted on, drawn without replacement, in (0, 1].
        Below 1 runs differ, too, of a clusterer that draws nothing, and stability is that against
        other samples.
    embedding : {"auto", "input", "transform"} or callable, default="auto"
        What `transform` puts side by side for the runs. "auto" is `estimator.transform(X)`, for a
        pipeline that of its last step. A last step without `transform`, such as GaussianMixture,
        or whose `transform` gives distances to centres, such as KMeans, has no embedding of its
        own: what enters it is taken, X itself if it stands alone. "input" is always what enters
        the last step, "transform" always `estimator.transform(X)`; a function is called with a
        fitted estimator and X.
    n_jobs : int, default=None
        Number of runs at once, as in joblib; -1 for all processors.
    random_state : int, RandomState instance or None, default=None
        Sets the seeds of the runs: each `random_state` of `estimator`, whatever it was.

    Attributes
    ----------
    estimators_ : list of estimator
        The fitted clusterers.
    columns_ : list of ndarray of int of shape (n_clusters of the run,)
        Cluster of the consensus that each cluster of a run stands for; -1 if that wins no sample.
    weights_ : ndarray of shape (n_runs,)
        Weights :math:`w_r` of the runs; they sum to 1.
    labels_ : ndarray of int of shape (n_samples,)
        Cluster of each training sample, the largest of its row of Q.
    stability_ : ndarray of shape (n_clusters,)
        Of each cluster, the Jaccard index with the cluster of a run that is most like it, as the
        mean over runs; 1 if every run finds it. Below 0.6 it shouldn't be taken for one.
    sample_stability_ : ndarray of shape (n_samples,)
        Of each training sample, the share of runs that put it into the cluster of the consensus.
    n_features_in_ : int
        Number of features, if `estimator` counts them.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if X has names that are all strings.

    Notes
    -----
    The cost is that of `n_runs` fits. What it needs beside them are the probabilities of one run
    for each sample, not a matrix of all pairs of samples.

    References
    ----------
    A. Strehl, J. Ghosh (2002). Cluster Ensembles: A Knowledge Reuse Framework for Combining
    Multiple Partitions. JMLR 3.

    E. Dimitriadou, A. Weingessel, K. Hornik (2002). A Combination Scheme for Fuzzy Clustering.
    International Journal of Pattern Recognition and Artificial Intelligence 16. The vote.

    C. Hennig (2007). Cluster-wise assessment of cluster stability. Computational Statistics & Data
    Analysis 52. `stability_`, and its limit of 0.6.

    Examples
    --------
    >>> from sklearn.cluster import KMeans
    >>> from sklearn.datasets import load_digits
    >>> from skdeepclust.meta import ConsensusClusterer
    >>> X, y = load_digits(return_X_y=True)
    >>> consensus = ConsensusClusterer(KMeans(10, n_init=1), random_state=0).fit(X)
    >>> is_sure = consensus.sample_stability_ == 1
    >>> float(is_sure.mean())
    0.5...
    """

    _parameter_constraints: ClassVar[dict] = {
        **BaseMetaClusterer._parameter_constraints,
        "n_runs": [Interval(Integral, 1, None, closed="left")],
        "max_samples": [Interval(RealNotInt, 0, 1, closed="right")],
        "n_jobs": [Integral, None],
    }

    estimators_: list[Any]
    columns_: list[np.ndarray]
    weights_: np.ndarray
    stability_: np.ndarray
    sample_stability_: np.ndarray

    def __init__(
        self,
        estimator: Any,
        *,
        n_runs: int = 5,
        max_samples: float = 1.0,
        embedding: str | Callable[[Any, Any], Any] = "auto",
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ):
        self.estimator = estimator
        self.n_runs = n_runs
        self.max_samples = max_samples
        self.embedding = embedding
        self.n_jobs = n_jobs
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=False)
    @all_or_nothing
    def fit(self, X: Any, y: Any = None, **params: Any) -> Self:
        """Fit the runs, and put them to the vote.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features)
            Training samples, in any form that `estimator` takes.
        y : array-like of shape (n_samples,), default=None
            What `estimator` takes as y.
        **params : dict
            Metadata for the `fit` of `estimator`, such as `sample_weight`.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        self.estimators_ = self._runs(X, y, self._metadata(params))
        self._take_names(self.estimators_[0])
        votes = [self._probabilities(run, X) for run in self.estimators_]
        labels = [vote.argmax(axis=1) for vote in votes]
        weights = np.maximum(agreements(labels), LEAST_WEIGHT)
        self.weights_ = weights / weights.sum()
        self.columns_, self.labels_ = consensus(votes, self.weights_)
        self.stability_ = np.mean([jaccard_of_clusters(self.labels_, each) for each in labels], 0)
        agree = [to[each] == self.labels_ for to, each in zip(self.columns_, labels, strict=True)]
        self.sample_stability_ = np.mean(agree, axis=0)
        embeddings = (self._embedded(run, X) for run in self.estimators_)
        self._shapes = [(each.shape[1], spread_of(each)) for each in embeddings]
        self._n_features_out = sum(width for width, _ in self._shapes)
        return self

    def _runs(self, X: Any, y: Any, params: dict[str, Any]) -> list[Any]:
        """Fit copies of the estimator, each with a seed and samples of its own."""
        rng = check_random_state(draw_seed(self.random_state))
        tasks = []
        for seed in rng.randint(2**31 - 1, size=self.n_runs):
            if self.max_samples == 1:
                tasks.append((self._new(seed), X, y, params))
                continue
            all_rows, all_y, n_samples = indexed(X, y)
            n_drawn = math.ceil(self.max_samples * n_samples)
            rows = np.sort(np.random.default_rng(seed).permutation(n_samples)[:n_drawn])
            kept = metadata_of_rows(all_rows, params, rows)
            tasks.append((self._new(seed), some_rows(all_rows, rows), some_rows(all_y, rows), kept))
        return list(Parallel(n_jobs=self.n_jobs)(delayed(fitted)(*task) for task in tasks))

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the vote of the runs on each sample.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features)
            Samples, in any form that `estimator` takes.

        Returns
        -------
        votes : ndarray of shape (n_samples, n_clusters)
            Q; rows sum to 1.
        """
        check_is_fitted(self)
        votes = [
            self._probabilities(run, X, len(to))
            for run, to in zip(self.estimators_, self.columns_, strict=True)
        ]
        return voted(votes, self.columns_, self.weights_, len(self.stability_))

    def predict(self, X: Any) -> np.ndarray:
        """Return the cluster that gets most of the vote.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features)
            Samples, in any form that `estimator` takes.

        Returns
        -------
        labels : ndarray of int of shape (n_samples,)
            Index of the cluster.
        """
        return self.predict_proba(X).argmax(axis=1)

    def transform(self, X: Any) -> Embedding:
        """Return the embeddings of the runs side by side, each at a spread of 1.

        Parameters
        ----------
        X : {array-like, sparse matrix, tensor} of shape (n_samples, n_features)
            Samples, in any form that `estimator` takes.

        Returns
        -------
        embedding : {ndarray, csr_matrix} of shape (n_samples, n_components of all runs)
            The root mean square distance of training samples to their mean is 1 in each of them.
        """
        check_is_fitted(self)
        found = [
            self._expected(run, X, width) / scale
            for run, (width, scale) in zip(self.estimators_, self._shapes, strict=True)
        ]
        is_sparse = sparse.issparse(found[0])
        return sparse.hstack(found, format="csr") if is_sparse else np.hstack(found)
