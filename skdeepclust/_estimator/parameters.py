"""Parameters of estimators: each is declared once, in a class, and inherited by those below it."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, dataclass_transform

from sklearn.base import BaseEstimator

if TYPE_CHECKING:
    _Above = BaseEstimator
else:
    _Above = object
UNCHANGED: Any = object()
REST = "module__kwargs"
DOC_OF_REST = f"""
**{REST} : dict
    `module__NAME` for the network, `optimizer__NAME` for the optimiser. Where a type checker reads
    the code, give them to `set_params`.
"""


@dataclass(frozen=True)
class Parameter:
    """What a class says of a parameter; see `parameter`."""

    default: Any
    allowed: Sequence[Any] | None
    doc: str
    kw_only: bool
    after: str


@dataclass(frozen=True)
class Learned:
    """What a class says of an attribute that a fit sets."""

    doc: str


def parameter(
    *,
    default: Any = UNCHANGED,
    allowed: Sequence[Any] | None = None,
    doc: str = "",
    kw_only: bool = True,
    after: str = "",
) -> Any:
    """Declare a parameter in the body of an estimator's class: `lr: float = parameter(...)`.

    A class that declares a parameter of a class above it once more changes what it names.

    Parameters
    ----------
    default : object
        The default.
    allowed : sequence of constraint
        What it may be, as in scikit-learn's `_parameter_constraints`.
    doc : str
        What the docstrings of all estimators say of it: a line with its type, then sentences.
        Without it, the docstring of the class says it.
    kw_only : bool, default=True
        Whether it has to be given by its name.
    after : str
        After which one it stands, with those that the class declares next. Those of a class stand
        before those of the classes above it otherwise.
    """
    return Parameter(default, allowed, inspect.cleandoc(doc), kw_only, after)


def learned(*, init: Literal[False] = False, doc: str = "") -> Any:
    """Declare an attribute that a fit sets: `labels_: np.ndarray = learned()`.

    Parameters
    ----------
    init : False
        Tells type checkers that it is no parameter.
    doc : str
        As that of `parameter`.
    """
    return Learned(inspect.cleandoc(doc))


@dataclass_transform(kw_only_default=True, eq_default=False, field_specifiers=(parameter, learned))
class DeclaredParameters(_Above):
    """Base of classes that declare parameters: estimators get their `__init__` from them.

    It stands left of scikit-learn's base. Beside what is declared, estimators take `module__NAME`
    and `optimizer__NAME`.
    """

    # those of the class itself, and all in the order of the signature
    _own_parameters: ClassVar[dict[str, Parameter]] = {}
    _declared: ClassVar[dict[str, Parameter]] = {}
    _own_learned: ClassVar[dict[str, Learned]] = {}
    _learned: ClassVar[dict[str, Learned]] = {}
    _own_constraints: ClassVar[dict[str, Any]] = {}
    _parameter_constraints: ClassVar[dict[str, Any]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        found = {name: each for name, each in vars(cls).items() if isinstance(each, Learned)}
        for name in found:
            delattr(cls, name)
        cls._own_learned = found
        cls._learned = _learned_by(cls)
        cls._own_parameters = {k: v for k, v in vars(cls).items() if isinstance(v, Parameter)}
        cls._declared = _declared_by(cls)
        for name in cls._own_parameters:
            delattr(cls, name)
        cls._own_constraints = vars(cls).get("_parameter_constraints", {})
        told = {k: [*v.allowed] for k, v in cls._declared.items() if v.allowed is not None}
        cls._parameter_constraints = {**told, **_constraints_beside(cls)}
        # one that somebody has written stays, also in the classes below it
        if issubclass(cls, BaseEstimator) and cls.__init__ in _NOT_WRITTEN:
            cls.__init__ = _constructor(cls)  # pyrefly: ignore[bad-assignment]
        if cls.__doc__:
            cls.__doc__ = _with_shared_docs(inspect.cleandoc(cls.__doc__), cls)

    _nested: dict[str, Any]

    if TYPE_CHECKING:  # scikit-learn makes them, and tells type checkers that they return nothing

        def set_fit_request(self, **requests: bool | str | None) -> Self: ...
        def set_partial_fit_request(self, **requests: bool | str | None) -> Self: ...
        def set_predict_request(self, **requests: bool | str | None) -> Self: ...
        def set_predict_proba_request(self, **requests: bool | str | None) -> Self: ...
        def set_decision_function_request(self, **requests: bool | str | None) -> Self: ...
        def set_transform_request(self, **requests: bool | str | None) -> Self: ...
        def set_score_request(self, **requests: bool | str | None) -> Self: ...

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters, with those of the network and the optimiser.

        Parameters
        ----------
        deep : bool, default=True
            As in scikit-learn.

        Returns
        -------
        params : dict
            Parameter names and values.
        """
        return {**super().get_params(deep), **self._nested}

    def set_params(self, **params: Any) -> Self:
        """Set parameters, among them `module__NAME` and `optimizer__NAME`.

        Parameters
        ----------
        **params : dict
            Parameter names and values.

        Returns
        -------
        self : object
            This estimator.
        """
        nested = {name: value for name, value in params.items() if _is_nested(name)}
        super().set_params(**{k: v for k, v in params.items() if k not in nested})
        self._nested = {**self._nested, **nested}
        return self

    def _filled(self, state: dict[str, Any]) -> dict[str, Any]:
        """Return a state with what one of an earlier version lacks, by the names of today."""
        defaults = {name: each.default for name, each in self._declared.items()}
        earlier = {"_nested": state["_components"]} if "_components" in state else {}
        kept = {name: value for name, value in state.items() if name != "_components"}
        return {**defaults, **earlier, **kept}

    def _nested_under(self, prefix: str) -> dict[str, Any]:
        """Return what `module__` or `optimizer__` parameters say, by the rest of their names."""
        start = prefix + "__"
        return {k.removeprefix(start): v for k, v in self._nested.items() if k.startswith(start)}


def _is_nested(name: str) -> bool:
    return name.startswith(("module__", "optimizer__"))


def _declared_by(cls: type) -> dict[str, Parameter]:
    """Return the parameters of a class in the order of its signature: see `parameter`."""
    every: dict[str, Parameter] = {}
    order: list[str] = []
    for base in reversed(cls.__mro__):
        place = 0
        for name, each in vars(base).get("_own_parameters", {}).items():
            if name in every:
                every[name] = _over(every[name], each)
                continue
            if each.default is UNCHANGED:
                raise TypeError(f"{base.__name__}.{name} is declared without a default.")
            place = order.index(each.after) + 1 if each.after else place
            order.insert(place, name)
            every[name] = each
            place += 1
    order.sort(key=lambda name: every[name].kw_only)
    return {name: every[name] for name in order}


def _learned_by(cls: type) -> dict[str, Learned]:
    """Return the attributes that a fit sets, with what the lowest class says that says anything."""
    every: dict[str, Learned] = {}
    for base in cls.__mro__:
        for name, each in vars(base).get("_own_learned", {}).items():
            if name not in every or not every[name].doc:
                every[name] = each
    return every


def _over(above: Parameter, own: Parameter) -> Parameter:
    return replace(
        above,
        default=above.default if own.default is UNCHANGED else own.default,
        allowed=above.allowed if own.allowed is None else own.allowed,
        doc=own.doc or above.doc,
    )


def _signature(cls: type[DeclaredParameters]) -> inspect.Signature:
    hints: dict[str, Any] = {}
    for each in cls.__mro__:
        hints = {**inspect.get_annotations(each), **hints}
    kind = inspect.Parameter
    declared = [
        kind(
            name,
            kind.KEYWORD_ONLY if each.kw_only else kind.POSITIONAL_OR_KEYWORD,
            default=each.default,
            annotation=hints.get(name, kind.empty),
        )
        for name, each in cls._declared.items()
    ]
    first = kind("self", kind.POSITIONAL_OR_KEYWORD)
    rest = kind(REST, kind.VAR_KEYWORD, annotation="Any")
    return inspect.Signature([first, *declared, rest], return_annotation="None")


_NOT_WRITTEN: set[Any] = {object.__init__, BaseEstimator.__init__}


def _constructor(cls: type[DeclaredParameters]) -> Any:
    signature = _signature(cls)

    def __init__(self: Any, /, *args: Any, **parameters: Any) -> None:
        try:
            bound = signature.bind(self, *args, **parameters)
        except TypeError as error:
            raise TypeError(f"{type(self).__name__}() got {error}") from None
        bound.apply_defaults()
        _, *values = bound.arguments.items()
        for name, value in values:
            if name != REST:
                setattr(self, name, value)
        self._nested = _checked(self, bound.arguments[REST])

    about: dict[str, Any] = {"__signature__": signature, "__module__": cls.__module__}
    about["__qualname__"] = f"{cls.__qualname__}.__init__"
    about["__annotations__"] = {k: v.annotation for k, v in signature.parameters.items()}
    for name, value in about.items():
        setattr(__init__, name, value)
    _NOT_WRITTEN.add(__init__)
    return __init__


def _constraints_beside(cls: type) -> dict[str, Any]:
    """Return what classes say in `_parameter_constraints` that none below declares anew."""
    found: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        for name in vars(base).get("_own_parameters", ()):
            found.pop(name, None)
        found |= vars(base).get("_own_constraints", {})
    return found


def _checked(estimator: DeclaredParameters, components: dict[str, Any]) -> dict[str, Any]:
    for name in components:
        if not _is_nested(name):
            raise TypeError(
                f"{type(estimator).__name__}() got an unexpected keyword argument {name!r}; "
                "beside its own parameters it takes module__NAME and optimizer__NAME."
            )
    return components


def _with_shared_docs(doc: str, cls: type[DeclaredParameters]) -> str:
    """Put what the classes above say where a docstring has `<shared parameters>` and so on."""
    told = {line.partition(" : ")[0] for line in doc.splitlines() if " : " in line}
    parameters = [
        _entry(f"{name} : ", each.doc, f", default={_written(each.default)}")
        for name, each in cls._declared.items()
        if each.doc and name not in told
    ]
    attributes = [
        _entry(f"{name} : ", each.doc)
        for name, each in cls._learned.items()
        if each.doc and name not in told
    ]
    shared = "\n".join([*parameters, DOC_OF_REST.strip()])
    doc = doc.replace("<shared parameters>", shared)
    return doc.replace("<shared attributes>", "\n".join(attributes))


def _entry(name: str, doc: str, default: str = "") -> str:
    kind, _, rest = doc.partition("\n")
    return f"{name}{kind}{default}\n" + "\n".join(f"    {line}" for line in rest.splitlines())


def _written(default: Any) -> str:
    return f'"{default}"' if isinstance(default, str) else repr(default)
