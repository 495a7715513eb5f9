"""The data sets of the benchmarks: X, y and the shape of images, by a name."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
from sklearn.datasets import fetch_openml, load_digits

from benchmarks.common.records import ROOT
from skdeepclust.datasets import fetch_mnist

# Where MNIST may lie beside a checkout; the option --mnist and SKDEEPCLUST_DATA come first.
BESIDE = ROOT.parent / "shared" / "data" / "mnist"

# Data sets that scikit-learn fetches from OpenML, which needs the internet or a copy in its cache.
OPENML = {"usps": (41082, (16, 16)), "cifar-10": (40927, (3, 32, 32))}


def load(
    name: str, mnist: str | None = None
) -> tuple[np.ndarray, np.ndarray, tuple[int, ...] | None]:
    """Load a data set: X (n_samples, n_features), y (n_samples,), image_shape.

    `name` is "digits", "mnist" (70,000: training images, then test images), "usps" or "cifar-10",
    or a file of your own, such as "coil20.npz", with arrays X (n_samples, ...) and y; X of more
    than two dimensions holds images. A number behind a name, as in "mnist-5k" or "digits-300",
    draws as many samples, always the same ones. `mnist` is the folder with the four IDX files.
    """
    if name.endswith(".npz"):
        return _from_file(Path(name))
    match = re.fullmatch(rf"({'|'.join(('digits', 'mnist', *OPENML))})(?:-(\d+)(k?))?", name)
    if match is None:
        known = ", ".join(("digits", "mnist", *OPENML))
        raise SystemExit(f"No data set {name!r}: there are {known}, mnist-5k, FILE.npz ...")
    base, size, thousand = match.groups()
    X, y, image_shape = _whole(base, mnist)
    if size is not None:
        n_samples = int(size) * (1000 if thousand else 1)
        if n_samples > len(X):
            raise SystemExit(f"{base} has {len(X)} samples, not {n_samples}.")
        rows = np.random.default_rng(0).choice(len(X), n_samples, replace=False)
        X, y = X[rows], y[rows]
    return X, y, image_shape


def _whole(name: str, mnist: str | None) -> tuple[np.ndarray, np.ndarray, tuple[int, ...]]:
    if name == "digits":
        return *load_digits(return_X_y=True), (8, 8)
    if name == "mnist":
        return *_load_mnist(mnist), (28, 28)
    number, image_shape = OPENML[name]
    try:
        X, y = fetch_openml(data_id=number, return_X_y=True, as_frame=False, parser="liac-arff")
    except OSError as error:
        raise SystemExit(f"{name} can't be fetched from OpenML ({error}).") from error
    return X - X.min(), np.unique(y, return_inverse=True)[1], image_shape


def _from_file(path: Path) -> tuple[np.ndarray, np.ndarray, tuple[int, ...] | None]:
    if not path.is_file():
        raise SystemExit(f"There is no {path}.")
    with np.load(path) as arrays:
        X, y = arrays["X"], np.unique(arrays["y"], return_inverse=True)[1]
    return X.reshape(len(X), -1), y, X.shape[1:] if X.ndim > 2 else None


def _load_mnist(folder: str | None) -> tuple[np.ndarray, np.ndarray]:
    if folder is None and "SKDEEPCLUST_DATA" not in os.environ and BESIDE.is_dir():
        folder = str(BESIDE)
    try:
        return fetch_mnist(folder=folder, return_X_y=True)
    except OSError as error:
        raise SystemExit(
            f"MNIST can't be loaded ({error}). Name the folder that holds its four IDX files by "
            "--mnist FOLDER, or the one that holds the folder mnist by SKDEEPCLUST_DATA."
        ) from error
