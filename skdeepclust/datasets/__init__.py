"""Loaders of image sets: folders of photographs, local IDX files, OpenML through scikit-learn."""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import fetch_openml
from sklearn.utils import Bunch

from skdeepclust.datasets._folders import load_images
from skdeepclust.datasets._idx import load_idx

__all__ = ["fetch_fashion_mnist", "fetch_mnist", "load_idx", "load_images"]


_PUBLISHED_SHAPES = {"train": (60000, 28, 28), "t10k": (10000, 28, 28)}


@dataclass(frozen=True)
class _ImageSet:
    name: str
    openml_name: str
    title: str
    target_names: tuple[str, ...]
    sha256: Mapping[str, str] = field(default_factory=dict)


_MNIST = _ImageSet(
    name="mnist",
    openml_name="mnist_784",
    title="MNIST: handwritten digits (Y. LeCun, C. Cortes, C. J. C. Burges, 1998)",
    target_names=tuple("0123456789"),
    # Of the plain files: how they were compressed does not matter.
    sha256={
        "train-images": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "train-labels": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "t10k-images": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "t10k-labels": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    },
)
_CLOTHES = "T-shirt/top, Trouser, Pullover, Dress, Coat, Sandal, Shirt, Sneaker, Bag, Ankle boot"
_FASHION_MNIST = _ImageSet(
    name="fashion_mnist",
    openml_name="Fashion-MNIST",
    title="Fashion-MNIST: pictures of clothes (H. Xiao, K. Rasul, R. Vollgraf, 2017)",
    target_names=tuple(_CLOTHES.split(", ")),
)


def _idx_sha256(array: NDArray[np.uint8]) -> str:
    """Return the checksum of the plain IDX file that holds a uint8 array."""
    header = struct.pack(f">4B{array.ndim}I", 0, 0, 0x08, array.ndim, *array.shape)
    digest = hashlib.sha256(header)
    digest.update(array.tobytes())
    return digest.hexdigest()


def _load_part(folder: Path, part: str, *, sha256: str | None) -> NDArray[np.uint8]:
    n_dims = 3 if part.endswith("images") else 1
    name = f"{part}-idx{n_dims}-ubyte"
    candidates = [folder / name, folder / f"{name}.gz"]
    path = next((path for path in candidates if path.is_file()), None)
    if path is None:
        raise FileNotFoundError(f"There is neither {candidates[0]} nor {candidates[1].name}.")
    array = load_idx(path)
    if array.dtype != np.uint8 or array.ndim != n_dims:
        raise ValueError(
            f"{path} must hold a uint8 array of {n_dims} dimensions, got {array.dtype} of the "
            f"shape {array.shape}."
        )
    if sha256 is not None and _idx_sha256(array) != sha256:
        raise ValueError(
            f"The contents of {path} are not the published ones (SHA-256 differs). Download the "
            "file again, or give verify=False to use it as it is."
        )
    return array


def _load_folder(source: _ImageSet, folder: Path, verify: bool) -> tuple[NDArray, NDArray]:
    checksums = source.sha256 if verify else {}
    images, target = [], []
    for part in ("train", "t10k"):
        for kind, arrays in (("images", images), ("labels", target)):
            name = f"{part}-{kind}"
            arrays.append(_load_part(folder, name, sha256=checksums.get(name)))
        if len(images[-1]) != len(target[-1]):
            raise ValueError(
                f"{folder} has {len(images[-1])} {part} images but {len(target[-1])} labels."
            )
        if verify and images[-1].shape != _PUBLISHED_SHAPES[part]:
            raise ValueError(
                f"The {part} images in {folder} have the shape {images[-1].shape}, the published "
                f"ones {_PUBLISHED_SHAPES[part]}. Give verify=False to use them as they are."
            )
    return np.concatenate(images), np.concatenate(target)


def _load_openml(source: _ImageSet, data_home: Any) -> tuple[NDArray, NDArray]:
    bunch = fetch_openml(source.openml_name, version=1, as_frame=False, data_home=data_home)
    return np.asarray(bunch.data).astype(np.uint8).reshape(-1, 28, 28), bunch.target


def _local_folder(source: _ImageSet, folder: str | os.PathLike[str] | None) -> Path | None:
    if folder is not None:
        return Path(folder)
    root = os.environ.get("SKDEEPCLUST_DATA")
    local = Path(root, source.name) if root else None
    return local if local is not None and local.is_dir() else None


def _load(
    source: _ImageSet, folder: str | os.PathLike[str] | None, data_home: Any, verify: bool
) -> tuple[NDArray, NDArray]:
    local = _local_folder(source, folder)
    if local is None:
        images, target = _load_openml(source, data_home)
    else:
        images, target = _load_folder(source, local, verify)
    return images, np.asarray(target).astype(np.int64)


def _bunch(
    source: _ImageSet, images: NDArray, target: NDArray, *, return_X_y: bool, as_images: bool
) -> Bunch | tuple[NDArray, NDArray]:
    data = images if as_images else images.reshape(len(images), -1)
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        target=target,
        images=images,
        target_names=list(source.target_names),
        DESCR=f"{source.title}. Training images first, then test images; grey levels 0 to 255.",
    )


@overload
def fetch_mnist(
    *,
    data_home: str | os.PathLike[str] | None = None,
    folder: str | os.PathLike[str] | None = None,
    return_X_y: Literal[True],
    as_images: bool = False,
    verify: bool = True,
) -> tuple[NDArray, NDArray]: ...
@overload
def fetch_mnist(
    *,
    data_home: str | os.PathLike[str] | None = None,
    folder: str | os.PathLike[str] | None = None,
    return_X_y: bool = False,
    as_images: bool = False,
    verify: bool = True,
) -> Any: ...
def fetch_mnist(
    *,
    data_home: str | os.PathLike[str] | None = None,
    folder: str | os.PathLike[str] | None = None,
    return_X_y: bool = False,
    as_images: bool = False,
    verify: bool = True,
) -> Bunch | tuple[NDArray, NDArray]:
    """Load MNIST: 60,000 training and 10,000 test images of handwritten digits, in this order.

    Parameters
    ----------
    data_home : str or path-like, default=None
        Folder in which scikit-learn keeps what it downloads; None: its default.
    folder : str or path-like, default=None
        Folder with the four IDX files (``train-images-idx3-ubyte`` and so on, plain or with
        the ending ``.gz``). None: the folder `mnist` in the one that the environment
        variable ``SKDEEPCLUST_DATA`` names, and OpenML if there is none.
    return_X_y : bool, default=False
        Whether to return only the pair of `data` and `target`.
    as_images : bool, default=False
        Whether `data` has the shape (70000, 28, 28) instead of (70000, 784).
    verify : bool, default=True
        Whether the contents of local files must have the published SHA-256 checksums.

    Returns
    -------
    Bunch or (ndarray, ndarray)
        `data` uint8 of shape (70000, 784), `target` int64 of shape (70000,), `images`: a view
        of the data of shape (70000, 28, 28), `target_names` and `DESCR`.

    Raises
    ------
    FileNotFoundError
        If one of the files is not in the folder.
    ValueError
        If a file is damaged or not the published one.

    References
    ----------
    Y. LeCun, L. Bottou, Y. Bengio, P. Haffner (1998). Gradient-based learning applied to
    document recognition. Proceedings of the IEEE 86.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skdeepclust.datasets import fetch_mnist
    >>> def header(*shape):
    ...     return bytes([0, 0, 8, len(shape)]) + b"".join(n.to_bytes(4, "big") for n in shape)
    >>> with tempfile.TemporaryDirectory() as folder:  # three and two black images
    ...     for part, n in ("train", 3), ("t10k", 2):
    ...         path = Path(folder, f"{part}-images-idx3-ubyte")
    ...         _ = path.write_bytes(header(n, 28, 28) + bytes(n * 784))
    ...         path = Path(folder, f"{part}-labels-idx1-ubyte")
    ...         _ = path.write_bytes(header(n) + bytes(n))
    ...     mnist = fetch_mnist(folder=folder, verify=False)
    >>> mnist.data.shape, mnist.images.shape, mnist.target
    ((5, 784), (5, 28, 28), array([0, 0, 0, 0, 0]))
    """
    images, target = _load(_MNIST, folder, data_home, verify)
    return _bunch(_MNIST, images, target, return_X_y=return_X_y, as_images=as_images)


@overload
def fetch_fashion_mnist(
    *,
    data_home: str | os.PathLike[str] | None = None,
    folder: str | os.PathLike[str] | None = None,
    return_X_y: Literal[True],
    as_images: bool = False,
    verify: bool = True,
) -> tuple[NDArray, NDArray]: ...
@overload
def fetch_fashion_mnist(
    *,
    data_home: str | os.PathLike[str] | None = None,
    folder: str | os.PathLike[str] | None = None,
    return_X_y: bool = False,
    as_images: bool = False,
    verify: bool = True,
) -> Any: ...
def fetch_fashion_mnist(
    *,
    data_home: str | os.PathLike[str] | None = None,
    folder: str | os.PathLike[str] | None = None,
    return_X_y: bool = False,
    as_images: bool = False,
    verify: bool = True,
) -> Bunch | tuple[NDArray, NDArray]:
    """Load Fashion-MNIST: 60,000 training and 10,000 test images of clothes, in this order.

    Parameters
    ----------
    data_home : str or path-like, default=None
        Folder in which scikit-learn keeps what it downloads; None: its default.
    folder : str or path-like, default=None
        Folder with the four IDX files (``train-images-idx3-ubyte`` and so on, plain or with
        the ending ``.gz``). None: the folder `fashion_mnist` in the one that the environment
        variable ``SKDEEPCLUST_DATA`` names, and OpenML if there is none.
    return_X_y : bool, default=False
        Whether to return only the pair of `data` and `target`.
    as_images : bool, default=False
        Whether `data` has the shape (70000, 28, 28) instead of (70000, 784).
    verify : bool, default=True
        Whether local files must have the published numbers of images and their size.

    Returns
    -------
    Bunch or (ndarray, ndarray)
        `data` uint8 of shape (70000, 784), `target` int64 of shape (70000,), `images`: a view
        of the data of shape (70000, 28, 28), `target_names` and `DESCR`.

    Raises
    ------
    FileNotFoundError
        If one of the files is not in the folder.
    ValueError
        If a file is damaged or not the published one.

    References
    ----------
    H. Xiao, K. Rasul, R. Vollgraf (2017). Fashion-MNIST: a novel image dataset for benchmarking
    machine learning algorithms. arXiv:1708.07747.

    See Also
    --------
    fetch_mnist : MNIST, with an example.
    """
    images, target = _load(_FASHION_MNIST, folder, data_home, verify)
    return _bunch(_FASHION_MNIST, images, target, return_X_y=return_X_y, as_images=as_images)
