"""Everything of scikit-learn that is private or experimental, imported in this one place."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import _fit_context as fit_context
from sklearn.ensemble._base import _set_random_states as set_random_states
from sklearn.neighbors._base import NeighborsBase
from sklearn.utils import _safe_indexing as rows_of
from sklearn.utils._param_validation import HasMethods, Interval, RealNotInt, StrOptions
from sklearn.utils.multiclass import _check_partial_fit_first_call as check_partial_fit_first_call
from sklearn.utils.validation import _check_feature_names as check_feature_names
from sklearn.utils.validation import _check_method_params as rows_of_metadata
from sklearn.utils.validation import _check_sample_weight

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # pragma: no cover - from scikit-learn 1.9; experimental, and may move

    class NoCallbackContext:
        """A callback context without callbacks: every call does nothing."""

        def subcontext(self, *args: Any, **kwargs: Any) -> NoCallbackContext:
            return self

        def call_on_fit_task_begin(self, **kwargs: Any) -> None:
            return None

        def call_on_fit_task_end(self, **kwargs: Any) -> bool:
            return False

    class CallbackSupportMixin:
        """Stands in for scikit-learn's."""

        def _init_callback_context(self, **kwargs: Any) -> NoCallbackContext:
            return NoCallbackContext()

    def with_callbacks(method: Any) -> Any:
        """Stand in for scikit-learn's."""
        return method


# Where scikit-learn looks for the pages of a class: see `pages_of`.
SITE = "https://skdeepclust.github.io/skdeepclust/"


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


def samples_of(neighbors: NeighborsBase) -> Any:
    """Return the samples that a fitted search for neighbours finds."""
    return neighbors._fit_X


def pages_of(module: str) -> str:
    """Return scikit-learn's template for the addresses of the estimators that `module` exports.

    It stands in `_doc_link_template` of a class, beside its `_doc_link_module`: a notebook then
    links the class and its parameters to its page, and shows their descriptions. A class of other
    packages that derives from it has no link.
    """
    return f"{SITE}generated/{module}.{{estimator_name}}.html"


__all__ = [
    "SITE",
    "CallbackSupportMixin",
    "HasMethods",
    "Interval",
    "NeighborsBase",
    "RealNotInt",
    "StrOptions",
    "allow_another_subtask",
    "check_feature_names",
    "check_partial_fit_first_call",
    "check_sample_weight",
    "fit_context",
    "pages_of",
    "rows_of",
    "rows_of_metadata",
    "samples_of",
    "set_random_states",
    "with_callbacks",
]
