"""What the tests of the displays show: digits, and a stand-in for a fitted estimator."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

IMAGES, CLASSES = (array[:300] for array in load_digits(return_X_y=True))
IMAGES.flags.writeable = CLASSES.flags.writeable = False


class RectifiedComponents:
    """Stands for a fitted estimator: rectified components, no `fit`."""

    def __init__(self, X: np.ndarray, n_components: int = 6) -> None:
        self.pca = PCA(n_components, random_state=0).fit(X)

    def transform(self, X: np.ndarray) -> np.ndarray:
        return np.maximum(self.pca.transform(X), 0)


ESTIMATOR = RectifiedComponents(IMAGES)


def own_axes() -> Axes:
    """Make axes of a figure that pyplot does not know."""
    return Figure(figsize=(6, 5)).subplots()
