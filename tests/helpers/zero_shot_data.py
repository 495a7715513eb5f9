"""Data and short fits for the tests of the zero-shot classifier."""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits, make_blobs
from sklearn.utils import Bunch

from skdeepclust import ZeroShotClassifier

# two attributes for four classes
PLANE = np.array([[1.0, 0.0], [-0.6, 0.8], [0.0, -1.0], [0.8, 0.6]])

# two digits side by side are a hundred classes
# attribute l of a class: its left digit is l; attribute 10 + r: its right digit is r
ATTRIBUTES = np.concatenate([np.repeat(np.eye(10), 10, axis=0), np.tile(np.eye(10), (10, 1))], 1)


def digit_pairs(n_train: int = 3000, n_test: int = 2000, n_unseen: int = 30) -> Bunch:
    """Return training pairs of the seen classes, and test pairs of all of other images."""
    images, digit = load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    unseen = np.sort(rng.choice(100, n_unseen, replace=False))
    halves = np.array_split(rng.permutation(len(images)), 2)
    parts = []
    for half, n in zip(halves, (n_train, n_test), strict=True):
        left, right = rng.choice(half, size=(2, n))
        X = np.concatenate([images[left], images[right]], axis=1)
        parts.append((X, 10 * digit[left] + digit[right]))
    (X, y), (X_test, y_test) = parts
    seen = ~np.isin(y, unseen)
    is_new = np.isin(y_test, unseen)
    return Bunch(X=X[seen], y=y[seen], X_test=X_test, y_test=y_test, unseen=unseen, is_new=is_new)


def mean_class_accuracy(y, predicted) -> float:
    return float(np.mean([np.mean(predicted[y == label] == label) for label in np.unique(y)]))


def overlapping_blobs() -> tuple[np.ndarray, np.ndarray]:
    """Return 90 samples of three classes."""
    return make_blobs(90, centers=[[0, 0], [3, 0], [0, 3]], cluster_std=1.2, random_state=0)


def quick_fit(X, y, **params) -> ZeroShotClassifier:
    params = {"dtype": "float64", "max_epochs": 10, "random_state": 0, **params}
    return ZeroShotClassifier(**params).fit(X, y)
