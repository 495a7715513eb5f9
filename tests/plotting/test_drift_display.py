"""What has drifted, drawn: from a stream's report, and from labels of before and now."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.display_data import own_axes
from matplotlib.colors import to_hex
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepclust.meta import StreamClusterer
from skdeepclust.plotting import DriftDisplay
from skdeepclust.plotting._shared.canvas import cluster_colors

X, Y = make_blobs(900, centers=[[0, 0], [9, 0], [0, 9]], random_state=0)


def stream() -> StreamClusterer:
    inner = KMeans(2, n_init=1, random_state=0)
    return StreamClusterer(inner, random_state=0).fit(X[Y < 2])


def test_dots_rings_and_bars_are_the_report():
    fitted = stream().partial_fit(X[:300])
    display = DriftDisplay.from_estimator(fitted, ax=own_axes())
    report = fitted.report_
    np.testing.assert_array_equal(display.now_.get_offsets()[:, 0], report.shares)
    np.testing.assert_array_equal(display.before_.get_offsets()[:, 0], report.shares_before)
    np.testing.assert_array_equal(display.now_.get_offsets()[:, 1], range(3))
    ends = np.array([path.vertices[:, 0] for path in display.changes_.get_paths()])
    np.testing.assert_array_equal(ends, np.stack([report.shares_before, report.shares], axis=1))
    widths = [bar.get_width() for bar in display.shifts_]
    np.testing.assert_array_equal(widths, np.nan_to_num(report.shifts))
    colors = [to_hex(color) for color in display.now_.get_facecolors()]
    assert colors == cluster_colors(3)
    assert [text.get_text() for text in display.ax_.get_yticklabels()] == ["0", "1", "2 new"]
    remark = display.ax_.texts[-1].get_text()
    assert remark.startswith(f"{report.novelty:.1%} belong nowhere, of 5.0% expected (p = ")
    assert remark.endswith(f"shares moved by {report.share_shift:.3f}")


def test_an_earlier_report_and_a_pipeline():
    fitted = stream().partial_fit(X[:300])
    first = fitted.report_
    fitted.partial_fit(X[300:600])
    display = DriftDisplay.from_estimator(fitted, report=first, ax=own_axes())
    np.testing.assert_array_equal(display.shares, first.shares)
    chain = make_pipeline(StandardScaler(), fitted)
    np.testing.assert_array_equal(
        DriftDisplay.from_estimator(chain, ax=own_axes()).shares, fitted.report_.shares
    )


def test_labels_of_before_and_now_may_be_of_other_samples():
    display = DriftDisplay.from_predictions([0, 0, 5, 5], [0, 7, -1, -1, -1], ax=own_axes())
    assert display.numbers.tolist() == [0, 5, 7]
    assert display.shares_before.tolist() == [0.5, 0.5, 0]
    assert display.shares.tolist() == [0.2, 0, 0.2]
    assert (display.new, display.gone) == ((7,), (5,))
    assert (display.novelty, display.contamination) == (0.6, 0)
    assert display.shifts_ is None
    shown = [text.get_text() for text in display.ax_.get_yticklabels()]
    assert shown == ["0", "5 gone", "7 new"]
    assert "60.0% belong nowhere, of 0.0% expected" in display.ax_.texts[-1].get_text()


def test_names_stand_in_place_of_numbers():
    display = DriftDisplay.from_predictions([0, 1], [1, 2], ax=own_axes(), names=["a", "b", "c"])
    shown = [text.get_text() for text in display.ax_.get_yticklabels()]
    assert shown == ["a gone", "b", "c new"]


def test_many_clusters_have_no_names():
    display = DriftDisplay.from_predictions(np.arange(80), np.arange(80), ax=own_axes())
    assert not display.ax_.get_yticks().size
    assert display.ax_.get_ylabel() == "80 clusters"


def test_errors_say_what_to_give():
    with pytest.raises(NotFittedError):
        DriftDisplay.from_estimator(StreamClusterer(KMeans(2)))
    with pytest.raises(TypeError, match="estimator must have a report_, StreamClusterer"):
        DriftDisplay.from_estimator(stream())
    with pytest.raises(TypeError, match="report must be a DriftReport, got dict"):
        DriftDisplay.from_estimator(stream(), report={})
    with pytest.raises(ValueError, match="names must be one for each of the 2 clusters, got 1"):
        DriftDisplay.from_predictions([0], [1], names=["a"])
    for before, now, message in [
        ([0.5], [0], "labels_before must be integers from 0"),
        ([0], [-2], "labels must be integers from 0"),
        (np.array([], int), [0], "must have samples"),
        ([-1], [-1], "some in a cluster"),
        (np.ma.array([0, 1], mask=[0, 1]), [0], "labels_before is a masked array"),
    ]:
        with pytest.raises(ValueError, match=message):
            DriftDisplay.from_predictions(before, now)


@pytest.mark.parametrize("dtype", ["u1", "u4", "u8"])
def test_labels_without_a_sign(dtype):
    labels = np.array([0, 1, 1, 2, 0, 2])
    drawn, expected = (
        DriftDisplay.from_predictions(each, each, ax=own_axes())
        for each in (labels.astype(dtype), labels)
    )
    np.testing.assert_array_equal(drawn.shares, expected.shares)
