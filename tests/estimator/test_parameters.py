"""Parameters are declared once, inherited, and become a constructor, constraints and docs."""

from __future__ import annotations

import inspect
import pickle
from numbers import Real

import numpy as np
import pytest
from sklearn.base import BaseEstimator, clone

import skdeepclust
from skdeepclust import TAGnetClusterer, TripletDECClusterer
from skdeepclust._compat import Interval
from skdeepclust._estimator.parameters import DeclaredParameters, learned, parameter


class Above(DeclaredParameters, BaseEstimator):
    """What is above.

    <shared parameters>

    <shared attributes>
    """

    size: int = parameter(default=2, kw_only=False, doc="int\nNumber of them.")
    rate: float = parameter(
        default=0.5, allowed=[Interval(Real, 0, 1, closed="both")], doc="float\nHow\nfast."
    )
    last: str = parameter(default="no", doc="str\nThe last.")
    found_: list[int] = learned(doc="list of int\nWhat was found.")


class Beside(DeclaredParameters):
    extra: int = parameter(default=7)
    rate: float = parameter(default=0.25)


class Below(Beside, Above):
    """What is below.

    rate : float, default=0.75
        Its own words.
    <shared parameters>
    """

    own: str = parameter(default="own")
    late: str = parameter(default="late", after="rate")
    later: str = parameter(default="later")
    rate: float = parameter(default=0.75)


def names_of(cls: type) -> list[str]:
    return [*inspect.signature(cls).parameters]


def test_a_class_names_its_own_parameters_first_and_others_in_their_order():
    assert names_of(Above) == ["size", "rate", "last", "module__kwargs"]
    assert names_of(Below) == [
        "size", "own", "extra", "rate", "late", "later", "last", "module__kwargs"
    ]  # fmt: skip


def test_the_signature_has_defaults_kinds_and_types():
    given = inspect.signature(Below).parameters
    assert [given[name].default for name in ("size", "rate", "extra")] == [2, 0.75, 7]
    assert given["size"].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
    assert given["own"].kind is inspect.Parameter.KEYWORD_ONLY
    assert [given[name].annotation for name in ("size", "own", "rate")] == ["int", "str", "float"]


def test_a_parameter_that_is_declared_again_keeps_what_it_does_not_name():
    assert Below._parameter_constraints["rate"] == Above._parameter_constraints["rate"]
    assert Above._declared["rate"].default == 0.5
    assert Below(rate=2.0).get_params()["rate"] == 2.0
    with pytest.raises(ValueError, match=r"'rate' parameter of Below must be .* Got 2.0"):
        Below(rate=2.0)._validate_params()
    assert "own" not in Below._parameter_constraints  # nothing is said of it


def test_docstrings_say_what_the_class_does_not_say_itself():
    doc = inspect.getdoc(Above) or ""
    assert "size : int, default=2\n    Number of them.\n" in doc
    assert "rate : float, default=0.5\n    How\n    fast.\n" in doc
    assert 'last : str, default="no"\n    The last.\n' in doc
    assert "**module__kwargs : dict" in doc
    assert "found_ : list of int\n    What was found." in doc
    below = inspect.getdoc(Below) or ""
    assert below.count("rate : ") == 1
    assert "fast" not in below
    assert "size : int, default=2" in below


def test_what_clusterers_learn_is_described():
    for cls in (TripletDECClusterer, TAGnetClusterer):
        doc = inspect.getdoc(cls) or ""
        assert doc.count("best_epoch_ : int\n    Epoch of the clustering phase") == 1
        assert doc.count("module_ : torch.nn.Module\n") == 1


def test_a_call_is_checked_as_python_checks_it():
    model = Below(3, own="x", module__hidden=(4,))
    assert (model.size, model.own, model.rate) == (3, "x", 0.75)
    assert model.get_params()["module__hidden"] == (4,)
    for args, more, match in (
        ((1, 2), {}, r"Below\(\) got too many positional arguments"),
        ((1,), {"size": 2}, r"Below\(\) got multiple values for argument 'size'"),
        ((), {"hidden": 2}, r"Below\(\) got an unexpected keyword argument 'hidden'; beside"),
    ):
        with pytest.raises(TypeError, match=match):
            Below(*args, **more)


def test_clones_and_pickles_are_equal():
    model = Below(3, late="x", optimizer__eps=1.0)
    for other in (clone(model), pickle.loads(pickle.dumps(model))):
        assert other.get_params() == model.get_params()
    assert repr(model) == "Below(late='x', optimizer__eps=1.0, size=3)"


def test_what_a_fit_sets_is_not_there_before():
    assert not hasattr(Above(), "found_")
    assert not hasattr(Above, "rate")


def test_a_class_may_write_its_own_constructor():
    class Short(Below):
        def __init__(self, rate=0.1):
            super().__init__(5, rate=rate)

    assert Short().get_params() == {"rate": 0.1}
    assert (Short(0.2).rate, Short().size, Short().own) == (0.2, 5, "own")


def test_a_constructor_that_somebody_has_written_stays_below_it():
    class Written(Below):
        def __init__(self, *, foo=1, rate=0.1):
            super().__init__(rate=rate)
            self.foo = foo

    class Mixin:
        def __init__(self, *, foo=1, **rest):
            super().__init__(**rest)
            self.foo = foo

    class Under(Written):
        pass

    class Beneath(Mixin, Below):
        pass

    assert (Under(foo=2).foo, Under().rate, Beneath(foo=3, size=4).size) == (2, 0.1, 4)
    assert Under(foo=2).get_params() == {"foo": 2, "rate": 0.1}


def test_constraints_that_a_class_writes_are_inherited():
    class Written(Below):
        _parameter_constraints = {**Below._parameter_constraints, "foo": [int], "rate": [str]}  # noqa: RUF012

    class Under(Written):
        late: str = parameter(default="later")

    class Lower(Under):
        rate: float = parameter(default=0.0, allowed=[float])

    assert Under._parameter_constraints["foo"] == [int]
    assert Under._parameter_constraints["rate"] == [str]
    assert Lower._parameter_constraints["rate"] == [float]


def test_a_new_parameter_needs_a_default():
    with pytest.raises(TypeError, match=r"Wrong\.size is declared without a default"):

        class Wrong(DeclaredParameters, BaseEstimator):
            size: int = parameter()


def test_constructors_are_named_after_their_class():
    assert Below.__init__.__qualname__ == "Below.__init__"
    assert Below.__init__.__module__ == __name__
    assert Below.__init__.__annotations__["size"] == "int"
    with pytest.raises(TypeError, match="multiple values for argument 'self'"):
        Below(**{"self": 4})


def test_a_class_without_declarations_has_those_above():
    class Same(Below):
        pass

    assert inspect.signature(Same) == inspect.signature(Below)
    assert Same(1).size == 1


def test_shared_parameters_of_estimators_are_declared_once():
    estimators = [getattr(skdeepclust, name) for name in skdeepclust.__all__]
    estimators = [each for each in estimators if inspect.isclass(each)]
    shared = set.intersection(*({*each._declared} for each in estimators))
    told = {name for name in shared if all(each._declared[name].doc for each in estimators)}
    assert {"device", "checkpoint", "callbacks", "random_state", "verbose"} <= told
    for name in told:
        classes = {cls for each in estimators for cls in each.__mro__}
        homes = [cls for cls in classes if name in vars(cls).get("_own_parameters", ())]
        assert len(homes) == 1, name
    constructors = {each.__init__.__code__ for each in estimators}
    assert len(constructors) == 1


def test_a_state_of_an_earlier_version_gets_the_defaults_of_newer_parameters():
    X = np.random.default_rng(0).normal(size=(20, 3))
    model = TripletDECClusterer(2, max_epochs=1, warmup_epochs=0, n_init=1, random_state=0).fit(X)
    state = model.__getstate__()
    del state["target_view"]
    again = object.__new__(TripletDECClusterer)
    again.__setstate__(state)
    assert again.target_view == "augmented"
    np.testing.assert_array_equal(again.predict(X), model.labels_)
