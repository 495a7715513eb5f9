"""What all estimators share: validation, seeds, devices, training, inference, pickling.

A method is a network, an objective and a schedule of phases. Its file holds these three; below
it, `BaseDeepEstimator` opens a `Session` for each fit and asks a `Runner` for all that is inferred.
"""

from __future__ import annotations

import copy
import functools
import inspect
import os
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import fields, replace
from numbers import Integral, Real
from typing import Any, ClassVar, cast

import torch
from sklearn import get_config
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from skdeepclust._compat import (
    CallbackSupportMixin,
    Interval,
    StrOptions,
    fit_context,
    pages_of,
    with_callbacks,
)
from skdeepclust._engine.captured import CUDA_GRAPH, Recorder
from skdeepclust._engine.distributed import joined, strategy
from skdeepclust._engine.global_settings import keep_freed_memory, ordinary_torch
from skdeepclust._engine.precision import DTYPES, Compiler, check_precision, moved
from skdeepclust._engine.reports import reporting
from skdeepclust._engine.rng import (
    draw_seed,
    generator_states,
    resolve_device,
    seeded,
    set_generator_states,
)
from skdeepclust._engine.runner import MAX_INFERENCE_BATCH_SIZE, Runner, UnlessKept, like
from skdeepclust._engine.whole_fits import all_or_nothing
from skdeepclust._estimator import types
from skdeepclust._estimator.dask_answers import Method
from skdeepclust._estimator.notebook import with_tables
from skdeepclust._estimator.parameters import DeclaredParameters, learned, parameter
from skdeepclust._estimator.pickles import state_of, take_up
from skdeepclust._estimator.structure import Structure, check_structure, made_by
from skdeepclust._inputs.labels import listed
from skdeepclust._inputs.samples import InputSpec, check_samples
from skdeepclust._storage.checkpoint import Checkpoint, SharedCheckpoint, checkpointed
from skdeepclust._storage.fit_identity import check_alike, check_arguments_alike
from skdeepclust._training import users_callbacks
from skdeepclust._training.outcome import Outcome, Resume
from skdeepclust._training.regularization import attach, copies_of, take_over
from skdeepclust._training.session import Session
from skdeepclust._training.settings import OPTIMIZERS, TrainingSettings
from skdeepclust.networks import Standardize
from skdeepclust.regularizers import Regularizer


def fit_method(method: Method) -> Method:
    """Validate parameters, run callbacks, and leave the estimator as it was if `method` fails.

    What a fit has done is kept in its checkpoint until it has come to its end.
    """
    checked, arguments = _checked(method), _arguments_of(method)

    @functools.wraps(method)
    def resumable(self, *args, **kwargs):
        with ordinary_torch(), joined():
            if self.checkpoint is None:
                return checked(self, *args, **kwargs)
            given = arguments(self, *args, **kwargs)
            with checkpointed(self.checkpoint, given) as self._checkpoint:
                return checked(self, *args, **kwargs)

    return cast("Method", all_or_nothing(resumable))


def _arguments_of(method: Method) -> Callable[..., dict[str, Any]]:
    """Return a function that gives the arguments of a call, by name, without `self`."""
    signature = inspect.signature(method)
    return lambda *args, **kwargs: dict(list(signature.bind(*args, **kwargs).arguments.items())[1:])


def partial_fit_method(method: Method) -> Method:
    """Do the same for a method of one epoch, which keeps no checkpoint."""
    checked = _checked(method)

    @functools.wraps(method)
    def of_one_epoch(self, *args, **kwargs):
        with ordinary_torch(), joined():
            return checked(self, *args, **kwargs)

    return cast("Method", all_or_nothing(of_one_epoch))


def _checked(method: Method) -> Callable[..., Any]:
    """Return the method behind the checks of all that it is given."""
    validated = with_callbacks(fit_context(prefer_skip_nested_validation=False)(method))
    arguments = _arguments_of(method)

    def checked(self, *args, **kwargs):
        if not get_config()["skip_parameter_validation"]:
            self._validate_params()  # scikit-learn leaves it out once a stream has begun
        if strategy().size > 1:
            check_arguments_alike(lambda: arguments(self, *args, **kwargs))
        try:
            return validated(self, *args, **kwargs)
        finally:  # what only the fit needs
            for name in ("_runner", "_checkpoint"):
                self.__dict__.pop(name, None)

    return checked


class BaseDeepEstimator(CallbackSupportMixin, DeclaredParameters, BaseEstimator):
    """Base of all estimators: each fit is a session of phases, each of them one skorch net.

    A subclass sets `_default_network`, declares its parameters, and calls, inside `_fit_scope`,
    the session's `train` once for each of its phases. `docs/adding_a_method.md` walks through one.
    """

    # where a notebook finds the documentation
    _doc_link_module = "skdeepclust"
    _doc_link_template = pages_of("skdeepclust")

    module: types.Network = parameter(default=None, allowed=[None, callable])
    optimizer: types.Optimizer = parameter(
        default="adam",
        allowed=[StrOptions(set(OPTIMIZERS)), callable],
        doc="""{"adam", "adamw", "rmsprop", "sgd"} or callable
        Optimiser, or a class of `torch.optim`.""",
    )
    lr: float = parameter(default=0.001, allowed=[Interval(Real, 0, None, closed="neither")])
    max_epochs: Any = parameter(default=20, allowed=[Interval(Integral, 0, None, closed="left")])
    batch_size: Any = parameter(default=256, allowed=[Interval(Integral, 2, None, closed="left")])
    device: types.Device = parameter(
        default="auto",
        allowed=[str, torch.device],
        doc="""str or torch.device
        Device of the network; "auto" takes a GPU where there is one.""",
    )
    dtype: str = parameter(
        default="float32",
        allowed=[StrOptions({"float32", "float64"})],
        doc="""{"float32", "float64"}
        Floating dtype of the network and of what is returned.""",
    )
    precision: str = parameter(
        default="32",
        allowed=[StrOptions(set(DTYPES))],
        doc="""{"32", "bf16", "fp16", "auto"}
        Precision in which the network is trained; losses and all that is inferred keep `dtype`.
        "auto" takes "bf16" where the device has such arithmetic. Where it hasn't, the others fall
        back to "32", with a warning.""",
    )
    compile: bool | str = parameter(
        default=False,
        allowed=["boolean", StrOptions({CUDA_GRAPH})],
        doc="""bool or "cuda_graph"
        Whether to compile the training step with `torch.compile`, which takes minutes and needs a
        C++ compiler; without one the fit warns and goes on uncompiled. "cuda_graph", which is
        experimental, records steps on a CUDA device and launches each as one; where that can't be
        done, or gives something else, the fit warns and goes on without it.""",
    )
    regularizers: types.Regularizers = parameter(
        default=None,
        allowed=[None, list, tuple],
        doc="""list of skdeepclust.regularizers.Regularizer
        Penalties on named layers of the network, copied at the start of a fit.""",
    )
    callbacks: types.Callbacks = parameter(
        default=None,
        allowed=[None, list, tuple],
        doc="""list of skorch.callbacks.Callback
        Used as they are, in all phases: what they collect is theirs to read afterwards. From
        scikit-learn 1.9, `set_callbacks` sets its own.""",
    )
    checkpoint: types.Folder = parameter(
        default=None,
        allowed=[None, str, os.PathLike],
        doc="""str or path-like
        Folder in which a fit keeps what it has done, after each epoch, until it has come to its
        end. A fit that was stopped, started again with the same parameters and data, goes on from
        there and ends as if it hadn't been stopped. `None` keeps nothing, nor does
        `partial_fit`.""",
    )
    warm_start: bool = parameter(
        default=False,
        allowed=["boolean"],
        doc="""bool
        Whether `fit` goes on from the last fit: network, optimiser and random numbers.""",
    )
    random_state: types.RandomState = parameter(
        default=None,
        allowed=["random_state"],
        doc="""int, RandomState instance or None
        Seed of everything random; `None` takes fresh entropy. Global random states stay as they
        are.""",
    )
    verbose: int = parameter(
        default=0,
        allowed=["verbose"],
        doc="""int
        0 is silent; 1 shows the parts of the loss, in a terminal or a notebook as progress bars of
        the phases and of long steps (with the package rich), elsewhere a line an epoch; 2 prints a
        table of each phase, a row an epoch.""",
    )

    module_: Any = learned(
        doc="""torch.nn.Module
        The trained network."""
    )
    net_: Any = learned(
        doc="""skorch.NeuralNet
        Net of the last phase. It isn't kept in a pickle."""
    )
    regularizers_: list[Regularizer] = learned(
        doc="""list of skdeepclust.regularizers.Regularizer
        The fitted regularisers: the method's own, then those given."""
    )
    history_: list[dict[str, Any]] = learned(
        doc="""list of dict
        One row an epoch: `phase`, `epoch`, `loss`, its parts (before their weights, but for those
        of regularisers, which are weighted), `seconds`."""
    )
    n_iter_: int = learned(
        doc="""int
        Epochs of the last fit over all phases."""
    )
    n_features_in_: int = learned(
        doc="""int
        Number of features."""
    )
    feature_names_in_: Any = learned(
        doc="""ndarray of shape (`n_features_in_`,)
        Names of the features where X is a DataFrame."""
    )
    image_shape_: tuple[int, ...] = learned()
    classes_: Any = learned()
    best_epoch_: int = learned()

    _input: InputSpec = learned()
    _resume: Resume = learned()
    _module_spec: Structure = learned()
    # what only a fit needs: a method keeps an object of its own here
    _fit: Any = learned()
    _input_class: ClassVar[type[InputSpec]] = InputSpec
    # parameters that decide the network's first weights, which a warm start keeps, and their values
    _of_first_weights: ClassVar[tuple[str, ...]] = ()
    _begun_with: dict[str, Any] = learned()
    _checkpoint: ClassVar[Checkpoint | SharedCheckpoint | None] = None

    # -- the hooks of a method
    def _default_network(self) -> Callable[..., nn.Module]:
        """Return the class or factory that stands in for `module=None`."""
        raise NotImplementedError(f"{type(self).__name__} has no default network: give `module`.")

    def _build(self, network: nn.Module, arguments: Mapping[str, Any]) -> nn.Module:
        """Add to the network what the method trains beside it, such as centres."""
        return network

    def _own_regularizers(self) -> list[Regularizer]:
        """Return what the method puts onto layers beside the user's regularisers."""
        return []

    def _learn_input(self, sample_shape: tuple[int, ...]) -> InputSpec:
        """Return the specification of samples; image estimators have a parameter `image_shape`."""
        # to others the order of axes means nothing
        image_shape = getattr(self, "image_shape", sample_shape if len(sample_shape) > 1 else None)
        return InputSpec.learn(sample_shape, self.n_features_in_, image_shape)

    def _takes_origin_off(self, module: nn.Module) -> bool:
        """Tell whether values may be told from another origin than zero.

        A network that scales its input by itself doesn't see the difference; one of the user's
        gets the values as they are.
        """
        return isinstance(getattr(module, "standardize", None), Standardize)

    def _served(self, x: Tensor) -> dict[str, Tensor]:
        """Return what `export` writes, of a batch: "labels", "probabilities", "embedding"."""
        raise ValueError(f"{type(self).__name__} doesn't say what a graph of it returns.")

    def _served_classes(self) -> list | None:
        """Return the names of the classes that "labels" are indices of, if they are."""
        return listed(self.classes_) if hasattr(self, "classes_") else None

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    # -- samples
    def _check(self, X, *, reset: bool = False):
        """Validate X and return it as 2-D array or CSR matrix, float or uint8, without a copy."""
        if not reset:
            check_is_fitted(self)
        spec = None if reset else self._input
        X, sample_shape, padding = check_samples(self, X, reset=reset, spec=spec)
        if reset:
            self._input = self._learn_input(sample_shape).with_values(X, self.dtype, padding)
            self.__dict__.pop("image_shape_", None)
            if self._input.image_shape is not None:
                self.image_shape_ = self._input.image_shape
        else:
            self._input.check(X)
        return X

    # -- the network
    def _make_module(self) -> nn.Module:
        factory, options, arguments = self._module_spec
        return self._build(made_by(factory, options, arguments), arguments)

    @property
    def _inference_batch_size(self) -> int:
        return min(self.batch_size, MAX_INFERENCE_BATCH_SIZE)

    def _new_runner(self) -> Runner:
        size, precision = self._inference_batch_size, self.precision
        spec = self._input
        return Runner(self.module_, spec.input_shape, size, precision, spec.origin)

    # how the network runs over samples
    _runner = UnlessKept(_new_runner)

    @ordinary_torch()
    def _apply(self, function: Callable[[Tensor], Tensor], X):
        """Return `function` of a user's X: a tensor if X is one, on its device, else numpy."""
        X_checked = self._check(X)
        return like(X, self._runner.infer(function, X_checked))

    # -- training
    @contextmanager
    def _fit_scope(self, X, *, warm: bool, phases: int, **arguments) -> Generator[Session]:
        """Seed torch, build the network or take up the fitted one, open the callbacks' context.

        `arguments` are offered to the network's class or factory, which takes those that it
        names, and handed to `_build`.
        """
        device, dtype = resolve_device(self.device), getattr(torch, self.dtype)
        check_precision(self.precision, dtype, device)
        keep_freed_memory()
        ranks = strategy()
        if ranks.size > 1:
            check_alike(self, X)
        context = self._init_callback_context(max_subtasks=phases)
        context.call_on_fit_task_begin(estimator=self, X=X)
        if self._checkpoint is not None:
            self._checkpoint.start(self, self._fitted_state() if warm else None)
        drawn = draw_seed(self.random_state)
        seed = drawn if ranks.size == 1 else ranks.from_first(lambda: drawn)
        if self._checkpoint is not None:
            seed = self._checkpoint.keep_seed(seed)
        said = reporting(type(self).__name__, self.verbose)
        with seeded(seed, device), said as report:
            session = self._session(X, device, dtype, context, report, arguments, warm=warm)
            n_before = len(self.history_)
            yield session
            outcome = session.outcome
            self.n_iter_ = len(self.history_) - n_before
            generators = generator_states(session.shuffle, device)
            self._resume = replace(outcome.resume, generators=generators)
        for name, value in (("net_", outcome.net), ("best_epoch_", outcome.best_epoch)):
            if value is not None:
                setattr(self, name, value)
        self.module_.eval()
        session.end_task(X)
        self.__dict__.pop("_fit", None)

    def _session(
        self, X, device: torch.device, dtype: torch.dtype, context, report, arguments, *, warm: bool
    ) -> Session:
        shuffle = torch.Generator().manual_seed(torch.initial_seed())
        before = self.regularizers_ if warm else []
        arguments = {"input_shape": self._input.input_shape, **arguments}
        factory = self._default_network() if self.module is None else self.module
        structure = (factory, self._nested_under("module"), arguments)
        if warm:
            check_structure(self, structure)
            module, resume, history = copy.deepcopy(self.module_), self._resume, [*self.history_]
            set_generator_states(resume.generators, shuffle, device)
        else:
            self._module_spec = structure
            self._begun_with = {name: getattr(self, name) for name in self._of_first_weights}
            module, resume, history = self._make_module(), Resume(), []
            if self._input.origin is not None and not self._takes_origin_off(module):
                self._input = self._input.as_it_is(X, self.dtype)
        self.module_, self.history_, self._resume = moved(module, device, dtype), history, resume
        self.regularizers_ = [*self._own_regularizers(), *copies_of(self.regularizers)]
        take_over(self.regularizers_, before)
        attach(self.regularizers_, self.module_, self._input)
        runner = self._new_runner() if self.callbacks else self._new_runner().remembering()
        self.__dict__["_runner"] = runner
        ranks = runner.strategy
        return Session(
            estimator=self,
            settings=self._training_settings(self.net_ if warm and hasattr(self, "net_") else None),
            runner=runner,
            regularizers=self.regularizers_,
            outcome=Outcome(resume),
            history=history,
            shuffle=shuffle,
            context=context,
            checkpoint=self._checkpoint,
            strategy=ranks,
            report=report,
            compiler=Compiler(ranks) if self.compile not in (False, CUDA_GRAPH) else None,
            recorder=Recorder(device, ranks.size) if self.compile == CUDA_GRAPH else None,
        )

    def _training_settings(self, before: Any) -> TrainingSettings:
        own = {each.name for each in fields(TrainingSettings)} - {"optimizer_options"}
        options = {name: getattr(self, name) for name in own}
        going_on = [] if before is None else [each for _, each in before.callbacks_]
        options["callbacks"] = users_callbacks.begin_fit(self.callbacks, going_on)
        return TrainingSettings(**options, optimizer_options=self._nested_under("optimizer"))

    def _fitted_state(self) -> list[Any]:
        """Return all that a warm start goes on from."""
        trained = nn.ModuleList([self.module_, *self.regularizers_])
        return [trained.state_dict(), self._resume.as_dict()]

    # -- clones, pickles and notebooks
    def __sklearn_clone__(self):
        if getattr(self, "callbacks", None) is None:
            return super().__sklearn_clone__()
        without: Any = object.__new__(type(self))
        without.__dict__ = {**vars(self), "callbacks": None}
        made = super(BaseDeepEstimator, without).__sklearn_clone__()
        made.callbacks = users_callbacks.cloned(self.callbacks)
        return made

    def __getstate__(self):
        return state_of(self)

    @ordinary_torch()
    def __setstate__(self, state):
        self.__dict__.update(self._filled(state))
        if "module_" in state:
            take_up(self, state)

    def _get_fitted_attr_html(self, doc_link: str = "") -> Any:
        attributes = super()._get_fitted_attr_html(doc_link)
        return with_tables(attributes, self) if hasattr(self, "module_") else attributes
