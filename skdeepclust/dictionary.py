"""Dictionary learning by K-SVD, with orthogonal matching pursuit of many samples at once."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import gen_batches
from sklearn.utils.validation import check_array, check_is_fitted, validate_data
from torch.nn import functional

from skdeepclust._compat import Interval, fit_context, pages_of
from skdeepclust._engine.foreign_arrays import readable
from skdeepclust._engine.global_settings import plain_arrays
from skdeepclust._engine.reports import reporting
from skdeepclust._engine.rng import draw_seed

FLOATS = (np.float64, np.float32)
ALIKE = 0.99  # the absolute cosine above which one of two atoms is replaced
MOST_ROWS = 512  # a block of rows whose correlations with 128 atoms stay in the cache
BLOCK_SIZE = 2**23  # the most numbers that a block may hold
TINY = np.finfo(np.float64).tiny  # stands in for the largest value of a row of zeros
SAFE_EXPONENT = 30  # squares of values within 2^±30 neither overflow nor vanish in float32


class KSVD(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    r"""Learn atoms of which each sample is a sum of few, :math:`\min_{D, Z} \|X - Z D\|_F^2`.

    Each row of Z has at most `n_nonzero_coefs` values other than zero, and each row of D, an
    atom, has norm 1. Two steps alternate: orthogonal matching pursuit chooses atoms for each
    sample; then one atom after the other, and its coefficients, are fitted by a step of the power
    method to what the other atoms leave of the samples that use it.

    An atom that no sample uses, or whose absolute cosine with another is above 0.99, is replaced
    by one of the samples that are represented worst. The dictionary of the iteration with the least
    error is the result. Samples are taken as they are: they are not centred.

    Parameters
    ----------
    n_components : int, default=None
        Number p of atoms, at least 1. None is the number of features.
    n_nonzero_coefs : int, default=None
        The most atoms a sample may use, at least 1 and at most p. None is a tenth of the number of
        features, rounded down, at least 1 and at most p.
    max_iter : int, default=30
        The most iterations, at least 1.
    tol : float, default=1e-3
        Training ends when an iteration that replaces no atom changes the error by less than `tol`
        times the error; at least 0. At 0 it goes on to `max_iter`, or until no error is left.
    random_state : int, RandomState instance or None, default=None
        Draws the samples that are the first atoms. An int gives the same result in each call.
    verbose : int, default=0
        0 is silent. 1 shows a progress bar in a terminal or a notebook (with the package rich) and
        elsewhere prints a line an iteration, as 2 does everywhere.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        Dictionary D; atoms have norm 1.
    error_ : list of float
        Least relative error :math:`\|X - Z D\|_F / \|X\|_F` up to each iteration, in [0, 1], with
        the codes Z that `transform` finds; the last is that of `components_`.
    n_iter_ : int
        Number of iterations.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, where X has names that are all strings.

    References
    ----------
    M. Aharon, M. Elad, A. Bruckstein (2006). K-SVD: An Algorithm for Designing Overcomplete
    Dictionaries for Sparse Representation. IEEE Transactions on Signal Processing 54. Section IV.

    R. Rubinstein, M. Zibulevsky, M. Elad (2008). Efficient Implementation of the K-SVD Algorithm
    Using Batch Orthogonal Matching Pursuit. Technical report CS-2008-08, Technion. Figures 3
    and 5.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdeepclust.dictionary import KSVD
    >>> X, _ = load_digits(return_X_y=True)
    >>> ksvd = KSVD(32, n_nonzero_coefs=4, random_state=0).fit(X)
    >>> codes = ksvd.transform(X)
    >>> codes.shape, int((codes != 0).sum(axis=1).max())
    ((1797, 32), 4)
    >>> ksvd.error_[0], ksvd.error_[-1]
    (0.29, 0.25)
    """

    _parameter_constraints: ClassVar[dict] = {
        "n_components": [Interval(Integral, 1, None, closed="left"), None],
        "n_nonzero_coefs": [Interval(Integral, 1, None, closed="left"), None],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    _doc_link_module = "skdeepclust"
    _doc_link_template = pages_of("skdeepclust.dictionary")

    components_: np.ndarray
    n_features_in_: int
    feature_names_in_: np.ndarray

    def __init__(
        self,
        n_components: int | None = None,
        *,
        n_nonzero_coefs: int | None = None,
        max_iter: int = 30,
        tol: float = 1e-3,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ):
        self.n_components = n_components
        self.n_nonzero_coefs = n_nonzero_coefs
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state
        self.verbose = verbose

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> KSVD:
        """Learn the dictionary.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.
        y : Ignored, default=None
            There for pipelines.

        Returns
        -------
        KSVD
            The estimator itself.

        Raises
        ------
        ValueError
            If `n_nonzero_coefs` is above the number of atoms.
        """
        X = _within_range(self._validated(X, reset=True))
        n_components = self.n_components or X.shape[1]
        n_nonzero = self._n_nonzero(n_components)
        rng = np.random.default_rng(draw_seed(self.random_state))
        atoms = _initial_atoms(X, n_components, rng)
        codes, errors = _coded(X, atoms, n_nonzero)
        norm = np.sqrt(_total(_squared_norms(X))) or 1.0
        error = least = np.sqrt(_total(errors)) / norm
        self.components_ = atoms.copy()
        self.error_: list[float] = []
        with reporting("KSVD", self.verbose) as report, report.task("iterations", self.max_iter):
            for iteration in range(1, self.max_iter + 1):
                _update_atoms(atoms, codes, X)
                n_replaced = _replace_atoms(atoms, codes, errors, X, rng)
                codes, errors = _coded(X, atoms, n_nonzero)
                before, error = error, np.sqrt(_total(errors)) / norm
                # matching pursuit is greedy: nothing keeps the error from rising
                if error <= least:
                    least, self.components_ = error, atoms.copy()
                self.error_.append(float(least))
                report.advance(iteration, {"relative error": error, "atoms replaced": n_replaced})
                has_converged = n_replaced == 0 and abs(before - error) < self.tol * error
                if has_converged or least <= 10 * np.finfo(X.dtype).eps:
                    break
        self.n_iter_ = len(self.error_)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Find codes Z by orthogonal matching pursuit; those of a row don't depend on others.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            Codes, of the floating point type of X; at most `n_nonzero_coefs` values of a row are
            not zero.
        """
        check_is_fitted(self)
        X = self._validated(X, reset=False)
        atoms = self.components_.astype(X.dtype, copy=False)
        codes = np.empty((len(X), len(atoms)), X.dtype)
        for rows, block in _pursuit(X, atoms, self._n_nonzero(len(atoms))):
            codes[rows] = block
        return codes

    def inverse_transform(self, X: Any) -> np.ndarray:
        """Return the samples that codes stand for, Z D.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Codes Z.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Samples, of the floating point type of the codes.
        """
        check_is_fitted(self)
        with plain_arrays():
            codes = check_array(X, dtype=FLOATS, estimator=self)
        if codes.shape[1] != len(self.components_):
            raise ValueError(
                f"X has {codes.shape[1]} columns, but the dictionary has {len(self.components_)} "
                "atoms; hand over codes as transform returns them."
            )
        return codes @ self.components_.astype(codes.dtype, copy=False)

    def score(self, X: Any, y: Any = None) -> float:
        r"""Minus the mean squared error of reconstruction, :math:`-\|X - Z D\|_F^2 / (n m)`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.
        y : Ignored, default=None
            There for pipelines and searches.

        Returns
        -------
        float
            At most 0; greater is better, as searches over parameters expect.
        """
        check_is_fitted(self)
        X = self._validated(X, reset=False)
        atoms = self.components_.astype(X.dtype, copy=False)
        total = 0.0
        for rows, codes in _pursuit(X, atoms, self._n_nonzero(len(atoms))):
            total += _total(_squared_norms(X[rows] - codes @ atoms))
        return -total / X.size

    def _validated(self, X, *, reset: bool) -> np.ndarray:
        with plain_arrays():
            return validate_data(self, readable(X), dtype=FLOATS, order="C", reset=reset)

    def _n_nonzero(self, n_components: int) -> int:
        n_nonzero = self.n_nonzero_coefs
        if n_nonzero is None:
            return min(max(1, self.n_features_in_ // 10), n_components)
        if n_nonzero > n_components:
            raise ValueError(
                f"n_nonzero_coefs={n_nonzero}, but there are {n_components} atoms; lower it, or "
                "raise n_components."
            )
        return min(n_nonzero, self.n_features_in_)

    @property
    def _n_features_out(self) -> int:
        return len(self.components_)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


# ---------------------------------------------------------------- codes


def _pursuit(
    X: np.ndarray, atoms: np.ndarray, n_nonzero: int
) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield blocks of rows and their codes by orthogonal matching pursuit."""
    gram = torch.from_numpy(atoms @ atoms.T)
    numbers_a_row = X.shape[1] + 4 * len(atoms) + n_nonzero * (n_nonzero + 4)
    n_rows = min(max(BLOCK_SIZE // numbers_a_row // 16 * 16, 16), MOST_ROWS)
    wide = atoms.astype(np.float64)
    for rows in gen_batches(len(X), n_rows):
        largest = np.abs(X[rows]).max(axis=1) * X.shape[1] ** 0.5
        correlations = _steady(X[rows] @ wide.T, largest).astype(X.dtype)
        noise = 10 * np.finfo(X.dtype).eps * largest
        yield rows, _block_pursuit(correlations, gram, n_nonzero, noise)


def _steady(products: np.ndarray, largest: np.ndarray) -> np.ndarray:
    """Round products to digits that no order of the sums changes.

    The order in which BLAS takes the sum of a row depends on where the row stands in a block and on
    the processor, and a rounding error can decide which of two atoms is chosen.
    """
    step = np.exp2(np.ceil(np.log2(10 * np.finfo(np.float64).eps * np.maximum(largest, TINY))))
    return np.rint(products / step[:, None]) * step[:, None]


def _block_pursuit(
    correlations: np.ndarray, gram: torch.Tensor, n_nonzero: int, noise: np.ndarray
) -> np.ndarray:
    """Code rows from their correlations with the atoms, which end as those of the residuals.

    The chosen atoms of a row are made orthogonal in the order of their choice: row t of `basis`
    has the coefficients of the t-th orthonormal vector. A row stops, and the rest of its
    coefficients stay zero, where only rounding errors are left or the atom found depends on those
    it has.
    """
    n_rows, dtype = len(correlations), correlations.dtype
    gram_values, every_row = gram.numpy(), np.arange(len(correlations))
    support = np.zeros((n_rows, n_nonzero), np.int64)
    coefs = np.zeros((n_rows, n_nonzero), dtype)
    basis = np.zeros((n_rows, n_nonzero, n_nonzero), dtype)
    active = np.ones(n_rows, bool)
    least_rest = 100 * np.finfo(dtype).eps
    for t in range(n_nonzero):
        chosen = np.abs(correlations).argmax(axis=1)
        correlation = correlations[every_row, chosen]
        products = gram_values[chosen[:, None], support[:, :t]]  # (n_rows, t)
        known = basis[:, :t, :t]
        projections = (known @ products[:, :, None])[:, :, 0]
        rest = 1 - np.einsum("nt,nt->n", projections, projections)
        active &= (np.abs(correlation) > noise) & (rest > least_rest)
        scale = np.where(active, np.maximum(rest, least_rest) ** -0.5, 0).astype(dtype)
        basis[:, t, :t] = -scale[:, None] * (projections[:, None] @ known)[:, 0]
        basis[:, t, t] = scale
        support[:, t] = chosen
        step = (correlation * scale)[:, None] * basis[:, t, : t + 1]
        coefs[:, : t + 1] += step
        atoms_so_far = torch.from_numpy(support[:, : t + 1].copy())
        correlations -= functional.embedding_bag(
            atoms_so_far, gram, per_sample_weights=torch.from_numpy(step), mode="sum"
        ).numpy()
    codes = gram.new_zeros(n_rows, len(gram))
    # a row that has stopped may name an atom twice, the second time with 0
    return codes.scatter_add_(1, torch.from_numpy(support), torch.from_numpy(coefs)).numpy()


def _coded(X: np.ndarray, atoms: np.ndarray, n_nonzero: int) -> tuple[np.ndarray, np.ndarray]:
    """Return codes by matching pursuit, and squared errors of the samples."""
    codes = np.empty((len(X), len(atoms)), X.dtype)
    errors = np.empty(len(X), X.dtype)
    for rows, block in _pursuit(X, atoms, n_nonzero):
        codes[rows] = block
        errors[rows] = _squared_norms(X[rows] - block @ atoms)
    return codes, errors


# ---------------------------------------------------------------- atoms


def _initial_atoms(X: np.ndarray, n_components: int, rng: np.random.Generator) -> np.ndarray:
    """Draw samples other than zero, none like another; random directions where they are too few."""
    atoms = rng.standard_normal((n_components, X.shape[1])).astype(X.dtype)
    drawn = rng.permutation(np.flatnonzero(X.any(axis=1)))[:n_components]
    samples = _normalized(X[drawn])
    alike = np.tril(np.abs(samples @ samples.T) > ALIKE, -1).any(axis=1)
    samples = samples[~alike]
    atoms[: len(samples)] = samples
    return _normalized(atoms)


def _update_atoms(atoms: np.ndarray, codes: np.ndarray, X: np.ndarray) -> None:
    """Take one step of the power method with each atom in use and its coefficients, in place.

    The residuals without an atom, :math:`E = X - Z D + z_k d_k`, are never there as a whole: what
    the step needs are :math:`E^T z_k` and :math:`E d_k`.
    """
    for k in range(len(atoms)):
        rows = np.flatnonzero(codes[:, k])
        samples, others = X[rows], codes[rows]
        coefs = others[:, k].copy()
        others[:, k] = 0
        atom = coefs @ samples - (coefs @ others) @ atoms
        norm = np.linalg.norm(atom)
        if norm > 0:
            atoms[k] = atom / norm
            codes[rows, k] = samples @ atoms[k] - others @ (atoms @ atoms[k])


def _replace_atoms(
    atoms: np.ndarray,
    codes: np.ndarray,
    errors: np.ndarray,
    X: np.ndarray,
    rng: np.random.Generator,
) -> int:
    """Replace atoms that no sample uses or that are like one in more use; tell how many.

    Samples with a large error take their place; once there are none, what is like another atom
    becomes a random direction, and what is only not used stays.
    """
    counts = np.count_nonzero(codes, axis=0)
    rank = np.empty(len(atoms), int)
    rank[np.argsort(-counts, kind="stable")] = np.arange(len(atoms))
    alike = np.any((np.abs(atoms @ atoms.T) > ALIKE) & (rank[:, None] > rank), axis=1)
    free = np.flatnonzero(alike | (counts == 0))
    if len(free) == 0:
        return 0
    candidates = _worst_samples(X, errors, 4 * len(free))
    closeness = np.abs(candidates @ np.delete(atoms, free, axis=0).T).max(axis=1, initial=0)
    n_replaced = 0
    for k in free:
        distinct = closeness <= ALIKE
        if distinct.any():
            atoms[k] = candidates[distinct.argmax()]
            closeness = np.maximum(closeness, np.abs(candidates @ atoms[k]))
        elif alike[k]:
            atoms[k] = _normalized(rng.standard_normal((1, X.shape[1])).astype(X.dtype))[0]
        else:
            continue
        n_replaced += 1
    return n_replaced


def _worst_samples(X: np.ndarray, errors: np.ndarray, n_samples: int) -> np.ndarray:
    """Return normalised samples with the largest errors, worst first, the exact ones left out."""
    worst = np.argsort(-errors, kind="stable")[:n_samples]
    norms = _squared_norms(X[worst])
    return _normalized(X[worst[errors[worst] > 1e3 * np.finfo(X.dtype).eps ** 2 * norms]])


# ---------------------------------------------------------------- arithmetic


def _within_range(X: np.ndarray) -> np.ndarray:
    """Scale X by a power of 2, exactly, where squares of its values are out of range."""
    exponent = int(np.frexp(np.abs(X).max())[1])
    return np.ldexp(X, -exponent) if abs(exponent) > SAFE_EXPONENT else X


def _squared_norms(X: np.ndarray) -> np.ndarray:
    return np.einsum("nm,nm->n", X, X)


def _total(values: np.ndarray) -> float:
    return float(values.sum(dtype=np.float64))


def _normalized(X: np.ndarray) -> np.ndarray:
    return X / np.linalg.norm(X, axis=1, keepdims=True)
