"""Everything of scikit-learn that is private or experimental, imported in this one place."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import _fit_context as fit_context
from sklearn.neighbors._base import NeighborsBase
from sklearn.utils._param_validation import HasMethods, Interval, RealNotInt, StrOptions
from sklearn.utils.multiclass import _check_partial_fit_first_call as check_partial_fit_first_call
from sklearn.utils.validation import _check_sample_weight

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # pragma: no cover - from scikit-learn 1.9; experimental, and may move
    from skdeepclust._no_callbacks import CallbackSupportMixin, with_callbacks


def check_sample_weight(sample_weight: Any, X: Any) -> np.ndarray:
    """Return the weights of the rows of X in float64: none negative, and not all of them zero."""
    weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    # an older scikit-learn lets them pass
    if (weight == 0).all():
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return weight


def allow_another_subtask(context) -> None:
    """Let a callback context have one more subtask than it was made for."""
    if getattr(context, "max_subtasks", None) is not None:
        context.max_subtasks += 1


__all__ = [
    "CallbackSupportMixin",
    "HasMethods",
    "Interval",
    "NeighborsBase",
    "RealNotInt",
    "StrOptions",
    "allow_another_subtask",
    "check_partial_fit_first_call",
    "check_sample_weight",
    "fit_context",
    "with_callbacks",
]
