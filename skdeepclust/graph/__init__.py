"""Nearest-neighbour graphs of the samples themselves, their Laplacians, smoothing over them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy import sparse
from scipy.sparse import csgraph
from sklearn.base import clone
from sklearn.metrics import mutual_info_score
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import check_array
from sklearn.utils.validation import check_symmetric
from torch import Tensor
from torch.nn import functional

from skdeepclust._engine.foreign_arrays import in_numpy, refuse_missing
from skdeepclust._engine.global_settings import plain_arrays
from skdeepclust.graph._affinity import NeighborAffinity, check_distances, nearest_entries

__all__ = [
    "NeighborAffinity",
    "check_affinity",
    "count_edges",
    "laplacian",
    "largest_eigenvalue_bound",
    "nearest_neighbors",
    "neighbor_information",
    "smooth_over_graph",
]


def nearest_neighbors(
    features: np.ndarray,
    n_neighbors: int,
    *,
    candidates: np.ndarray | None = None,
    neighbors=None,
) -> np.ndarray:
    """Find each sample's nearest other samples.

    Parameters
    ----------
    features : ndarray of shape (n_samples, n_features)
        Samples.
    n_neighbors : int
        Number of neighbours; at most `n_samples - 1` are there.
    candidates : ndarray of int of shape (n_candidates,), default=None
        Which samples may be neighbours, more than `n_neighbors`. `None`: all of them.
    neighbors : transformer or None, default=None
        What finds neighbours and measures distances: a transformer like
        `sklearn.neighbors.KNeighborsTransformer(mode="distance")`, whose `fit_transform(X)`
        returns a sparse matrix of distances, such as that of an approximate index. It is cloned.
        `None`: an exact search with the Euclidean distance.

    Returns
    -------
    ndarray of int of shape (n_samples, n_neighbors)
        Indices, nearest first. Where `neighbors` finds fewer, they are repeated; a sample for
        which it finds none is its own neighbour.

    Raises
    ------
    TypeError
        If `neighbors` doesn't return a sparse matrix.
    ValueError
        If `neighbors` returns a matrix of another shape, or negative distances.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepclust.graph import nearest_neighbors
    >>> X = np.array([[0.0], [1.0], [3.0]])
    >>> nearest_neighbors(X, 1).ravel()
    array([1, 0, 1])
    >>> nearest_neighbors(X, 1, candidates=np.array([0, 2])).ravel()
    array([2, 0, 0])
    """
    n_neighbors = min(n_neighbors, len(features) - 1)
    with plain_arrays():
        if neighbors is not None:
            return _found_neighbors(features, n_neighbors, clone(neighbors))
        search = NearestNeighbors(n_neighbors=n_neighbors, algorithm="brute")
        if candidates is None:
            return search.fit(features).kneighbors(return_distance=False)
        search.fit(features[candidates])
        found = candidates[search.kneighbors(features, n_neighbors + 1, return_distance=False)]
    own = found == np.arange(len(features))[:, None]
    own[:, -1] |= ~own.any(1)  # of one more than are needed, one goes
    return found[~own].reshape(len(features), n_neighbors)


def _found_neighbors(features: np.ndarray, n_neighbors: int, search) -> np.ndarray:
    """Return what a transformer finds as one row of `n_neighbors` indices for each sample."""
    n_samples = len(features)
    distances = search.fit_transform(features)
    check_distances(distances, (n_samples, n_samples))
    distances = nearest_entries(distances, n_neighbors, diagonal=False)
    counts = np.diff(distances.indptr)[:, None]
    entries = distances.indptr[:-1, None] + np.arange(n_neighbors) % np.maximum(counts, 1)
    indices = np.append(distances.indices, 0)[entries]  # a last row without an entry points there
    return np.where(counts > 0, indices, np.arange(n_samples)[:, None])


def smooth_over_graph(
    values: Tensor, neighbors: Tensor, *, weight: float = 0.5, n_steps: int = 10
) -> Tensor:
    r"""Let samples take after their neighbours, :math:`f \leftarrow (1 - w) q + w A f`.

    A averages over the neighbours of a sample; the recursion starts at f = q.

    Parameters
    ----------
    values : Tensor of shape (n_samples, k)
        Values q, such as soft assignments; rows that sum to 1 still do.
    neighbors : Tensor of int64 of shape (n_samples, n_neighbors)
        Indices of the neighbours.
    weight : float, default=0.5
        Weight w of the neighbours, in [0, 1].
    n_steps : int, default=10
        Number of steps.

    Returns
    -------
    Tensor of shape (n_samples, k)
        Smoothed values f.

    References
    ----------
    D. Zhou, O. Bousquet, T. Lal, J. Weston, B. Schölkopf (2003). Learning with Local and Global
    Consistency. NIPS. Section 2.

    Examples
    --------
    >>> import torch
    >>> from skdeepclust.graph import smooth_over_graph
    >>> smooth_over_graph(torch.tensor([[1.0], [0.0]]), torch.tensor([[1], [0]]), n_steps=1)
    tensor([[0.5000],
            [0.5000]])
    """
    smoothed = values
    for _ in range(n_steps):
        around = functional.embedding_bag(neighbors, smoothed, mode="mean")
        smoothed = torch.lerp(values, around, weight)
    return smoothed


def neighbor_information(labels: np.ndarray, neighbors: np.ndarray) -> float:
    """Mutual information between the labels at both ends of the edges of a graph.

    Parameters
    ----------
    labels : ndarray of int of shape (n_samples,)
        Labels.
    neighbors : ndarray of int of shape (n_samples, n_neighbors)
        Indices of the neighbours.

    Returns
    -------
    float
        In nats: 0 for labels that ignore the graph or are all the same.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepclust.graph import neighbor_information
    >>> neighbors = np.array([[1], [0], [3], [2]])
    >>> neighbor_information(np.array([0, 0, 1, 1]), neighbors)
    0.693
    """
    counts = count_edges(np.unique(labels, return_inverse=True)[1], neighbors)
    return float(mutual_info_score(None, None, contingency=counts))


def count_edges(labels: np.ndarray, neighbors: np.ndarray) -> np.ndarray:
    """Count the edges from samples of one label to neighbours of another.

    Parameters
    ----------
    labels : ndarray of int of shape (n_samples,)
        Labels, from 0.
    neighbors : ndarray of int of shape (n_samples, n_neighbors)
        Indices of the neighbours.

    Returns
    -------
    ndarray of int of shape (n_labels, n_labels)
        Numbers of edges; rows are the labels of samples, columns those of their neighbours.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepclust.graph import count_edges
    >>> count_edges(np.array([0, 0, 1]), np.array([[1], [0], [0]]))
    array([[2, 0],
           [1, 0]])
    """
    n_labels = int(labels.max()) + 1
    pairs = labels[:, None] * n_labels + labels[neighbors]
    return np.bincount(pairs.ravel(), minlength=n_labels**2).reshape(n_labels, n_labels)


def check_affinity(affinity, n_rows: int, n_columns: int | None = None) -> sparse.csr_array:
    """Validate affinities that were given, and return them as a sparse matrix of floats.

    Parameters
    ----------
    affinity : {array-like, sparse matrix} of shape (n_rows, n_columns)
        Affinities, finite and not negative. What is no float becomes float64.
    n_rows : int
        Number of samples.
    n_columns : int or None, default=None
        Number of training samples that new samples have affinities to. `None`: it is the graph
        of the training samples themselves, (n_rows, n_rows). Its diagonal is dropped, and where
        it isn't symmetric the mean of both directions is taken, as
        `sklearn.cluster.SpectralClustering` does.

    Returns
    -------
    csr_array of shape (n_rows, n_columns)
        A copy without explicit zeros.

    Raises
    ------
    ValueError
        If the shape is another, or values are negative or not finite.

    Warns
    -----
    UserWarning
        If the graph of the training samples isn't symmetric.

    Examples
    --------
    >>> from skdeepclust.graph import check_affinity
    >>> check_affinity([[1, 2], [2, 1]], 2).toarray()
    array([[0., 2.],
           [2., 0.]])
    """
    affinity = in_numpy(affinity, "affinity")
    refuse_missing(affinity, "affinity")
    shape = (n_rows, n_rows if n_columns is None else n_columns)
    if tuple(np.shape(affinity)) != shape:
        raise ValueError(
            f"affinity has the shape {tuple(np.shape(affinity))}, not {shape}: give a row for "
            "each sample and a column for each training sample."
        )
    dtypes = [np.float64, np.float32]
    with plain_arrays():
        affinity = check_array(
            affinity,
            accept_sparse="csr",
            dtype=dtypes,
            copy=True,
            ensure_min_samples=0,
            ensure_min_features=0,
            input_name="affinity",
        )
    graph = sparse.csr_array(affinity)
    graph.sum_duplicates()
    if graph.nnz and graph.data.min() < 0:
        raise ValueError(
            f"affinity has negative values, the smallest is {graph.data.min():.6g}: give "
            "similarities that are 0 for samples that have nothing in common."
        )
    if n_columns is None:
        graph.setdiag(0)
        graph.eliminate_zeros()
        rounding = 100 * np.finfo(graph.dtype).eps * graph.data.max(initial=0)
        graph = sparse.csr_array(check_symmetric(graph, tol=rounding))
    graph.eliminate_zeros()
    return graph


def laplacian(affinity, *, normalized: bool = True) -> sparse.csr_array:
    r"""Laplacian of a graph, :math:`L = I - D^{-1/2} P D^{-1/2}` or :math:`L = D - P`.

    P holds the affinities and D on its diagonal the degrees :math:`D_{ii} = \sum_j P_{ij}`. The
    row of a sample without a neighbour is 0, so that the graph doesn't act on it.

    Parameters
    ----------
    affinity : {array-like, sparse matrix} of shape (n_samples, n_samples)
        Affinities, finite and not negative; `check_affinity` says what is made of a diagonal
        and of one that isn't symmetric.
    normalized : bool, default=True
        Whether edges are weighted by the degrees of their ends.

    Returns
    -------
    csr_array of shape (n_samples, n_samples)
        Symmetric and positive semidefinite, of the dtype of the affinities.

    References
    ----------
    U. von Luxburg (2007). A Tutorial on Spectral Clustering. Statistics and Computing 17.
    Sections 3.1 and 3.2.

    Examples
    --------
    >>> from skdeepclust.graph import laplacian
    >>> laplacian([[0, 4, 0], [4, 0, 0], [0, 0, 0]]).toarray()
    array([[ 1., -1.,  0.],
           [-1.,  1.,  0.],
           [ 0.,  0.,  0.]])
    """
    affinity = in_numpy(affinity, "affinity")
    graph = check_affinity(affinity, (*np.shape(affinity), 0)[0])
    found: Any = csgraph.laplacian(graph, normed=normalized)  # sparse, like the graph
    matrix = sparse.csr_array(found)
    matrix.eliminate_zeros()
    return matrix


def largest_eigenvalue_bound(laplacian: sparse.csr_array, *, n_steps: int = 20) -> float:
    r"""Bound the largest eigenvalue of a Laplacian, :math:`\max_i (|L| v)_i / v_i`.

    Every positive v gives an upper bound of the eigenvalues of \|L\| and so of L; with v = 1 it
    is that of Gershgorin. Each step replaces v by :math:`|L| v`, which only lowers the bound.
    A normalised Laplacian has no eigenvalue above 2, whatever the graph.

    Parameters
    ----------
    laplacian : sparse matrix of shape (n_samples, n_samples)
        Laplacian, normalised or not.
    n_steps : int, default=20
        Number of steps after the first bound; each costs one product with the matrix.

    Returns
    -------
    float
        Never below the largest eigenvalue, up to rounding; 0 for a graph without an edge.

    References
    ----------
    R. Horn, C. Johnson (2013). Matrix Analysis, 2nd edition. Theorem 8.1.26.

    Examples
    --------
    >>> from skdeepclust.graph import laplacian, largest_eigenvalue_bound
    >>> path = [[0, 1, 0], [1, 0, 1], [0, 1, 0]]
    >>> largest_eigenvalue_bound(laplacian(path))
    2.0
    >>> largest_eigenvalue_bound(laplacian(path, normalized=False), n_steps=0)  # Gershgorin
    4.0
    >>> largest_eigenvalue_bound(laplacian(path, normalized=False))  # the eigenvalue is 3
    3.00
    """
    matrix = abs(sparse.csr_array(laplacian)).astype(np.float64)
    diagonal = matrix.diagonal()
    if np.isin(diagonal, (0, 1)).all():  # normalised, or all degrees are 1, which is the same
        return 2.0 if diagonal.any() else 0.0
    linked = diagonal > 0  # the other rows are 0
    matrix = matrix[linked][:, linked]
    vector, bound = np.ones(matrix.shape[0]), np.inf
    for _ in range(1 + n_steps):
        product = matrix @ vector
        bound = min(bound, float((product / vector).max()))
        # parts of the graph with tiny weights fall behind; any positive vector gives a bound
        vector = np.maximum(product / product.max(), 1e-200)
    return bound
