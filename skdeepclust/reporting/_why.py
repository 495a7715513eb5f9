"""The section that says by which features clusters are told apart."""

from __future__ import annotations

import math
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np

from skdeepclust._engine.sparse import is_sparse
from skdeepclust.explain import FeatureInterval, SurrogateTree, surrogate_tree
from skdeepclust.explain._features import FeatureSource, NoFeaturesError, drawn_rows
from skdeepclust.explain._intervals import intervals_of
from skdeepclust.reporting._facts import Facts
from skdeepclust.reporting._markup import element, table
from skdeepclust.reporting._sections import beside, cluster_heading, cluster_name, section, share

N_FEATURES, N_EXEMPLARS = 3, 4
MOST_SAMPLES = 5000
LEAST_DEPTH, MOST_DEPTH = 3, 6


def why_section(
    clusterer: Any,
    X: Any,
    facts: Facts,
    feature_names: Any,
    *,
    named_only: bool,
    random_state: Any,
) -> Element | None:
    """Return features and rules; nothing where X has no features, or none with a name."""
    labels = facts.clustering.labels
    try:
        source = FeatureSource(clusterer, X, None, feature_names)
    except NoFeaturesError:  # such as texts of which a step makes vectors
        return None
    if (named_only and not source.has_names) or len(facts.clusters) < 2:
        return None
    rows = drawn_rows(len(labels), MOST_SAMPLES, random_state)
    found = intervals_of(source.table[rows], labels[rows], source.names, N_FEATURES)
    depth = min(max(math.ceil(math.log2(len(facts.clusters))), LEAST_DEPTH), MOST_DEPTH)
    tree = surrogate_tree(
        clusterer, X, features=source.table, feature_names=source.names, max_depth=depth,
        cv=min(5, len(rows)), max_samples=MOST_SAMPLES,
    )  # fmt: skip
    blocks = [
        _exemplars(
            int(cluster), int(facts.sizes[k]), found[int(cluster)], facts.exemplars[k], source.table
        )
        for k, cluster in enumerate(facts.clusters)
        if int(cluster) in found  # it may not have been drawn
    ]
    text = (
        "For each cluster the features that set it apart best, by the interval that has as much of "
        "the cluster and as little of the others as can be, and the values of its exemplars."
    )
    remark = element("p", text, class_="remark")
    return section("why", "What sets clusters apart", remark, beside(blocks), *_rules(tree, depth))


def _exemplars(
    cluster: int, size: int, best: list[FeatureInterval], exemplars: np.ndarray, values: Any
) -> Element:
    head = ["", *(each.name for each in best)]
    rows = [
        ["interval", *(_interval(each) for each in best)],
        ["in the cluster", *(share(each.share) for each in best)],
        ["in others", *(share(each.share_of_others) for each in best)],
        *(
            [f"row {row}", *(_number(values, row, each.feature) for each in best)]
            for row in exemplars[:N_EXEMPLARS].tolist()
        ),
    ]
    caption = f"Cluster {cluster}: features that set it apart"
    return element("article", cluster_heading(cluster, size), table(caption, head, rows))


def _interval(each: FeatureInterval) -> str:
    """Write an interval under the name of its feature."""
    if math.isinf(each.low) and math.isinf(each.high):
        return "any"
    if math.isinf(each.low):
        return f"\N{LESS-THAN OR EQUAL TO} {each.high:.4g}"
    if math.isinf(each.high):
        return f"> {each.low:.4g}"
    return f"{each.low:.4g} to {each.high:.4g}"


def _number(values: Any, row: int, feature: int) -> str:
    value = values[[row]][:, [feature]]
    value = value.toarray() if is_sparse(value) else value
    return f"{float(value.ravel()[0]):.4g}"


def _rules(tree: SurrogateTree, depth: int) -> list[Element]:
    """Return a shallow tree as a list of rules, and how far it can be believed."""
    rows = [
        [
            cluster_name(rule.cluster) if rule.cluster >= 0 else "none",
            str(rule),
            f"{rule.n_samples:,}",
            share(rule.purity),
        ]
        for rule in tree.rules()
    ]
    text = (
        f"A decision tree of depth {depth} in place of the clusterer says the same of "
        f"{tree.fidelity:.1%} of the samples, of samples held back {tree.cv_fidelity.mean():.1%}; "
        f"to name the largest cluster each time, {tree.baseline:.1%}."
    )
    found = table("Rules of a surrogate tree", ["cluster", "where", "samples", "of it"], rows)
    return [
        element("h3", "In rules"),
        element("p", text, class_="remark"),
        element("details", element("summary", f"{len(rows)} rules"), found),
    ]
