"""Triplet DEC is told which samples share a cluster, which don't, and labels of some."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.stopped_fits import after_an_epoch, fitted_with_stops
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import make_blobs
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skdeepclust import TripletDECClusterer, load, meta, save
from skdeepclust.augmentation import FeatureAugmentation
from skdeepclust.metrics import clustering_accuracy_score

X, Y = make_blobs(90, 4, centers=3, cluster_std=0.6, random_state=0)
HALF = np.where(np.arange(90) % 2, Y, -1)
RNG = np.random.default_rng(0)
ENDS = RNG.integers(90, size=(60, 2))
ENDS = ENDS[ENDS[:, 0] != ENDS[:, 1]]
SAME = Y[ENDS[:, 0]] == Y[ENDS[:, 1]]
MUST, CANNOT = ENDS[SAME], ENDS[~SAME]


def small(**options: Any) -> TripletDECClusterer:
    quick = {"pretrain_epochs": 1, "warmup_epochs": 1, "max_epochs": 2, "n_init": 2}
    return TripletDECClusterer(
        3, n_components=4, module__hidden=(16,), random_state=0, **{**quick, **options}
    )


def assert_same(one: Any, other: Any) -> None:
    np.testing.assert_array_equal(one.labels_, other.labels_)
    np.testing.assert_array_equal(one.transform(X), other.transform(X))
    np.testing.assert_array_equal(one.predict_proba(X), other.predict_proba(X))


def test_without_links_a_fit_is_what_it_was():
    plain = small().fit(X)
    empty = np.empty((0, 2), dtype=int)
    for known in (
        {"must_link": empty, "cannot_link": []},
        {"known_labels": np.full(90, -1)},
        {"must_link": [[3, 3]]},
    ):
        fitted = small().fit(X, **known)
        if "must_link" in known and len(known["must_link"]):
            np.testing.assert_array_equal(fitted.labels_, plain.labels_)
        else:
            assert_same(fitted, plain)


@pytest.mark.parametrize("options", [{}, {"n_neighbors": 0}, {"negatives": "radius"}])
def test_all_links_of_the_truth_are_kept(options):
    model = small(**options).fit(X, must_link=MUST, cannot_link=CANNOT, known_labels=HALF)
    assert clustering_accuracy_score(Y, model.labels_) == 1
    labels = model.labels_
    assert (labels[MUST[:, 0]] == labels[MUST[:, 1]]).all()
    assert (labels[CANNOT[:, 0]] != labels[CANNOT[:, 1]]).all()
    initial = model.initial_labels_
    assert (initial[MUST[:, 0]] == initial[MUST[:, 1]]).all()
    assert (initial[CANNOT[:, 0]] != initial[CANNOT[:, 1]]).all()


def test_links_hold_against_what_samples_look_like():
    # equal samples apart, and one of each blob together
    twins = np.concatenate([X, X[:3]])
    far = [int(np.flatnonzero(k == Y)[5]) for k in range(3)]
    cannot, must = [(i, 90 + i) for i in range(3)], [(far[0], far[1]), (far[1], far[2])]
    labels = small().fit(twins, must_link=must, cannot_link=cannot).labels_
    assert len(set(labels[far].tolist())) == 1
    assert (labels[:3] != labels[90:]).all()


def test_labels_decide_what_the_samples_leave_open():
    # four corners, which are two clusters in either of two ways
    rng = np.random.default_rng(0)
    corner = np.arange(120) % 4
    points = np.stack([corner % 2, corner // 2], axis=1) * 4.0 + 0.2 * rng.normal(size=(120, 2))
    for truth in (corner % 2, corner // 2):
        known = np.where(np.arange(120) < 40, truth, -1)
        model = TripletDECClusterer(
            2, n_components=4, pretrain_epochs=5, max_epochs=10, n_init=2, module__hidden=(16,),
            random_state=0,
        )  # fmt: skip
        assert clustering_accuracy_score(truth, model.fit(points).labels_) < 0.9
        labels = model.fit(points, known_labels=known).predict(points)
        assert clustering_accuracy_score(truth, labels) == 1


def test_the_order_of_links_changes_nothing():
    one = small().fit(X, must_link=MUST, cannot_link=CANNOT)
    other = small().fit(X, must_link=MUST[::-1, ::-1], cannot_link=RNG.permutation(CANNOT))
    assert_same(one, other)


def test_y_is_not_trained_on_and_known_labels_are():
    plain = small().fit(X)
    assert_same(small().fit(X, HALF), plain)
    fitted = small().fit(X, known_labels=HALF)
    assert (fitted.transform(X) != plain.transform(X)).any()


@pytest.mark.parametrize(
    "known",
    [
        HALF.tolist(),
        pd.Series(HALF),
        torch.from_numpy(HALF),
        np.where(HALF < 0, -1, HALF + 7.0),
        [name if row % 2 else -1 for row, name in enumerate(np.array(["a", "b", "c"])[Y])],
    ],
    ids=["list", "series", "tensor", "floats", "text"],
)
def test_labels_in_any_form(known):
    assert_same(small().fit(X, known_labels=known), small().fit(X, known_labels=HALF))


def test_minus_one_is_no_label_even_beside_one_alone():
    labels = np.where(Y == 1, 1, -1)
    rows = np.flatnonzero(Y == 1)
    chain = np.stack([rows[:-1], rows[1:]], axis=1)
    assert_same(small().fit(X, known_labels=labels), small().fit(X, must_link=chain))


@pytest.mark.parametrize(
    ("known", "message"),
    [
        ({"must_link": [[0, 1]], "cannot_link": [[1, 0]]}, r"cannot_link holds \(1, 0\)"),
        ({"must_link": [[0, 90]]}, "must_link holds the index 90, but X has n_samples=90"),
        ({"cannot_link": [[0.5, 1]]}, "cannot_link holds float64"),
        ({"known_labels": HALF[:50]}, "known_labels has 50 labels, but X has 90 samples"),
        ({"known_labels": np.zeros((90, 2))}, "known_labels should be a 1d array"),
        ({"known_labels": [None] * 90}, "known_labels contains None"),
        ({"known_labels": np.full(90, np.nan)}, "known_labels contains NaN"),
        ({"known_labels": np.arange(90)}, "known_labels holds 90 different labels"),
    ],
)
def test_what_cannot_be_is_refused_before_any_training(known, message):
    model = small(callbacks=[("never", None)])
    with pytest.raises(ValueError, match=message):
        model.set_params(callbacks=None).fit(X, **known)
    assert not hasattr(model, "module_")


def test_samples_of_weight_zero_take_their_links_with_them():
    weight = np.ones(90)
    weight[:10] = 0
    kept = MUST[(MUST >= 10).all(axis=1)]
    one = small().fit(X, sample_weight=weight, must_link=MUST, known_labels=HALF)
    other = small().fit(
        X, sample_weight=weight, must_link=kept, known_labels=np.where(weight, HALF, -1)
    )
    assert_same(one, other)


# ---------------------------------------------------------------- pipelines, files, checkpoints


def test_pipelines_and_searches_hand_labels_on():
    plain = small().fit(MinMaxScaler().fit_transform(X), known_labels=HALF)
    chain = make_pipeline(MinMaxScaler(), small())
    chain.fit(X, tripletdecclusterer__known_labels=HALF)
    np.testing.assert_array_equal(chain[-1].labels_, plain.labels_)
    with config_context(enable_metadata_routing=True):
        asks = small().set_fit_request(known_labels=True, must_link=True)
        routed = make_pipeline(MinMaxScaler(), asks).fit(X, known_labels=HALF)
        np.testing.assert_array_equal(routed.predict(X), chain.predict(X))
        # labels are split as X is; the refit has them all
        grid = {"n_components": [4]}
        search = GridSearchCV(asks, grid, cv=2, error_score="raise").fit(X, known_labels=HALF)
        assert_same(search.best_estimator_, small().fit(X, known_labels=HALF))
        # links can't be, and say so
        with pytest.raises(ValueError, match=r"must_link holds the index .* give known_labels"):
            GridSearchCV(asks, grid, cv=2, error_score="raise").fit(X, must_link=[[0, 89]])
        whole = GridSearchCV(asks, grid, cv=[(range(90), range(90))], error_score="raise")
        assert_same(whole.fit(X, must_link=MUST).best_estimator_, small().fit(X, must_link=MUST))


def test_a_fit_with_links_goes_on_from_its_checkpoint(tmp_path):
    arguments = (X, None, None, MUST, CANNOT, HALF)
    stopped = small(checkpoint=tmp_path)
    model, n_stops = fitted_with_stops(stopped, arguments, after_an_epoch, [])
    assert n_stops > 2
    assert_same(model, small().fit(*arguments))


def test_links_are_of_the_fit_that_a_checkpoint_belongs_to(tmp_path):
    first = small(checkpoint=tmp_path).fit(X, must_link=MUST)
    again = small(checkpoint=tmp_path).fit(X, cannot_link=CANNOT)
    assert_same(again, small().fit(X, cannot_link=CANNOT))
    assert_same(first, small().fit(X, must_link=MUST))


def test_files_and_copies_keep_what_was_learned(tmp_path):
    model = small().fit(X, must_link=MUST, cannot_link=CANNOT)
    save(model, tmp_path / "model.safetensors")
    again = load(tmp_path / "model.safetensors")
    assert_same(again, model)
    np.testing.assert_array_equal(again.query(X, 5), model.query(X, 5))
    assert_same(clone(model).fit(X, must_link=MUST, cannot_link=CANNOT), model)


def test_memory_maps_and_warm_starts(tmp_path):
    np.save(tmp_path / "X.npy", X)
    stored = np.load(tmp_path / "X.npy", mmap_mode="r")
    options = {"augmentation": FeatureAugmentation()}  # what is stored has no neighbours mixed in
    model = small(warm_start=True, **options).fit(stored, known_labels=HALF)
    assert_same(model, small(**options).fit(X, known_labels=HALF))
    model.fit(stored, must_link=[[0, 1]] if Y[0] == Y[1] else [], known_labels=HALF)
    assert clustering_accuracy_score(Y, model.labels_) == 1


# ---------------------------------------------------------------- queries


def test_queries():
    model = small().fit(X)
    rows = model.query(X, 10)
    assert len(set(rows.tolist())) == 10
    np.testing.assert_array_equal(model.query(X, 10), rows)
    known = np.full(90, -1)
    known[rows] = Y[rows]
    more = model.query(X, 80, known_labels=known)
    assert sorted([*rows, *more]) == list(range(90))
    for wrong in (0, 81, 2.0, True, "3"):
        with pytest.raises(ValueError, match=r"n_queries=.* from 1 to 80"):
            model.query(X, wrong, known_labels=known)
    with pytest.raises(ValueError, match="known_labels has 3 labels"):
        model.query(X, 5, known_labels=[-1, -1, 0])


# ---------------------------------------------------------------- around others


def test_links_follow_the_rows_that_estimators_around_it_take():
    options = {"must_link": MUST, "known_labels": HALF}
    vote = meta.ConsensusClusterer(small(), n_runs=2, max_samples=0.8, random_state=0)
    assert clustering_accuracy_score(Y, vote.fit(X, **options).labels_) == 1
    usual = meta.OpenSetClusterer(small(), contamination=0.2, random_state=0).fit(X, **options)
    rows = np.delete(np.arange(90), usual.calibration_indices_)
    place = np.full(90, -1)
    place[rows] = np.arange(len(rows))
    moved = place[MUST][(place[MUST] >= 0).all(axis=1)]
    seeds = usual.estimator_.get_params()
    same = small().set_params(random_state=seeds["random_state"])
    same.fit(X[rows], must_link=moved, known_labels=HALF[rows])
    np.testing.assert_array_equal(usual.estimator_.predict(X), same.predict(X))
