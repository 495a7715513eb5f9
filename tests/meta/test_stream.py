"""Samples that come in parts: numbers that stay, new ones, and what a report says of them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from scipy.stats import betabinom
from sklearn import config_context
from sklearn.base import BaseEstimator, ClusterMixin, clone
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs
from sklearn.exceptions import NotFittedError
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepclust import load, save
from skdeepclust.meta import OpenSetClusterer, StreamClusterer
from skdeepclust.meta._novel import clusters_of_refused, novelty_p_value

CORNERS = np.array([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0], [9.0, 9.0], [30.0, 30.0]])


def blobs(*places: int, seed: int = 0, each: int = 120) -> np.ndarray:
    """Return samples around some of the corners, in a random order."""
    return make_blobs(len(places) * each, centers=CORNERS[list(places)], random_state=seed)[0]


def stream(n_clusters: int = 3, **options) -> StreamClusterer:
    inside = KMeans(n_clusters, n_init=3, random_state=0)
    return StreamClusterer(inside, random_state=0, **options)


class Told(ClusterMixin, BaseEstimator):
    """Clusters by the first column, under the names of a table."""

    def __init__(self, names=(0, 1, 2, 3)):
        self.names = names

    def fit(self, X, y=None):
        self.labels_ = self.predict(X)
        return self

    def predict(self, X):
        return np.asarray(self.names)[np.asarray(X)[:, 0].astype(int)]


def told(*counts: int) -> np.ndarray:
    """Return so many samples of each of the clusters."""
    return np.repeat(np.arange(len(counts)), counts)[:, None].astype(float)


# ---------------------------------------------------------------- a reference


def test_the_same_data_again_have_the_same_numbers():
    X = blobs(0, 1, 2)
    first = stream().fit(X)
    again = stream().fit(X, reference=first)
    np.testing.assert_array_equal(again.labels_, first.labels_)
    np.testing.assert_array_equal(again.predict(X[::-1]), first.predict(X[::-1]))
    report = again.report_
    assert first.report_ is None
    assert (report.new, report.gone, report.split, report.merged) == ((), (), {}, {})
    assert report.share_shift == 0
    np.testing.assert_allclose(report.shifts, 0, atol=1e-12)
    # it may be its own reference
    np.testing.assert_array_equal(first.fit(X, reference=first).labels_, again.labels_)


@pytest.mark.parametrize("kind", ["stream", "clusterer", "open set", "labels"])
def test_other_numbers_of_the_refit_are_undone(kind):
    X = told(60, 80, 100, 120)
    options = {"calibration": 0.1, "contamination": 0.2}
    first = StreamClusterer(Told(), random_state=0, **options).fit(X)
    references = {
        "stream": first,
        "clusterer": Told().fit(X),
        "open set": OpenSetClusterer(Told(), random_state=0, **options).fit(X),
        "labels": first.labels_,
    }
    other = StreamClusterer(Told((3, 0, 2, 1)), random_state=1, **options)
    other.fit(X, reference=references[kind])
    assert not np.array_equal(other.estimator_.labels_, first.estimator_.labels_)
    np.testing.assert_array_equal(other.labels_, first.labels_)
    np.testing.assert_array_equal(other.predict(X), X[:, 0])
    assert other.report_.new == ()


def test_a_vanished_cluster_keeps_its_number_reserved():
    first = stream(3).fit(blobs(0, 1, 2))
    where = dict(zip((0, 1, 2, 4), [*first.predict(CORNERS[:3]), 3], strict=True))
    second = stream(3).fit(blobs(0, 2, 4, seed=1), reference=first)
    np.testing.assert_array_equal(
        second.predict(CORNERS[[0, 2, 4]]), [where[place] for place in (0, 2, 4)]
    )
    assert second.report_.gone == (where[1],)
    assert second.report_.new == (3,)
    assert second.n_numbers_ == 4
    third = stream(4).fit(blobs(0, 2, 3, 4, seed=2), reference=second)
    assert third.predict(CORNERS[[3]]) == [4]
    assert where[1] not in third.numbers_


def test_what_is_cut_and_merged_is_told():
    halves = told(60, 60, 60, 60)
    two = StreamClusterer(Told((0, 0, 1, 1)), min_overlap=0.3, random_state=0).fit(halves)
    four = StreamClusterer(Told(), random_state=0).fit(halves, reference=two)
    assert set(four.report_.split) == {0, 1}
    assert sorted(sum(four.report_.split.values(), ())) == [0, 1, 2, 3]
    assert four.report_.new == (2, 3)
    back = StreamClusterer(Told((0, 0, 1, 1)), random_state=0).fit(halves, reference=four)
    assert set(back.numbers_) <= {0, 1, 2, 3}
    assert back.n_numbers_ == 4
    assert sorted(sum(back.report_.merged.values(), ())) == [0, 1, 2, 3]
    assert len(back.report_.gone) == 2
    assert "split: " in repr(four.report_)
    assert "merged: " in repr(back.report_)


def test_a_cluster_with_too_little_in_common_is_a_new_one():
    before = told(50, 50)
    # of 50 and 50 samples 20 are in both: a Jaccard index of 1 / 4
    now = np.repeat([0, 1, 0, 1], [30, 20, 20, 30])[:, None].astype(float)
    numbers = before[:, 0].astype(int)
    kept = StreamClusterer(Told((1, 0)), random_state=0).fit(now, reference=numbers)
    # the other way round 30 of them are, which is more than any other pairs have
    np.testing.assert_array_equal(kept.numbers_, [1, 0])
    strict = StreamClusterer(Told((1, 0)), min_overlap=0.5, random_state=0)
    np.testing.assert_array_equal(strict.fit(now, reference=numbers).numbers_, [2, 3])


def test_samples_without_an_earlier_number_say_nothing():
    X = told(60, 60, 60)
    earlier = np.where(X[:, 0] == 2, -1, 1 - X[:, 0]).astype(int)
    model = StreamClusterer(Told(), random_state=0).fit(X, reference=earlier)
    np.testing.assert_array_equal(model.numbers_, [1, 0, 2])
    assert model.report_.new == (2,)
    nobody = StreamClusterer(Told(), random_state=0).fit(X, reference=np.full(180, -1))
    np.testing.assert_array_equal(nobody.numbers_, [0, 1, 2])


def test_a_pipeline_is_asked_as_its_last_step_is():
    X = blobs(0, 1, 2)
    chain = make_pipeline(StandardScaler(), stream(3)).fit(X)
    part = blobs(0, 4, seed=1)
    model = StreamClusterer(KMeans(2, random_state=0), random_state=0).fit(part, reference=chain)
    assert model.report_.new == (3,)
    assert model.report_.novelty > 0.4
    assert len(model.report_.gone) == 2


def test_components_without_a_sample_keep_their_numbers_to_themselves():
    X = blobs(0, 1, 2)
    mixture = GaussianMixture(3, random_state=0).fit(X)
    last = X[mixture.predict(X) < 2]
    model = stream(4).fit(np.vstack([last, blobs(4)]), reference=mixture)
    assert model.n_numbers_ > 3
    assert 2 not in model.numbers_


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ([0, 1], r"reference has the shape \(2,\), but X has n_samples=360"),
        (np.zeros(360), "reference should hold integers from 0"),
        (np.full(360, -2), r"reference should hold integers from 0.*got \[-2\]"),
    ],
)
def test_a_reference_that_is_none_is_refused(reference, message):
    with pytest.raises(ValueError, match=message):
        stream().fit(blobs(0, 1, 2), reference=reference)
    with pytest.raises(NotFittedError):
        stream().fit(blobs(0, 1, 2), reference=stream())


# ---------------------------------------------------------------- parts


def test_parts_of_known_kinds_change_nothing():
    model = stream().partial_fit(blobs(0, 1, 2))
    asked = model.predict(CORNERS)
    for seed in (1, 2, 3):
        X = blobs(0, 1, 2, seed=seed)
        model.partial_fit(X)
        assert model.report_.new == model.report_.gone == ()
        assert model.n_numbers_ == 3
        np.testing.assert_array_equal(model.labels_, model.predict(X))
        np.testing.assert_array_equal(model.predict(CORNERS), asked)


def test_without_a_threshold_nothing_is_new():
    with pytest.warns(UserWarning, match="no sample will be refused") as told:
        model = stream().partial_fit(blobs(0, 1, 2, each=9))
    assert told[0].filename == __file__
    model.partial_fit(blobs(0, 1, 2, 4))
    assert model.report_.new == ()
    assert (model.report_.novelty, model.report_.p_value) == (0, 1)


@pytest.mark.parametrize("new", [(4,), (3, 4)], ids=["one", "two"])
def test_a_far_blob_gets_a_new_number_and_the_others_keep_theirs(new):
    model = stream().partial_fit(blobs(0, 1, 2))
    old = model.predict(CORNERS[:3])
    model.partial_fit(blobs(0, 1, 2, *new, seed=1))
    np.testing.assert_array_equal(model.predict(CORNERS[:3]), old)
    assert model.report_.new == tuple(range(3, 3 + len(new)))
    assert set(model.predict(CORNERS[list(new)])) == set(model.report_.new)
    assert model.report_.p_value < 0.01
    assert model.report_.novelty == pytest.approx(len(new) / (3 + len(new)), abs=0.06)
    # next week they are known
    asked = model.predict(CORNERS)
    model.partial_fit(blobs(0, 1, 2, *new, seed=2))
    assert model.report_.new == ()
    np.testing.assert_array_equal(model.predict(CORNERS), asked)


def test_the_smallest_new_cluster_is_known_from_then_on():
    """Of four samples none is held back."""
    model = stream(min_cluster_size=2, n_neighbors=2).partial_fit(blobs(0, 1, 2))
    few = CORNERS[[4]] + np.array([[0, 0], [0.01, 0], [0, 0.01], [0.01, 0.01]])
    model.partial_fit(few)
    assert model.report_.new == (3,)
    assert set(model.predict(few)) == {3}
    assert (model.decision_function(few) > 0).all()


def test_a_cluster_that_stays_away_is_gone_and_comes_back_as_itself():
    model = stream().partial_fit(blobs(0, 1, 2))
    number = model.predict(CORNERS[[1]])[0]
    model.partial_fit(blobs(0, 2, seed=1))
    assert model.report_.gone == (number,)
    # two samples are too few to miss one
    assert model.partial_fit(CORNERS[[0, 0]]).report_.gone == ()
    model.partial_fit(blobs(1, seed=2))
    assert set(model.labels_) == {number}
    assert number not in model.report_.new


def test_the_report_on_shifted_shares_is_that_by_hand():
    model = StreamClusterer(Told(), random_state=0, calibration=0.1, contamination=0.2)
    model.partial_fit(told(50, 30, 20))
    report = model.partial_fit(told(10, 30, 60)).report_
    np.testing.assert_array_equal(report.numbers, [0, 1, 2])
    np.testing.assert_allclose(report.shares_before, [0.5, 0.3, 0.2])
    np.testing.assert_allclose(report.shares, [0.1, 0.3, 0.6])
    assert report.share_shift == pytest.approx(0.4)
    np.testing.assert_array_equal(report.shifts, 0)
    assert (report.novelty, report.n_samples) == (0, 100)


def test_moved_means_are_measured_in_spreads():
    X = blobs(0, 1, 2)
    model = stream(contamination=0.3).partial_fit(X)
    own = X[model.labels_ == model.predict(CORNERS[[1]])[0]]
    spread = np.sqrt(((own - own.mean(0)) ** 2).sum(1).mean())
    moved = X + np.array([0.5, 0.0])
    report = model.partial_fit(moved).report_
    place = report.numbers.tolist().index(model.predict(CORNERS[[1]])[0])
    assert report.shifts[place] == pytest.approx(0.5 / spread)


def test_the_first_part_is_a_fit():
    X = blobs(0, 1, 2)
    one, other = stream().partial_fit(X, None), stream().fit(X)
    np.testing.assert_array_equal(one.labels_, other.labels_)
    assert one.report_ is other.report_ is None
    np.testing.assert_array_equal(one.decision_function(X) < 0, one.open_set_.predict(X) < 0)


def test_what_went_through_a_file_goes_on_as_before(tmp_path):
    model = stream().partial_fit(blobs(0, 1, 2)).partial_fit(blobs(0, 1, 2, 4, seed=1))
    save(model, tmp_path / "stream.safetensors")
    again = load(tmp_path / "stream.safetensors", trusted=[KMeans])
    assert repr(again.report_) == repr(model.report_)
    part = blobs(0, 1, 2, 3, seed=2)
    for each in (model, again):
        each.partial_fit(part)
        assert each.report_.new == (4,)
    np.testing.assert_array_equal(again.labels_, model.labels_)
    np.testing.assert_array_equal(again.score_samples(part), model.score_samples(part))
    assert not hasattr(clone(model), "open_set_")


def test_a_part_that_fails_changes_nothing():
    model = stream().partial_fit(blobs(0, 1, 2))
    before = dict(vars(model))
    with pytest.raises(ValueError, match="features"):
        model.partial_fit(np.zeros((9, 5)))
    assert all(vars(model)[name] is value for name, value in before.items())


def test_sparse_samples_have_new_clusters_too():
    X, part = blobs(0, 1, 2), blobs(0, 1, 2, 4, seed=1)
    dense = stream().partial_fit(X).partial_fit(part)
    model = stream().partial_fit(sparse.csr_array(X)).partial_fit(sparse.csr_array(part))
    assert model.report_.new == (3,)
    np.testing.assert_array_equal(model.labels_, dense.labels_)
    np.testing.assert_allclose(model.report_.shifts, dense.report_.shifts, atol=1e-6)


def test_a_reference_goes_through_pipelines():
    X = blobs(0, 1, 2)
    chain = make_pipeline(StandardScaler(), stream()).fit(X)
    again = clone(chain).fit(X, streamclusterer__reference=chain[-1])
    np.testing.assert_array_equal(again[-1].labels_, chain[-1].labels_)
    with config_context(enable_metadata_routing=True):
        asks = make_pipeline(StandardScaler(), stream().set_fit_request(reference=True))
        routed = asks.fit(X, reference=chain[-1])
    assert routed[-1].report_.new == ()


# ---------------------------------------------------------------- what is new


@pytest.mark.parametrize("n_calibration", [19, 50])
def test_the_number_of_refused_samples_is_beta_binomial(n_calibration):
    """Scores are ranks: of normal ones, how many are below the r-th of others."""
    rng = np.random.default_rng(0)
    n_new, alpha, rank = 30, 0.1, int(0.1 * (n_calibration + 1))
    known = np.sort(rng.standard_normal((4000, n_calibration)), axis=1)
    refused = (rng.standard_normal((4000, n_new)) < known[:, [rank - 1]]).sum(axis=1)
    for least in (1, 4, 8):
        share = (refused >= least).mean()
        expected = novelty_p_value(least, n_new, n_calibration, alpha)
        assert share == pytest.approx(expected, abs=4 * np.sqrt(expected / 4000))
        terms = betabinom.pmf(np.arange(least), n_new, rank, n_calibration + 1 - rank)
        assert expected == pytest.approx(1 - terms.sum())
    assert novelty_p_value(30, 30, 8, alpha) == 1  # there is no threshold


def test_parts_of_known_kinds_rarely_seem_new():
    """At a significance of a fifth no more than a fifth of the parts is asked for new clusters."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(30):
        X = rng.standard_normal((160, 2))
        model = StreamClusterer(Told((0,) * 9), random_state=0, embedding=lambda m, X: X[:, 1:])
        X[:, 0] = 0
        model.set_params(contamination=0.1, significance=0.2).partial_fit(X[:100])
        found.append(model.partial_fit(X[100:]).report_.p_value < 0.2)
    assert np.mean(found) < 0.2 + 3 * np.sqrt(0.2 * 0.8 / 30)


def test_refused_samples_at_a_border_are_no_cluster():
    rng = np.random.default_rng(0)
    border = rng.normal(0, 1, (60, 2))
    near, far = np.full((60, 5), 1e-3), np.full((60, 5), 50.0)
    assert (clusters_of_refused(border, near, 1.0, 20) == -1).all()
    labels = clusters_of_refused(border, far, 1.0, 20)
    assert set(labels) == {-1, 0} or set(labels) == {0}
    assert (labels == 0).mean() > 0.8
    assert (clusters_of_refused(border[:19], far[:19], 1.0, 20) == -1).all()
    # copies of one sample are a cluster; of different places, several
    assert (clusters_of_refused(np.zeros((60, 2)), far, 0.0, 20) == 0).all()
    two = np.vstack([border[:30], border[:30] + 20])
    assert len(set(clusters_of_refused(two, far, 2.0, 20)) - {-1}) == 2


@pytest.mark.parametrize("n_samples", [60, 150])
def test_one_blob_is_one_cluster(n_samples):
    """Of normal samples in any place HDBSCAN alone finds parts: it knows no single cluster."""
    found = []
    for seed in range(20):
        one = np.random.default_rng(seed).standard_normal((n_samples, 2))
        far = np.full((n_samples, 5), 50.0)
        found.append(clusters_of_refused(one, far, 1.0, 20).max() + 1)
    assert np.mean(np.array(found) == 1) >= 0.95
