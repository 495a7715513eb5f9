"""Samples that come in parts: numbers that stay, new ones, and what a report says of them."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.streams import CORNERS, Told, blobs, stream, told
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepclust import load, save
from skdeepclust.meta import StreamClusterer


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
