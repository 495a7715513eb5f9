"""Steps of a pipeline as operations on tensors, in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    RobustScaler,
    StandardScaler,
)
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

Step = Callable[[Tensor], Tensor]

# Values so many times as far from zero as a step scales them apart would lose in float32 what the
# step makes of them.
FLOAT32_REACH = 100.0


class Operation(nn.Module):
    """A fitted step: ``(x - before) @ matrix / divisor * factor + after``, of which parts may lack.

    Parameters
    ----------
    before, divisor, factor, after : ndarray of shape (n_features,), default=None
        What is subtracted, divided by, multiplied by and added, in this order.
    matrix : ndarray of shape (n_features, n_components), default=None
        What rows are multiplied by after the subtraction.
    limits : (float, float), default=None
        Between what the results are cut.
    """

    # each may be None
    before: Any
    matrix: Any
    divisor: Any
    factor: Any
    after: Any

    def __init__(
        self,
        *,
        before: Any = None,
        matrix: Any = None,
        divisor: Any = None,
        factor: Any = None,
        after: Any = None,
        limits: tuple[float, float] | None = None,
    ) -> None:
        super().__init__()
        parts = {"before": before, "matrix": matrix, "divisor": divisor}
        for name, value in (parts | {"factor": factor, "after": after}).items():
            tensor = None if value is None else torch.as_tensor(np.asarray(value, np.float64))
            self.register_buffer(name, tensor)
        self.limits = limits

    def forward(self, x: Tensor) -> Tensor:
        """Return what the step makes of rows, in the order of scikit-learn's operations."""
        x = x if self.before is None else x - self.before
        x = x if self.matrix is None else x @ self.matrix
        x = x if self.divisor is None else x / self.divisor
        x = x if self.factor is None else x * self.factor
        x = x if self.after is None else x + self.after
        return x if self.limits is None else x.clamp(*self.limits)

    def magnitude(self, x: Tensor, size: Tensor) -> Tensor:
        """Return the largest values that rows of the given size go through, results alike."""
        size = size if self.before is None else size + self.before.abs()
        size = size if self.matrix is None else size @ self.matrix.abs()
        size = size if self.divisor is None else size / self.divisor.abs()
        size = size if self.factor is None else size * self.factor.abs()
        return size if self.after is None else size + self.after.abs()

    @property
    def needs_float64(self) -> bool:
        """Whether rows that were rounded to float32 would lose too much."""
        if self.factor is not None:  # of x * factor + after, zero is at -after / factor
            distance = self.after
        elif self.before is not None and self.divisor is not None and self.matrix is None:
            distance = self.before / self.divisor
        elif self.before is not None and self.matrix is not None:
            distance = self.before.norm() / (1.0 if self.divisor is None else self.divisor)
        else:
            return False
        return bool((distance.abs() > FLOAT32_REACH).any())


class UnitLength(nn.Module):
    """scikit-learn's `Normalizer`.

    Parameters
    ----------
    norm : {"l1", "l2", "max"}
        What becomes 1; rows of zeros stay.
    """

    needs_float64 = False

    def __init__(self, norm: str) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, x: Tensor) -> Tensor:
        """Return the rows, scaled."""
        return x / self._length(x)

    def magnitude(self, x: Tensor, size: Tensor) -> Tensor:
        """Return the same of the values that rows have gone through."""
        return size / self._length(x)

    def _length(self, x: Tensor) -> Tensor:
        size = {
            "l1": lambda: x.abs().sum(1, keepdim=True),
            "l2": lambda: (x * x).sum(1, keepdim=True).sqrt(),
            "max": lambda: x.abs().amax(1, keepdim=True),
        }[self.norm]()
        return torch.where(size == 0, 1.0, size)


def _standard(step: StandardScaler) -> nn.Module:
    mean = step.mean_ if step.with_mean else None
    return Operation(before=mean, divisor=step.scale_)


def _min_max(step: MinMaxScaler) -> nn.Module:
    low, high = map(float, step.feature_range)
    limits = (low, high) if step.clip else None
    return Operation(factor=step.scale_, after=step.min_, limits=limits)


def _max_abs(step: MaxAbsScaler) -> nn.Module:
    limits = (-1.0, 1.0) if getattr(step, "clip", False) else None
    return Operation(divisor=step.scale_, limits=limits)


def _robust(step: RobustScaler) -> nn.Module:
    return Operation(before=step.center_, divisor=step.scale_)


def _pca(step: PCA) -> nn.Module:
    deviation = np.sqrt(step.explained_variance_) if step.whiten else None
    if deviation is not None:
        deviation = np.maximum(deviation, np.finfo(deviation.dtype).eps)
    return Operation(before=step.mean_, matrix=step.components_.T, divisor=deviation)


# Of these classes alone: what one that inherits makes, nobody knows.
OPERATIONS: dict[type, Callable[[Any], nn.Module]] = {
    StandardScaler: _standard,
    MinMaxScaler: _min_max,
    MaxAbsScaler: _max_abs,
    RobustScaler: _robust,
    Normalizer: lambda step: UnitLength(step.norm),
    PCA: _pca,
}


def operations_of(pipeline: Pipeline) -> list[nn.Module]:
    """Return the operations of all steps of a fitted pipeline but the last.

    Raises
    ------
    TypeError
        If a step is of a class that has none.
    """
    found: list[nn.Module] = []
    for name, step in pipeline.steps[:-1]:
        if isinstance(step, Pipeline):
            found += [*operations_of(step), *operations_of(Pipeline([("", step[-1]), ("", None)]))]
        elif type(step) in OPERATIONS:
            check_is_fitted(step)
            found.append(OPERATIONS[type(step)](step))
        elif not _does_nothing(step):
            names = ", ".join(each.__name__ for each in OPERATIONS)
            raise TypeError(
                f"Step {name!r} of the pipeline is a {type(step).__name__}, of which one graph "
                f"can't be made; it holds {names}. Export the last step, pipeline[-1], and give "
                "its graph what the steps before it make."
            )
    return found


def n_features_of(pipeline: Pipeline) -> int:
    """Return the number of features of the samples that a fitted pipeline takes."""
    first = next(step for _, step in pipeline.steps if step not in (None, "passthrough"))
    return n_features_of(first) if isinstance(first, Pipeline) else first.n_features_in_


def _does_nothing(step: Any) -> bool:
    return step in (None, "passthrough") or (
        isinstance(step, FunctionTransformer) and step.func is None
    )
