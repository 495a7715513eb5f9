"""Settings of scikit-learn don't reach what is inside."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.quick import PIXELS, forced_apart, parsimonious, tagnet, triplet_dec
from sklearn import config_context
from sklearn.neighbors import KNeighborsTransformer

X, Y = PIXELS[:100], np.arange(100) % 4
SEARCH = KNeighborsTransformer(n_neighbors=3)
MODELS = {
    "triplet": lambda: triplet_dec(4),
    "triplet with a search": lambda: triplet_dec(4, neighbors=SEARCH, n_neighbors=3),
    "tagnet": lambda: tagnet(4, init="gmm"),
    "tagnet with a search": lambda: tagnet(4, neighbors=SEARCH, n_neighbors=3),
    "tagnet by k-svd": lambda: tagnet(4, dictionary="ksvd", init="kmeans", n_components=8),
    "classifier": parsimonious,
    "embedder": forced_apart,
}


@pytest.mark.parametrize("output", ["pandas"])
@pytest.mark.parametrize("name", MODELS)
def test_frames_as_output_are_made_at_the_end(name, output) -> None:
    plain = MODELS[name]().fit(X[:80], Y[:80])
    expected = plain.transform(X), plain.predict(X)
    with config_context(transform_output=output):
        framed = MODELS[name]().fit(X[:80], Y[:80])
        found = framed.transform(X), framed.predict(X)
    assert type(found[0]).__module__.startswith(output)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)
