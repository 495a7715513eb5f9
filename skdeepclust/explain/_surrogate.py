"""A shallow tree that stands for a clustering, and how far it can."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from sklearn.model_selection import KFold, cross_val_score
from sklearn.tree import DecisionTreeClassifier

from skdeepclust._inputs.counts import check_count, check_integer
from skdeepclust.explain._answers import labels_of
from skdeepclust.explain._features import FeatureSource, drawn_rows
from skdeepclust.explain._intervals import condition


class Rule(NamedTuple):
    """A leaf of a surrogate tree.

    Parameters
    ----------
    cluster : int
        Cluster that the tree gives to its samples; -1 stands for those that are refused.
    conditions : list of str
        What all of its samples have; none in a tree that is a single leaf.
    n_samples : int
        Number of samples in it.
    purity : float
        Share of these that are of this cluster.

    Examples
    --------
    >>> from skdeepclust.explain import Rule
    >>> print(Rule(2, ["petal width > 1.75", "sepal width > 2"], 40, 0.95))
    petal width > 1.75 and sepal width > 2
    """

    cluster: int
    conditions: list[str]
    n_samples: int
    purity: float

    def __str__(self) -> str:
        return " and ".join(self.conditions) or "any sample"


@dataclass(frozen=True)
class SurrogateTree:
    """A shallow decision tree that says in thresholds of features what a clusterer says.

    :func:`~skdeepclust.explain.surrogate_tree` makes it.

    Parameters
    ----------
    tree : DecisionTreeClassifier
        The fitted tree.
    feature_names : list of str
        Names of the features.
    labels : ndarray of int of shape (n_samples,)
        What the clusterer has said of the samples.
    fidelity : float
        Share of the tree's own samples of which it says what the clusterer says.
    cv_fidelity : ndarray of shape (cv,)
        The same of samples that were held back, in each fold.
    baseline : float
        Fidelity of a tree without a split: the share of the largest cluster.
    to_features : callable
        Returns the table of features of samples, by which the tree goes.
    """

    tree: DecisionTreeClassifier
    feature_names: list[str]
    labels: np.ndarray
    fidelity: float
    cv_fidelity: np.ndarray
    baseline: float
    to_features: Callable[[Any], Any] = field(repr=False)

    def predict(self, X: Any) -> np.ndarray:
        """Return the clusters that the tree gives.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            New samples as they were given to `surrogate_tree`; their features, if it has got those.

        Returns
        -------
        labels : ndarray of int of shape (n_samples,)
            Clusters.
        """
        return self.tree.predict(self.to_features(X))

    def conditions(self, X: Any) -> list[Rule]:
        """Tell why samples are where they are: the leaf of each.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Samples, as in `predict`.

        Returns
        -------
        list of Rule
            One for each sample.
        """
        leaves = self.tree.apply(self.to_features(X))
        rules = {leaf: self._rule(leaf) for leaf in np.unique(leaves).tolist()}
        return [rules[leaf] for leaf in leaves.tolist()]

    def rules(self) -> list[Rule]:
        """Return all leaves, those of a cluster beside each other, the largest first.

        Returns
        -------
        list of Rule
            One for each leaf.
        """
        leaves = np.flatnonzero(self.tree.tree_.children_left < 0)
        rules = [self._rule(leaf) for leaf in leaves.tolist()]
        return sorted(rules, key=lambda rule: (rule.cluster, -rule.n_samples))

    def _rule(self, leaf: int) -> Rule:
        tree = self.tree.tree_
        parents = {
            int(child): node
            for node in np.flatnonzero(tree.children_left >= 0).tolist()
            for child in (tree.children_left[node], tree.children_right[node])
        }
        bounds: dict[int, tuple[float, float]] = {}
        node = leaf
        while node in parents:
            parent = parents[node]
            feature, threshold = int(tree.feature[parent]), float(tree.threshold[parent])
            low, high = bounds.get(feature, (-np.inf, np.inf))
            is_left = node == tree.children_left[parent]
            bounds[feature] = (
                (low, min(high, threshold)) if is_left else (max(low, threshold), high)
            )
            node = parent
        shares = tree.value[leaf, 0]
        names = self.feature_names
        conditions = [condition(names[each], *ends) for each, ends in reversed(bounds.items())]
        return Rule(
            int(self.tree.classes_[shares.argmax()]), conditions,
            int(tree.n_node_samples[leaf]), float(shares.max() / shares.sum()),
        )  # fmt: skip


def surrogate_tree(
    clusterer: Any,
    X: Any,
    *,
    features: Any = None,
    feature_names: Any = None,
    max_depth: int = 3,
    cv: int = 5,
    max_samples: int = 10_000,
    random_state: int | None = 0,
) -> SurrogateTree:
    r"""Explain a clustering by a shallow decision tree on features, and tell its fidelity.

    The tree is scikit-learn's DecisionTreeClassifier, fitted to what the clusterer says of X. Its
    fidelity is the share of samples of which it says the same,
    :math:`\frac{1}{n} |\{i : t(x_i) = c(x_i)\}|`, on its own samples and on those held back in
    cross-validation. Where that is low, the clusters are no boxes in these features, and the rules
    don't explain them.

    Parameters
    ----------
    clusterer : fitted clusterer
        With `predict`, or `labels_` for the X of its fit; or a pipeline that ends in one.
    X : {array-like, sparse matrix, tensor} of shape (n_samples, ...)
        Samples, as for `clusterer.predict`. If they are no table, the first steps of a pipeline
        that make one of them tell the features, such as words of texts.
    features : array-like of shape (n_samples, n_features), default=None
        A table to explain clusters by in place of X. It may hold what the clusterer doesn't see.
    feature_names : sequence of str, default=None
        Names of the features. None takes those of the columns of a data frame, of the step that
        makes the table, or x0, x1 and so on.
    max_depth : int, default=3
        Largest number of thresholds from the root to a leaf. A tree of depth d has at most
        :math:`2^d` leaves, and tells no more clusters apart.
    cv : int, default=5
        Number of folds.
    max_samples : int, default=10_000
        Of more samples so many are drawn.
    random_state : int or None, default=0
        Seed of that draw, of the folds and of the tree.

    Returns
    -------
    SurrogateTree
        The tree, its fidelity, and its rules.

    Raises
    ------
    TypeError
        If X is no table, nothing makes one of it and `features` is None.
    ValueError
        If `features` or `feature_names` have another length, or there are fewer samples than folds.

    References
    ----------
    M. Craven, J. Shavlik (1996). Extracting Tree-Structured Representations of Trained Networks.
    NIPS 8. Trees in place of a model, and their fidelity.

    S. Dasgupta, N. Frost, M. Moshkovitz, C. Rashtchian (2020). Explainable k-Means and k-Medians
    Clustering. ICML. What it costs to have a tree in place of clusters.

    Examples
    --------
    >>> from sklearn.cluster import KMeans
    >>> from sklearn.datasets import load_iris
    >>> from skdeepclust.explain import surrogate_tree
    >>> iris = load_iris(as_frame=True).data
    >>> kmeans = KMeans(3, random_state=0).fit(iris)
    >>> tree = surrogate_tree(kmeans, iris, max_depth=2)
    >>> print(f"{tree.fidelity:.2f}, held back {tree.cv_fidelity.mean():.2f}")
    0.97, held back 0.97
    >>> print(tree.conditions(iris[:1])[0])
    petal width (cm) ≤ 0.8
    """
    check_integer("cv", cv)
    if max_depth is not None:
        check_count("max_depth", max_depth)
    labels = labels_of(clusterer, X)
    source = FeatureSource(clusterer, X, features, feature_names)
    rows = drawn_rows(len(labels), max_samples, random_state)
    table, of_rows = source.table[rows], labels[rows]
    if not 2 <= cv <= len(rows):
        raise ValueError(f"cv must be from 2 to the {len(rows)} samples, got {cv!r}.")
    tree = DecisionTreeClassifier(max_depth=max_depth, random_state=random_state)
    folds = KFold(cv, shuffle=True, random_state=random_state)
    with warnings.catch_warnings():
        # clusters of a sample or two are nothing to warn of here
        warnings.filterwarnings("ignore", "The number of unique classes is greater than 50%")
        held_back = cross_val_score(
            tree, table, of_rows, cv=folds, scoring="accuracy", error_score="raise"
        )
        tree.fit(table, of_rows)
        fidelity = float(tree.score(table, of_rows))
    return SurrogateTree(
        tree=tree,
        feature_names=source.names,
        labels=labels,
        fidelity=fidelity,
        cv_fidelity=held_back,
        baseline=float(np.unique(of_rows, return_counts=True)[1].max() / len(of_rows)),
        to_features=source,
    )
