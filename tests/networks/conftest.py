"""What several tests of networks are about."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.tagnet_network import N_COMPONENTS, N_FEATURES, N_SAMPLES
from scipy import sparse


@pytest.fixture
def problem() -> tuple[np.ndarray, np.ndarray, sparse.csr_array]:
    """Return samples (n, m), a dictionary (p, m) and a graph (n, n), in float64."""
    generator = np.random.default_rng(0)
    X = generator.normal(size=(N_SAMPLES, N_FEATURES))
    dictionary = generator.normal(size=(N_COMPONENTS, N_FEATURES))
    dictionary /= np.linalg.norm(dictionary, axis=1, keepdims=True)
    affinity = np.triu(generator.random((N_SAMPLES, N_SAMPLES)) < 0.4, 1) * generator.random(
        (N_SAMPLES, N_SAMPLES)
    )
    return X, dictionary, sparse.csr_array(affinity + affinity.T)
