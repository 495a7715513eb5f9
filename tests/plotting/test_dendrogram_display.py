"""Trees of clusters: SciPy's lines, colours of clusters, the cut."""

from __future__ import annotations

import copy

import matplotlib.pyplot as plt
import numpy as np
import pytest
from helpers.display_data import own_axes
from matplotlib.colors import to_hex
from scipy.cluster.hierarchy import dendrogram
from sklearn.cluster import AgglomerativeClustering, KMeans
from sklearn.datasets import make_blobs
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepclust.meta import HierarchicalClusterer
from skdeepclust.plotting import DendrogramDisplay
from skdeepclust.plotting._shared.canvas import cluster_colors

X, Y = make_blobs(200, 2, centers=4, cluster_std=0.7, random_state=3)
TREE = HierarchicalClusterer(KMeans(12, n_init=1, random_state=0)).fit(X)


def segments(display: DendrogramDisplay) -> np.ndarray:
    return np.array([path.vertices for path in display.lines_.get_paths()])


def test_the_lines_are_those_of_scipy():
    display = DendrogramDisplay.from_estimator(TREE, ax=own_axes())
    counts = np.ones(23)
    for number, pair in enumerate(TREE.children_):
        counts[12 + number] = counts[pair].sum()
    linkage = np.column_stack([TREE.children_, TREE.distances_, counts[12:]])
    theirs = dendrogram(linkage, no_plot=True)
    assert theirs["leaves"] == display.leaves_.tolist()
    # SciPy's leaves stand at 5, 15, 25, ...
    xs = (np.array(theirs["icoord"]) - 5) / 10
    expected = sorted(np.hstack([xs, theirs["dcoord"]]).tolist())
    ours = segments(display)
    found = sorted(np.hstack([ours[:, :, 0], ours[:, :, 1]]).tolist())
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("n_clusters", [None, 1, 3, 12])
def test_the_cut_crosses_a_line_for_each_cluster(n_clusters):
    tree = copy.copy(TREE)
    tree.distances_ = TREE.distances_ + 0.01 * np.arange(1, 12)  # some are equal
    display = DendrogramDisplay.from_estimator(tree, n_clusters=n_clusters, ax=own_axes())
    height = display.cut_.get_ydata()[0]
    lines = segments(display)
    crossed = sum(
        min(start[1], end[1]) < height <= max(start[1], end[1])
        for line in lines
        for start, end in ((line[0], line[1]), (line[2], line[3]))
    )
    assert max(crossed, 1) == display.n_clusters == (n_clusters or TREE.n_clusters_)


def test_clusters_have_the_colours_and_numbers_of_predictions():
    display = DendrogramDisplay.from_estimator(TREE, ax=own_axes())
    colors = cluster_colors(TREE.n_clusters_)
    leaf = TREE.estimator_.labels_
    number = {each: TREE.labels_[leaf == each][0] for each in range(12)}
    drawn = [to_hex(color) for color in display.lines_.get_colors()]
    n_done = 12 - TREE.n_clusters_
    for color, pair in zip(drawn[:n_done], TREE.children_[:n_done], strict=True):
        while pair[0] >= 12:
            pair = TREE.children_[pair[0] - 12]
        assert color == colors[number[pair[0]]]
    assert set(drawn[n_done:]) == {to_hex(plt.rcParams["text.color"])}
    texts = {text.get_text(): text.xy[0] for text in display.ax_.texts}
    for cluster in range(TREE.n_clusters_):
        own = [place for place, each in enumerate(display.leaves_) if number[each] == cluster]
        assert min(own) <= texts[str(cluster)] <= max(own)


def test_each_leaf_says_how_many_samples_it_has():
    display = DendrogramDisplay.from_estimator(TREE, ax=own_axes())
    sizes = [int(text.get_text()) for text in display.ax_.get_xticklabels()]
    assert sizes == TREE.leaf_counts_[display.leaves_].tolist()
    assert sum(sizes) == len(X)
    bare = DendrogramDisplay.from_estimator(TREE, ax=own_axes(), show_sizes=False)
    assert not bare.ax_.get_xticklabels()
    named = display.plot(own_axes(), names=list("abcd"))
    assert set("abcd") <= {text.get_text() for text in named.ax_.texts}


def test_other_trees_and_none():
    ward = AgglomerativeClustering(3, compute_distances=True).fit(X)
    display = DendrogramDisplay.from_estimator(ward, ax=own_axes())
    assert (display.n_clusters, len(display.leaves_)) == (3, 200)
    chain = make_pipeline(StandardScaler(), HierarchicalClusterer(KMeans(1))).fit(X)
    assert DendrogramDisplay.from_estimator(chain, ax=own_axes()).leaves_.tolist() == [0]
    with pytest.raises(TypeError, match="compute_distances=True"):
        DendrogramDisplay.from_estimator(AgglomerativeClustering(3).fit(X))
    with pytest.raises(ValueError, match="n_clusters=13 must be between 1 and 12"):
        DendrogramDisplay.from_estimator(TREE, n_clusters=13)
    with pytest.raises(ValueError, match="one for each of the 4 clusters, got 2"):
        display = DendrogramDisplay.from_estimator(TREE, ax=own_axes(), names=["a", "b"])
    with pytest.raises(NotFittedError):
        DendrogramDisplay.from_estimator(HierarchicalClusterer(KMeans(3)))


def test_a_tree_that_is_a_chain_is_drawn():
    n_leaves = 3000  # more than Python calls a function within itself
    children = np.column_stack([np.arange(1, n_leaves), np.arange(n_leaves - 1, 2 * n_leaves - 2)])
    children[0] = 0, 1
    children[1:, 0] = np.arange(2, n_leaves)
    display = DendrogramDisplay(
        children=children,
        distances=np.arange(n_leaves - 1.0),
        leaf_counts=np.ones(n_leaves, int),
        n_clusters=2,
    ).plot(own_axes())
    assert len(display.leaves_) == n_leaves
