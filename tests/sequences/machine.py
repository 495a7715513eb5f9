"""One sequence of calls, and what must hold after each."""

from __future__ import annotations

import copy
import inspect
import pickle
import random
import re
import tempfile
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from sequences.models import CHANGES, FORMS, KINDS, MODELS, SAME_FORMS, labels, samples
from skdeepclust import load, save

# What a message must name one of, beside parameters.
NAMES = re.compile(
    r"\b(X|y|n_samples|samples?|features?|NaN|infinity|labels?|classes|class|fitted|score|"
    r"sample_weight|columns|rows|must_link|cannot_link|known_labels)\b"
)
ANSWERS = ("predict", "predict_proba", "transform", "decision_function")


class Fallen(AssertionError):
    """What was promised and doesn't hold."""


class Sequence:
    """A model, and random calls of it.

    Parameters
    ----------
    number : int
        Decides everything.
    """

    def __init__(self, number: int):
        self.generator = np.random.default_rng(number)
        self.name = str(self.generator.choice(list(MODELS)))
        self.model = MODELS[self.name]()
        self.calls: list[str] = [self.name]
        self.seen: np.ndarray | None = None  # what the last fit was given
        self.outcomes: Counter[str] = Counter()

    def run(self) -> None:
        """Make up to eight calls."""
        rules = [self.fit, self.fit, self.partial_fit, self.set_params, self.set_params]
        rules += [self.ask, self.ask, self.ask_of_others, self.go_through_a_file, self.copy]
        for _ in range(int(self.generator.integers(2, 9))):
            rule = rules[int(self.generator.integers(len(rules)))]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                rule()

    # -- calls
    def fit(self, method: str = "fit") -> None:
        """Fit samples of any kind; a fit that fails changes nothing."""
        n_features = 4 if self.generator.random() < 0.8 else 5
        kind, form = self._one_of(KINDS), self._one_of(list(FORMS))
        X = samples(self.generator, kind, n_features)
        y = labels(self.generator, len(X))
        given = FORMS[form](X)
        known = self._known(method, len(X))
        self.calls.append(f"{method}({kind} {X.shape} as {form}, y={y.tolist()}, {known})")
        if self._call(method, given, y, **self._classes(method, y), **known) is None:
            return
        self.seen = X
        if hasattr(self.model, "labels_"):
            self._check(self.model.labels_.shape == (len(X),), "labels_ has another shape")
            # which keep links, of which predict knows nothing
            same = bool(known) or np.array_equal(self.model.predict(given), self.model.labels_)
            # an assignment to bounded sizes parts samples that are alike
            same |= self.name == "sizes"
            self._check(same, "predict of the training samples isn't labels_")
        self._look(given)
        warm = getattr(self.model, "warm_start", False)
        warm |= self.model.get_params().get("estimator__warm_start", False)
        if method == "fit" and not warm and self.generator.random() < 0.2:
            again = clone(self.model).fit(given, y, **known)
            self._same(again, self.model, given, "another fit of the same seed")

    def _known(self, method: str, n_samples: int) -> dict[str, Any]:
        """Tell of some samples, where that can be; now and then what can't be."""
        if method != "fit" or not hasattr(self.model, "query") or self.generator.random() < 0.5:
            return {}
        ends = self.generator.integers(n_samples + (self.generator.random() < 0.1), size=(3, 2))
        name = self._one_of(["must_link", "cannot_link", "known_labels"])
        is_labels = name == "known_labels"
        return {name: labels(self.generator, n_samples) if is_labels else ends}

    def partial_fit(self) -> None:
        """Go on, where that can be."""
        if hasattr(self.model, "partial_fit"):
            self.fit("partial_fit")

    def set_params(self) -> None:
        """Change a parameter; what is fitted answers as before."""
        known = self.model.get_params()
        paths = {name: name for name in CHANGES if name in known or name.startswith("module__")}
        # what is inside of another one is changed through it
        inside = {name: f"estimator__{name}" for name in CHANGES if f"estimator__{name}" in known}
        paths |= inside
        if self.name in ("tagnet", "zero shot"):
            paths = {name: path for name, path in paths.items() if not name.startswith("module__")}
        change = self._one_of(list(paths))
        name, value = paths[change], self._one_of(CHANGES[change])
        self.calls.append(f"set_params({name}={value!r})")
        self.model.set_params(**{name: value})

    def ask(self) -> None:
        """Ask of the samples of the fit in other forms, orders and parts."""
        if self.seen is None:
            self._check_unfitted()
            return
        X, form = self.seen, self._one_of(SAME_FORMS)
        order = self.generator.permutation(len(X))
        self.calls.append(f"ask of the same as {form}")
        for method in self._answers():
            whole = self._call(method, X)
            other = self._call(method, FORMS[form](X))
            if whole is None or other is None:
                continue
            self._check(np.array_equal(np.asarray(other), whole), f"{method} of {form} differs")
            parts = self._call(method, X[order])
            self._check(_close(parts, whole[order]), f"{method} of another order differs")

    def ask_of_others(self) -> None:
        """Ask of samples of any kind and shape."""
        X = samples(self.generator, self._one_of(KINDS), int(self.generator.choice([4, 4, 5])))
        given = FORMS[self._one_of(list(FORMS))](X)
        self.calls.append(f"ask of others {X.shape}")
        for method in self._answers():
            answer = self._call(method, given)
            if answer is not None:
                self._check(len(answer) == len(X), f"{method} has another number of rows")
        y = labels(self.generator, len(X))
        if hasattr(self.model, "score"):
            self._call("score", given, y)

    def go_through_a_file(self) -> None:
        """Save and load: the same answers, and all that a fit may do."""
        if self.seen is None:
            return
        self.calls.append("save and load")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.safetensors"
            save(self.model, path)
            other = load(path)
        self._same(other, self.model, self.seen, "what was loaded")
        self.model = other

    def copy(self) -> None:
        """Copy, pickle or clone."""
        way = self._one_of(["deepcopy", "pickle", "clone"])
        self.calls.append(way)
        if way == "clone":
            other = clone(self.model)
            self._check(not _is_fitted(other), "a clone is fitted")
        elif way == "pickle":
            other = pickle.loads(pickle.dumps(self.model))
        else:
            other = copy.deepcopy(self.model)
        if self.seen is not None and way != "clone":
            self._same(other, self.model, self.seen, way)
        if way != "clone":
            self.model = other

    # -- what must hold
    def _call(self, method: str, X: Any, *arguments: Any, **options: Any) -> Any:
        """Return the answer, or `None` where the call was refused with a reason."""
        before, parameters = self._answers_now(), repr(self.model.get_params())
        state = _global_state()
        copied = copy.deepcopy(X)
        try:
            answer = getattr(self.model, method)(X, *arguments, **options)
        except (ValueError, TypeError) as error:
            words = re.findall(r"\w+", str(error))
            names = set(self.model.get_params())
            names |= {name.split("__")[-1] for name in names}
            named = NAMES.search(str(error)) or set(words) & names
            self._check(named, f"{method}: the message names no argument: {error}", error)
            self._check(
                _equal(before, self._answers_now()), f"{method} failed and changed the model"
            )
            answer = None
        except Exception as error:
            raise Fallen(f"{method}: {type(error).__name__}: {error}") from error
        self.outcomes["refused" if answer is None else "answered"] += 1
        self._check(repr(self.model.get_params()) == parameters, f"{method} changed parameters")
        self._check(_global_state() == state, f"{method} drew from global random numbers")
        self._check(_equal_samples(X, copied), f"{method} changed X")
        return answer

    def _look(self, X: Any) -> None:
        for method in self._answers():
            answer = np.asarray(self._call(method, X))
            if answer.dtype.kind == "f":
                # without a threshold nothing is beyond it; and some are beyond all numbers
                beyond = np.isinf(answer) & (method == "decision_function")
                self._check((np.isfinite(answer) | beyond).all(), f"{method} isn't finite")
            if method == "predict_proba":
                self._check(np.allclose(answer.sum(1), 1, atol=1e-5), "no probabilities")
        if hasattr(self.model, "classes_"):
            self._check("-1" not in map(str, self.model.classes_) or len(self.model.classes_) == 2,
                        "-1 is a class")  # fmt: skip

    def _check_unfitted(self) -> None:
        self.calls.append("ask before a fit")
        for method in self._answers():
            try:
                getattr(self.model, method)(np.ones((3, 4)))
            except NotFittedError:
                continue
            raise Fallen(f"{method} answers before a fit")

    def _same(self, one: Any, other: Any, X: Any, what: str) -> None:
        for method in self._answers():
            same = np.array_equal(getattr(one, method)(X), getattr(other, method)(X))
            self._check(same, f"{what} gives another {method}")

    def _answers_now(self) -> list[np.ndarray] | None:
        if self.seen is None or not _is_fitted(self.model):
            return None
        return [np.asarray(getattr(self.model, name)(self.seen)) for name in self._answers()]

    def _answers(self) -> list[str]:
        return [name for name in ANSWERS if hasattr(self.model, name)]

    def _classes(self, method: str, y: np.ndarray) -> dict[str, Any]:
        takes = "classes" in inspect.signature(getattr(self.model, method)).parameters
        return {"classes": np.unique(y)} if takes and method == "partial_fit" else {}

    def _one_of(self, values: Any) -> Any:
        return values[int(self.generator.integers(len(values)))]

    @staticmethod
    def _check(holds: Any, what: str, error: BaseException | None = None) -> None:
        if not holds:
            raise Fallen(what) from error


def _is_fitted(model: Any) -> bool:
    try:
        check_is_fitted(model)
    except NotFittedError:
        return False
    return True


def _global_state() -> tuple:
    return (
        np.random.get_state()[1].tobytes(),  # noqa: NPY002
        torch.get_rng_state().numpy().tobytes(),
        random.getstate(),
    )


def _equal(one: list | None, other: list | None) -> bool:
    if one is None or other is None:
        return one is other
    return all(np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in zip(one, other))  # noqa: B905


def _equal_samples(one: Any, other: Any) -> bool:
    one, other = (each.toarray() if hasattr(each, "toarray") else each for each in (one, other))
    return np.array_equal(np.asarray(one), np.asarray(other), equal_nan=True)


def _close(one: Any, other: Any) -> bool:
    if one is None or np.asarray(one).dtype.kind != "f":
        return one is None or np.mean(np.asarray(one) != other) <= 0.5  # of ties
    return np.allclose(one, other, rtol=1e-4, atol=1e-5)
