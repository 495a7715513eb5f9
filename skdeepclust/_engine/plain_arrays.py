"""What is inside sees numpy's arrays, whatever scikit-learn is set to."""

from __future__ import annotations

from functools import partial

from sklearn import config_context

# Neither data frames from the transformers that are used inside, nor dispatch on their input.
plain_arrays = partial(config_context, array_api_dispatch=False, transform_output="default")
