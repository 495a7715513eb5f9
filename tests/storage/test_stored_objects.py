"""Objects there and back, and which of them are refused."""

from __future__ import annotations

import json
import sys
import types
from collections import defaultdict, namedtuple
from enum import Enum

import numpy as np
import pytest
import torch
from helpers.encoding import encoded, there_and_back
from sklearn.metrics import make_scorer
from sklearn.neighbors import KDTree, KernelDensity, KNeighborsClassifier, NearestNeighbors

from skdeepclust import metrics
from skdeepclust._storage.tree import Decoder, Encoder
from skdeepclust._storage.trust import Trust, UntrustedError


class Colour(Enum):
    RED = 1


Pair = namedtuple("Pair", "first second")


class Node:
    def __init__(self):
        self.me, self.of = self, None

    def say(self):
        return "said"


class Slotted:
    __slots__ = ("value",)


class Listed(list):
    pass


def test_what_stands_twice_is_one_object_again():
    tensor, inner = torch.ones(2), Node()
    inner.of = [tensor, tensor, inner]
    again = there_and_back(inner, Node)
    assert again.me is again is again.of[2]
    assert again.of[0] is again.of[1]
    tree, _ = encoded([torch.ones(2), torch.ones(2)])
    assert all("id" not in node for node in tree)


def test_objects_by_their_class():
    slotted, listed = Slotted(), Listed([1, 2])
    slotted.value, listed.name = 3, "a"
    assert there_and_back(slotted, Slotted).value == 3
    again = there_and_back(listed, Listed)
    assert (type(again), again, again.name) == (Listed, [1, 2], "a")
    factory = there_and_back(defaultdict(list, a=[1]))
    assert factory["b"] == []


def test_methods_are_those_of_classes_that_are_named():
    tree, arrays = encoded(Node().say)
    assert Decoder(arrays, Trust([Node])).decode(tree)() == "said"
    fit = {"$": "method", "of": encoded(NearestNeighbors())[0], "name": "fit"}
    with pytest.raises(ValueError, match="hasn't named"):
        Decoder({}, Trust()).decode(fit)


def test_classes_of_a_script_are_found_by_their_name():
    def of_module(module, name):
        return {"$": "object", "class": [module, name], "state": None}

    assert isinstance(Decoder({}, Trust([Node])).decode(of_module("__main__", "Node")), Node)
    other = types.new_class("Node")
    other.__module__ = "__main__"
    assert isinstance(Decoder({}, Trust([other])).decode(of_module("script", "Node")), other)
    for named in ([], [Node, other]):  # the second is unclear
        with pytest.raises(UntrustedError):
            Decoder({}, Trust(named)).decode(of_module("__main__" if not named else "a", "Nodes"))


@pytest.mark.parametrize("algorithm", ["kd_tree", "ball_tree", "brute"])
def test_a_search_keeps_its_labels(algorithm):
    X, y = np.random.default_rng(0).normal(size=(30, 3)), np.arange(30) % 3
    search = KNeighborsClassifier(3, algorithm=algorithm).fit(X, y)
    again = there_and_back(search, KNeighborsClassifier)
    np.testing.assert_array_equal(again.predict_proba(X + 0.1), search.predict_proba(X + 0.1))


def test_compiled_objects_are_made_by_classes_that_are_named():
    X = np.random.default_rng(0).normal(size=(30, 2))
    density = KernelDensity().fit(X)
    tree, arrays = encoded(density)
    with pytest.raises(UntrustedError) as error:
        Decoder(arrays, Trust()).decode(tree)
    named = [getattr(sys.modules[module], name) for module, name in error.value.names]
    assert {KernelDensity, KDTree} < {*named}
    again = Decoder(arrays, Trust(named)).decode(tree)
    np.testing.assert_array_equal(again.score_samples(X), density.score_samples(X))


def test_scorers_hold_functions_that_are_named():
    scorer = make_scorer(metrics.clustering_accuracy_score, greater_is_better=False)
    assert there_and_back(scorer)._score_func is metrics.clustering_accuracy_score
    with pytest.raises(UntrustedError, match=r"json\.loads"):
        there_and_back(make_scorer(json.loads))


# ---------------------------------------------------------------- what is told


def test_all_that_cant_be_written_is_named():
    with pytest.raises(TypeError) as error:
        Encoder("Hint.").encode([{"a": lambda: 0}, (iter([]), 3), [].append], "value")
    for place in (r"value[0].a is", r"value[1][0] is", "value[2] is", "Hint."):
        assert place in str(error.value)
    loop: list = []
    loop.append(loop)
    with pytest.raises(TypeError, match="nested too deep"):
        Encoder("").encode(loop, "value")


def test_all_that_isnt_trusted_is_named():
    tree, arrays = encoded([Colour.RED, {"a": Node()}, json.loads, Pair(1, 2), Node()])
    with pytest.raises(UntrustedError) as error:
        Decoder(arrays, Trust([Pair])).decode(tree)
    assert error.value.names == [
        (__name__, "Colour"), (__name__, "Node"), ("json", "loads"),
    ]  # fmt: skip
    assert "trusted=[Colour, Node, loads]" in str(error.value)


HOSTILE = {
    "bytes of objects": {"$": "bytes of", "dtype": "'O'", "shape": [1], "name": "0"},
    "bytes of code": {"$": "bytes of", "dtype": "__import__('os')", "shape": [1], "name": "0"},
    "a layout that is none": {"$": "layout", "value": "load"},
    "a number that is none": {"$": "number", "dtype": "O", "value": 1},
    "an enumeration that is none": {"$": "enum", "class": ["torch.nn.modules.linear", "Linear"]},
    "a layer that is none": {"$": "layer", "class": ["skdeepclust.dictionary", "KSVD"]},
    "a call": {"$": "made", "class": ["skdeepclust.dictionary", "KSVD"], "arguments": [3]},
    "a partial of a builtin": {
        "$": "partial", "function": {"$": "global", "name": ["builtins", "exec"]},
    },
    "a name of pandas": {"$": "of pandas", "value": "read_pickle"},
    "nothing of this id": {"$": "same", "id": 3},
    "a part of a module": {"$": "global", "name": ["numpy", "testing.run_threaded"]},
    "a part of scikit-learn": {"$": "global", "name": ["sklearn.metrics._scorer", "get_scorer"]},
    "an import of torch's": {"$": "global", "name": ["torch.nn.modules.module", "OrderedDict"]},
    "bits that are none": {
        "$": "random_state",
        "state": {"$": "dict", "items": [["bit_generator", "RandomState"]]},
    },
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_nodes(name):
    with pytest.raises((ValueError, KeyError)):
        Decoder({"0": np.zeros(8, np.uint8)}, Trust()).decode(HOSTILE[name])
