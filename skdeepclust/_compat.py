"""Everything of scikit-learn that is private or experimental, imported in this one place."""

from __future__ import annotations

from sklearn.base import _fit_context as fit_context
from sklearn.neighbors._base import NeighborsBase
from sklearn.utils._param_validation import HasMethods, Interval, RealNotInt, StrOptions
from sklearn.utils.multiclass import _check_partial_fit_first_call as check_partial_fit_first_call
from sklearn.utils.validation import _check_sample_weight as check_sample_weight

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # pragma: no cover - sklearn.callback is experimental and may move
    from skdeepclust._no_callbacks import CallbackSupportMixin, with_callbacks


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
