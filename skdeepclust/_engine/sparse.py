"""Whether data are sparse."""

from __future__ import annotations

from typing import Any, TypeGuard

from scipy import sparse


def is_sparse(X: Any) -> TypeGuard[Any]:
    """Tell whether X is a sparse array or matrix of SciPy.

    To a type checker, what passes `scipy.sparse.issparse` is of a base class without attributes,
    neither `shape` nor `toarray`.
    """
    return sparse.issparse(X)
