"""What some tests need, and not every version of scikit-learn and torch that is supported has."""

from __future__ import annotations

from importlib.util import find_spec

import pytest
import torch
from sklearn.base import BaseEstimator

needs_callbacks = pytest.mark.skipif(
    find_spec("sklearn.callback") is None, reason="scikit-learn has callbacks from version 1.9"
)
needs_fitted_attributes = pytest.mark.skipif(
    not hasattr(BaseEstimator, "_get_fitted_attr_html"),
    reason="scikit-learn shows fitted attributes in notebooks from version 1.9",
)
needs_export = pytest.mark.skipif(
    torch.__version__ < (2, 8), reason="torch exports most networks from version 2.8"
)
needs_array_api = pytest.mark.skipif(
    not any(map(find_spec, ["array_api_compat", "sklearn.externals.array_api_compat"])),
    reason="scikit-learn has array_api_compat from version 1.7, and needs that package before",
)
