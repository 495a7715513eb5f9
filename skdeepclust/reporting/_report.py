"""A clustering as one page to show."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skdeepclust._inputs.counts import check_count
from skdeepclust._storage.files import versions
from skdeepclust._storage.replacing import replacing
from skdeepclust.meta._base import indexed
from skdeepclust.plotting._shared.canvas import check_map
from skdeepclust.reporting._centers import centers_shown
from skdeepclust.reporting._curves import curves
from skdeepclust.reporting._facts import Facts, facts_of
from skdeepclust.reporting._map import payload, plane_of
from skdeepclust.reporting._page import map_section, page
from skdeepclust.reporting._samples import (
    MOST_TEXTS,
    Sprite,
    Take,
    checked_texts,
    chosen_rows,
    shortened,
    sprite_of,
    taker_of_images,
)
from skdeepclust.reporting._sections import (
    SampleList,
    borderline_section,
    clusters_section,
    exemplars_section,
    mergers_section,
    parameters_section,
    refused_section,
    training_section,
)
from skdeepclust.reporting._why import why_section


def report(
    clusterer: Any,
    X: Any,
    images: Any = None,
    texts: Any = None,
    path: str | os.PathLike[str] = "report.html",
    *,
    title: str | None = None,
    feature_names: Any = None,
    method: Literal["pca", "tsne"] = "pca",
    n_points: int = 100_000,
    n_images: int = 2000,
    random_state: int | np.random.RandomState | None = 0,
) -> Path:
    """Write one page that shows a clustering: an HTML file that needs nothing else.

    On the page are a map that can be zoomed, the sizes of the clusters and how sure they are, their
    exemplars, what sets them apart, samples between two clusters and in none, clusters that may be
    one, training curves and parameters. It is one file, asks no server for anything, and can be
    sent by mail; a browser shows it, a telephone's too.

    Parameters
    ----------
    clusterer : fitted clusterer
        With `predict`, or `labels_` for the X of its fit; or a pipeline that ends in one. Also
        estimators of :mod:`skdeepclust.meta`. The map is of what its `transform` returns. A last
        step that has none, such as GaussianMixture, or whose `transform` gives distances to
        centres, such as KMeans, clusters what enters it, and that is shown.
    X : {array-like, sparse matrix, tensor} of shape (n_samples, ...)
        Samples, as for `clusterer.predict`.
    images : array-like or list, default=None
        What the samples look like: floats or bytes of shape (n_samples, C, H, W),
        (n_samples, H, W) or (n_samples, H, W, C) with one or three channels, or a list of such
        images or of PIL images. Needs Pillow. None takes X, if the clusterer was fitted on images
        and Pillow is there.
    texts : list of str, default=None
        A text for each sample, of which 200 letters are shown, on the map those of at most 20,000
        samples. None takes X, if it holds texts. With neither images nor texts, samples are shown
        by their row.
    path : str or path-like, default="report.html"
        File to write. One that is there is replaced, and not before the new one is complete.
    title : str, default=None
        Headline; None counts samples and clusters.
    feature_names : sequence of str, default=None
        Names of the features of X. None takes those of the columns of a data frame, of the step of
        a pipeline that makes a table of X, or x0, x1 and so on.
    method : {"pca", "tsne"}, default="pca"
        How the embedding is mapped to the plane. t-SNE shows neighbourhoods better and takes
        minutes for 20,000 samples.
    n_points : int, default=100_000
        Largest number of samples on the map; of more so many are drawn. All else counts all.
    n_images : int, default=2000
        Largest number of thumbnails, of at most 48 pixels a side, and less if they are many:
        together they have two million pixels. Samples of the lists come first, others are drawn.
    random_state : int, RandomState instance or None, default=0
        Seed of what is drawn, and of t-SNE.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    NotFittedError
        If the clusterer is not fitted.
    TypeError
        If it has neither `predict` nor `labels_`, or no `transform` while X holds no numbers; if
        images or texts are none.
    ValueError
        If `images` or `texts` is not as long as X, all samples are refused, or `n_points` or
        `n_images` is below 1.
    ImportError
        If there are images, and no Pillow.
    OSError
        If the file can't be written; what was there before is as it was.

    See Also
    --------
    skdeepclust.explain : What the page says of features, rules and members, as objects.

    Notes
    -----
    The same arguments give the same bytes. Everything that comes from X, texts and names is
    escaped, and the page forbids, by its content security policy, any script but its own.

    Examples
    --------
    >>> import os, tempfile
    >>> from sklearn.cluster import KMeans
    >>> from sklearn.datasets import load_iris
    >>> import skdeepclust
    >>> iris = load_iris(as_frame=True).data
    >>> kmeans = KMeans(3, random_state=0).fit(iris)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = skdeepclust.report(kmeans, iris, path=os.path.join(folder, "iris.html"))
    ...     text = path.read_text(encoding="utf-8")
    >>> "petal width (cm)" in text
    True
    """
    check_map(method, n_points)
    check_count("n_images", n_images)
    check_is_fitted(clusterer)
    take, written_out = taker_of_images(clusterer, X, images), checked_texts(X, texts)
    facts = facts_of(clusterer, X, random_state)
    rows, places, caption = plane_of(facts.clustering.embedding, n_points, method, random_state)
    sprite = _sprite(take, facts, rows, n_images, random_state)
    samples = SampleList(sprite, written_out)
    centers = None if images is not None else centers_shown(clusterer, X, len(facts.clusters))
    sprites = {"thumbnail": sprite, "center": None if centers is None else centers.sprite}
    why = None
    if take is None:
        why = why_section(
            clusterer, X, facts, feature_names, named_only=written_out is not None,
            random_state=random_state,
        )  # fmt: skip
    sections = [
        map_section(caption, _remark(facts, rows, sprite, written_out)),
        clusters_section(facts),
        exemplars_section(facts, samples, centers),
        why,
        borderline_section(facts, samples),
        refused_section(facts, samples),
        mergers_section(facts),
        training_section(curves(clusterer)),
        parameters_section(clusterer, shortened),
    ]
    n_samples, n_clusters = indexed(X)[2], len(facts.clusters)
    text = page(
        title or f"{n_samples:,} samples in {n_clusters} cluster{'s' * (n_clusters != 1)}",
        shortened(repr(clusterer)),
        [each for each in sections if each is not None],
        payload(facts, rows, places, sprite, written_out),
        sprites,
        f"Written by skdeepclust {versions()['skdeepclust']}.",
    )
    with replacing(path := Path(path)) as file:
        file.write(text.encode("utf-8", "replace"))
    return path


def _sprite(
    take: Take | None, facts: Facts, rows: np.ndarray, n_images: int, random_state: Any
) -> Sprite | None:
    if take is None:
        return None
    listed = np.concatenate([*facts.exemplars, facts.borderline, facts.refused])
    return sprite_of(take, chosen_rows(listed, rows, n_images, random_state))


def _remark(facts: Facts, rows: np.ndarray, sprite: Sprite | None, texts: list[str] | None) -> str:
    """Say what the map leaves out."""
    n_samples = len(facts.clustering.labels)
    said = []
    if len(rows) < n_samples:
        said.append(f"{len(rows):,} of {n_samples:,} samples are shown, drawn at random.")
    if sprite is not None and len(sprite.rows) < len(rows):
        said.append(f"{len(sprite.rows):,} of them have a thumbnail.")
    if texts is not None and len(rows) > MOST_TEXTS:
        said.append(f"{MOST_TEXTS:,} of them have a text.")
    return " ".join(said)
