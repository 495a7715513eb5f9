"""Whether data are sparse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeGuard, cast

from scipy import sparse

# Tells whether X is a sparse array or matrix of SciPy. To a type checker, what passes
# `scipy.sparse.issparse` is of a base class without attributes, neither `shape` nor `toarray`.
is_sparse = cast("Callable[[Any], TypeGuard[Any]]", sparse.issparse)
