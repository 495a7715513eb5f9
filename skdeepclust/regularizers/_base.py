"""What all regularisers share: watching named layers of a module, one penalty a forward pass."""

from __future__ import annotations

import functools
import inspect
import math
import sys
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from numbers import Real
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from skdeepclust._engine.sharding import whole
from skdeepclust._engine.state import to_numpy, to_tensor
from skdeepclust._inputs.samples import InputSpec
from skdeepclust.networks._layers import check_output, find_layer, hidden_linear_layers

Captured = dict[str, list[tuple[Tensor, int]]]


class Regularizer(nn.Module):
    """Base of penalties on the output of named layers of any module.

    A subclass implements :meth:`layer_penalty`. In a training loop::

        with regularizer.watch(module):
            loss = criterion(module(x), y)
        (loss + regularizer.penalty()).backward()

    and `regularizer.end_epoch()` after each epoch. Hooks exist inside of `watch` only, so that
    the module can be pickled and copied.

    Parameters
    ----------
    layers : "auto", sequence of str or dict, default="auto"
        Names of the layers, as in `module.named_modules()`; a dict has the options of each layer.
        "auto": all fully connected layers but the network's last layer.
    lam : float, default=0.01
        Weight of the penalty of a layer, at least 0.
    **options : dict
        What else a subclass keeps as attributes, one of its arguments each.

    Raises
    ------
    ValueError
        If an argument is out of its range.
    """

    part: ClassVar[str] = "penalty"  # what the history of an estimator calls it

    def __init__(self, layers: Any = "auto", *, lam: float = 0.01, **options: Any) -> None:
        super().__init__()
        check_lam(lam)
        self.layers, self.lam = layers, lam
        for name, value in options.items():
            setattr(self, name, value)
        self._options: dict[str, Any] = {}  # of each layer
        self._captured: Captured | None = None
        self.__dict__["_module"] = None  # past nn.Module: a reference, not a part of this one
        self.input_shape: tuple[int, ...] | None = None
        # what an estimator has learned of the values of samples
        self.spec: InputSpec | None = None
        if isinstance(layers, str) and layers != "auto":
            raise ValueError(f"layers must be 'auto', names or a dict, got {layers!r}.")
        self._set_layers({} if isinstance(layers, str) else layer_options(layers))

    # -- the hooks of a regulariser
    def layer_penalty(
        self, name: str, representation: Tensor, sample_weight: Tensor | None
    ) -> Tensor:
        """Return the penalty of one layer, its weight included.

        Parameters
        ----------
        name : str
            Name of the layer.
        representation : Tensor of shape (N, ...)
            What the layer returned.
        sample_weight : Tensor of shape (N,) or None
            Weights of the samples.

        Returns
        -------
        Tensor of shape ()
            The penalty.
        """
        raise NotImplementedError

    def penalties(
        self, outputs: Mapping[str, Tensor], sample_weight: Tensor | None, labels: Tensor | None
    ) -> list[Tensor]:
        """Return the penalty of each layer; for regularisers that need more than its output.

        Parameters
        ----------
        outputs : mapping of str to Tensor of shape (N, ...)
            What the watched layers returned.
        sample_weight : Tensor of shape (N,) or None
            Weights of the samples.
        labels : Tensor of int of shape (N,) or None
            Labels of the samples.

        Returns
        -------
        list of Tensor of shape ()
            The penalties, weights of the layers included.
        """
        return [
            self.layer_penalty(name, output, of_rows(sample_weight, len(output), "sample_weight"))
            for name, output in outputs.items()
        ]

    def automatic_layers(self, module: nn.Module) -> list[str]:
        """Return the names of the layers that "auto" stands for."""
        return hidden_linear_layers(module)

    def watched_layers(self) -> list[str]:
        """Return the names of the layers whose output the penalties need."""
        return list(self._options)

    def _set_layers(self, options: Mapping[str, Any]) -> None:
        """Learn which layers there are, with the options that the user gave for each."""
        self._options = dict(options)

    def end_epoch(self) -> None:
        """Tell the regulariser that an epoch has ended."""

    # -- the public interface
    def attach(self, module: nn.Module, input_shape: tuple[int, ...] | None = None) -> None:
        """Look up the layers in a module, which `watch` does by itself.

        Parameters
        ----------
        module : torch.nn.Module
            The network.
        input_shape : tuple of int, default=None
            Shape of one sample as the network takes it; `None`: that of the next forward pass.

        Raises
        ------
        ValueError
            If the network has no layer of a given name.
        """
        if not self._options:
            names = self.automatic_layers(module)
            if not names:
                all_names = ", ".join(name for name, _ in module.named_modules() if name)
                raise ValueError(
                    f"layers='auto' takes fully connected layers before the last one, but "
                    f"{type(module).__name__} has none. Name layers; there are: {all_names}."
                )
            self._set_layers(dict.fromkeys(names))
        for name in self._options:
            find_layer(module, name)
        self.__dict__["_module"] = module
        self.input_shape = input_shape or self.input_shape

    @contextmanager
    def watch(self, module: nn.Module) -> Generator[Regularizer]:
        """Catch what the layers return in the forward passes inside the block.

        Parameters
        ----------
        module : torch.nn.Module
            The network.

        Yields
        ------
        Regularizer
            This regulariser.

        Raises
        ------
        ValueError
            If the network has no layer of a given name.
        """
        if self._module is not module:
            self.attach(module)
        captured: Captured = {name: [] for name in self.watched_layers()}
        layers = [find_layer(module, name) for name in captured]  # all, before the first hook
        hooks = [
            layer.register_forward_hook(_recorder(name, outputs))
            for layer, (name, outputs) in zip(layers, captured.items(), strict=True)
        ]
        hooks.append(module.register_forward_pre_hook(self._keep_shape))
        self._captured = captured
        try:
            yield self
        finally:
            for hook in hooks:
                hook.remove()

    def penalty(self, sample_weight: Tensor | None = None, labels: Tensor | None = None) -> Tensor:
        """Return the penalty of what was watched since `watch`, summed over the layers.

        Parameters
        ----------
        sample_weight : Tensor of shape (N,), default=None
            Non-negative weights of the samples in the means; `None`: all 1. They hold for each
            view where a layer has seen several views of all samples, one after another.
        labels : Tensor of int of shape (N,), default=None
            Labels of the samples, for regularisers that compare samples of the same label.

        Returns
        -------
        Tensor of shape ()
            The penalty, weights of the layers included.

        Raises
        ------
        ValueError
            If the number of weights or labels doesn't fit, or the representations of one layer
            don't.
        RuntimeError
            If a layer was not run inside of `watch`, or its output was overwritten since.
        """
        captured, self._captured = self._captured, None
        if captured is None:
            raise RuntimeError(
                "penalty() needs a forward pass inside `with regularizer.watch(module):`, one for "
                "each penalty."
            )
        outputs = {name: _untouched(name, each) for name, each in captured.items()}
        return torch.stack(self.penalties(outputs, sample_weight, labels)).sum()

    def _keep_shape(self, _module, args) -> None:
        if args and isinstance(args[0], Tensor):
            self.input_shape = tuple(args[0].shape[1:])

    # -- pickling and copying: arguments and numpy arrays, without the module
    def _arguments(self) -> dict[str, Any]:
        names = list(inspect.signature(type(self).__init__).parameters)[1:]
        return {name: getattr(self, name) for name in names if name != "options"}

    def __getstate__(self) -> dict[str, Any]:
        return {
            "arguments": self._arguments(),
            "state": to_numpy(dict(self.state_dict())),
            "training": self.training,
            "input_shape": self.input_shape,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        with torch.device("cpu"):  # whatever torch's default device is by now
            self.__init__(**state["arguments"])
            self.load_state_dict(to_tensor(state["state"]))
        self.train(state["training"])
        self.input_shape = state["input_shape"]

    def get_extra_state(self) -> list[str]:
        """Return the names of the layers, which "auto" learns from the module."""
        return list(self._options)

    def set_extra_state(self, state: list[str]) -> None:
        """Take up the names of the layers."""
        if not self._options and state:
            self._set_layers(dict.fromkeys(state))
        elif state and list(self._options) != list(state):
            raise ValueError(
                f"The saved state is that of the layers {state}, but this {type(self).__name__} "
                f"has the layers {list(self._options)}. A warm start and partial_fit go on with "
                "those of the last fit: set layers back, or set warm_start=False and call fit."
            )


def _recorder(name: str, outputs: list[tuple[Tensor, int]]) -> Callable[..., None]:
    """Return a hook that appends what a layer returns, with the number of its changes."""
    return functools.partial(_untraced("torch._dynamo" in sys.modules), name, outputs)


@functools.cache
def _untraced(compiling: bool) -> Callable[..., None]:
    # the compiler alone takes seconds to import; who hasn't imported it doesn't compile
    return torch.compiler.disable(_record) if compiling else _record


def _record(name: str, outputs: list[tuple[Tensor, int]], _layer, _args, output: Tensor) -> None:
    check_output(name, output)
    output = whole(output)
    outputs.append((output, _version(output)))


def _version(tensor: Tensor) -> int:
    """Return how often a tensor was changed; in inference mode nobody counts."""
    return 0 if tensor.is_inference() else tensor._version


def _untouched(name: str, outputs: list[tuple[Tensor, int]]) -> Tensor:
    """Return the output of a layer, or raise RuntimeError if it isn't there any more."""
    if not outputs:
        raise RuntimeError(
            f"Layer {name!r} did not run inside of `watch`: run the module there, or watch a "
            "layer that it uses."
        )
    if any(_version(output) != version for output, version in outputs):
        raise RuntimeError(
            f"The output of layer {name!r} was overwritten by what follows it, such as "
            "ReLU(inplace=True). Use inplace=False there, or watch the layer behind it."
        )
    shapes = {tuple(output.shape[1:]) for output, _ in outputs}
    if len(shapes) > 1:
        raise ValueError(
            f"Layer {name!r} ran several times, with samples of the shapes {sorted(shapes)}: all "
            "must have the same shape."
        )
    # a layer that ran twice has seen twice as many samples
    return outputs[0][0] if len(outputs) == 1 else torch.cat([output for output, _ in outputs])


def of_rows(values: Tensor | None, n_rows: int, name: str) -> Tensor | None:
    """Repeat weights or labels where a layer has seen several views of the samples."""
    if values is None:
        return None
    if values.ndim != 1 or not len(values) or n_rows % len(values):
        raise ValueError(
            f"{name} must hold one number for each of the {n_rows} samples that a layer has seen, "
            "or for each of a part of them of which it has seen several views, got the shape "
            f"{tuple(values.shape)}."
        )
    return values.repeat(n_rows // len(values))


def layer_options(layers: Any) -> dict[str, Any]:
    """Return the options of each named layer; `None` where there are none."""
    options = dict(layers) if isinstance(layers, Mapping) else _names(layers)
    if not options:
        raise ValueError("layers is empty: name at least one layer, or give 'auto'.")
    return options


def _names(layers: Any) -> dict[str, None]:
    if not isinstance(layers, Iterable):
        raise ValueError(f"layers must be 'auto', names or a dict, got {layers!r}.")
    names = list(layers)
    if len(set(names)) < len(names):
        raise ValueError(f"layers names a layer twice: {names}.")
    return dict.fromkeys(names)


def check_lam(lam: object) -> None:
    """Raise ValueError unless `lam` is a finite number of at least 0."""
    if isinstance(lam, bool) or not isinstance(lam, Real) or not 0 <= float(lam) < math.inf:
        raise ValueError(f"lam must be a finite number of at least 0, got {lam!r}.")
