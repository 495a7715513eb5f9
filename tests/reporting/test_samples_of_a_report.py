"""How samples are shown in a report: thumbnails in one picture, texts, names."""

from __future__ import annotations

import base64
import io
import re
import sys

import numpy as np
import pandas as pd
import pytest
from helpers.quick import PIXELS, triplet_dec
from helpers.report_pages import ReadPage
from matplotlib import color_sequences
from matplotlib.colors import to_hex
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skdeepclust.explain import contrast_centers
from skdeepclust.reporting._facts import _probabilities
from skdeepclust.reporting._map import PALETTE

IRIS = load_iris(as_frame=True).data
TEXTS = ["the ship sails the sea", "a sea of ships", "bread and butter", "butter on bread"] * 6
EVIL = "<script>window.broken = 1</script><img src=x onerror=alert(1)>\" ' & </style> \u2028"


def kmeans(n_clusters: int = 3) -> KMeans:
    return KMeans(n_clusters, random_state=0)


def picture_of(page: ReadPage, name: str) -> np.ndarray:
    """Return the picture of thumbnails in the style of a class."""
    address = rf"\.{name}{{background-image:url\(data:image/png;base64,([^)]*)\)"
    (encoded,) = re.findall(address, "".join(page.styles))
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))))


@pytest.fixture(scope="module")
def iris():
    return kmeans().fit(IRIS)


def test_images_are_one_picture(read):
    model = triplet_dec(3).fit(PIXELS[:80])
    page = read(model, PIXELS[:80], n_images=50)
    sheet = page.data["thumbnails"]
    of = np.frombuffer(base64.b64decode(sheet["of"]), "<i4")
    assert (of >= 0).sum() == 50
    assert "50 of them have a thumbnail." in page.text_of("overview")
    picture = picture_of(page, "thumbnail")
    assert picture.shape == (8 * sheet["lines"], 8 * sheet["columns"])
    for row in np.flatnonzero(of >= 0):
        line, column = divmod(int(of[row]), sheet["columns"])
        tile = picture[8 * line : 8 * line + 8, 8 * column : 8 * column + 8]
        span = PIXELS[np.flatnonzero(of >= 0)]
        expected = (PIXELS[row] - span.min()) / np.ptp(span) * 255
        assert_allclose(tile.ravel(), expected.round(), atol=1)
    # all that is in lists has a thumbnail
    listed = [a["aria-label"] for _, a in page.tags if a.get("class") == "thumbnail"]
    assert len(listed) == len(re.findall(r"<small>\d+</small></li>", page.source)) + 12
    assert page.rows.keys() >= {"Samples between two clusters"}
    assert "mean probability" in page.rows["Sizes of clusters, and how sure they are"][0]
    assert page.text_of("training").count("epoch") >= 2


def test_centres_and_their_differences_stand_before_exemplars_of_images(read):
    model = triplet_dec(3).fit(PIXELS[:80])
    page = read(model, PIXELS[:80])
    contrast = contrast_centers(model, PIXELS[:80])
    n_clusters = len(contrast.clusters)
    picture = picture_of(page, "center").astype(int)
    columns = picture.shape[1] // 8

    def tile(place: int) -> np.ndarray:
        line, column = divmod(place, columns)
        return picture[8 * line : 8 * line + 8, 8 * column : 8 * column + 8]

    for row in range(n_clusters):
        center = contrast.centers[row] - contrast.centers.min()
        expected = center / np.ptp(contrast.centers) * 255
        assert_allclose(tile(row)[..., 0].ravel(), expected, atol=1)
        red_beyond_blue = (tile(n_clusters + row)[..., 0] - tile(n_clusters + row)[..., 2]).ravel()
        clear = np.abs(contrast.differences[row]) > 0.1 * np.abs(contrast.differences).max()
        assert_array_equal(red_beyond_blue[clear] > 0, contrast.differences[row][clear] > 0)
    shown = page.text_of("exemplars")
    assert shown.count("centre") == n_clusters + 2  # and in the line above
    assert all(f"less {nearest}" in shown for nearest in contrast.nearest)


@pytest.mark.parametrize("kind", ["colours", "large", "pillow"])
def test_images_of_any_kind(iris, read, kind):
    rng = np.random.default_rng(0)
    images = {
        "colours": rng.integers(0, 256, (150, 9, 7, 3), dtype=np.uint8),
        "large": rng.random((150, 100, 60)),
        "pillow": [Image.new("RGB", (30 + i % 3, 20), (i, 0, 0)) for i in range(150)],
    }[kind]
    page = read(iris, IRIS, images=images)
    sheet = page.data["thumbnails"]
    assert (sheet["width"], sheet["height"]) == {
        "colours": (7, 9), "large": (29, 48), "pillow": (31, 20)
    }[kind]  # fmt: skip
    assert "why" not in page.by_section


def test_texts_and_words(read):
    model = make_pipeline(TfidfVectorizer(), kmeans(2)).fit(TEXTS)
    page = read(model, TEXTS)
    assert page.data["texts"] == TEXTS
    assert "bread and butter" in page.text_of("exemplars")
    assert page.text_of("exemplars").count("bread and butter") == 1  # texts that repeat stand once
    assert "sea" in page.text_of("why")
    assert {"tfidfvectorizer", "KMeans"} <= set(page.text_of("parameters").split())
    long = read(model, TEXTS, texts=["word " * 200] * 24)
    assert {len(text) for text in long.data["texts"]} == {200}


def test_vectors_of_texts_have_no_features_to_read(read):
    X = IRIS.to_numpy()
    page = read(kmeans().fit(X), X, texts=[f"text {i}" for i in range(150)])
    assert "why" not in page.by_section


def test_without_pillow_images_say_what_to_install(iris, read, monkeypatch):
    for module in [each for each in sys.modules if each.split(".")[0] == "PIL"]:
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match="pip install Pillow"):
        read(iris, IRIS, images=np.ones((150, 2, 2)))
    model = triplet_dec(3).fit(PIXELS[:40])
    assert "thumbnails" not in read(model, PIXELS[:40]).data  # nobody has asked for them
    for module in [each for each in sys.modules if each.split(".")[0] == "matplotlib"]:
        monkeypatch.setitem(sys.modules, module, None)
    read(iris, IRIS)


def test_colours_are_those_of_the_other_displays():
    assert list(PALETTE) == [to_hex(color) for color in color_sequences["petroff10"]]


def test_names_that_are_no_text_and_odd_letters(read):
    frame = pd.DataFrame(IRIS.to_numpy(), columns=[0, 1, 2, 3])
    texts = ["\ud800 lone", "\x00 zero", *["é" for _ in range(148)]]
    page = read(kmeans().fit(frame.to_numpy()), frame.to_numpy(), texts=texts)
    assert page.data["texts"][:2] == ["\ud800 lone", "\x00 zero"]


@pytest.mark.parametrize("in_a_pipeline", [False, True])
def test_probabilities_are_those_of_the_clusters_by_their_numbers(in_a_pipeline):
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(size=(10, 2)) + 9 * k for k in range(3)])

    class Gaps(ClusterMixin, BaseEstimator):
        """Clusters 0, 2 and 5, each with a column of probabilities."""

        def fit(self, X, y=None):
            self.labels_ = self.predict(X)
            return self

        def predict(self, X):
            return np.array([0, 2, 5])[self.predict_proba(X).argmax(1)]

        def predict_proba(self, X):
            near = np.exp(-np.abs(X[:, :1] - np.array([[0.0, 9.0, 18.0]])))
            return near / near.sum(1, keepdims=True)

    model = make_pipeline(FunctionTransformer(), Gaps()) if in_a_pipeline else Gaps()
    model.fit(X)
    proba = model.predict_proba(X)
    for clusters, columns in (([0, 2, 5], [0, 1, 2]), ([2, 5], [1, 2]), ([0, 2], [0, 1])):
        found = _probabilities(model, X, np.array(clusters))
        np.testing.assert_array_equal(found, proba[:, columns])
