"""What holds for every estimator when several fits run at once, when one is interrupted, and of
everything that a fit and an import must leave alone.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import random
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import matplotlib
import numpy as np
import pytest
import sklearn
import torch
from helpers.small_fits import DIGIT, FITS, GRAPH, NETWORKS, QUICK, X, assert_same, fitted, outputs
from joblib import parallel_config
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skdeepclust import ParsimoniousClassifier, TAGnetClusterer
from skdeepclust._training.phase_net import PhaseNet

# ---------------------------------------------------------------- threads and processes


@pytest.mark.parametrize("name", FITS)
def test_eight_fits_at_once_are_those_of_one_after_the_other(name):
    seeds = [seed % 4 for seed in range(8)]

    def fit(seed: int):
        model, arguments = FITS[name]()
        if "random_state" in model.get_params():
            model.set_params(random_state=seed)
        return model.fit(*arguments)

    alone = [fit(seed) for seed in range(4)]
    with ThreadPoolExecutor(8) as pool:
        for seed, model in zip(seeds, pool.map(fit, seeds), strict=True):
            assert_same(model, alone[seed])


def test_predictions_in_threads(monkeypatch):
    model = fitted("tagnet")
    expected = outputs(model)
    del model._stage_codes  # which the first of them will find
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(outputs, [model] * 16):
            for one, other in zip(found, expected, strict=True):
                np.testing.assert_array_equal(one, other)


SEARCHES = {
    "classifier": lambda: GridSearchCV(
        ParsimoniousClassifier(n_clusters=5, **QUICK), {"lam": [0.0, 1.0]}, cv=2
    ),
    "tagnet": lambda: GridSearchCV(TAGnetClusterer(3, **GRAPH), {"lam": [0.1, 0.3]}, cv=2),
}


@cache
def scores_of_one_process(name: str) -> np.ndarray:
    return SEARCHES[name]().fit(X, DIGIT).cv_results_["mean_test_score"]


@pytest.mark.parametrize("start", ["fork", "spawn"])
@pytest.mark.parametrize("name", SEARCHES)
def test_searches_in_processes(name, start, monkeypatch):
    if start not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system doesn't {start} processes")
    scores = scores_of_one_process(name)
    search = SEARCHES[name]().set_params(n_jobs=2)
    # joblib's own processes are spawned
    with parallel_config("multiprocessing" if start == "fork" else "loky"):
        search.fit(X, DIGIT)
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], scores)


# ---------------------------------------------------------------- interrupts


def interrupt_in(phase: str):
    """Return a training step that is interrupted in one phase."""
    step = PhaseNet.train_step_single

    def interrupted(net, batch, **options):
        if net.phase_ == phase:
            raise KeyboardInterrupt
        return step(net, batch, **options)

    return interrupted


@pytest.mark.parametrize("name", NETWORKS)
def test_an_interrupt_in_any_phase_leaves_the_estimator_as_it_was(name, monkeypatch):
    model, arguments = FITS[name]()
    new = clone(model)
    model.fit(*arguments)
    expected, attributes = outputs(model), vars(model).keys()
    phases = dict.fromkeys(row["phase"] for row in model.history_)
    assert phases
    for phase in phases:
        monkeypatch.setattr(PhaseNet, "train_step_single", interrupt_in(phase))
        for each in (model.set_params(random_state=1), new):
            with pytest.raises(KeyboardInterrupt):
                each.fit(*arguments)
        monkeypatch.undo()
        model.set_params(random_state=0)
        assert vars(model).keys() == attributes
        for one, other in zip(outputs(model), expected, strict=True):
            np.testing.assert_array_equal(one, other)
        assert not [attribute for attribute in vars(new) if attribute.endswith("_")]
    assert_same(model.fit(*arguments), new.fit(*arguments))


# ---------------------------------------------------------------- what isn't ours


def surroundings() -> dict[str, object]:
    """Return what a program may have set, and must find again."""
    return {
        "numpy's generator": pickle.dumps(np.random.get_state(legacy=False)),  # noqa: NPY002
        "torch's generator": torch.get_rng_state().numpy().tobytes(),
        "Python's generator": random.getstate(),
        "torch's threads": (torch.get_num_threads(), torch.get_num_interop_threads()),
        "dtype": torch.get_default_dtype(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "cudnn": (torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic),
        "precision of products": torch.get_float32_matmul_precision(),
        "gradients": torch.is_grad_enabled(),
        "numpy's errors": np.geterr(),
        "printing": np.get_printoptions(),
        "scikit-learn": sklearn.get_config(),
        "matplotlib": dict(matplotlib.rcParams),
        "warnings": list(warnings.filters),
        "folder": os.getcwd(),
        "environment": dict(os.environ),
    }


@pytest.mark.parametrize("name", FITS)
def test_a_fit_leaves_everything_else_alone(name):
    matplotlib.get_backend()  # which is found out when it's asked for
    before = surroundings()
    outputs(fitted(name))
    after = surroundings()
    assert [what for what, value in before.items() if after[what] != value] == []


@cache
def expected_outputs(name: str) -> list[np.ndarray]:
    return outputs(fitted(name))


@pytest.mark.parametrize("changed", ["float64", "deterministic", "no gradients", "threads"])
@pytest.mark.parametrize("name", ["classifier", "autoencoder", "tagnet"])
def test_a_fit_works_in_other_surroundings(name, changed):
    """Random numbers of another dtype are other numbers; else only sums have another order."""
    expected = expected_outputs(name)
    dtype, threads = torch.get_default_dtype(), torch.get_num_threads()
    try:
        if changed == "float64":
            torch.set_default_dtype(torch.float64)
        elif changed == "deterministic":
            torch.use_deterministic_algorithms(True)
        elif changed == "threads":
            torch.set_num_threads(2)
        with torch.set_grad_enabled(changed != "no gradients"):
            found = outputs(fitted(name))
    finally:
        torch.set_default_dtype(dtype)
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(False)
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == other.dtype
        if changed == "float64":
            assert np.isfinite(one).all()
        else:
            np.testing.assert_allclose(one, other, rtol=0.02, atol=0.02)


IMPORT = """
import random, sys, warnings
import numpy as np, torch, sklearn, scipy, safetensors, skorch
before = {before}
import skdeepclust, skdeepclust.graph, skdeepclust.plotting, skdeepclust.datasets
after = {before}
changed = [i for i, (a, b) in enumerate(zip(before, after)) if a != b]
assert not changed, changed
assert "torch._dynamo" not in sys.modules, "the compiler takes seconds to import"
assert "matplotlib" not in sys.modules, "importing it takes time, and chooses a backend"
"""
STATE = (
    "(np.random.get_state(legacy=False)['state']['pos'], torch.get_rng_state().sum(), "
    "random.getstate(), torch.get_num_threads(), torch.get_default_dtype(), "
    "torch.are_deterministic_algorithms_enabled(), torch.is_grad_enabled(), np.geterr(), "
    "sklearn.get_config(), len(warnings.filters))"
)


def test_importing_changes_nothing():
    program = IMPORT.format(before=STATE)
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
