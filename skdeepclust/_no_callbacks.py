"""What the training loop needs of `sklearn.callback` where scikit-learn does not have it."""

from __future__ import annotations

from typing import Any


class NoCallbackContext:
    """A callback context without callbacks: every call does nothing."""

    def subcontext(self, *args, **kwargs) -> NoCallbackContext:
        return self

    def call_on_fit_task_begin(self, **kwargs) -> None:
        return None

    def call_on_fit_task_end(self, **kwargs) -> bool:
        return False


class CallbackSupportMixin:
    """Stands in for `sklearn.callback.CallbackSupportMixin`."""

    def _init_callback_context(self, **kwargs) -> NoCallbackContext:
        return NoCallbackContext()


def with_callbacks(method: Any) -> Any:
    """Stand in for `sklearn.callback.with_callbacks`."""
    return method
