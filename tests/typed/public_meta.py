"""Uses the meta-estimators, as `public_names.py` the other public names."""

from __future__ import annotations

import numpy as np
import torch

from skdeepclust import TAGnetClusterer, TripletDECClusterer, meta
from skdeepclust.meta import (
    ConsensusClusterer,
    ConstrainedClusterer,
    DriftReport,
    HierarchicalClusterer,
    OpenSetClusterer,
    SizeConstrainedClusterer,
    StreamClusterer,
)

X, y, WEIGHT = np.zeros((100, 64)), np.zeros(100, dtype=int), np.ones(100)
x = torch.zeros(100, 64)


def use_meta_estimators() -> None:
    print(meta.OpenSetClusterer is OpenSetClusterer)
    inner = TAGnetClusterer(10)
    usual = OpenSetClusterer(inner, contamination=0.1, calibration=None, n_neighbors=3)
    usual.fit(X, y, sample_weight=WEIGHT).set_params(estimator__n_clusters=5)
    print(usual.fit_predict(X), usual.predict(x), usual.transform(X), usual.get_metadata_routing())
    print(usual.score_samples(X).mean(), usual.decision_function(X).shape, usual.offset_ + 1)
    print(usual.calibration_indices_.shape, usual.calibration_scores_.shape, usual.neighbors_)
    print(usual.estimator_, usual.labels_.shape, usual.n_features_in_ + 1, usual.feature_names_in_)

    vote = ConsensusClusterer(inner, n_runs=3, max_samples=0.5, n_jobs=-1, random_state=0).fit(X)
    print(vote.predict(X).shape, vote.predict_proba(X).shape, vote.transform(X), vote.labels_.shape)
    print(vote.estimators_[0], vote.columns_[0].shape, vote.weights_.sum(), vote.stability_.min())
    print(vote.sample_stability_.mean(), vote.n_features_in_ + 1, vote.feature_names_in_.shape)

    tree = HierarchicalClusterer(inner, n_clusters=5, embedding=lambda model, X: X).fit(X)
    tree = HierarchicalClusterer(inner, n_clusters="auto", embedding="input", n_neighbors=5).fit(X)
    print(
        tree.predict(X), tree.predict(X, n_clusters=3), tree.labels_at(3).max(), tree.transform(X)
    )
    print(tree.n_clusters_ + tree.n_leaves_, tree.leaves_.shape, tree.leaf_counts_.sum())
    print(tree.children_.shape, tree.distances_.shape, tree.estimator_, tree.labels_.shape)
    print(tree.n_features_in_ + 1, tree.feature_names_in_.shape)

    triplet = TripletDECClusterer(10).set_fit_request(known_labels=True)
    triplet.fit(X, must_link=[[0, 1]], cannot_link=np.array([[0, 2]]), known_labels=y)
    print(triplet.query(X, 10, known_labels=y, random_state=0).shape, triplet.labels_)

    told = ConstrainedClusterer(inner, n_neighbors=5, embedding="transform", random_state=0)
    told.fit(X, y, must_link=[[0, 1]], cannot_link=np.array([[0, 2]]), sample_weight=WEIGHT)
    told.set_fit_request(known_labels=True).fit(X, known_labels=y)
    rows = told.query(X, 10, known_labels=y, random_state=0)
    print(rows.shape, told.predict(x), told.predict_proba(X).shape, told.transform(X))
    print(told.estimator_, told.labels_.shape, told.neighbors_, told.get_metadata_routing())
    print(told.n_features_in_ + 1, told.feature_names_in_.shape)

    sized = SizeConstrainedClusterer(inner, min_cluster_size=5, max_cluster_size=20).fit(X)
    print(sized.predict(X).shape, sized.transform(X), sized.prices_.shape, sized.labels_.shape)
    print(sized.estimator_, sized.n_features_in_ + 1, sized.feature_names_in_.shape)


def use_a_stream() -> None:
    stream = StreamClusterer(
        TAGnetClusterer(10), contamination=0.1, calibration=0.3, significance=0.05, n_neighbors=3,
        min_cluster_size=10, min_overlap=0.5, embedding="input", random_state=0,
    )  # fmt: skip
    stream.partial_fit(X).partial_fit(x, y)
    again = StreamClusterer(TAGnetClusterer(12)).fit(X, reference=stream, sample_weight=WEIGHT)
    again.fit(X, y, reference=stream.labels_)
    print(again.predict(X) + 1, again.transform(x), again.score_samples(X), again.n_numbers_ + 1)
    print(again.decision_function(X).shape, again.numbers_.max(), again.shares_.sum())
    print(again.open_set_.offset_, again.estimator_, again.labels_.shape, again.n_features_in_ + 1)
    print(again.feature_names_in_.shape, again.get_metadata_routing())
    report = again.report_
    if report is not None:
        print(report.n_samples + 1, report.numbers.shape, report.shares - report.shares_before)
        print(report.shifts.max(), report.novelty + report.contamination, report.p_value < 0.01)
        print(len(report.new), report.gone[:1], report.split.get(0), report.merged.items())
        print(report.share_shift + 1, isinstance(report, DriftReport))
