"""What is inside sees numpy's arrays, whatever scikit-learn and numpy are set to."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import numpy as np
from sklearn import config_context

# What numpy does by itself.
DEFAULT_ERRORS: dict[str, Any] = {
    "divide": "warn",
    "over": "warn",
    "under": "ignore",
    "invalid": "warn",
}


@contextmanager
def plain_arrays() -> Generator[None]:
    """Let neither data frames come from transformers inside the block, nor dispatch on input."""
    with (
        config_context(array_api_dispatch=False, transform_output="default"),
        ordinary_errors(),
    ):
        yield


def ordinary_errors() -> np.errstate:
    """Let numpy raise no error of floats inside the block that it doesn't raise by itself.

    A user who looks for such errors in code of their own means no exponential of scikit-learn's
    that underflows.
    """
    raised = [kind for kind, action in np.geterr().items() if action == "raise"]
    return np.errstate(**{kind: DEFAULT_ERRORS[kind] for kind in raised})
