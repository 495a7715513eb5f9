"""What the base does for every estimator: modules, optimisers, precision, compilation, speed."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from helpers.plain_autoencoder import PlainAutoencoder, assert_same_weights, make, weights
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from skdeepclust.networks import MLPAutoencoder


@pytest.fixture
def X() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(97, 6))


# ---------------------------------------------------------------- module and optimiser


def test_module_may_be_a_class_a_factory_or_an_instance(X):
    torch_state = torch.get_rng_state()
    by_class = make(module=MLPAutoencoder).fit(X)
    assert_same_weights(by_class, make().fit(X))

    def factory(input_shape, n_components, hidden):
        return MLPAutoencoder(input_shape, n_components, hidden=hidden)

    assert_same_weights(by_class, make(module=factory).fit(X))
    assert torch.equal(torch_state, torch.get_rng_state())

    instance = MLPAutoencoder((6,), 3)
    start = copy.deepcopy(instance.state_dict())
    model = PlainAutoencoder(module=instance, random_state=0).fit(X)
    assert model.transform(X).shape == (97, 3)
    for name, value in instance.state_dict().items():
        assert torch.equal(value, start[name])


def test_optimizer_by_name_class_and_options(X):
    by_name = make(optimizer="adam", optimizer__weight_decay=0.1).fit(X)
    by_class = make(optimizer=torch.optim.Adam, optimizer__weight_decay=0.1).fit(X)
    assert_same_weights(by_name, by_class)
    assert by_name.net_.optimizer_.param_groups[0]["weight_decay"] == 0.1
    assert not np.array_equal(weights(by_name)[0], weights(make().fit(X))[0])


@pytest.mark.parametrize(
    ("factory", "said"), [(lambda: None, "nothing"), (lambda: [nn.Linear(6, 3)], "a list")]
)
def test_a_factory_that_returns_no_network_is_named(X, factory, said):
    with pytest.raises(TypeError, match=rf"module=<lambda> returns {said}: .*torch\.nn\.Module"):
        PlainAutoencoder(module=factory).fit(X)


def of_any_options(params, **options):
    return torch.optim.SGD(params, **options)


def test_an_unknown_option_of_the_optimizer_is_named(X):
    with pytest.raises(TypeError, match=r"optimizer__foo: Adam has no such .*takes lr, betas"):
        make(optimizer__foo=3, optimizer__eps=1e-3).fit(X)
    make(optimizer=of_any_options, optimizer__momentum=0.5).fit(X)


def test_unknown_arguments_are_refused():
    with pytest.raises(TypeError, match="unexpected keyword argument 'max_epoch'"):
        PlainAutoencoder(max_epoch=3)
    with pytest.raises(ValueError, match="Invalid parameter 'max_epoch'"):
        PlainAutoencoder().set_params(max_epoch=3)
    model = PlainAutoencoder().set_params(module__hidden=(3,), lr=0.5)
    assert model.get_params()["module__hidden"] == (3,)
    assert model.lr == 0.5


# ---------------------------------------------------------------- precision, compilation, speed


@pytest.mark.parametrize(("precision", "dtype"), [("bf16", torch.bfloat16), ("fp16", torch.half)])
def test_precision_of_training(X, precision, dtype):
    seen = []

    class Probe(MLPAutoencoder):
        def decode(self, z):
            seen.append((self.training, z.dtype))
            return super().decode(z)

    model = make(module=Probe, precision=precision, max_epochs=8).fit(X)
    assert set(seen) == {(True, dtype)}
    assert model.transform(X).dtype == np.float32
    assert model.history_[-1]["loss"] < model.history_[0]["loss"]


def test_compiled_training_equals_plain_training(X, traced_losses):
    assert_same_weights(make(compile=True).fit(X), make().fit(X))
    assert len(traced_losses) == 1


class CountSynchronisations(TorchDispatchMode):
    n_calls = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func is torch.ops.aten._local_scalar_dense.default:
            CountSynchronisations.n_calls += 1
        return func(*args, **(kwargs or {}))


def count_synchronisations(X, batch_size: int) -> int:
    CountSynchronisations.n_calls = 0
    # plain SGD: Adam's step counter is on the CPU and read there
    with CountSynchronisations():
        make(max_epochs=1, batch_size=batch_size, optimizer="sgd").fit(X)
    return CountSynchronisations.n_calls


def test_the_device_is_not_waited_for_at_each_batch(X):
    assert count_synchronisations(X, batch_size=4) == count_synchronisations(X, batch_size=48)
