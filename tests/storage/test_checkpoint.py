"""A fit that was stopped goes on from its checkpoint and ends as if it hadn't been stopped."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from helpers.small_fits import DIGIT, KNOWN, QUICK, X
from helpers.stopped_fits import (
    FITS,
    Stopped,
    after_a_file,
    after_an_epoch,
    after_epochs_of,
    assert_same_result,
    fitted_with_stops,
    result,
)
from joblib import parallel_config
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skdeepclust import ParsimoniousClassifier
from skdeepclust._estimator import base
from skdeepclust._storage.checkpoint import HEADER, Checkpoint, read
from skdeepclust._training.listeners import CallbackTask

pytestmark = pytest.mark.usefixtures("few_head_steps")


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "a" / "folder"


@cache
def uninterrupted(name: str) -> dict[str, np.ndarray]:
    """Return the result of a fit without a checkpoint."""
    model, arguments = FITS[name]()
    return result(model.fit(*arguments))


# ---------------------------------------------------------------- exceptions


@pytest.mark.parametrize("name", FITS)
def test_a_fit_that_stops_in_every_epoch(name, folder):
    model, arguments = FITS[name]()
    expected = uninterrupted(name)
    epochs: list[str] = []
    model.set_params(checkpoint=folder)
    model, n_stops = fitted_with_stops(model, arguments, after_an_epoch, epochs)
    assert_same_result(result(model), expected)
    assert n_stops == len(model.history_) - 1
    assert len(epochs) == len(model.history_) + n_stops
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("name", FITS)
def test_a_fit_that_stops_after_every_file(name, folder):
    model, arguments = FITS[name]()
    expected = uninterrupted(name)
    files: list[str] = []
    model.set_params(checkpoint=str(folder))
    model, n_stops = fitted_with_stops(model, arguments, after_a_file, files)
    assert_same_result(result(model), expected)
    assert n_stops >= len(model.history_) // 2
    # an epoch has one file, and what stands between the phases has one, too
    names = [name[3:].partition(".")[0] for name in files]
    phases = {row["phase"] for row in model.history_}
    assert len([name for name in names if name in phases]) == len(model.history_)
    others = Counter(file for file, name in zip(files, names, strict=True) if name not in phases)
    assert set(others.values()) == {1}


STEPS = {
    "tagnet": ["graph", "dictionary", *2 * ["initial_clusters"], "heads", "clustering"],
    "attempts and radius": [
        "neighbors",
        "reconstruction",
        "warmup",
        "initial_clusters",
        *2 * ["clustering"],
    ],
    "classifier": ["classification"],
}


@pytest.mark.parametrize("name", STEPS)
def test_what_takes_long_is_a_step(name, folder):
    model, arguments = FITS[name]()
    files: list[str] = []
    fitted_with_stops(model.set_params(checkpoint=folder), arguments, after_a_file, files)
    steps = sorted(set(files) - {HEADER})
    assert [step[3:].partition(".")[0] for step in steps] == STEPS[name]


@pytest.mark.parametrize("name", FITS)
def test_a_checkpoint_changes_nothing(name, folder):
    model, arguments = FITS[name]()
    expected = uninterrupted(name)
    assert_same_result(result(model.set_params(checkpoint=folder).fit(*arguments)), expected)
    assert list(folder.iterdir()) == []
    assert "_checkpoint" not in vars(model)


def test_a_seed_that_was_drawn_is_kept(folder, monkeypatch):
    model, arguments = FITS["embedder"]()
    model.set_params(random_state=None, checkpoint=folder)
    with pytest.raises(Stopped), after_an_epoch([]):
        model.fit(*arguments)
    (path,) = folder.iterdir()
    seed = read(path / HEADER)["seed"]
    found = result(model.fit(*arguments))
    monkeypatch.setattr(base, "draw_seed", lambda random_state: seed)
    assert_same_result(found, result(model.fit(*arguments)))
    monkeypatch.undo()
    assert len({model.fit(*arguments).history_[0]["loss"] for _ in range(2)}) == 2  # each anew


def test_a_warm_start_goes_on_after_a_stop(folder):
    model, arguments = FITS["labels of text"]()
    model.fit(*arguments).set_params(warm_start=True, checkpoint=folder)
    kept = pickle.dumps(model)
    expected = result(model.fit(*arguments))
    again = pickle.loads(kept)
    with pytest.raises(Stopped), after_an_epoch([]):
        again.fit(*arguments)
    again, epochs = pickle.loads(kept), []  # a new process would load it
    again, n_stops = fitted_with_stops(again, arguments, after_an_epoch, epochs)
    assert n_stops == 0
    assert len(epochs) == 1
    assert_same_result(result(again), expected)
    # the next one starts from another state
    with pytest.raises(Stopped), after_an_epoch([]):
        pickle.loads(kept).fit(*arguments)
    with pytest.warns(UserWarning, match="differs in fitted state"):
        again.fit(*arguments)


def test_partial_fit_keeps_nothing(folder):
    model = ParsimoniousClassifier(n_clusters=3, checkpoint=folder, random_state=0)
    plain = clone(model).set_params(checkpoint=None)
    for each in (model, plain):
        for _ in range(2):
            each.partial_fit(KNOWN, DIGIT[:60], classes=np.unique(DIGIT))
    assert_same_result(result(model), result(plain))
    assert not folder.exists()


SEARCH = GridSearchCV(
    ParsimoniousClassifier(n_clusters=5, **QUICK), {"lam": [0.1, 0.3]}, cv=2, error_score="raise"
)


# What was finished has no checkpoint any more: it starts anew, and says which one is left.
@pytest.mark.filterwarnings("ignore:checkpoint=:UserWarning")
def test_a_search_that_is_stopped(folder):
    expected, search = clone(SEARCH).fit(X, DIGIT), clone(SEARCH)
    search.set_params(estimator__checkpoint=folder)
    # in the second epoch of each of the five fits; the one before needs one epoch by then
    for n_epochs in (2, 3, 5, 7, 9):
        with pytest.raises(Stopped), after_epochs_of("classification", n_epochs):
            search.fit(X, DIGIT)
        assert len(list(folder.iterdir())) == 1
    search.fit(X, DIGIT)
    assert list(folder.iterdir()) == []
    for key in ("mean_test_score", "params"):
        np.testing.assert_array_equal(search.cv_results_[key], expected.cv_results_[key])
    assert_same_result(result(search.best_estimator_), result(expected.best_estimator_))


@pytest.mark.parametrize("backend", ["multiprocessing", "threading"])
def test_searches_in_parallel(backend, folder):
    expected, search = clone(SEARCH).fit(X, DIGIT), clone(SEARCH)
    search.set_params(estimator__checkpoint=folder, n_jobs=2)
    with parallel_config(backend):
        search.fit(X, DIGIT)
    assert_same_result(result(search.best_estimator_), result(expected.best_estimator_))
    assert list(folder.iterdir()) == []


# ---------------------------------------------------------------- SIGKILL


def fit_until(name: str, folder: Path, out: Path, fatal: int) -> None:
    """Fit, and die when as many functions have been called or left; write what came out."""
    model, arguments = FITS[name]()
    count, begin, remove = 0, CallbackTask.begin_epoch, Checkpoint.remove

    def profile(frame, event, argument):
        nonlocal count
        count += 1
        if count == fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    def counted_begin(task, net, epoch):
        with (out / "epochs").open("ab") as file:
            file.write(b"e")
        begin(task, net, epoch)

    def last(checkpoint):
        sys.setprofile(None)  # what a finished fit removes isn't there for another try
        remove(checkpoint)

    CallbackTask.begin_epoch, Checkpoint.remove = counted_begin, last
    sys.setprofile(profile)
    model.set_params(checkpoint=folder).fit(*arguments)
    with (out / "result").open("wb") as file:
        pickle.dump((result(model), count, len(model.history_)), file)


def outcome(name: str, folder: Path, out: Path, fatal: int):
    """Return what a process that fits and dies has found, or `None` if it died before that."""
    out.mkdir(exist_ok=True)
    process = multiprocessing.get_context("fork").Process(
        target=fit_until, args=(name, folder, out, fatal)
    )
    process.start()
    process.join(120)
    if process.exitcode == -signal.SIGKILL:
        return None
    assert process.exitcode == 0
    return pickle.loads((out / "result").read_bytes())


# Deaths in all, of fits that are started again until they come to their end.
DEATHS = {
    "classifier": 4, "early stopping": 4, "zero shot": 4, "callbacks": 4, "attempts and radius": 3,
    "targets and messages": 1,
}  # fmt: skip


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system doesn't fork processes")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # it has threads, and forks
@pytest.mark.parametrize("name", DEATHS)
def test_a_process_that_is_killed_at_any_moment(name, folder, tmp_path):
    model, arguments = FITS[name]()
    expected = result(model.fit(*arguments))  # here, so that no process begins with imports
    whole, n_calls, n_epochs = outcome(name, folder, tmp_path / "whole", 0)
    assert_same_result(whole, expected)
    generator, n_deaths, n_fits = np.random.default_rng(0), 0, 0
    while n_deaths < DEATHS[name]:
        out, n_deaths_before, found = tmp_path / str(n_fits), n_deaths, None
        while found is None:
            fatal = int(generator.integers(1, n_calls)) if n_deaths < DEATHS[name] else 0
            found = outcome(name, folder, out, fatal)
            n_deaths += found is None
        assert_same_result(found[0], expected)
        n_begun = len((out / "epochs").read_bytes())
        assert n_epochs <= n_begun <= n_epochs + n_deaths - n_deaths_before
        assert list(folder.iterdir()) == []
        n_fits += 1


def test_there_are_enough_deaths():
    assert sum(DEATHS.values()) >= 20
