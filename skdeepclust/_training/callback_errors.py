"""What a callback of skorch failed from, in words that say what to write."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

from skorch import NeuralNet
from skorch.callbacks import BatchScoring, EpochScoring, LRScheduler
from skorch.callbacks.scoring import ScoringBase
from skorch.exceptions import SkorchException

from skdeepclust._training.users_callbacks import compares_labels

# What a history says of a name that it doesn't have.
NOT_FOUND = re.compile(r"Key '(.*)' was not found in history")
# What isn't there to be watched.
NO_VALUES = {"batches", "epoch", "dur", "event_lr", "event_cp"}


def explained(
    error: Exception, name: str, callback: Any, net: NeuralNet, given: Mapping[str, Any]
) -> Exception | None:
    """Return an error that says what to write, or `None` where the callback's own says it.

    Parameters
    ----------
    error : Exception
        What the callback raised.
    name : str
        Its name.
    callback : callback
        A callback of skorch.
    net : PhaseNet
        The net that it was called with.
    given : mapping of str to object
        What else it was called with.

    Returns
    -------
    Exception or None
        The error to raise in its place.
    """
    if isinstance(callback, BatchScoring):
        return ValueError(
            f"The callback {name!r} can't score batches of an estimator ({_said(error)}): use "
            "EpochScoring(..., on_train=True)."
        )
    if isinstance(callback, ScoringBase):
        return _of_scores(error, name, callback, given)
    if not net.history:
        return None
    monitor = getattr(callback, "monitor", None)
    if isinstance(monitor, str):
        return _of_monitor(error, name, callback, monitor, net)
    key = _asked_for(error, net.history[-1])
    return None if key is None else _unknown(name, f"asks for {key!r}", "ask for ", key, net)


def warn_of_idle_scores(callbacks: Iterable[Any]) -> None:
    """Say so where a callback scores a validation part that there isn't."""
    each = [item[1] if isinstance(item, (tuple, list)) else item for item in callbacks]
    idle = [c.scoring for c in each if isinstance(c, EpochScoring) and not c.on_train]
    if idle:
        warnings.warn(
            f"EpochScoring({idle[0]!r}) scores the validation part, and this fit has none: nothing "
            "is recorded. Give it on_train=True to score the training samples.",
            UserWarning,
            stacklevel=2,
        )


def _of_scores(
    error: Exception, name: str, callback: Any, given: Mapping[str, Any]
) -> Exception | None:
    data = given.get("dataset_train" if callback.on_train else "dataset_valid")
    if not compares_labels(callback) or data is None or data.y is not None:
        return None
    return ValueError(
        f"The callback {name!r} needs labels, and the fit has none: call fit(X, y). It failed with "
        f"{_said(error)}"
    )


def _of_monitor(
    error: Exception, name: str, callback: Any, monitor: str, net: Any
) -> Exception | None:
    if not isinstance(error, (KeyError, SkorchException, ValueError)):
        return None
    if isinstance(callback, LRScheduler) and callback.step_every == "batch":
        return ValueError(
            f"The callback {name!r} looks at {monitor!r} after each batch, but losses are recorded "
            'once an epoch: set step_every="epoch".'
        )
    if monitor in net.history[-1]:
        return None
    return _unknown(name, f"has monitor={monitor!r}", "set monitor=", monitor, net)


def _asked_for(error: Exception, row: Mapping[str, Any]) -> str | None:
    """Return the name that a history was asked for in vain, if that is the error."""
    key = error.args[0] if isinstance(error, KeyError) and error.args else None
    if not isinstance(key, str):
        return None
    found = NOT_FOUND.match(key)
    if found:
        return found[1]
    of_history = key.startswith(("train_", "valid_")) or f"train_{key}" in row
    return key if of_history and key not in row else None


def _unknown(name: str, what: str, advice: str, key: str, net: Any) -> ValueError:
    best = key.endswith("_best")
    names = [each for each in net.history[-1] if each.endswith("_best") == best]
    names = [each for each in names if each not in NO_VALUES]
    train = f"train_{key.removeprefix('valid_').removeprefix('train_')}"
    meant = train if train in names else names[0]
    why = ": there is no validation part" if key.startswith("valid_") else ""
    return ValueError(
        f"The callback {name!r} {what}, which phase {net.phase_!r} doesn't record{why}. For "
        f"instance {advice}{meant!r}; there are {', '.join(names)}."
    )


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]
