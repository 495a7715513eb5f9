"""Where the features are that a person can read: X itself, or what the first steps make of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state

from skdeepclust._inputs.counts import check_count
from skdeepclust.explain._answers import as_table, is_table, layers
from skdeepclust.meta._base import indexed


class NoFeaturesError(TypeError):
    """Samples have no features that a person can read."""


class FeatureSource:
    """Makes the table of features of samples, of those of a fit and of new ones alike."""

    def __init__(self, clusterer: Any, X: Any, features: Any, feature_names: Any) -> None:
        self._steps: Pipeline | None = None
        self._name = "X" if features is None else "features"
        source = X if features is None else features
        if not is_table(source, self._name):
            if features is not None:
                raise TypeError("features must be a table of numbers, (n_samples, n_features).")
            self._steps, source = _first_table(clusterer, X)
        self.table = as_table(source, self._name)
        n_samples = indexed(X)[2]
        if self.table.shape[0] != n_samples:
            raise ValueError(
                f"features must have a row for each of the {n_samples} samples of X, got "
                f"{self.table.shape[0]}."
            )
        owner = clusterer if features is None else None
        found = _found_names(owner, source, self._steps)
        self.has_names = feature_names is not None or found is not None
        self.names = _checked_names(feature_names, found, self.table.shape[1])

    def __call__(self, X: Any) -> Any:
        """Return the features of other samples, or check those that are given in their place."""
        if self._steps is not None:
            X = self._steps.transform(X)
        name = self._name
        if not is_table(X, name) or (table := as_table(X, name)).shape[1] != len(self.names):
            raise ValueError(f"{name} must be a table of {len(self.names)} features.")
        return table


def _first_table(clusterer: Any, X: Any) -> tuple[Pipeline, Any]:
    for steps in _first_steps(clusterer):
        table = steps.transform(X)
        if is_table(table):
            return steps, table
    raise NoFeaturesError(
        "X is no table of numbers, and the first steps of clusterer make none of it: give "
        "features, a table (n_samples, n_features) to explain the clusters by."
    )


def _first_steps(clusterer: Any) -> Iterator[Pipeline]:
    """Yield the pipeline's first step, its first two steps, and so on, without the last one."""
    for each in layers(clusterer, deep=True):
        if isinstance(each, Pipeline):
            yield from (each[:n] for n in range(1, len(each)))
            return


def _found_names(owner: Any, source: Any, steps: Pipeline | None) -> Sequence[Any] | None:
    """Return the names that the table's columns have, that a step or the fit knows, or None."""
    if steps is not None:
        try:
            return steps.get_feature_names_out()
        except (AttributeError, ValueError):  # a step that names nothing
            return None
    columns = getattr(source, "columns", None)
    return getattr(owner, "feature_names_in_", None) if columns is None else list(columns)


def _checked_names(given: Any, found: Sequence[Any] | None, n_features: int) -> list[str]:
    """Return the names of features: those given, those found, or x0, x1 and so on."""
    if given is not None and (isinstance(given, str) or not hasattr(given, "__len__")):
        raise TypeError(f"feature_names must be a list of a name for each feature, got {given!r}.")
    if given is not None and len(given) != n_features:
        raise ValueError(
            f"feature_names must have a name for each of the {n_features} features, got "
            f"{len(given)}."
        )
    names = found if given is None else given
    if names is None or len(names) != n_features:
        return [f"x{index}" for index in range(n_features)]
    return [str(name) for name in names]


def drawn_rows(n_samples: int, max_samples: int, random_state: Any) -> np.ndarray:
    """Return at most so many rows, drawn at random, in ascending order."""
    check_count("max_samples", max_samples, 2)
    if n_samples <= max_samples:
        return np.arange(n_samples)
    rows = check_random_state(random_state).choice(n_samples, max_samples, replace=False)
    return np.sort(rows)
