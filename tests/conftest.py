"""Fixtures and settings that every test shares."""

from __future__ import annotations

import importlib.util
import io
import os
import pickle
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
import torch
from helpers.python_blocks import README_BLOCKS
from hypothesis import settings
from sklearn.datasets import load_digits

from skdeepclust import tagnet
from skdeepclust._clusters import initial_dictionary, starts
from skdeepclust._training.session import Session

# What tests expect to the last bit is the processor's; `make test-gpu` asks for the GPU.
if "SKDEEPCLUST_TEST_GPU" not in os.environ:
    os.environ["CUDA_VISIBLE_DEVICES"] = ""

# What holds no test, and would be imported to look for examples in docstrings.
collect_ignore_glob = ["house.py", "helpers/*", "same/*", "sequences/*", "typed/*"]

# No display is needed, on any machine.
matplotlib.use("Agg")

# The networks of the tests are tiny: a second thread costs more than it brings. With one thread the
# order of every sum, and so the last digit of a result, does not depend on the number of cores.
torch.set_num_threads(1)

# The same examples in every run, and no deadline: a busy machine must not turn a correct test red.
settings.register_profile("skdeepclust", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("skdeepclust")


@pytest.fixture
def example() -> Callable[[str], Any]:
    """Return what imports a script of `examples` by its name; benchmarks have the same ones."""

    def load(name: str):
        path = Path(__file__).resolve().parent.parent / "examples" / f"{name}.py"
        spec = importlib.util.spec_from_file_location(f"example_{name}", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture(autouse=True)
def _every_machine_has_half_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let torch emulate half precision where the processor has none: tests are the same."""
    monkeypatch.setattr("skdeepclust._engine.precision.has_arithmetic", lambda *_: True)


@pytest.fixture(scope="session")
def digits() -> tuple[np.ndarray, np.ndarray]:
    """Return images (1797, 64) with pixels in 0..16, and labels (1797,).

    Both are read-only: every test sees the same arrays.
    """
    X, y = load_digits(return_X_y=True)
    X.flags.writeable = False
    y.flags.writeable = False
    return X, y


@pytest.fixture(scope="session")
def readme() -> dict[str, Any]:
    """Return what the first block of the README has made and, as "printed", what it prints.

    That is a fit of all digits with the defaults: several files look at it.
    """
    path, offset, source = README_BLOCKS[0]
    found: dict[str, Any] = {"__name__": "__main__"}
    with redirect_stdout(io.StringIO()) as printed:
        exec(compile("\n" * offset + source, str(path), "exec"), found)
    return {**found, "printed": printed.getvalue()}


def _global_states() -> dict[str, bytes]:
    state = np.random.get_state(legacy=False)  # noqa: NPY002 (this state is what is looked at)
    return {"numpy": pickle.dumps(state), "torch": pickle.dumps(torch.get_rng_state().numpy())}


@pytest.fixture
def global_state_untouched() -> Iterator[None]:
    """Fail the test that asks for this when it draws from a global generator or seeds one."""
    before = _global_states()
    yield
    after = _global_states()
    changed = [name for name in before if before[name] != after[name]]
    assert not changed, f"the global random state of {' and '.join(changed)} changed"


@pytest.fixture
def train_briefly(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return what shortens phases of fits: for examples, of which tests look at no number.

    Of the candidates for initial clusters one of a kind is enough, then, and a hundred samples
    for a dictionary.
    """
    train, candidates = Session.train, starts.candidate_partitions

    def few(*args: Any, n_init: int, **options: Any) -> Any:
        return candidates(*args, n_init=1, **options)

    def at_most(most: int, but: str | None = None) -> None:
        def brief(self, phase, *args, epochs, **options):
            epochs = epochs if phase == but else min(epochs, most)
            return train(self, phase, *args, epochs=epochs, **options)

        monkeypatch.setattr(Session, "train", brief)
        monkeypatch.setattr(starts, "candidate_partitions", few)
        monkeypatch.setattr(initial_dictionary, "MAX_SAMPLES", 100)

    return at_most


@pytest.fixture
def few_head_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start the heads of TAGnet in a few steps, where no test looks at what they come to."""
    monkeypatch.setattr(tagnet, "HEAD_STEPS", 5)


@pytest.fixture
def traced_losses(monkeypatch: pytest.MonkeyPatch) -> list[Callable]:
    """Let `compile=True` trace losses as ever, without a C++ compiler; return those it has got."""
    traced = []
    compile_ = torch.compile

    def trace(function: Callable, **options: Any) -> Callable:
        assert options["options"]["fallback_random"], "compiled steps draw other numbers"
        traced.append(function)
        return compile_(function, backend="eager")

    monkeypatch.setattr(torch, "compile", trace)
    return traced
