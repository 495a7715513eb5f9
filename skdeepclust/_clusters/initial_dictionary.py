"""The dictionary from which TAGnet starts."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from sklearn.cluster import MiniBatchKMeans
from sklearn.decomposition import MiniBatchDictionaryLearning
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_array
from torch import Tensor

from skdeepclust._engine.foreign_arrays import in_numpy
from skdeepclust._engine.global_settings import plain_arrays
from skdeepclust._engine.rng import numpy_generator_kept
from skdeepclust._engine.runner import Runner
from skdeepclust._engine.stored_arrays import rows_of
from skdeepclust.dictionary import KSVD
from skdeepclust.graph._input_graph import some_rows

# A dictionary is learned on at most this many samples.
MAX_SAMPLES = 20_000
# Weight of the absolute values while it is learned, for samples of unit length.
LEARNING_LAM = 0.1
# Atoms a sample for K-SVD, at most.
N_NONZERO_COEFS = 10


def given_dictionary(dictionary: Any, n_features: int) -> np.ndarray | None:
    """Return the dictionary if it is given as an array.

    Parameters
    ----------
    dictionary : str or array-like of shape (n_components, n_features)
        The parameter of an estimator.
    n_features : int
        Number of features of X.
    """
    if isinstance(dictionary, str):
        return None
    atoms = in_numpy(dictionary, "dictionary")
    atoms = check_array(atoms, dtype=np.float64, copy=True, input_name="dictionary")
    if atoms.shape[1] != n_features:
        raise ValueError(
            f"dictionary has atoms with {atoms.shape[1]} features, but X has {n_features}: "
            "give an array of shape (n_components, n_features)."
        )
    return atoms


def initial_dictionary(
    runner: Runner,
    X,
    weight: np.ndarray,
    *,
    dictionary: Any,
    n_components: int,
    prepare: Callable[[Tensor], Tensor],
    verbose: int,
) -> np.ndarray:
    """Return the atoms (n_components, n_features): given, or learned from some samples.

    Parameters
    ----------
    runner : Runner
        Tells what samples look like.
    X : {ndarray, CSR matrix, tensor, StoredArray} of shape (n_samples, n_features)
        Samples.
    weight : ndarray of shape (n_samples,)
        Their weights.
    dictionary : {"mini_batch", "ksvd", "kmeans"} or array-like
        The parameter of an estimator.
    n_components : int
        Number of atoms.
    prepare : callable
        Returns the samples of a batch as the method sees them (n, n_features).
    verbose : int
        Whether K-SVD tells how far it is.
    """
    seed = int(torch.randint(2**31 - 1, ()))
    given = given_dictionary(dictionary, X.shape[1])
    if given is not None:
        return given
    rows = np.flatnonzero(weight > 0)
    some = some_rows(len(rows), MAX_SAMPLES)
    rows = rows if some is None else rows[some]
    samples = runner.infer(prepare, rows_of(X, rows)).cpu().numpy().astype(np.float64)
    scale = np.sqrt(np.square(samples).sum(1).mean()) or 1.0
    atoms = _learn(samples / scale, dictionary, n_components, seed, verbose)
    return _unit_atoms(atoms, n_components, seed)


def _learn(
    samples: np.ndarray, dictionary: str, n_components: int, seed: int, verbose: int
) -> np.ndarray:
    if dictionary == "ksvd":
        n_nonzero = min(N_NONZERO_COEFS, n_components, samples.shape[1])
        model = KSVD(n_components, n_nonzero_coefs=n_nonzero, random_state=seed, verbose=verbose)
    elif dictionary == "kmeans":
        n_clusters = min(n_components, len(samples))
        model = MiniBatchKMeans(n_clusters, n_init=1, random_state=seed)
    else:
        model = MiniBatchDictionaryLearning(
            n_components,
            alpha=LEARNING_LAM,
            max_iter=20,
            fit_algorithm="cd",
            random_state=seed,
        )
    # scikit-learn's coordinate descent draws a seed that it doesn't need
    kept = numpy_generator_kept()
    with kept, plain_arrays(), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a start needn't be the optimum
        model.fit(samples)
    return getattr(model, "cluster_centers_" if dictionary == "kmeans" else "components_")


def _unit_atoms(atoms: np.ndarray, n_components: int, seed: int) -> np.ndarray:
    """Scale atoms to unit length; those that are missing or 0 become random."""
    atoms = np.vstack([atoms, np.zeros((n_components - len(atoms), atoms.shape[1]))])
    length = np.linalg.norm(atoms, axis=1)
    unused = ~(length > 1e-10)
    random = np.random.default_rng(seed).normal(size=(int(unused.sum()), atoms.shape[1]))
    atoms[unused] = random
    return atoms / np.linalg.norm(atoms, axis=1, keepdims=True)
