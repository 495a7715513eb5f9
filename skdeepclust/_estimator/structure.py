"""What a network is built from, which a warm start can't change."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import nn

from skdeepclust.networks._layers import mark_frozen_parts

# Class, factory or instance of the network; options of the user's; arguments that the method offers
Structure = tuple[Any, dict[str, Any], dict[str, Any]]


def made_by(factory: Any, options: Mapping[str, Any], arguments: Mapping[str, Any]) -> nn.Module:
    """Return the network that a class or factory makes, or a copy of one that is given.

    What the user holds, be it the network or a part that a factory puts into it, isn't trained.

    Parameters
    ----------
    factory : callable or torch.nn.Module
        The class or factory, or the network.
    options : mapping
        The user's arguments `module__NAME`, by NAME.
    arguments : mapping
        What the method offers, of which it takes those that it names.

    Raises
    ------
    TypeError
        If it doesn't take one of the options, or makes no network.
    """
    if isinstance(factory, nn.Module):
        try:
            network = copy.deepcopy(factory)
        except (RuntimeError, TypeError) as error:
            raise TypeError(
                f"module={type(factory).__name__} can't be copied ({error}): give a class or a "
                "function that returns such a network."
            ) from error
        mark_frozen_parts(network)
        return network
    accepted = inspect.signature(factory).parameters
    takes_all = any(p.kind is p.VAR_KEYWORD for p in accepted.values())
    unknown = [name for name in options if name not in accepted]
    if unknown and not takes_all:
        names = ", ".join(f"module__{name}" for name in unknown)
        raise TypeError(
            f"{names}: {getattr(factory, '__name__', factory)} has no such argument; it takes "
            f"{', '.join(accepted)}."
        )
    offered = {k: v for k, v in arguments.items() if k in accepted or takes_all}
    made = factory(**{**offered, **options})
    if not isinstance(made, nn.Module):
        said = "nothing" if made is None else f"a {type(made).__name__}"
        raise TypeError(
            f"module={getattr(factory, '__name__', factory)} returns {said}: it has to return a "
            "torch.nn.Module."
        )
    network = _own_copy(made)
    mark_frozen_parts(network)
    return network


def _own_copy(made: nn.Module) -> nn.Module:
    """Return a copy of a network, or itself where a copy would fail, or be another network."""
    tensors = [*made.parameters(), *made.buffers()]
    try:
        memory = {tensor.untyped_storage().data_ptr() for tensor in tensors if tensor.numel()}
        if len(memory) < sum(bool(tensor.numel()) for tensor in tensors):
            return made  # views of each other, which a copy would part
        return copy.deepcopy(made)
    except (RuntimeError, TypeError, ValueError):  # such as of some layers that aren't ready
        return made


def changed_parts(before: Structure, now: Structure) -> list[str]:
    """Return the names of the parameters that would build another network.

    Parameters
    ----------
    before : Structure
        What the network was built from.
    now : Structure
        What it would be built from by today's parameters.
    """
    changed = [] if _same_factory(before[0], now[0]) else ["module"]
    changed += [f"module__{name}" for name in _changed(before[1], now[1])]
    return changed + _changed(before[2], now[2])


def changed_parameters(before: Mapping[str, Any], estimator: Any) -> list[str]:
    """Return the names of parameters that aren't what they were.

    Those in `_can_be_left_out` of the estimator may become 0: the network goes on without that.
    """
    changed = _changed(before, {name: getattr(estimator, name) for name in before})
    optional = getattr(estimator, "_can_be_left_out", ())
    return [name for name in changed if name not in optional or getattr(estimator, name)]


def _changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    names = sorted(before.keys() | now.keys())
    return [name for name in names if not _same(before.get(name), now.get(name))]


def check_structure(estimator: Any, structure: Structure) -> None:
    """Refuse to go on with a network that today's parameters wouldn't build.

    Parameters
    ----------
    estimator : estimator
        Who goes on.
    structure : Structure
        What its network would be built from.
    """
    changed = changed_parts(estimator._module_spec, structure)
    changed += changed_parameters(getattr(estimator, "_begun_with", {}), estimator)
    known = estimator._input
    if estimator._learn_input(known.sample_shape).input_shape != known.input_shape:
        shapes = ("image_shape", "sequence_shape", "vocabulary_size")
        changed += [name for name in shapes if hasattr(estimator, name)]
    if estimator.dtype != str(estimator._runner.dtype).removeprefix("torch."):
        changed.append("dtype")
    check_unchanged(changed, estimator.get_params(deep=False))


def check_unchanged(changed: Sequence[str], parameters: Mapping[str, Any]) -> None:
    """Refuse to go on with a network from which a change of parameters asks for another one.

    Parameters
    ----------
    changed : sequence of str
        Names of what was changed, such as `changed_parts` returns.
    parameters : mapping
        Those of the estimator. What follows from them isn't named beside them.
    """
    if not changed:
        return
    named = [name for name in changed if name in parameters or name.startswith("module__")]
    names = ", ".join(dict.fromkeys(named or changed))
    raise ValueError(
        f"{names} can't change between fits that go on with one network: warm_start and "
        "partial_fit keep that of the last fit. Set back what was changed; or set "
        "warm_start=False and call fit, which begins anew."
    )


def _same_factory(before: Any, now: Any) -> bool:
    if isinstance(before, nn.Module) or isinstance(now, nn.Module):
        # which loading, or copying the estimator, has copied
        return type(before) is type(now)
    # a function may have been defined once more
    names = [getattr(each, "__qualname__", repr(type(each))) for each in (before, now)]
    return before is now or names[0] == names[1]


def _same(before: Any, now: Any) -> bool:
    if isinstance(before, (list, tuple)) and isinstance(now, (list, tuple)):
        return len(before) == len(now) and all(map(_same, before, now))
    if hasattr(before, "__array__") or hasattr(now, "__array__"):
        return np.array_equal(np.asarray(before), np.asarray(now))
    return before is now or bool(before == now)
