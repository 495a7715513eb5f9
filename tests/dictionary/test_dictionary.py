"""K-SVD: codes as scikit-learn finds them, atoms as the naive form has them, and edge cases."""

from __future__ import annotations

import re
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import OrthogonalMatchingPursuit, orthogonal_mp_gram

from skdeepclust import dictionary
from skdeepclust.dictionary import KSVD


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def unit(X: np.ndarray) -> np.ndarray:
    return X / np.linalg.norm(X, axis=1, keepdims=True)


def sparse_sums(n: int, p: int, m: int, n_nonzero: int, seed: int) -> tuple[np.ndarray, ...]:
    """Return sums of a few atoms each, and the atoms."""
    rng = np.random.default_rng(seed)
    atoms = unit(rng.normal(size=(p, m)))
    codes = np.zeros((n, p))
    for row in codes:
        row[rng.choice(p, n_nonzero, replace=False)] = rng.normal(size=n_nonzero)
    return codes @ atoms, atoms


def with_atoms(atoms: np.ndarray, n_nonzero: int) -> KSVD:
    """Return an estimator that has learned the given atoms."""
    ksvd = KSVD(len(atoms), n_nonzero_coefs=n_nonzero, max_iter=1, random_state=0).fit(atoms)
    ksvd.components_ = unit(atoms)
    return ksvd


def relative_error(ksvd: KSVD, X: np.ndarray) -> float:
    rest = X - ksvd.inverse_transform(ksvd.transform(X))
    return float(np.linalg.norm(rest) / np.linalg.norm(X))


# ---------------------------------------------------------------- codes


@pytest.mark.parametrize(
    ("n", "m", "p", "n_nonzero"), [(1100, 12, 20, 4), (5, 8, 3, 3), (40, 30, 90, 25), (7, 5, 9, 1)]
)
def test_codes_are_those_of_scikit_learn(n: int, m: int, p: int, n_nonzero: int) -> None:
    X, ksvd = normal(n, m), with_atoms(normal(p, m, seed=1), n_nonzero)
    atoms, codes = ksvd.components_, ksvd.transform(X)
    expected = orthogonal_mp_gram(atoms @ atoms.T, atoms @ X.T, n_nonzero_coefs=n_nonzero).T
    np.testing.assert_allclose(codes, expected, atol=1e-8)
    pursuit = OrthogonalMatchingPursuit(n_nonzero_coefs=n_nonzero, fit_intercept=False)
    np.testing.assert_allclose(codes[:5], pursuit.fit(atoms.T, X[:5].T).coef_, atol=1e-8)


def test_codes_in_float32_are_close_to_those_in_float64() -> None:
    X, ksvd = normal(300, 12), with_atoms(normal(20, 12, seed=1), 4)
    codes = ksvd.transform(X.astype(np.float32))
    assert codes.dtype == ksvd.inverse_transform(codes).dtype == np.float32
    np.testing.assert_allclose(codes, ksvd.transform(X), atol=1e-4)


def test_pursuit_stops_where_nothing_is_left() -> None:
    atoms = unit(normal(6, 8))
    X = np.array([3.0, 0.0, 1e-300])[:, None] * atoms[2]
    codes = with_atoms(atoms, 5).transform(X)
    expected = np.zeros((3, 6))
    expected[:, 2] = [3, 0, 1e-300]
    np.testing.assert_allclose(codes, expected, rtol=1e-12, atol=0)


def test_pursuit_stops_at_atoms_that_depend_on_those_it_has() -> None:
    atoms = unit(normal(3, 2))  # any two of them span the plane
    atoms = np.vstack([atoms, atoms[:1], -atoms[1:2]])
    X = normal(50, 2, seed=1)
    ksvd = with_atoms(atoms, 5)
    codes = ksvd.transform(X)
    assert (np.count_nonzero(codes, axis=1) == 2).all()
    np.testing.assert_allclose(ksvd.inverse_transform(codes), X, atol=1e-12)


def test_pursuit_stops_at_a_nearly_dependent_atom() -> None:
    atoms = unit(np.array([[1, 0], [1, 1e-9]]))
    codes = with_atoms(atoms, 2).transform(np.array([[3.0, 1.0]]))
    np.testing.assert_allclose(np.abs(codes).sum(), 3, rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_codes_of_a_row_do_not_depend_on_other_rows(dtype: type) -> None:
    """Also where atoms tie: which one is chosen must not hang on a rounding error."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 2, (1100, 25)).astype(dtype)
    ksvd = with_atoms(rng.permutation(np.unique(X, axis=0))[:40], 5)
    codes = ksvd.transform(X)
    order = rng.permutation(len(X))
    np.testing.assert_array_equal(ksvd.transform(X[order]), codes[order])
    for rows in (slice(0, 1), slice(700, 703), slice(1, 600)):
        np.testing.assert_array_equal(ksvd.transform(X[rows]), codes[rows])


def test_memory_is_that_of_the_codes() -> None:
    X, ksvd = normal(20_000, 16), with_atoms(normal(64, 16, seed=1), 8)
    tracemalloc.start()
    try:
        codes = ksvd.transform(X)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1.5 * codes.nbytes


# ---------------------------------------------------------------- atoms


def naive_update(atoms: np.ndarray, codes: np.ndarray, X: np.ndarray) -> None:
    """Update each atom and its coefficients from the residuals written out."""
    for k in range(len(atoms)):
        rows = [i for i in range(len(X)) if codes[i, k] != 0]
        if rows:
            E = X[rows] - codes[rows] @ atoms + np.outer(codes[rows, k], atoms[k])
            atom = E.T @ codes[rows, k]
            atoms[k] = atom / np.linalg.norm(atom)
            codes[rows, k] = E @ atoms[k]


def test_update_is_the_naive_one_and_lowers_the_error() -> None:
    X, atoms = normal(60, 9), unit(normal(14, 9, seed=1))
    codes = with_atoms(atoms, 3).transform(X)
    codes[:, 5] = 0
    before = np.linalg.norm(X - codes @ atoms)
    expected, expected_codes = atoms.copy(), codes.copy()
    naive_update(expected, expected_codes, X)
    dictionary._update_atoms(atoms, codes, X)
    np.testing.assert_allclose(atoms, expected, atol=1e-12)
    np.testing.assert_allclose(codes, expected_codes, atol=1e-12)
    assert np.linalg.norm(X - codes @ atoms) < before


@pytest.mark.parametrize("seed", range(3))
def test_recovers_the_atoms_of_sparse_sums(seed: int) -> None:
    X, atoms = sparse_sums(1500, 30, 20, 3, seed)
    ksvd = KSVD(30, n_nonzero_coefs=3, max_iter=80, tol=0, random_state=0).fit(X)
    found = np.abs(ksvd.components_ @ atoms.T).max(axis=0) > 0.99
    assert found.mean() >= 0.9


@pytest.mark.parametrize("seed", range(4))
def test_error_falls_to_that_of_the_codes(seed: int, capsys) -> None:
    X, _ = sparse_sums(300, 30, 12, 2, seed)
    ksvd = KSVD(30, n_nonzero_coefs=2, max_iter=40, tol=0, random_state=seed, verbose=1).fit(X)
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == ksvd.n_iter_ == len(ksvd.error_) == 40
    pattern = r"KSVD, iterations \d+/40: relative error (.*), atoms replaced \d+ \(.* s\)"
    errors = [float(re.fullmatch(pattern, line)[1]) for line in printed]
    np.testing.assert_allclose(ksvd.error_, np.minimum.accumulate(errors), atol=1e-4)
    assert (np.diff(ksvd.error_) <= 0).all()
    assert ksvd.error_[-1] < 0.8 * ksvd.error_[0]
    assert ksvd.error_[-1] == pytest.approx(relative_error(ksvd, X), rel=1e-9)


def test_the_error_itself_hardly_rises_without_replacement(digits, capsys) -> None:
    KSVD(32, n_nonzero_coefs=4, max_iter=20, tol=0, random_state=0, verbose=1).fit(digits[0])
    printed = re.findall(r"error (.*), atoms replaced (\d+)", capsys.readouterr().out)
    errors = np.array([float(error) for error, _ in printed])
    kept = np.array([n_replaced == "0" for _, n_replaced in printed])
    assert kept.sum() > 10
    assert (np.diff(errors)[kept[1:]] <= 1e-3 * errors[:-1][kept[1:]]).all()


def test_a_worse_dictionary_is_not_kept(monkeypatch) -> None:
    update, calls = dictionary._update_atoms, []

    def worse_from_the_third_on(atoms, codes, X):
        update(atoms, codes, X)
        calls.append(atoms.copy())
        if len(calls) >= 3:
            atoms[:] = unit(normal(*atoms.shape, seed=9))

    monkeypatch.setattr(dictionary, "_update_atoms", worse_from_the_third_on)
    X = normal(200, 10)
    ksvd = KSVD(15, n_nonzero_coefs=2, max_iter=5, tol=0, random_state=0).fit(X)
    np.testing.assert_array_equal(ksvd.components_, calls[1])
    assert ksvd.error_[1:] == pytest.approx([relative_error(ksvd, X)] * 4)


def test_tol_and_max_iter_end_training() -> None:
    X = normal(200, 10)
    settings = {"n_nonzero_coefs": 2, "random_state": 0}
    long = KSVD(15, tol=0, max_iter=8, **settings).fit(X)
    short = KSVD(15, tol=0.02, max_iter=8, **settings).fit(X)
    assert long.n_iter_ == 8
    assert 1 < short.n_iter_ < 8
    assert long.error_[: short.n_iter_] == short.error_
    drops = -np.diff(short.error_) / short.error_[1:]
    assert (drops[:-1] >= 0.02).all()
    assert drops[-1] < 0.02


# ---------------------------------------------------------------- replacement


def test_unused_and_alike_atoms_become_the_worst_distinct_samples() -> None:
    basis = np.eye(8)
    atoms = basis[[0, 1, 0, 2, 3]]
    atoms[2, 7] = 0.05  # like atom 0, and in less use
    atoms = unit(atoms)
    X = np.vstack([basis[[0, 0, 0, 1, 3]], 5 * basis[[4, 4]], 4 * basis[[5]], 3 * basis[[6]]])
    codes = np.zeros((len(X), 5))
    codes[[0, 1], 0] = codes[2, 2] = codes[3, 1] = codes[4, 4] = 1  # atom 3 is not used
    errors = ((X - codes @ atoms) ** 2).sum(axis=1)
    kept = atoms[[0, 1, 4]].copy()
    rng = np.random.default_rng(0)
    assert dictionary._replace_atoms(atoms, codes, errors, X, rng) == 2
    np.testing.assert_array_equal(atoms[[0, 1, 4]], kept)
    np.testing.assert_allclose(atoms[[2, 3]], basis[[4, 5]])


def test_without_errors_alike_atoms_become_random_and_unused_ones_stay() -> None:
    X = np.eye(6)[:2]
    atoms = np.eye(6)[[0, 1, 0, 5]]
    codes = np.eye(2, 4)
    rng = np.random.default_rng(0)
    assert dictionary._replace_atoms(atoms, codes, np.zeros(2), X, rng) == 1
    np.testing.assert_array_equal(atoms[[0, 1, 3]], np.eye(6)[[0, 1, 5]])
    gram = np.abs(atoms @ atoms.T)
    np.testing.assert_allclose(np.diag(gram), 1)
    assert gram[np.triu_indices(4, 1)].max() < dictionary.ALIKE


def test_first_atoms_are_distinct() -> None:
    X = np.repeat(normal(6, 10), 5, axis=0) * np.tile([1, -1, 2, 0, 1], 6)[:, None]
    atoms = dictionary._initial_atoms(X, 20, np.random.default_rng(0))
    np.testing.assert_allclose(np.linalg.norm(atoms, axis=1), 1)
    assert np.abs(atoms @ atoms.T)[np.triu_indices(20, 1)].max() < dictionary.ALIKE


def test_few_distinct_samples_among_many_copies() -> None:
    X = np.repeat(normal(12, 10), 30, axis=0)
    ksvd = KSVD(12, n_nonzero_coefs=1, random_state=0).fit(X)
    assert ksvd.error_[-1] < 1e-12


# ---------------------------------------------------------------- edge cases

ROWS = normal(30, 10)
EDGE_CASES = {
    "zero": np.zeros((20, 10)),
    "constant": np.full((20, 10), 3.0),
    "zero rows": np.vstack([ROWS, np.zeros((30, 10))]),
    "one sample": ROWS[:1],
    "fewer samples than atoms": ROWS[:5],
    "one feature": normal(30, 1),
    "copies and their opposites": np.vstack([ROWS[:3], ROWS[:3], -2 * ROWS[:3]]),
    "huge": 1e30 * ROWS,
    "tiny": 1e-30 * ROWS,
    "one huge row": np.vstack([ROWS, 1e10 * ROWS[:1]]),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_components", [1, 8, 40])
@pytest.mark.parametrize("case", EDGE_CASES)
def test_edge_cases(case: str, n_components: int, dtype: type) -> None:
    X = EDGE_CASES[case].astype(dtype)
    n_nonzero = min(3, n_components)
    ksvd = KSVD(n_components, n_nonzero_coefs=n_nonzero, random_state=0).fit(X)
    atoms, codes = ksvd.components_, ksvd.transform(X)
    assert atoms.shape == (n_components, X.shape[1])
    assert atoms.dtype == codes.dtype == dtype
    np.testing.assert_allclose(np.linalg.norm(atoms, axis=1), 1, rtol=1e-5)
    assert np.isfinite(codes).all()
    assert (np.count_nonzero(codes, axis=1) <= n_nonzero).all()
    assert not codes[~X.any(axis=1)].any()
    assert all(0 <= error <= 1 for error in ksvd.error_)
    if case in {"zero", "constant", "one sample", "one feature"} or n_components == 40:
        assert ksvd.error_[-1] < 1e-5  # each sample is the multiple of an atom


@given(st.integers(1, 40), st.integers(1, 6), st.integers(1, 12), st.integers(0, 9))
def test_atoms_stay_unit_vectors(n: int, m: int, p: int, seed: int) -> None:
    X = np.random.default_rng(seed).integers(-1, 2, (n, m)).astype(float)
    ksvd = KSVD(p, max_iter=4, random_state=seed).fit(X)
    np.testing.assert_allclose(np.linalg.norm(ksvd.components_, axis=1), 1)
    assert np.isfinite(ksvd.transform(X)).all()


@pytest.mark.parametrize("exponent", [-90, 5, 90])
def test_powers_of_two_change_the_codes_alone(exponent: int) -> None:
    X = ROWS.astype(np.float32)
    scaled = np.ldexp(X, exponent)
    one, two = (KSVD(8, random_state=0).fit(each) for each in (X, scaled))
    np.testing.assert_array_equal(one.components_, two.components_)
    np.testing.assert_array_equal(np.ldexp(one.transform(X), exponent), two.transform(scaled))
