"""Uses explanations and reports, as `public_names.py` the other public names."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from skdeepclust import TripletDECClusterer, explain, report, reporting
from skdeepclust.explain import (
    CenterContrast,
    CenterContrastDisplay,
    FeatureInterval,
    NearestMembers,
    NearestMembersDisplay,
    Rule,
    SurrogateTree,
    contrast_centers,
    distinguishing_features,
    nearest_members,
    surrogate_tree,
)

X = np.zeros((100, 64))


def use_explanations() -> None:
    model = TripletDECClusterer(10).fit(X)
    tree: SurrogateTree = surrogate_tree(model, X, max_depth=4, feature_names=list("abc"), cv=3)
    rule: Rule = tree.rules()[0]
    print(tree.fidelity + tree.baseline, tree.cv_fidelity.mean(), tree.predict(X).shape, tree.tree)
    print(rule.cluster + 1, rule.conditions[0].upper(), rule.n_samples + 1, rule.purity / 2)
    print(tree.conditions(X)[0].purity, tree.feature_names[0].upper(), tree.labels.max())

    found = distinguishing_features(model, X, features=X, n_features=3, max_samples=50)
    best: FeatureInterval = found[0][0]
    print(best.name.upper(), best.low < best.high, best.score, best.share - best.share_of_others)
    print(best.mean - best.mean_of_others, best.feature + 1)

    centers: CenterContrast = contrast_centers(model, X, images=X.reshape(-1, 8, 8))
    print(centers.differences.shape, centers.centers, centers.nearest.max(), centers.is_decoded)
    members: NearestMembers = nearest_members(model, X, X[:3], n_members=2)
    print(members.members.shape, members.distances.sum(), members.labels, members.margin.min())
    print(members.other_members, members.other_distances, members.other_labels)

    display = CenterContrastDisplay.from_estimator(model, X, image_shape=(8, 8))
    print(display.plot(cmap="PuOr").ims_, display.ax_, display.figure_, explain.Rule is Rule)
    print(NearestMembersDisplay.from_estimator(model, X, X[:3], n_members=2).plot().members[0])


def use_reports() -> None:
    model = TripletDECClusterer(10).fit(X)
    path: Path = report(model, X, images=X.reshape(-1, 8, 8), path="page.html", title="Digits")
    print(path.name, report(model, X, texts=["a"] * 100, method="tsne", n_points=50).exists())
    print(reporting.report is report)
