"""Loaders of IDX files and image sets, on generated files and, where there is one, on MNIST."""

from __future__ import annotations

import gzip
import os
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from sklearn.utils import Bunch

from skdeepclust import datasets
from skdeepclust.datasets import fetch_fashion_mnist, fetch_mnist, load_idx

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}
LOCAL = Path(os.environ.get("SKDEEPCLUST_DATA", Path(__file__).parents[3] / "shared" / "data"))


def idx_bytes(array: np.ndarray) -> bytes:
    kind = array.dtype.str[1:]
    header = struct.pack(f">HBB{array.ndim}I", 0, CODES[kind], array.ndim, *array.shape)
    return header + array.astype(f">{kind}").tobytes()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five training and three test images, two of the files compressed."""
    rng = np.random.default_rng(0)
    for part, n in (("train", 5), ("t10k", 3)):
        images = rng.integers(0, 256, (n, 28, 28), dtype=np.uint8)
        labels = rng.integers(0, 10, n, dtype=np.uint8)
        (tmp_path / f"{part}-images-idx3-ubyte").write_bytes(idx_bytes(images))
        packed = gzip.compress(idx_bytes(labels))
        (tmp_path / f"{part}-labels-idx1-ubyte.gz").write_bytes(packed)
    return tmp_path


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("idx") / "file"


@pytest.mark.parametrize("compressed", [False, True])
@given(data=st.data(), kind=st.sampled_from(sorted(CODES)))
def test_load_idx_gives_back_what_was_written(
    file: Path, compressed: bool, data: st.DataObject, kind: str
) -> None:
    array = data.draw(arrays(np.dtype(kind), array_shapes(max_dims=4, min_side=0, max_side=4)))
    content = idx_bytes(array)
    file.write_bytes(gzip.compress(content) if compressed else content)
    loaded = load_idx(str(file))
    assert loaded.dtype == np.dtype(kind)
    assert loaded.flags.writeable
    np.testing.assert_array_equal(loaded, array)


@pytest.mark.parametrize("kind", CODES)
def test_load_idx_maps_a_plain_file(tmp_path: Path, kind: str) -> None:
    array = np.arange(24).reshape(2, 3, 4).astype(kind)
    path = tmp_path / "file"
    path.write_bytes(idx_bytes(array))
    mapped = load_idx(path, mmap_mode="r")
    assert isinstance(mapped, np.memmap)
    assert not mapped.flags.writeable
    np.testing.assert_array_equal(mapped, array)
    changed = load_idx(path, mmap_mode="c")
    changed[:] = 0
    np.testing.assert_array_equal(load_idx(path), array)
    path.write_bytes(idx_bytes(array[:0]))
    assert load_idx(path, mmap_mode="r").shape == (0, 3, 4)


def test_load_idx_says_what_it_cannot_map(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for content, mode, message in (
        (gzip.compress(GOOD), "r", "decompress it with gunzip"),
        (GOOD[:-1], "r", "holds only 1999"),
        (GOOD + b"x", "r", "declares 2000 bytes of data and holds more"),
        (GOOD, "w+", "mmap_mode='w\\+'"),
    ):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=message):
            load_idx(path, mmap_mode=mode)


GOOD = idx_bytes(np.arange(2000, dtype=np.uint8).reshape(10, 200))
BAD = {
    "empty": (b"", "not an IDX file"),
    "foreign": (b"\x89PNG....", "not an IDX file"),
    "unknown type": (b"\0\0\x0a\1" + GOOD[4:], "not an IDX file"),
    "no dimension": (b"\0\0\x08\0\1", "not an IDX file"),
    "header": (GOOD[:9], "within its header"),
    "short": (GOOD[:-1], "declares"),
    "long": (GOOD + b"x", "holds more"),
    "huge": (b"\0\0\x0e\3" + b"\xff" * 12, "can hold no more than"),
    "gzip short": (gzip.compress(GOOD[:-1]), "holds only 1999"),
    "gzip long": (gzip.compress(GOOD + b"x"), "holds more"),
    "gzip cut": (gzip.compress(GOOD)[:-20], "damaged"),
    "gzip broken": (gzip.compress(GOOD)[:-6] + b"123456", "damaged"),
    "gzip noise": (gzip.compress(GOOD)[:20] + b"noise" * 9, "damaged"),
    "gzip huge": (gzip.compress(b"\0\0\x08\2" + b"\xff" * 8), "can hold no more than"),
}


@pytest.mark.parametrize("name", BAD)
def test_load_idx_refuses_damaged_and_foreign_files(tmp_path: Path, name: str) -> None:
    content, message = BAD[name]
    path = tmp_path / "file"
    path.write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=message):
            load_idx(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 5e6


@given(content=st.binary(max_size=40), compressed=st.booleans())
def test_load_idx_reads_or_raises_value_error(file: Path, content: bytes, compressed: bool) -> None:
    content = b"\0\0\x08" + content
    file.write_bytes(gzip.compress(content) if compressed else content)
    try:
        loaded = load_idx(file)
    except ValueError:
        return
    assert idx_bytes(loaded) == content


@pytest.mark.parametrize("fetch", [fetch_mnist, fetch_fashion_mnist])
def test_local_folder(folder: Path, fetch) -> None:
    bunch = fetch(folder=folder, verify=False)
    train = load_idx(folder / "train-images-idx3-ubyte")
    assert bunch.data.shape == (8, 784)
    assert bunch.images.shape == (8, 28, 28)
    assert np.shares_memory(bunch.data, bunch.images)
    np.testing.assert_array_equal(bunch.images[:5], train)
    assert (bunch.data.dtype, bunch.target.dtype) == (np.uint8, np.int64)
    assert bunch.target[5:].tolist() == load_idx(folder / "t10k-labels-idx1-ubyte.gz").tolist()
    assert len(bunch.target_names) == 10
    assert "Training images first" in bunch.DESCR
    X, y = fetch(folder=folder, verify=False, return_X_y=True, as_images=True)
    np.testing.assert_array_equal(X, bunch.images)
    np.testing.assert_array_equal(y, bunch.target)


def test_environment_names_the_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "fashion_mnist").mkdir()
    for path in folder.glob("*ubyte*"):
        path.rename(folder / "fashion_mnist" / path.name)
    monkeypatch.setenv("SKDEEPCLUST_DATA", str(folder))
    assert fetch_fashion_mnist(verify=False).data.shape == (8, 784)


@pytest.mark.parametrize(
    ("fetch", "message"), [(fetch_mnist, "SHA-256"), (fetch_fashion_mnist, r"\(60000, 28, 28\)")]
)
def test_other_contents_than_the_published_are_refused(folder: Path, fetch, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fetch(folder=folder)


def test_incomplete_and_inconsistent_folders(folder: Path) -> None:
    labels = folder / "t10k-labels-idx1-ubyte"
    labels.write_bytes(idx_bytes(np.zeros(2, dtype=np.uint8)))  # preferred to the compressed one
    with pytest.raises(ValueError, match="3 t10k images but 2 labels"):
        fetch_mnist(folder=folder, verify=False)
    labels.write_bytes(idx_bytes(np.zeros(3, dtype=np.float32)))
    with pytest.raises(ValueError, match="uint8 array of 1 dimensions, got float32"):
        fetch_mnist(folder=folder, verify=False)
    (folder / "train-images-idx3-ubyte").unlink()
    with pytest.raises(FileNotFoundError, match="train-images-idx3-ubyte"):
        fetch_mnist(folder=folder, verify=False)


@pytest.mark.parametrize("fetch", [fetch_mnist, fetch_fashion_mnist])
def test_openml_is_asked_when_there_is_no_folder(
    fetch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fake(name: str, **options: object) -> Bunch:
        assert name in {"mnist_784", "Fashion-MNIST"}
        assert options == {"version": 1, "as_frame": False, "data_home": tmp_path}
        return Bunch(data=np.full((2, 784), 255), target=np.array(["3", "9"], dtype=object))

    monkeypatch.setattr(datasets, "fetch_openml", fake)
    monkeypatch.setenv("SKDEEPCLUST_DATA", str(tmp_path))  # has no folder of that name
    bunch = fetch(data_home=tmp_path)
    assert bunch.data.dtype == np.uint8
    assert bunch.data.min() == 255
    assert bunch.images.shape == (2, 28, 28)
    assert bunch.target.tolist() == [3, 9]


def test_mnist_itself_where_it_is_at_hand(folder: Path) -> None:
    published = (LOCAL / "mnist").is_dir()
    chosen = LOCAL / "mnist" if published else folder
    X, y = fetch_mnist(folder=chosen, verify=published, return_X_y=True)
    assert X.shape == (70000 if published else 8, 784)
    if published:
        assert y[:6].tolist() == [5, 0, 4, 1, 9, 2]
        sizes = [6903, 7877, 6990, 7141, 6824, 6313, 6876, 7293, 6825, 6958]
        assert np.bincount(y).tolist() == sizes
