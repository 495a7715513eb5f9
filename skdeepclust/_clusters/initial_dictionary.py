"""The dictionary from which TAGnet starts."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from sklearn import config_context
from sklearn.cluster import MiniBatchKMeans
from sklearn.decomposition import MiniBatchDictionaryLearning
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_array
from torch import Tensor

from skdeepclust._engine.rng import numpy_generator_kept
from skdeepclust._engine.stored_arrays import rows_of
from skdeepclust.dictionary import KSVD

# A dictionary is learned on at most this many samples.
MAX_SAMPLES = 20_000
# Weight of the absolute values while it is learned, for samples of unit length.
LEARNING_LAM = 0.1
# Atoms a sample for K-SVD, at most.
N_NONZERO_COEFS = 10


class DictionaryMixin:
    """Adds `_initial_dictionary` to an estimator with the parameter `dictionary`."""

    dictionary: Any
    n_components: int
    verbose: int
    _infer: Callable[..., Tensor]
    _some_rows: Callable[[int, int], np.ndarray | None]

    def _given_dictionary(self, n_features: int) -> np.ndarray | None:
        """Return the dictionary if it is given as an array."""
        if isinstance(self.dictionary, str):
            return None
        atoms = check_array(self.dictionary, dtype=np.float64, input_name="dictionary")
        if atoms.shape[1] != n_features:
            raise ValueError(
                f"dictionary has atoms with {atoms.shape[1]} features, but X has {n_features}: "
                "give an array of shape (n_components, n_features)."
            )
        return atoms

    def _initial_dictionary(
        self, X, weight: np.ndarray, prepare: Callable[[Tensor], Tensor]
    ) -> np.ndarray:
        """Return the atoms (n_components, n_features): given, or learned from some samples."""
        seed = int(torch.randint(2**31 - 1, ()))
        given = self._given_dictionary(X.shape[1])
        if given is not None:
            return given
        rows = np.flatnonzero(weight > 0)
        some = self._some_rows(len(rows), MAX_SAMPLES)
        rows = rows if some is None else rows[some]
        samples = self._infer(prepare, rows_of(X, rows))
        samples = samples.cpu().numpy().astype(np.float64)
        scale = np.sqrt(np.square(samples).sum(1).mean()) or 1.0
        return _unit_atoms(self._learn(samples / scale, seed), self.n_components, seed)

    def _learn(self, samples: np.ndarray, seed: int) -> np.ndarray:
        if self.dictionary == "ksvd":
            n_nonzero = min(N_NONZERO_COEFS, self.n_components, samples.shape[1])
            model = KSVD(
                self.n_components,
                n_nonzero_coefs=n_nonzero,
                random_state=seed,
                verbose=self.verbose,
            )
        elif self.dictionary == "kmeans":
            n_clusters = min(self.n_components, len(samples))
            model = MiniBatchKMeans(n_clusters, n_init=1, random_state=seed)
        else:
            model = MiniBatchDictionaryLearning(
                self.n_components,
                alpha=LEARNING_LAM,
                max_iter=20,
                fit_algorithm="cd",
                random_state=seed,
            )
        # scikit-learn's coordinate descent draws a seed that it doesn't need
        kept = numpy_generator_kept()
        with kept, config_context(array_api_dispatch=False), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a start needn't be the optimum
            model.fit(samples)
        return getattr(model, "cluster_centers_" if self.dictionary == "kmeans" else "components_")


def _unit_atoms(atoms: np.ndarray, n_components: int, seed: int) -> np.ndarray:
    """Scale atoms to unit length; those that are missing or 0 become random."""
    atoms = np.vstack([atoms, np.zeros((n_components - len(atoms), atoms.shape[1]))])
    length = np.linalg.norm(atoms, axis=1)
    unused = ~(length > 1e-10)
    random = np.random.default_rng(seed).normal(size=(int(unused.sum()), atoms.shape[1]))
    atoms[unused] = random
    return atoms / np.linalg.norm(atoms, axis=1, keepdims=True)
