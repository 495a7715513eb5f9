"""X in containers of other ecosystems: taken, or refused in a sentence that says what to pass."""

from __future__ import annotations

import collections
import copy
import functools
import io
import warnings
from pathlib import Path
from types import SimpleNamespace

import dask.array as da
import h5py
import numpy as np
import pandas as pd
import pytest
import torch
from helpers.small_fits import KNOWN, NETWORKS, fitted
from PIL import Image
from scipy import sparse
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from skdeepclust._inputs.containers import gathered

once_fitted = functools.cache(fitted)
TENSOR = torch.tensor(KNOWN)
BYTES = (15 * KNOWN).astype(np.uint8)


class Samples(Dataset):
    """A map of samples and labels."""

    def __len__(self) -> int:
        return len(KNOWN)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return TENSOR[index], 0


class Stream(IterableDataset):
    """Samples one after another."""

    def __iter__(self):
        yield from TENSOR


class HuggingFace:
    """What a data set of Hugging Face is known by."""

    column_names = ("image", "label")

    def with_format(self, name: str) -> HuggingFace:
        return self

    def __len__(self) -> int:
        return 60

    def __getitem__(self, index: int) -> dict:
        return {"image": TENSOR[index]}


class DaskFrame:
    """What a frame of Dask, which needs pyarrow, is known by."""

    dask = shape = ()

    def compute(self) -> pd.DataFrame:
        return pd.DataFrame(KNOWN)

    def to_dask_array(self, lengths: bool) -> da.Array:
        return da.from_array(KNOWN)


class Rows(collections.abc.Sequence):
    """A column of a data set: a sequence, but no list."""

    def __len__(self) -> int:
        return len(KNOWN)

    def __getitem__(self, index: int) -> np.ndarray:
        return KNOWN[range(len(KNOWN))[index]]


class Ragged:
    """An array whose rows may be of unlike lengths, as those of awkward are."""

    ndim = 2

    def __init__(self, rows) -> None:
        self.rows = rows

    def __iter__(self):
        return iter(self.rows)


class Lazy:
    """A frame of polars that isn't computed yet."""

    def collect(self) -> pd.DataFrame:
        return pd.DataFrame(KNOWN)


def quantised() -> torch.Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch will do without
        return torch.quantize_per_tensor(TENSOR.float(), 0.1, 0, torch.quint8)


def group() -> h5py.File:
    file = h5py.File(io.BytesIO(), "w")
    file["images"] = KNOWN
    return file


REFUSED = {
    "data set": (Samples, r"Dataset in one array or tensor.*torch\.stack"),
    "data set of tensors": (lambda: TensorDataset(TENSOR), "Dataset in one array or tensor"),
    "loader": (lambda: DataLoader(Samples()), "Dataset in one array or tensor"),
    "stream": (Stream, "Dataset in one array or tensor"),
    "Hugging Face": (HuggingFace, r"X\.with_format\('numpy'\)\['image'\]"),
    "folder": (lambda: "images", "load what stands there into an array"),
    "path": (lambda: Path("images"), "load what stands there into an array"),
    "files": (lambda: ["a.png", "b.png"], "load the files .*TfidfVectorizer"),
    "image": (lambda: Image.fromarray(BYTES), r"a list of images of one size, \[X\]"),
    "lazy frame": (Lazy, r"pass X\.collect\(\)"),
    "Dask frame": (DaskFrame, r"X\.to_dask_array\(lengths=True\)"),
    "dict": (lambda: {"images": KNOWN}, r"one of the arrays that it holds, such as X\['images'\]"),
    "HDF5 group": (group, r"such as X\['images'\]"),
    "dicts": (lambda: [{"a": 1.0}], "DictVectorizer"),
    "generator": (lambda: (row for row in KNOWN), r"numpy\.stack\(list\(X\)\)"),
    "iterator": (lambda: iter(KNOWN), r"numpy\.stack\(list\(X\)\)"),
    "set": (lambda: {1.0, 2.0}, "one array"),
    "annotated": (lambda: SimpleNamespace(X=KNOWN, obs=None), r"its matrix, X\.X"),
    "sparse rows": (lambda: [sparse.csr_array(KNOWN[:1])] * 3, r"scipy\.sparse\.vstack\(X\)"),
    "nothing": (lambda: None, "a row for each sample"),
    "no values": (lambda: torch.empty(60, 64, device="meta"), "device 'meta'"),
    "fields": (lambda: np.zeros(60, dtype=[("a", float)]), "structured_to_unstructured"),
    "function": (lambda: sparse.rand, "what it returns, not the function"),
    "class": (lambda: np.ndarray, "an array, not the class ndarray"),
    "quantised": (
        quantised,
        r"X\.dequantize\(\)",
    ),
    "with labels": (lambda: (KNOWN, np.zeros(60)), r"fit\(X, y\)"),
    "frame with labels": (lambda: [pd.DataFrame(KNOWN), pd.Series(np.zeros(60))], r"fit\(X, y\)"),
    "pairs": (lambda: list(zip(KNOWN, range(60), strict=True)), r"\[x for x, _ in X\]"),
    "tensors with labels": (lambda: [(row, torch.tensor(0)) for row in TENSOR], "for x, _ in X"),
    "matrix": (lambda: sparse.csr_matrix(KNOWN).todense(), r"numpy\.asarray\(X\)"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_says_what_to_pass(name: str) -> None:
    make, match = REFUSED[name]
    with pytest.raises(TypeError, match=match) as raised:
        gathered(make())
    message = str(raised.value)
    assert message.startswith("X ")
    assert "\n" not in message


DOORS = [
    (name, door)
    for name in NETWORKS
    for door in ("fit", "predict", "transform", "score", "partial_fit", "inverse_transform")
    if hasattr(NETWORKS[name]()[0], door)
]


@pytest.mark.parametrize(("name", "door"), DOORS)
def test_every_door_says_so(name: str, door: str) -> None:
    model = once_fitted(name)
    y = [0] if door == "score" else [[0, 1]] if door in ("fit", "partial_fit") else []
    with pytest.raises(TypeError, match="X of type Samples is no array"):
        getattr(copy.copy(model), door)(Samples(), *y)


@pytest.mark.parametrize(
    "X",
    [
        [np.ones(3), np.ones(4)],
        [[1.0, 2.0], [3.0]],
        np.array([np.ones(3), np.ones(4)], dtype=object),
        pd.Series([np.ones(3), np.ones(4)]),
        [torch.ones(2, 3), torch.ones(3, 3)],
        [Image.fromarray(BYTES), Image.fromarray(BYTES[:5])],
        Ragged([np.ones(3), np.ones(4)]),
    ],
    ids=["arrays", "lists", "objects", "column", "tensors", "images", "ragged"],
)
def test_samples_of_unlike_shapes(X) -> None:
    with pytest.raises(ValueError, match="X holds samples of unlike shapes, such as"):
        gathered(X)


@pytest.mark.parametrize("X", [np.ma.array(KNOWN, mask=KNOWN > 0.5), [np.ma.masked, 1.0]])
def test_masked_values(X) -> None:
    with pytest.raises(ValueError, match="X is a masked array with"):
        gathered(X)


@pytest.mark.parametrize(
    "X",
    [
        pd.DataFrame({"a": ["x"] * 60}),
        pd.DataFrame({"a": pd.Categorical(["x", "y"] * 30), "b": 1.0}),
        np.where(KNOWN > 0.5, pd.NA, KNOWN.astype(object)),
        [["a", "b"]] * 60,
    ],
    ids=["texts", "categories", "NA", "lists of texts"],
)
def test_what_holds_no_numbers(X) -> None:
    with pytest.raises((TypeError, ValueError), match=r"^X holds values that are no numbers"):
        NETWORKS["autoencoder"]()[0].fit(X)


def read_only(X: np.ndarray) -> np.ndarray:
    X = X.copy()
    X.flags.writeable = False
    return X


TAKEN = {
    "read-only": read_only,
    "no mask": np.ma.array,
    "tensors": lambda X: [torch.tensor(row, requires_grad=True) for row in X],
    "rows": list,
    "deque": collections.deque,
    "sequence": lambda X: Rows(),
    "rows of one length": Ragged,
    "objects": lambda X: np.array([*X, 0], dtype=object)[:-1],
    "column of rows": lambda X: pd.Series(list(X)),
    "sparse tensor": lambda X: torch.tensor(X).to_sparse(),
    "tensor with a gradient": lambda X: torch.tensor(X, requires_grad=True),
    "negated view": lambda X: torch.complex(torch.tensor(X), torch.tensor(-X)).conj().imag,
    "nullable frame": lambda X: pd.DataFrame(X).astype("Float64"),
    "sparse frame": lambda X: pd.DataFrame(X).astype(pd.SparseDtype(float, 0.0)),
    "counts by key": sparse.dok_array,
    "Dask": lambda X: da.from_array(X, chunks=20),
}


@pytest.mark.parametrize("holder", TAKEN)
def test_what_is_taken(holder: str) -> None:
    expected = once_fitted("autoencoder")
    X = TAKEN[holder](KNOWN)
    model = NETWORKS["autoencoder"]()[0].fit(X)
    found = np.asarray(model.transform(X))
    np.testing.assert_allclose(found, expected.transform(KNOWN), rtol=1e-4, atol=1e-4)


def test_images_of_pil() -> None:
    gray = [Image.fromarray(each) for each in BYTES.reshape(-1, 8, 8)]
    np.testing.assert_array_equal(gathered(gray), BYTES.reshape(-1, 8, 8))
    colors = np.arange(2 * 4 * 5 * 3, dtype=np.uint8).reshape(2, 4, 5, 3)
    found = gathered([Image.fromarray(each) for each in colors])
    np.testing.assert_array_equal(found, colors.transpose(0, 3, 1, 2))
    palette = gathered([Image.fromarray(each).convert("P") for each in colors])
    assert palette.shape == (2, 3, 4, 5)


def test_what_numpy_takes_stays_as_it_is() -> None:
    for X in (KNOWN, TENSOR.numpy(), KNOWN.tolist(), pd.DataFrame(KNOWN), sparse.csr_array(KNOWN)):
        assert gathered(X) is X
