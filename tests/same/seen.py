"""What can be seen of a model from outside, as arrays and texts by name."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from scipy import sparse
from sklearn.base import BaseEstimator
from torch import nn

# Calls that have come to their end, and errors that were raised.
COUNTS: Counter[str] = Counter()
ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
# Of the class in which a method is found, which may be private.
OWNER = re.compile(r"\b[A-Z]\w*\.(\w+\(\))")
SET = re.compile(r"\{([^{}]*)\}")
METHODS = ("predict", "predict_proba", "decision_function", "transform")


class Seen(NamedTuple):
    """A value: what it is, and the numbers or the text in it."""

    kind: str
    value: np.ndarray | str


def text_of(text: str, folder: Path | None = None) -> str:
    """Return a text without what differs between two runs: addresses, folders, orders of sets."""
    if folder is not None:
        text = text.replace(str(folder.resolve()), "FOLDER")
    text = ADDRESS.sub("", OWNER.sub(r"\1", text))
    return SET.sub(lambda found: "{" + ", ".join(sorted(found[1].split(", "))) + "}", text)


def error_of(function: Callable, *args: Any, **kwargs: Any) -> str:
    """Return the type and the text of the error that a call raises."""
    try:
        function(*args, **kwargs)
    except Exception as error:
        COUNTS["errors"] += 1
        return f"{type(error).__name__}: {error}"
    return "no error"


def fitted(model: Any, *args: Any, method: str = "fit", **kwargs: Any) -> Any:
    """Return a model after `fit` or `partial_fit`."""
    getattr(model, method)(*args, **kwargs)
    COUNTS["fits"] += 1
    return model


# ---------------------------------------------------------------- values


def flat(name: str, value: Any) -> Iterator[tuple[str, Seen]]:
    """Yield all arrays and texts in a value; names say where in it they are."""
    kind = type(value).__name__
    if isinstance(value, torch.Tensor):
        yield name, Seen(f"{kind} {value.dtype} on {value.device}", numbers(value))
    elif isinstance(value, (np.ndarray, np.generic)):
        yield name, Seen(f"{kind} {value.dtype.str}", as_numbers(np.asarray(value)))
    elif isinstance(value, (bool, int, float)):
        yield name, Seen(kind, np.asarray(value))
    elif isinstance(value, Seen):
        yield name, value
    elif (parts := parts_of(value)) is not None:
        yield f"{name}: parts", Seen(kind, ", ".join(map(str, parts)))
        for key, part in parts.items():
            yield from flat(f"{name}[{key}]", part)
    else:
        yield name, Seen(kind, plain_text(value))


def numbers(tensor: torch.Tensor) -> np.ndarray:
    tensor = tensor.detach().cpu()
    return (tensor.view(torch.int16) if tensor.dtype is torch.bfloat16 else tensor).numpy().copy()


def as_numbers(array: np.ndarray) -> np.ndarray | str:
    return repr(array.tolist()) if array.dtype.kind in "OV" else array.copy()


def parts_of(value: Any) -> dict[Any, Any] | None:
    """Return the parts of a value that is made of others."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (list, tuple)):
        return dict(enumerate(value))
    if sparse.issparse(value):
        rows = sparse.csr_array(value)
        return {"data": rows.data, "indices": rows.indices, "indptr": rows.indptr}
    if isinstance(value, (pd.DataFrame, pd.Series)):
        return {"values": value.to_numpy(), "axes": repr(value.axes)}
    if hasattr(value, "compute"):  # of Dask
        return {"chunks": repr(value.chunks), "values": value.compute()}
    if isinstance(value, nn.Module):
        return {"text": text_of(repr(value)), "training": value.training, **value.state_dict()}
    if isinstance(value, BaseEstimator):
        own = {name: part for name, part in vars(value).items() if name.endswith("_")}
        if "history_" in own:
            own["history_"] = dict(columns(own["history_"]))
        if hasattr(own.get("net_"), "optimizer_"):  # skorch's history has seconds, too
            own["net_"] = own["net_"].optimizer_.state_dict()
        return {"text": text_of(repr(value)), **own}
    return None


def plain_text(value: Any) -> str:
    if value is None or isinstance(value, (str, slice)):
        return str(value)
    return getattr(value, "__qualname__", type(value).__name__)


# ---------------------------------------------------------------- models


def answers(model: Any, samples: Any, y: Any = None, **known: Any) -> Iterator[tuple[str, Any]]:
    """Yield what a model says of samples, or why it says nothing."""
    for method in METHODS:
        if hasattr(model, method):
            yield method, answer(getattr(model, method), samples, **known)
    if hasattr(model, "inverse_transform") and hasattr(model, "transform"):
        yield (
            "inverse_transform",
            answer(lambda: model.inverse_transform(np.asarray(model.transform(samples, **known)))),
        )
    if hasattr(model, "score") and (y is not None or not hasattr(model, "classes_")):
        yield "score", answer(model.score, samples, *([] if y is None else [y]), **known)


def answer(function: Callable, *args: Any, **kwargs: Any) -> Any:
    try:
        return function(*args, **kwargs)
    except Exception as error:
        COUNTS["errors"] += 1
        return Seen("error", f"{type(error).__name__}: {error}")


def attributes(model: Any) -> Iterator[tuple[str, Any]]:
    """Yield what a fit has left: public attributes, the history, the optimiser's moments."""
    names = [name for name in dir(model) if name.endswith("_") and not name.startswith("_")]
    yield "attributes", ", ".join(names)
    for name in names:
        if name == "history_":
            yield from columns(model.history_)
        elif name == "net_":
            yield "optimizer", model.net_.optimizer_.state_dict()
        elif hasattr(model, name):
            yield name, getattr(model, name)


def columns(rows: list[dict[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Yield the columns of a history, all but the seconds."""
    orders = Counter(", ".join(row) for row in rows)
    yield "history_: keys", dict(orders)
    for key in dict.fromkeys(key for row in rows for key in row if key != "seconds"):
        found = [row[key] for row in rows if key in row]
        types = sorted({type(each).__name__ for each in found})
        yield f"history_ {key}", Seen(" ".join(types), as_numbers(np.asarray(found)))


def of_model(
    model: Any, samples: Any = None, new: Any = None, y: Any = None, **known: Any
) -> Iterator[tuple[str, Any]]:
    """Yield all that is seen of a fitted model: `samples` are those of its fit."""
    yield from attributes(model)
    if hasattr(model, "get_feature_names_out"):
        yield "feature names", answer(model.get_feature_names_out)
    for title, X, labels in (("known", samples, y), ("new", new, None)):
        if X is not None:
            for name, value in answers(model, X, labels, **known):
                yield f"{name} of {title} samples", value


def named(prefix: str, pairs: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    for name, value in pairs:
        yield f"{prefix}: {name}", value
