"""Types of the parameters that all estimators share."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import nn

from skdeepclust import augmentation
from skdeepclust.regularizers import Regularizer

Network = Callable[..., nn.Module] | nn.Module | None  # a class is one of its callables
Optimizer = str | Callable[..., torch.optim.Optimizer]
Device = str | torch.device
Start = str | ArrayLike | Callable[..., Any]
Augmentation = str | augmentation.Augmentation | None
Columns = str | ArrayLike | None
Shape = Sequence[int] | None
Regularizers = Sequence[Regularizer] | None
Callbacks = Sequence[Any] | None  # skorch's, which has no types
Folder = str | os.PathLike[str] | None
ClassWeight = dict[Any, Any] | str | None
RandomState = int | np.random.RandomState | None
