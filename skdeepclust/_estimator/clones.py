"""Unfitted copies of estimators."""

from __future__ import annotations

from typing import Any

from sklearn.base import BaseEstimator, clone


def clone_with_callbacks(estimator: Any) -> Any:
    """Return an unfitted estimator of the same parameters, as scikit-learn's `clone` does.

    Callbacks that can't be copied, because they hold an open file or a writer of logs, are shared:
    the fits of a search then write into one log.
    """
    try:
        return BaseEstimator.__sklearn_clone__(estimator)
    except TypeError:
        if not estimator.callbacks:
            raise
    bare = object.__new__(type(estimator))
    bare.__dict__.update(vars(estimator), callbacks=None)
    copied = BaseEstimator.__sklearn_clone__(bare)
    copied.callbacks = [_copied_or_shared(each) for each in estimator.callbacks]
    return copied


def _copied_or_shared(callback: Any) -> Any:
    try:
        return clone(callback, safe=False)
    except TypeError:
        return callback
