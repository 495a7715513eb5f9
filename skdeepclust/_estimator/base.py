"""What all estimators share: validation, seeds, devices, the training loop, inference, pickling.

A method is a network, an objective and a schedule of phases. Its file holds these three; below
it, `BaseDeepEstimator` turns each phase into one private skorch net and owns all the rest.
"""

from __future__ import annotations

import copy
import functools
import inspect
import os
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from numbers import Integral, Real
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import torch
from sklearn.base import BaseEstimator
from torch import nn

from skdeepclust._compat import (
    CallbackSupportMixin,
    Interval,
    StrOptions,
    fit_context,
    with_callbacks,
)
from skdeepclust._engine.distributed import from_first, joined
from skdeepclust._engine.inference import InferenceMixin
from skdeepclust._engine.precision import DTYPES, check_precision
from skdeepclust._engine.reports import reporting
from skdeepclust._engine.rng import (
    deterministic,
    draw_seed,
    generator_states,
    resolve_device,
    seeded,
    set_generator_states,
)
from skdeepclust._engine.state import StateMixin
from skdeepclust._estimator import types
from skdeepclust._estimator.dask_answers import Method
from skdeepclust._estimator.module_parameters import ComponentsMixin
from skdeepclust._estimator.notebook import RepresentationMixin
from skdeepclust._inputs.samples import InputMixin
from skdeepclust._storage.checkpoint import kept_progress
from skdeepclust._storage.fit_identity import check_alike
from skdeepclust._training.fit_state import ProgressMixin
from skdeepclust._training.loop import OPTIMIZERS, TrainingMixin
from skdeepclust._training.regularization import RegularizationMixin


def fit_method(method: Method) -> Method:
    """Validate parameters, run callbacks, and leave the estimator as it was if `method` fails.

    What a fit has done is kept in its checkpoint until it has come to its end.
    """
    validated = partial_fit_method(method)
    signature = inspect.signature(method)

    @functools.wraps(method)
    def resumable(self, *args, **kwargs):
        def arguments() -> dict[str, Any]:
            bound = signature.bind(self, *args, **kwargs)
            return dict(list(bound.arguments.items())[1:])

        with joined(), kept_progress(self.checkpoint, arguments) as self._checkpoint:
            try:
                return validated(self, *args, **kwargs)
            finally:
                self.__dict__.pop("_checkpoint", None)

    return cast("Method", resumable)


def partial_fit_method(method: Method) -> Method:
    """Do the same for a method of one epoch, which keeps no checkpoint."""
    validated = with_callbacks(fit_context(prefer_skip_nested_validation=False)(method))

    @functools.wraps(method)
    def all_or_nothing(self, *args, **kwargs):
        before = dict(self.__dict__)
        try:
            with joined():
                return validated(self, *args, **kwargs)
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise

    return cast("Method", all_or_nothing)


class BaseDeepEstimator(
    StateMixin,
    InputMixin,
    InferenceMixin,
    TrainingMixin,
    RegularizationMixin,
    ProgressMixin,
    ComponentsMixin,
    CallbackSupportMixin,
    RepresentationMixin,
    BaseEstimator,
):
    """Base of all estimators: one private skorch net for each training phase.

    A subclass sets `_default_network`, declares its parameters, and calls, inside `_fit_scope`,
    `_train` once for each of its phases. `docs/adding_a_method.md` walks through one.
    """

    _parameter_constraints: ClassVar[dict] = {
        "module": [None, callable],
        "optimizer": [StrOptions(set(OPTIMIZERS)), callable],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "max_epochs": [Interval(Integral, 0, None, closed="left")],
        "batch_size": [Interval(Integral, 2, None, closed="left")],
        "device": [str, torch.device],
        "dtype": [StrOptions({"float32", "float64"})],
        "precision": [StrOptions(set(DTYPES))],
        "compile": ["boolean"],
        "regularizers": [None, list, tuple],
        "callbacks": [None, list, tuple],
        "checkpoint": [None, str, os.PathLike],
        "warm_start": ["boolean"],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        *,
        module: types.Network = None,
        optimizer: types.Optimizer = "adam",
        lr: float = 0.001,
        max_epochs: Any = 20,
        batch_size: Any = 256,
        device: types.Device = "auto",
        dtype: str = "float32",
        precision: str = "32",
        compile: bool = False,
        regularizers: types.Regularizers = None,
        callbacks: types.Callbacks = None,
        checkpoint: types.Folder = None,
        warm_start: bool = False,
        random_state: types.RandomState = None,
        verbose: int = 0,
        **module__kwargs: Any,
    ) -> None:
        self.module = module
        self.optimizer = optimizer
        self.lr = lr
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.device = device
        self.dtype = dtype
        self.precision = precision
        self.compile = compile
        self.regularizers = regularizers
        self.callbacks = callbacks
        self.checkpoint = checkpoint
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose
        self._keep_components(module__kwargs)

    # What lives as long as a fit; a method may keep things here, too. What changes in training
    # beside the network, and has a state_dict, has to be in its list `carried` to be kept in
    # checkpoints; `epoch` is the number of the epoch within its phase.
    _fit: SimpleNamespace

    # -- the hooks of a method
    def _default_network(self) -> Callable[..., nn.Module]:
        """Return the class or factory that stands in for `module=None`."""
        raise NotImplementedError(f"{type(self).__name__} has no default network: give `module`.")

    def _build(self, network: nn.Module, arguments: Mapping[str, Any]) -> nn.Module:
        """Add to the network what the method trains beside it, such as centres."""
        return network

    def _served(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return what `export` writes, of a batch: "labels", "probabilities", "embedding"."""
        raise ValueError(f"{type(self).__name__} doesn't say what a graph of it returns.")

    def _served_classes(self) -> list | None:
        """Return the names of the classes that "labels" are indices of, if they are."""
        return self.classes_.tolist() if hasattr(self, "classes_") else None

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    # -- training
    @contextmanager
    def _fit_scope(self, X, *, warm: bool, phases: int, **arguments) -> Generator[None]:
        """Seed torch, build the network or take up the fitted one, open the callbacks' context.

        `arguments` are offered to the network's class or factory, which takes those that it
        names, and handed to `_build`.
        """
        device, dtype = resolve_device(self.device), getattr(torch, self.dtype)
        check_precision(self.precision, dtype, device)
        check_alike(self, X)
        context = self._init_callback_context(max_subtasks=phases)
        context.call_on_fit_task_begin(estimator=self, X=X)
        self._checkpoint.start(self, self._fitted_state() if warm else None)
        drawn = draw_seed(self.random_state)
        seed = self._checkpoint.keep_seed(from_first(lambda: drawn))
        report = reporting(type(self).__name__, self.verbose)
        with seeded(seed, device), deterministic(device), report:
            shuffle = torch.Generator().manual_seed(torch.initial_seed())
            self._fit = SimpleNamespace(context=context, shuffle=shuffle, carried=[], watch=None)
            if warm:
                module = copy.deepcopy(self.module_)
                self._resume = dict(self._resume)
                set_generator_states(self._resume["generators"], shuffle, device)
                self.history_ = list(self.history_)
            else:
                arguments = {"input_shape": self._input_shape, **arguments}
                self._module_spec = (self._network_factory(), self._component("module"), arguments)
                module = self._make_module()
                self._resume, self.history_ = {}, []
            self.module_ = module.to(device, dtype)
            self._set_regularizers(warm=warm)
            n_before = len(self.history_)
            yield
            self.n_iter_ = len(self.history_) - n_before
            self._resume["generators"] = generator_states(shuffle, device)
        self.module_.eval()
        context.call_on_fit_task_end(estimator=self, X=X, reconstruction_attributes={})
        del self._fit

    def _network_factory(self):
        return self._default_network() if self.module is None else self.module

    def _make_module(self) -> nn.Module:
        factory, options, arguments = self._module_spec
        if isinstance(factory, nn.Module):
            return self._build(copy.deepcopy(factory), arguments)
        offered = {**arguments, **options}
        accepted = inspect.signature(factory).parameters
        takes_all = any(p.kind is p.VAR_KEYWORD for p in accepted.values())
        network = factory(
            **{k: v for k, v in offered.items() if k in options or k in accepted or takes_all}
        )
        return self._build(network, arguments)
