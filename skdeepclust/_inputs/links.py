"""Pairs of samples that are known to belong together, or not: what they may look like."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from skdeepclust._engine.foreign_arrays import in_numpy, refuse_missing

# So many pairs are named in a message.
N_NAMED = 3
# Metadata that are links.
LINKS = ("must_link", "cannot_link")


def checked_pairs(pairs: Any, name: str, n_samples: int) -> np.ndarray:
    """Return links as an array of int of shape (n_links, 2).

    Parameters
    ----------
    pairs : array-like of shape (n_links, 2) or None
        Indices of samples; `None` and an empty array are no links.
    name : str
        What messages call them.
    n_samples : int
        Number of samples in X.

    Raises
    ------
    ValueError
        If they aren't pairs of integers from 0 to `n_samples - 1`.
    """
    if pairs is None:
        return np.empty((0, 2), dtype=np.intp)
    advice = f"Give {name} as an array of integers of shape (n_links, 2): two rows of X each."
    found = _as_array(pairs, name, advice)
    if found.size == 0 and found.ndim <= 2:
        return np.empty((0, 2), dtype=np.intp)
    if found.ndim != 2 or found.shape[1] != 2:
        raise ValueError(f"{name} has shape {found.shape}. {advice}")
    if found.dtype.kind not in "iu":
        raise ValueError(f"{name} holds {found.dtype} values. {advice}")
    refused = found[(found < 0) | (found >= n_samples)]
    if len(refused):
        raise ValueError(
            f"{name} holds the index {refused[0]}, but X has n_samples={n_samples}: indices are "
            f"from 0 to {n_samples - 1}, rows of the X that this fit is given. Where a search or a "
            "split has taken a part of X, links can't follow: give known_labels, which are split "
            "as X is, or cv=[(range(len(X)), range(len(X)))]."
        )
    return found.astype(np.intp)


def _as_array(pairs: Any, name: str, advice: str) -> np.ndarray:
    pairs = in_numpy(pairs, name)
    if isinstance(pairs, (str, bytes)) or not isinstance(pairs, (np.ndarray, Sequence)):
        raise ValueError(f"{name} is a {type(pairs).__name__}. {advice}")
    refuse_missing(pairs, name)
    try:
        found = np.asarray(pairs)
    except ValueError:
        raise ValueError(f"{name} has rows of different lengths. {advice}") from None
    if found.dtype != object:
        return found
    kinds = {type(value) for value in found.ravel()}
    whole = all(issubclass(kind, (int, np.integer)) and kind is not bool for kind in kinds)
    return np.array(found.tolist()) if whole else found


def links_of_rows(pairs: Any, name: str, n_samples: int, rows: np.ndarray) -> np.ndarray:
    """Return the links between some of the samples, as rows among these; others are dropped.

    Parameters
    ----------
    pairs : array-like of shape (n_links, 2) or None
        Links between all samples.
    name : str
        What messages call them.
    n_samples : int
        Number of samples.
    rows : ndarray of int
        Those that are left, each once.
    """
    pairs = checked_pairs(pairs, name, n_samples)
    place = np.full(n_samples, -1)
    place[rows] = np.arange(len(rows))
    moved = place[pairs]
    return moved[(moved >= 0).all(axis=1)]


def named_pairs(pairs: np.ndarray) -> str:
    """Name the first of some pairs, for a message."""
    shown = ", ".join(f"({a}, {b})" for a, b in pairs[:N_NAMED].tolist())
    return f"{shown} and {len(pairs) - N_NAMED} more" if len(pairs) > N_NAMED else shown
