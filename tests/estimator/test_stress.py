"""What holds for every estimator when several fits run at once, when one is interrupted, and of
everything that a fit and an import must leave alone.
"""

from __future__ import annotations

import os
import pickle
import random
import warnings
from concurrent.futures import ThreadPoolExecutor

import matplotlib
import numpy as np
import pytest
import sklearn
import torch
from helpers.small_fits import DIGIT, FITS, NETWORKS, QUICK, X, assert_same, fitted, outputs
from joblib import parallel_config
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skdeepclust import ParsimoniousClassifier
from skdeepclust._training.phase_net import PhaseNet

# ---------------------------------------------------------------- threads and processes


@pytest.mark.usefixtures("few_head_steps")
@pytest.mark.parametrize("name", FITS)
def test_four_fits_at_once_are_those_of_one_after_the_other(name):
    seeds = [0, 1, 0, 1]

    def fit(seed: int):
        model, arguments = FITS[name]()
        if "random_state" in model.get_params():
            model.set_params(random_state=seed)
        return model.fit(*arguments)

    alone = [fit(seed) for seed in range(2)]
    with ThreadPoolExecutor(4) as pool:
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


def test_threads_that_share_an_estimator_get_their_own_answers():
    model = fitted("classifier")
    parts = [X[start : start + 30] for start in (0, 30, 60)] * 8
    expected = [model.transform(part) for part in parts]
    with ThreadPoolExecutor(8) as pool:
        for found, right in zip(pool.map(model.transform, parts), expected, strict=True):
            np.testing.assert_array_equal(found, right)


# Copies of a process: test_searches_in_parallel, with checkpoints.
def test_a_search_in_new_processes():
    estimator = ParsimoniousClassifier(n_clusters=5, **QUICK)
    alone = GridSearchCV(estimator, {"lam": [0.0, 1.0]}, cv=2)
    search = clone(alone).set_params(n_jobs=2)
    with parallel_config("loky"):
        search.fit(X, DIGIT)
    scores = alone.fit(X, DIGIT).cv_results_["mean_test_score"]
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


@pytest.mark.usefixtures("few_head_steps")
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


# What else is set in torch: tests/engine/test_torch_settings.py.
@pytest.mark.parametrize("name", ["classifier", "autoencoder"])
def test_with_more_threads_only_sums_have_another_order(name):
    expected, threads = outputs(fitted(name)), torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        found = outputs(fitted(name))
    finally:
        torch.set_num_threads(threads)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=0.02, atol=0.02)
