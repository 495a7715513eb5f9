"""The fit of the clusterer inside, and what its errors call parameters."""

from __future__ import annotations

import re
from typing import Any


def fitted(estimator: Any, X: Any, y: Any, params: dict[str, Any]) -> Any:
    """Fit an estimator that stands inside another one; errors name its parameters from there.

    Parameters
    ----------
    estimator : estimator
        Is fitted itself.
    X, y : object
        Samples, and what belongs to them.
    params : dict
        Metadata of its fit.

    Returns
    -------
    estimator
        It.

    Raises
    ------
    Exception
        What its fit has raised. "n_clusters=9" of a step becomes "estimator__step__n_clusters=9",
        the name by which the parameter is set.
    """
    try:
        return estimator.fit(X, y, **params)
    except (TypeError, ValueError) as error:
        # one object, so that its type, its place and what it carries beside the text stay
        if error.args and isinstance(text := error.args[0], str):
            error.args = (named_from_outside(text, estimator), *error.args[1:])
        raise


def named_from_outside(text: str, estimator: Any) -> str:
    """Return a message with parameters of an estimator named as those of the one around it.

    Parameters
    ----------
    text : str
        Message of an error.
    estimator : estimator
        Whose `fit` has raised it.

    Returns
    -------
    str
        Words that stand for no single parameter are left as they are, and so is a message that
        says whose parameter it means.
    """
    if "' parameter of " in text:  # scikit-learn's "The 'n_clusters' parameter of KMeans must be"
        return text
    ends: dict[str, list[str]] = {}
    for path in estimator.get_params():
        parts = path.split("__")  # a step names "module__hidden" without itself
        for first in range(len(parts)):
            ends.setdefault("__".join(parts[first:]), []).append(path)
    for name in sorted(ends, key=len, reverse=True):
        paths = ends[name]
        # its own goes before one of a part of it
        path = name if name in paths else paths[0]
        if name in paths or len(paths) == 1:
            text = re.sub(_word(name), f"estimator__{path}", text)
    return text


def _word(name: str) -> str:
    """Return a pattern of a parameter's name where it isn't a word of the language."""
    # "init", "loss" and "layers" are words, too; with a value or in quotes they are names
    alone = r"(?=(=|'|`))" if "_" not in name else r"(?![\w(])"
    return rf"(?<![\w.]){re.escape(name)}{alone}"
