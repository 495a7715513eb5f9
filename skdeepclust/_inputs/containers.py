"""What may hold X: some of other ecosystems' containers are taken, others say what to pass."""

from __future__ import annotations

import inspect
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from numbers import Number
from typing import Any

import numpy as np
import torch
from torch.nn.utils.rnn import PackedSequence
from torch.utils.data import DataLoader, Dataset

from skdeepclust._engine.foreign_arrays import array_of_tensor, in_numpy, is_dask, unmasked
from skdeepclust._engine.sparse import is_sparse
from skdeepclust._engine.stored_arrays import is_stored

# Gets samples, and whether they were given as images.
Pad = Callable[[list[Any], bool], Any]


def gathered(X: Any, pad: Pad | None = None) -> Any:
    """Return X as what scikit-learn or torch knows, or raise an error that says what to pass.

    Parameters
    ----------
    X : object
        What the user gives. Arrays, tensors, frames and arrays that are stored stay as they are.
    pad : callable, default=None
        Returns samples in one array that are given in a list, of shapes that may be unlike, or
        `None` where that isn't needed; is told whether they are images. `None`: their shapes have
        to be alike.

    Raises
    ------
    TypeError
        If X is no array, and holds no array that would be meant beyond doubt.
    ValueError
        If values are masked, or samples are of unlike shapes.
    """
    if is_sparse(X):
        return X
    if isinstance(X, torch.Tensor):
        return _of_tensor(X, pad)
    if isinstance(X, np.ma.MaskedArray):
        return unmasked(X, "X")
    if isinstance(X, PackedSequence):
        _refuse(X, "pass torch.nn.utils.rnn.pad_packed_sequence(X, batch_first=True)[0]")
    if isinstance(X, (Sequence, deque)) and not isinstance(X, (str, bytes, memoryview)):
        return _listed(X, pad)
    if _is_column_of_objects(X):
        return _listed(list(X), pad)
    for is_one, advice in REFUSED:
        if is_one(X):
            _refuse(X, advice(X))
    return X


@contextmanager
def numbers_alone() -> Generator[None]:
    """Say of X that it has to hold numbers where its conversion to numbers fails."""
    try:
        yield
    except (TypeError, ValueError) as error:
        if not str(error).startswith(CONVERSIONS):
            raise
        raise type(error)(
            f"X holds values that are no numbers ({error}): encode them, for instance with "
            "OneHotEncoder, or leave out their columns."
        ) from None


# How NumPy and Python begin to say so.
CONVERSIONS = ("could not convert", "float() argument", "setting an array element")


def _is_column_of_objects(X: Any) -> bool:
    """Tell whether this is an array, or a column of a frame, of what may be arrays."""
    if hasattr(X, "ndim") and not hasattr(X, "shape"):  # rows may be of unlike lengths
        return True
    kind = getattr(getattr(X, "dtype", None), "kind", None)
    return kind == "O" and getattr(X, "ndim", 0) == 1 and not is_stored(X)


def _of_tensor(X: torch.Tensor, pad: Pad | None) -> Any:
    if X.is_nested:
        return _listed(list(X.unbind()), pad)
    if X.is_meta:
        _refuse(X, "this one is on the device 'meta', where there are no values; pass a real one")
    if X.layout != torch.strided:
        return array_of_tensor(X)
    if X.is_quantized:
        _refuse(X, "this one is quantised; pass X.dequantize()")
    # dense ones are gathered by batches, on their device
    return X.detach().resolve_conj().resolve_neg()


def _refuse(X: Any, advice: str) -> None:
    raise TypeError(f"X of type {type(X).__name__} is no array of samples: {advice}.")


# ---------------------------------------------------------------- what is refused


def _is_mapping(X: Any) -> bool:
    return isinstance(X, Mapping) or (hasattr(X, "keys") and not hasattr(X, "shape"))


def _advice_on_mapping(X: Any) -> str:
    keys = [key for key, _ in zip(X.keys(), range(5), strict=False)]
    example = f", such as X[{keys[0]!r}]" if keys else ""
    return f"pass one of the arrays that it holds{example}, or a DataFrame of its columns"


def _is_lazy_frame(X: Any) -> bool:
    return hasattr(X, "collect") and not hasattr(X, "shape")


def _is_frame_of_dask(X: Any) -> bool:
    return is_dask(X) and not hasattr(X, "chunks")


def _advice_on_dask(X: Any) -> str:
    if hasattr(X, "to_dask_array"):
        return "pass X.to_dask_array(lengths=True), a Dask array, or X.compute()"
    return "pass a Dask array, or X.compute()"


def _is_hugging_face(X: Any) -> bool:
    return hasattr(X, "with_format") and hasattr(X, "column_names")


def _advice_on_hugging_face(X: Any) -> str:
    column = next(iter(X.column_names or []), "image")
    return f"pass one of its columns as an array, such as X.with_format('numpy')[{column!r}][:]"


def is_image(X: Any) -> bool:
    """Tell whether X is an image of PIL."""
    return hasattr(X, "getbands") and hasattr(X, "convert")


def _is_no_array(X: Any) -> bool:
    held = any(hasattr(X, name) for name in ("shape", "__array__", "__dataframe__"))
    return not held and (isinstance(X, Iterable) or hasattr(X, "__getitem__"))


ROWS = "pass an array with a row for each sample"
FILES = (
    "load what stands there into an array, for instance with numpy.load, pandas.read_csv, or "
    "numpy.stack of the images of a folder"
)
STACKED = (
    "pass the samples of the Dataset in one array or tensor, such as "
    "torch.stack([x for x, *_ in dataset])"
)
# Which X are refused, the first that holds, and what the message advises.
REFUSED: list[tuple[Callable[[Any], Any], Callable[[Any], str]]] = [
    (lambda X: isinstance(X, (str, bytes, os.PathLike)), lambda X: FILES),
    (lambda X: X is None or isinstance(X, Number), lambda X: ROWS),
    (lambda X: isinstance(X, type), lambda X: f"pass an array, not the class {X.__name__}"),
    (inspect.isroutine, lambda X: "pass what it returns, not the function"),
    (lambda X: isinstance(X, (Dataset, DataLoader)), lambda X: STACKED),
    (_is_mapping, _advice_on_mapping),
    (_is_hugging_face, _advice_on_hugging_face),
    (is_image, lambda X: "pass a list of images of one size, [X] of this one alone"),
    (_is_lazy_frame, lambda X: "pass X.collect()"),
    (_is_frame_of_dask, _advice_on_dask),
    (
        lambda X: hasattr(X, "obs") and hasattr(X, "X"),
        lambda X: "pass its matrix, X.X, or an embedding, such as X.obsm['X_pca']",
    ),
    (lambda X: isinstance(X, np.matrix), lambda X: "pass numpy.asarray(X)"),
    (
        lambda X: getattr(getattr(X, "dtype", None), "names", None),
        lambda X: "pass numpy.lib.recfunctions.structured_to_unstructured(X)",
    ),
    (_is_no_array, lambda X: "pass what it yields in one array, such as numpy.stack(list(X))"),
]


# ---------------------------------------------------------------- lists


def _listed(X: Iterable[Any], pad: Pad | None) -> Any:
    """Return a list as it is if NumPy makes an array of it as well, else as an array."""
    X = X if isinstance(X, (list, tuple)) else list(X)
    if X and all(_is_sample_and_label(each) for each in X):
        _refuse(X, "it holds samples with their labels; pass [x for x, _ in X], and their y to fit")
    samples = [_sample(each) for each in X]
    padded = None if pad is None else pad(samples, all(map(is_image, X)))
    if padded is not None:
        return padded
    if _is_pair(samples):
        _refuse(X, "this one looks like samples with their labels; pass them as fit(X, y)")
    shapes = list(dict.fromkeys(shape_of(each) for each in samples))
    if len(shapes) > 1:
        raise ValueError(
            f"X holds samples of unlike shapes, such as {shapes[0]} and {shapes[1]}: bring them to "
            "one shape, by resizing images, cutting or padding sequences."
        )
    as_given = all(new is old for new, old in zip(samples, X, strict=True))
    return X if as_given else np.stack(samples)


def _is_pair(samples: Sequence[Any]) -> bool:
    """Tell whether two arrays are X and y rather than two samples."""
    if len(samples) != 2 or not all(hasattr(each, "shape") for each in samples):
        return False
    first, second = (tuple(each.shape) for each in samples)
    return len(first) > 1 and len(second) == 1 and first[:1] == second


def _is_sample_and_label(item: Any) -> bool:
    if not isinstance(item, tuple) or len(item) != 2:
        return False
    return getattr(item[0], "ndim", 0) > 0 and getattr(item[1], "ndim", 0) == 0


def _sample(value: Any) -> Any:
    if isinstance(value, (str, bytes, os.PathLike)):
        raise TypeError(
            "X is a list of strings, not an array of samples: load the files that they name, or "
            "turn texts into numbers, for instance with TfidfVectorizer."
        )
    if isinstance(value, Mapping):
        raise TypeError(
            "X is a list of mappings, not an array of samples: pass a DataFrame of them, or what "
            "DictVectorizer makes of them."
        )
    if is_sparse(value):
        raise TypeError(
            "X is a list of sparse matrices, not one of all samples: pass scipy.sparse.vstack(X)."
        )
    if is_image(value):
        return array_of_image(value)
    return in_numpy(value, "X")


def array_of_image(image: Any) -> np.ndarray:
    """Return an image of PIL as (height, width), or (channels, height, width) of several."""
    pixels = np.asarray(image.convert("RGB") if image.mode == "P" else image)
    return pixels if pixels.ndim == 2 else np.moveaxis(pixels, -1, 0)


def in_channels(images: list[np.ndarray]) -> np.ndarray | None:
    """Return grey images of one size with an axis of their channel; of others `None`."""
    alike = len({image.shape for image in images}) == 1
    return np.stack(images)[:, None] if alike and images[0].ndim == 2 else None


def shape_of(sample: Any) -> tuple[int, ...]:
    try:
        return np.shape(sample)
    except ValueError:
        raise ValueError(
            "X holds samples that are lists of unlike lengths: each has to be an array of numbers."
        ) from None
