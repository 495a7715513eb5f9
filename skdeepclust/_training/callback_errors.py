"""What a callback of skorch failed from, in words that say what to write."""

from __future__ import annotations

from typing import Any

from skorch import NeuralNet
from skorch.callbacks import LRScheduler
from skorch.callbacks.scoring import ScoringBase
from skorch.exceptions import SkorchException


def explained(
    error: Exception, name: str, callback: Any, net: NeuralNet, given: dict[str, Any]
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
    given : dict
        What else it was called with.
    """
    if isinstance(callback, ScoringBase):
        return _of_scores(error, name, callback, given)
    monitor = getattr(callback, "monitor", None)
    if isinstance(monitor, str):
        return _of_monitor(error, name, callback, monitor, net)
    key = error.args[0] if isinstance(error, KeyError) and error.args else None
    if isinstance(key, str) and net.history and key not in net.history[-1]:
        return _unknown(name, f"asks the history for {key!r}", key, net)
    return None


def _of_scores(
    error: Exception, name: str, callback: Any, given: dict[str, Any]
) -> Exception | None:
    needs_labels = isinstance(callback.scoring, str) or hasattr(callback.scoring_, "_score_func")
    data = given.get("dataset_train" if callback.on_train else "dataset_valid")
    if not needs_labels or data is None or data.y is not None:
        return None
    return ValueError(
        f"The callback {name!r} scores by {callback.name_!r}, which needs labels, and the fit has "
        f"none: call fit(X, y). It failed with {_first_line(error)}"
    )


def _of_monitor(
    error: Exception, name: str, callback: Any, monitor: str, net: NeuralNet
) -> Exception | None:
    missing = isinstance(error, (KeyError, SkorchException, ValueError))
    if not missing or not net.history:
        return None
    if isinstance(callback, LRScheduler) and callback.step_every == "batch":
        return ValueError(
            f"The callback {name!r} looks at {monitor!r} after each batch, but losses are recorded "
            'once an epoch: set step_every="epoch".'
        )
    if monitor in net.history[-1]:
        return None
    return _unknown(name, f"has monitor={monitor!r}", monitor, net)


def _unknown(name: str, what: str, key: str, net: Any) -> ValueError:
    row = net.history[-1]
    best = key.endswith("_best")
    names = [each for each in row if each.endswith("_best") == best and each not in ("batches",)]
    names = [each for each in names if each not in ("epoch", "dur", "event_lr")]
    suggestion = _suggestion(key, names)
    advice = f"set monitor={suggestion!r}" if "monitor" in what else f"ask for {suggestion!r}"
    why = ": there is no validation part" if key.startswith("valid_") else ""
    return ValueError(
        f"The callback {name!r} {what}, which phase {net.phase_!r} doesn't record{why}. For "
        f"instance {advice}; there are {', '.join(names)}."
    )


def _suggestion(key: str, names: list[str]) -> str:
    """Return the recorded name that is most likely to be meant."""
    bare = key.removeprefix("valid_").removeprefix("train_")
    return f"train_{bare}" if f"train_{bare}" in names else names[0]


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]
