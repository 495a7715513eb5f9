"""What several processes of one script do, each thing named; run under a launcher.

`python distributed_scenarios.py FOLDER` keeps what each of them has found in FOLDER.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import sys
import warnings
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Thread
from typing import Any

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback

from skdeepclust import ParsimoniousClassifier, TAGnetClusterer, TripletDECClusterer
from skdeepclust._engine import distributed

X, DIGIT = load_digits(return_X_y=True)
X, DIGIT = X[:64] / 16, DIGIT[:64]
RANK = int(os.environ.get("RANK", "0"))


def classifier(**options) -> ParsimoniousClassifier:
    return ParsimoniousClassifier(**{"lam": 0, "batch_size": 32, "max_epochs": 2, **options})


def error_of(function, *arguments) -> str:
    try:
        function(*arguments)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "none"


def no_seed(folder: Path) -> Any:
    model = classifier(verbose=1).fit(X, DIGIT)
    return model.history_, model.predict_proba(X).tolist()  # the seconds, too


def other_data(folder: Path) -> Any:
    changed = [X[RANK:], X + RANK, X[:: 1 - 2 * RANK]]
    return [error_of(classifier().fit, each, DIGIT[: len(each)]) for each in changed]


def other_parameters(folder: Path) -> Any:
    loss = classifier(random_state=RANK).fit(X, DIGIT).history_[-1]["loss"]
    return loss, error_of(classifier(lr=0.01 + RANK).fit, X, DIGIT)


def other_arguments(folder: Path) -> Any:
    """What is said of links, labels and weights that aren't the same, or are wrong in one alone."""
    model = TripletDECClusterer(3, pretrain_epochs=1, warmup_epochs=0, max_epochs=1, n_starts=1)
    known = DIGIT % 3
    calls = [
        {"must_link": [[0, 1 + RANK]]},
        {"cannot_link": [[0, 1]] if RANK else None},
        {"cannot_link": [[0, RANK]]},  # of the first it contradicts itself
        {"known_labels": known if RANK else known[::-1]},
        {"sample_weight": 1.0 + RANK * known},
        {"y": known + RANK},
    ]
    said = [error_of(partial(model.fit, X, **each)) for each in calls]
    return [*said, error_of(classifier().fit, X, (DIGIT + RANK) % 10)]


def bad_parameters(folder: Path) -> Any:
    return error_of(classifier(lr=-1).fit, X, DIGIT)


def threads_and_children(folder: Path) -> Any:
    """Fits of the first process alone: those of two threads, and what a child is told."""
    if RANK != 0:
        return None
    fits = [classifier(random_state=0) for _ in range(2)]
    threads = [Thread(target=each.fit, args=(X, DIGIT)) for each in fits]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=lambda: queue.put(distributed._find().size == 1))
    child.start()
    alone = queue.get(timeout=60)
    child.join()
    return [each.history_[-1]["loss"] for each in fits], alone


def search(folder: Path) -> Any:
    found = GridSearchCV(classifier(random_state=0), {"lr": [0.001, 0.1]}, cv=2)
    return found.fit(X, DIGIT % 2).cv_results_["mean_test_score"].tolist()


def what_cannot_be_sent(folder: Path) -> Any:
    options = {"n_components": 4, "n_stages": 2, "n_init": 1, "max_epochs": 1, "random_state": 0}
    model = TAGnetClusterer(3, affinity=lambda A, B: (A @ B.T > 5) * 1.0, **options)
    return model.fit(X, affinity=X).labels_.tolist()


def found_once(folder: Path) -> Any:
    seen = []

    def init(embedding, n_clusters, random_state):
        seen.append(random_state)
        return embedding[:n_clusters]

    options = {"pretrain_epochs": 1, "warmup_epochs": 0, "max_epochs": 1}
    model = TripletDECClusterer(3, init=init, **options).fit(X)
    return len(seen), model.labels_.tolist()


class Noise:
    """An augmentation of two steps, which remembers how many rows it has seen in each."""

    def __init__(self):
        self.drawn, self.applied = [], []

    def __call__(self, x):
        raise AssertionError("the two steps do all that is needed")

    def draw(self, x):
        self.drawn.append(len(x))
        return (torch.randn_like(x),)

    def apply_drawn(self, x, noise):
        self.applied.append(len(x))
        return x + 0.1 * noise


def rows_augmented(folder: Path) -> Any:
    options = {"pretrain_epochs": 0, "warmup_epochs": 1, "max_epochs": 1, "n_starts": 1}
    seen: list[int] = []

    def function(x):
        seen.append(len(x))
        return x + 0.1 * torch.randn_like(x)

    noise = Noise()
    models = [
        TripletDECClusterer(3, augmentation=each, batch_size=32, random_state=0, **options).fit(X)
        for each in (noise, function)
    ]
    same = models[0].labels_.tolist() == models[1].labels_.tolist()
    return noise.drawn, noise.applied, seen, same


class At(Callback):
    """Remembers epochs, and fails at one."""

    def __init__(self, epochs: list[int], fail: int = -1):
        self.epochs, self.fail = epochs, fail

    def __deepcopy__(self, memo):
        return self

    def on_epoch_end(self, net, **_):
        self.epochs.append(len(net.history))
        if len(net.history) == self.fail:
            raise RuntimeError("stop")


def checkpoint(folder: Path) -> Any:
    own = folder / f"checkpoint{RANK}"
    options = {"max_epochs": 5, "random_state": 0}
    whole = classifier(**options).fit(X, DIGIT)
    first = At([], fail=3)
    model = classifier(**options, checkpoint=own, callbacks=[first])
    errors = [error_of(model.fit, X, DIGIT)]
    exists = own.exists()
    again = At([])
    model.set_params(callbacks=[again]).fit(X, DIGIT)
    same = (model.predict_proba(X) == whole.predict_proba(X)).all()
    errors.append(error_of(model.set_params(checkpoint=__file__).fit, X, DIGIT))  # no folder
    return again.epochs, bool(same), errors, exists


def compiled(folder: Path) -> Any:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        classifier(compile=True).fit(X, DIGIT)
    return [str(each.message) for each in caught]


SCENARIOS = [
    no_seed, other_data, other_parameters, other_arguments, bad_parameters, threads_and_children,
    search, what_cannot_be_sent, found_once, rows_augmented, checkpoint, compiled,
]  # fmt: skip


def until_killed(variables: dict[str, str], teller: Connection) -> None:
    """Fit for a long time; tell of the first epoch, of what it ended with, and of the estimator."""
    os.environ.update(variables)

    class Tell(Callback):
        def on_epoch_end(self, net, **_):
            if len(net.history) == 1:
                teller.send(1)

    model = classifier().fit(X, DIGIT)
    before = model.module_
    model.set_params(max_epochs=100_000, callbacks=[Tell()])
    error = error_of(model.fit, X, DIGIT)
    teller.send((model.module_ is before, error))
    os._exit(0)  # without a farewell to the other


def main(folder: str) -> None:
    found = {each.__name__: each(Path(folder)) for each in SCENARIOS}
    (Path(folder) / f"rank{RANK}.pickle").write_bytes(pickle.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
