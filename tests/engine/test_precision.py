"""Half precision and compilation where the device can, and one warning where it can't."""

from __future__ import annotations

import sys
import warnings

import numpy as np
import pytest
import torch
from helpers.plain_autoencoder import assert_same_weights, make
from torch.utils._python_dispatch import TorchDispatchMode

from skdeepclust import TripletDECClusterer
from skdeepclust._engine import precision
from skdeepclust._engine.precision import half_dtype
from skdeepclust.networks import MLPAutoencoder

CPU = torch.device("cpu")
QUICK = {"pretrain_epochs": 1, "warmup_epochs": 1, "max_epochs": 1, "n_init": 2, "random_state": 0}


@pytest.fixture
def X() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(60, 6))


@pytest.fixture
def processor(monkeypatch):
    """Return what gives the processor some features, and no others."""
    ask = precision._ask_for_arithmetic
    monkeypatch.setattr(precision, "has_arithmetic", ask)

    def has(*features: str) -> None:
        found = dict.fromkeys(features, True)
        monkeypatch.setattr(precision, "processor_features", lambda: found)

    return has


def messages(fit) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit()
    return [str(each.message) for each in caught if each.category is UserWarning]


# ---------------------------------------------------------------- half precision


@pytest.mark.parametrize(
    ("features", "precision", "expected"),
    [
        ((), "bf16", None),
        ((), "fp16", None),
        ((), "auto", None),
        (("avx512_bf16",), "bf16", torch.bfloat16),
        (("amx_bf16",), "auto", torch.bfloat16),
        (("avx512_bf16",), "fp16", None),
        (("avx512_bf16",), "32", None),
        (("fp16_arith",), "fp16", torch.float16),
        (("fp16_arith",), "auto", None),
    ],
)
def test_the_processor_decides(processor, features, precision, expected):
    processor(*features)
    assert half_dtype(precision, CPU) is expected


def test_features_of_this_processor_are_looked_up_once(monkeypatch):
    # the fixture of all tests stands in for the function; here is what it hides
    features = precision.processor_features()
    assert all(isinstance(name, str) for name in features)
    assert any("bf16" in name for name in features)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_falls_back_with_one_warning(X, processor, precision):
    processor()
    model = make(precision=precision)
    (message,) = messages(lambda: model.fit(X))
    assert f"precision={precision!r}" in message
    assert "precision='auto'" in message
    assert_same_weights(model, make().fit(X))
    assert model.precision == precision
    assert not messages(lambda: model.transform(X))


def test_one_warning_for_all_phases(processor, digits):
    processor()
    model = TripletDECClusterer(3, precision="fp16", **QUICK)
    assert len(messages(lambda: model.fit(digits[0][:60]))) == 1


def test_auto_is_silent(X, processor):
    processor()
    model = make(precision="auto")
    assert not messages(lambda: model.fit(X))
    assert_same_weights(model, make().fit(X))
    processor("avx512_bf16")
    assert_same_weights(make(precision="auto").fit(X), make(precision="bf16").fit(X))


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_what_is_inferred_has_all_digits(X, precision):
    model = make(precision=precision, max_epochs=2).fit(X)
    codes = model.transform(X)
    np.testing.assert_array_equal(codes, model.set_params(precision="32").transform(X))
    assert abs(codes - make(max_epochs=2).fit(X).transform(X)).max() > 1e-4  # trained otherwise


class Reads(TorchDispatchMode):
    """Counts how often a number is read from a tensor, which on a GPU waits for it."""

    def __init__(self):
        super().__init__()
        self.n_reads = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.n_reads += func is torch.ops.aten._local_scalar_dense.default
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_scaled_steps_do_not_wait_for_the_device(X, optimizer):
    counts = []
    for batch_size in (10, 60):
        with Reads() as reads:
            model = make(precision="fp16", optimizer=optimizer, max_epochs=1, batch_size=batch_size)
            model.fit(X)
        counts.append(reads.n_reads)
    assert counts[0] == counts[1]


def test_users_of_an_optimizer_decide_how_it_works(X):
    model = make(precision="fp16", optimizer__foreach=True).fit(X)
    assert model.net_.optimizer_.param_groups[0]["fused"] is None
    model = make(precision="fp16", optimizer="rmsprop").fit(X)  # which has no fused form
    assert "fused" not in model.net_.optimizer_.param_groups[0]
    model = make(optimizer="adam", optimizer__fused=False).fit(X)
    assert model.net_.optimizer_.param_groups[0]["fused"] is False


def test_double_precision_is_refused_where_there_is_none():
    with pytest.raises(ValueError, match="set dtype='float32' or device='cpu'"):
        precision.check_precision("32", torch.float64, torch.device("mps"))
    precision.check_precision("32", torch.float64, CPU)


# ---------------------------------------------------------------- compilation


class CompilerError(Exception):
    """Stands for one of torch's, which are told by the module that they come from."""


CompilerError.__module__ = "torch._inductor.exc"


def broken(loss, **options):
    def compiled(*args, **kwargs):
        raise CompilerError("No working C++ compiler found\nin this test")

    return compiled


def test_without_a_compiler_training_goes_on_with_one_warning(monkeypatch, digits):
    X = digits[0][:60]
    plain = TripletDECClusterer(3, **QUICK).fit(X)
    monkeypatch.setattr(torch, "compile", broken)
    model = TripletDECClusterer(3, compile=True, **QUICK)
    (message,) = messages(lambda: model.fit(X))
    assert "compile=True" in message
    assert "No working C++ compiler found)" in message
    np.testing.assert_array_equal(model.predict_proba(X), plain.predict_proba(X))


def test_where_python_is_too_new_for_compilation_training_goes_on(monkeypatch, X):
    def refuse(loss, **options):
        raise RuntimeError("torch.compile is not supported on Python 9.9+")

    monkeypatch.setattr(torch, "compile", refuse)
    (message,) = messages(lambda: make(compile=True, max_epochs=2).fit(X))
    assert "Python 9.9+" in message


def failing_backward(where: str):
    """Return a stand-in of torch.compile whose steps fail in their backward pass."""
    code = "def run():\n    raise AssertionError('expected size 32==32, stride 9==1')"
    made_by_compiler = {"__name__": where}
    exec(code, made_by_compiler)

    class Fails(torch.autograd.Function):
        @staticmethod
        def forward(ctx, loss):
            return loss.clone()

        @staticmethod
        def backward(ctx, *_):
            made_by_compiler["run"]()

    def compile_(loss, **options):
        def compiled(*args, **kwargs):
            parts = loss(*args, **kwargs)
            return {**parts, "loss": Fails.apply(parts["loss"])}

        return compiled

    return compile_


def test_where_compiled_gradients_fail_training_goes_on_with_one_warning(monkeypatch, X):
    plain = make(max_epochs=3).fit(X)
    monkeypatch.setattr(torch, "compile", failing_backward("torch._inductor.output_code"))
    model = make(compile=True, max_epochs=3)
    (message,) = messages(lambda: model.fit(X))
    assert "compile=True" in message
    assert "expected size 32==32" in message
    # the first batch counts twice in running statistics, once in what is learned
    learned = plain.module_.state_dict()
    for name, value in model.module_.named_parameters():
        assert torch.equal(value, learned[name]), name


def test_gradients_that_fail_elsewhere_are_errors(monkeypatch, X):
    monkeypatch.setattr(torch, "compile", failing_backward("somebody.else"))
    with pytest.raises(AssertionError, match="expected size"):
        make(compile=True).fit(X)


def test_errors_of_the_network_are_not_taken_for_the_compilers(monkeypatch, X):
    class Broken(MLPAutoencoder):
        def decode(self, z):
            if self.training:
                raise RuntimeError("mine")
            return super().decode(z)

    monkeypatch.setattr(torch, "compile", lambda loss, **options: loss)
    with pytest.raises(RuntimeError, match="mine"):
        make(module=Broken, compile=True).fit(X)


@pytest.mark.skipif(sys.platform == "win32", reason="the name of the compiler is another one")
def test_a_missing_compiler_is_what_torch_says_it_is(monkeypatch, X, tmp_path):
    from torch._inductor import config

    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(config.cpp, "cxx", (None, "/no/such/compiler"))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = make(compile=True, max_epochs=1).fit(X)
    told = [str(each.message) for each in caught if "compile=True" in str(each.message)]
    assert len(told) == 1
    assert_same_weights(model, make(max_epochs=1).fit(X))
