"""Types and functions that any file may name: they make numbers from numbers, and nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy import special
from torch.nn import functional

# Nothing that reads or writes files, calls other functions, or looks up attributes by name.
BUILTINS = [
    bool, bytes, complex, dict, float, frozenset, int, list, object, set, str, tuple, type(None),
    abs, len, max, min, round, sorted, sum,
    str.casefold, str.lower, str.lstrip, str.rstrip, str.split, str.splitlines, str.strip,
    str.swapcase, str.title, str.upper,
]  # fmt: skip
# `numpy.vectorize`, `frompyfunc` and `apply_along_axis` call what they are given, `load` and
# `fromfile` read files.
NUMPY = [
    "abs", "all", "amax", "amin", "angle", "any", "argmax", "argmin", "argsort", "around", "array",
    "asarray", "atleast_1d", "atleast_2d", "average", "bincount", "broadcast_to", "clip",
    "column_stack", "concatenate", "copy", "corrcoef", "count_nonzero", "cov", "cross", "cumprod",
    "cumsum", "diff", "digitize", "dot", "einsum", "expand_dims", "flip", "fliplr", "flipud",
    "full_like", "gradient", "histogram", "hstack", "i0", "imag", "interp", "isclose", "isin",
    "linspace", "max", "mean", "median", "min", "moveaxis", "nan_to_num", "nanmax", "nanmean",
    "nanmedian", "nanmin", "nanpercentile", "nanquantile", "nanstd", "nansum", "nanvar",
    "ones_like", "outer", "percentile", "prod", "ptp", "quantile", "ravel", "real", "repeat",
    "reshape", "roll", "round", "searchsorted", "sign", "sinc", "sort", "squeeze", "stack", "std",
    "sum", "swapaxes", "take", "tanh", "tile", "transpose", "trapezoid", "unique", "unwrap", "var",
    "vstack", "where", "zeros_like",
]  # fmt: skip
# Some are no ufuncs of numpy where scipy takes arrays of other libraries.
SCIPY = [
    "boxcox", "digamma", "entr", "erf", "erfc", "erfinv", "exp10", "exp2", "expit", "expm1",
    "gammaln", "inv_boxcox", "log1p", "log_expit", "log_softmax", "logit", "logsumexp", "softmax",
    "xlog1py", "xlogy",
]  # fmt: skip
TORCH = [
    "abs", "cos", "exp", "log", "log1p", "relu", "selu", "sigmoid", "sin", "softmax", "sqrt",
    "square", "tanh",
]  # fmt: skip
FUNCTIONAL = [
    "celu", "elu", "gelu", "glu", "hardshrink", "hardsigmoid", "hardswish", "hardtanh",
    "leaky_relu", "log_softmax", "logsigmoid", "mish", "normalize", "relu", "relu6", "rrelu",
    "selu", "sigmoid", "silu", "softmax", "softmin", "softplus", "softshrink", "softsign", "tanh",
    "tanhshrink", "threshold",
]  # fmt: skip


def _collect() -> dict[tuple[str, str], Any]:
    found = {("builtins", each.__qualname__): each for each in BUILTINS}
    found["numpy", "bool"] = np.bool_  # as NumPy 2 calls it
    for space in (np, special):
        objects = {name: getattr(space, name) for name in dir(space) if not name.startswith("__")}
        is_type = {k: isinstance(v, type) and issubclass(v, np.generic) for k, v in objects.items()}
        found |= {
            (space.__name__, name): each
            for name, each in objects.items()
            if is_type[name] or isinstance(each, np.ufunc)
        }
    lists = ((np, NUMPY), (special, SCIPY), (torch, TORCH), (functional, FUNCTIONAL))
    for space, names in lists:
        found |= {(space.__name__, k): getattr(space, k) for k in names if hasattr(space, k)}
    return found


HARMLESS = _collect()
# By what a file names each; one that has several names goes by its own.
NAMES = {id(each): key for key, each in HARMLESS.items()}
NAMES |= {id(each): key for key, each in HARMLESS.items() if key[1] == each.__name__}
