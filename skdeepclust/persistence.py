"""Fitted estimators as one file without code: arrays by safetensors, the rest as JSON."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from textwrap import shorten
from typing import Any

from skdeepclust._storage.files import FAULTS, read_file, reason_of, versions, write_file
from skdeepclust._storage.tree import Decoder, Encoder
from skdeepclust._storage.trust import Trust

__all__ = ["load", "save"]

# Of what is written; a file of a later one is refused.
FORMAT_VERSION = 2
HINT = (
    "Give a class or a function of a module instead of an object, a lambda or a local function, or "
    "keep the estimator with joblib, whose files run code when they are loaded."
)


def save(estimator: Any, path: str | os.PathLike[str]) -> None:
    """Write a fitted estimator into one file that holds no code.

    The file is in the safetensors format: the weights and all other arrays, and beside them, as
    JSON, parameters, fitted attributes, the versions of the packages, and a checksum of it all. It
    appears under its name only when it is complete.

    Parameters
    ----------
    estimator : estimator
        An estimator of this library, fitted or not, or one of scikit-learn that holds some, such
        as a pipeline.
    path : str or path-like
        File to write. One that is there is replaced and keeps its permissions; a link stays, and
        what it leads to is replaced.

    Raises
    ------
    TypeError
        If it is no estimator, or holds something that such a file can't, such as a lambda
        function. All of it is named.
    ValueError
        If there are more texts and single numbers than `load` reads.
    OSError
        If the file can't be written; what was there before is as it was.

    See Also
    --------
    load : The way back.

    Notes
    -----
    Left out are `net_`, the net of skorch, and what estimators leave out of their pickles. The same
    estimator gives the same bytes each time.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> import skdeepclust
    >>> from skdeepclust.dictionary import KSVD
    >>> X = np.random.default_rng(0).normal(size=(20, 4))
    >>> model = KSVD(3, random_state=0).fit(X)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "model.safetensors")
    ...     skdeepclust.save(model, path)
    ...     again = skdeepclust.load(path)
    >>> bool((again.transform(X) == model.transform(X)).all())
    True
    """
    if isinstance(estimator, type) or not hasattr(estimator, "get_params"):
        what = f"the class {estimator.__name__}" if isinstance(estimator, type) else repr(estimator)
        raise TypeError(f"save takes an estimator, fitted or not, got {shorten(what, 80)}.")
    encoder = Encoder(HINT)
    header = {
        "format": FORMAT_VERSION,
        "class": f"{type(estimator).__module__}.{type(estimator).__qualname__}",
        "versions": versions(),
        "estimator": encoder.encode(estimator, type(estimator).__name__),
    }
    write_file(Path(path), header, encoder.arrays)


def load(path: str | os.PathLike[str], *, trusted: Iterable[Any] = ()) -> Any:
    """Read an estimator that :func:`save` has written, without running code from the file.

    Parameters
    ----------
    path : str or path-like
        File.
    trusted : iterable of class or function, default=()
        What the file may name besides classes of this library, torch's layers and optimizers, and
        types and functions of Python, numpy and scipy that do nothing but compute: networks,
        functions and scikit-learn's estimators that were a part of what was saved. Only these
        objects are taken, whatever a module of that name holds. What was saved by a script or a
        notebook is found by its name alone.

    Returns
    -------
    estimator
        It predicts as the one that was saved, on the device that its parameter `device` finds.

    Raises
    ------
    TypeError
        If `trusted` holds something else than classes and functions, such as their names.
    FileNotFoundError
        If there is no such file.
    ValueError
        If it isn't a file of this library, is cut off or altered, of a later version, or names
        classes or functions that aren't trusted; all of them are listed.

    See Also
    --------
    save : Writes such a file.

    Notes
    -----
    The checksum tells damage, not intent: who can alter a file can alter the checksum. What such a
    file can do is limited by what `load` makes of it: objects of the classes named above from
    numbers, texts and lists. It can't run code, but its numbers may be anything, and their size may
    be that of the file.

    Examples
    --------
    See :func:`save`.
    """
    path, trust = Path(path), Trust(trusted)
    try:
        header, arrays = read_file(path)
        if header["format"] > FORMAT_VERSION:
            raise ValueError(
                f"it was written in the format {header['format']} by version "
                f"{header['versions']['skdeepclust']}; this version, "
                f"{versions()['skdeepclust']}, knows formats up to {FORMAT_VERSION}: upgrade"
            )
        return Decoder(arrays, trust).decode(header["estimator"])
    except FAULTS as error:
        raise ValueError(f"{str(path)!r} can't be loaded: {reason_of(error)}.") from error
