"""Clusters that are made anew take the numbers of those they are matched with."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.streams import CORNERS, Told, blobs, stream, told
from sklearn.cluster import KMeans
from sklearn.exceptions import NotFittedError
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepclust.meta import OpenSetClusterer, StreamClusterer


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


def test_what_is_wrong_with_a_reference_is_said_of_it():
    X = blobs(0, 1, 2)
    with pytest.raises(NotFittedError, match="reference: This StreamClusterer instance"):
        stream().fit(X, reference=stream())
    with pytest.raises(ValueError, match="reference: X has 2 features, but StreamClusterer"):
        stream().fit(X, reference=stream().fit(np.hstack([X, X])))
    with pytest.raises(ValueError, match="reference: X has 2 features, but KMeans"):
        stream().fit(X, reference=KMeans(2, n_init=1).fit(np.hstack([X, X])))
