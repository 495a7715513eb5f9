"""Callbacks of skorch: the user's own objects, over all phases of a fit."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from typing import Any

from sklearn.base import clone
from skorch.callbacks import Callback
from skorch.callbacks.scoring import ScoringBase

from skdeepclust._training.phase_data import PhaseData

DATASETS = ("dataset_train", "dataset_valid")
STEP_HOOKS = ("on_batch_begin", "on_batch_end", "on_grad_computed")
HOOKS = ("initialize", "set_params", "on_train_begin", "on_epoch_end", "on_batch_end")


def begin_fit(given: Sequence[Any] | None, going_on: Iterable[Any] = ()) -> list[Any]:
    """Return the callbacks of a fit, as skorch takes them, when it begins.

    Parameters
    ----------
    given : sequence of callback, class of one, or (name, callback), or None
        What the user gives. Classes become objects.
    going_on : iterable of callback
        Those that go on from an earlier fit, as they are.

    Returns
    -------
    list
        The same with objects for classes. Their `initialize` has been called, unless it is
        skorch's own: that is called at the beginning of each phase.

    Raises
    ------
    TypeError
        If something else is among them.
    """
    before = {id(each) for each in going_on}
    return [_begun(item, before) for item in given or ()]


def cloned(given: Any) -> Any:
    """Return callbacks for a clone of an estimator.

    What scikit-learn can clone is cloned. Others, such as one that holds an open file or a lock,
    or whose constructor doesn't take its attributes, are shared by the clones, as scikit-learn's
    own callbacks are.
    """
    return type(given)([_clone_or_itself(item) for item in given])


def _clone_or_itself(item: Any) -> Any:
    if isinstance(item, (tuple, list)):
        return type(item)([_clone_or_itself(each) for each in item])
    try:
        return clone(item, safe=False)
    except Exception:
        return item


def begin_phase(callbacks: Sequence[Any]) -> None:
    """Let what callbacks of skorch keep, such as the best score so far, start afresh."""
    for callback in callbacks:
        definers = [cls for cls in type(callback).__mro__ if "initialize" in vars(cls)]
        of_skorch = next(filter(_is_of_skorch, definers), None)
        if of_skorch is not None:
            of_skorch.initialize(callback)


def watches_steps(item: Any) -> bool:
    """Tell whether a callback, alone or with a name, hears of each step; those of skorch may."""
    callback = item[1] if isinstance(item, (tuple, list)) else item
    definers = [
        next((cls for cls in type(callback).__mro__ if hook in vars(cls)), Callback)
        for hook in STEP_HOOKS
    ]
    return not all(map(_is_of_skorch, definers))


def compares_labels(callback: Any) -> bool:
    """Tell whether a callback scores predictions by labels, and not by a function of the user's."""
    if not isinstance(callback, ScoringBase):
        return False
    return isinstance(callback.scoring, str) or hasattr(callback.scoring_, "_score_func")


def labelled_for(callback: ScoringBase, given: dict[str, Any]) -> dict[str, Any]:
    """Return what a callback is called with: samples with a label, where it compares labels."""
    names = [name for name in DATASETS if isinstance(given.get(name), PhaseData)]
    if not names or not compares_labels(callback):
        return given
    labelled = {name: given[name].labelled for name in names}
    if labelled.get("dataset_train" if callback.on_train else "dataset_valid", ...) is None:
        warnings.warn(
            f"The callback that scores {callback.name_!r} records nothing here: all labels in y "
            "are -1, which means unlabelled.",
            UserWarning,
            stacklevel=2,
        )
    return given | labelled


def _begun(item: Any, before: set[int]) -> Any:
    named = isinstance(item, (tuple, list)) and len(item) == 2 and isinstance(item[0], str)
    callback = item[1] if named else item
    if callback is None and named:  # skorch leaves it out
        return item
    if isinstance(callback, type) and hasattr(callback, "initialize"):
        made = callback()
        return _begun((item[0], made) if named else made, before)
    if not all(hasattr(callback, hook) for hook in HOOKS):
        raise TypeError(_refusal(item, callback))
    if id(callback) not in before and not _is_of_skorch(_definer(callback)):
        callback.initialize()
    return item


def _definer(callback: Any) -> type:
    """Return the class whose `initialize` a callback has."""
    return next(cls for cls in type(callback).__mro__ if "initialize" in vars(cls))


def _is_of_skorch(cls: type) -> bool:
    return cls.__module__.partition(".")[0] == "skorch"


def _refusal(item: Any, callback: Any) -> str:
    if hasattr(callback, "on_fit_task_end"):
        return (
            f"callbacks holds {item!r}, a callback of scikit-learn: hand it to "
            "`set_callbacks` of the estimator."
        )
    return (
        f"callbacks holds {item!r}; give instances of classes that derive from "
        "skorch.callbacks.Callback, or (name, instance)."
    )
