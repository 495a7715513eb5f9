"""Samples in three parts, with two classes new in the third: who keeps numbers, who sees the new.

Beside `StreamClusterer`, by parts or by a fit of all with itself as the reference, a fit of all
that knows nothing of the one before, MiniBatchKMeans and river's DBSTREAM, which go on with each
part. The fit of all and MiniBatchKMeans are told how many classes there will be.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from sklearn.cluster import MiniBatchKMeans

from benchmarks.answers.peers import DBSTREAM, Dbstream
from benchmarks.answers.settings import MAKE
from benchmarks.common.records import Record
from benchmarks.common.runs import Cost
from benchmarks.compare.samples import Samples
from skdeepclust.meta import StreamClusterer
from skdeepclust.metrics import clustering_accuracy_score

GOES_ON = "MiniBatchKMeans, partial_fit"
N_NEW, BATCH = 2, 100


class Parts(NamedTuple):
    """Rows of the first two parts, of the third, and of a second one that lacks classes."""

    first: np.ndarray
    second: np.ndarray
    third: np.ndarray
    uneven: np.ndarray
    new: np.ndarray  # the classes


def parts_of(samples: Samples, seed: int) -> Parts:
    """Draw two classes, and thirds of the others in each part; all of the two are in the third."""
    rng = np.random.default_rng(seed)
    classes = rng.permutation(samples.n_classes)
    new, rare = classes[:N_NEW], classes[N_NEW : N_NEW + (samples.n_classes - N_NEW) // 2]
    order = rng.permutation(len(samples.y))
    is_new = np.isin(samples.y[order], new)
    first, second, old = np.array_split(order[~is_new], 3)
    third = rng.permutation(np.concatenate([old, order[is_new]]))
    return Parts(first, second, third, second[~np.isin(samples.y[second], rare)], np.sort(new))


def stream(samples: Samples, setting: str, seed: int) -> Record:
    """Go through the parts; tell what has become of numbers, and of the new classes."""
    parts = parts_of(samples, seed)
    if setting in (GOES_ON, DBSTREAM):
        return goes_on(samples, parts, setting, seed)
    inner = MAKE[setting](samples, samples.n_classes - N_NEW, seed)
    model = StreamClusterer(inner, random_state=seed)
    with Cost() as cost:
        model.fit(samples.X[parts.first])
    record: Record = {"first_s": cost.record["cpu_s"]}
    uneven = copy.deepcopy(model).partial_fit(samples.X[parts.uneven])
    record["new in uneven"] = len(uneven.report_.new)
    model.partial_fit(samples.X[parts.second])
    record["new in second"] = len(model.report_.new)
    before = predictions(model.predict, samples, parts)
    with Cost() as cost:
        model.partial_fit(samples.X[parts.third])
    record |= {"novelty": model.report_.novelty, "p": model.report_.p_value}
    record["parts: cpu_s"] = cost.record["cpu_s"]
    record |= told("parts", samples, parts, before, model.predict)

    inner = MAKE[setting](samples, len(model.numbers_), seed)
    again = StreamClusterer(inner, random_state=seed)
    with Cost() as cost:
        again.fit(samples.X, reference=model)
    record["refit: cpu_s"] = cost.record["cpu_s"]
    record |= told("refit", samples, parts, before, again.predict)
    plain = MAKE[setting](samples, samples.n_classes, seed).fit(samples.X)
    alone = MAKE[setting](samples, samples.n_classes - N_NEW, seed)
    old = np.concatenate([parts.first, parts.second])
    before = predictions(alone.fit(samples.X[old]).predict, samples, parts)
    return record | told("anew", samples, parts, before, plain.predict)


def goes_on(samples: Samples, parts: Parts, setting: str, seed: int) -> Record:
    """Give each part, in batches, to what has no memory of numbers but its own."""
    with Cost() as cost:
        if setting == DBSTREAM:
            model: Any = Dbstream(samples.X[parts.first])
        else:
            model = MiniBatchKMeans(samples.n_classes, random_state=seed, n_init=10)
        for part in (parts.first, parts.second):
            go_on(model, samples.X[part])
        before = predictions(model.predict, samples, parts)
        go_on(model, samples.X[parts.third])
    return cost.record | told("goes on", samples, parts, before, model.predict)


def go_on(model: Any, X: np.ndarray) -> None:
    for batch in np.array_split(X, -(-len(X) // BATCH)):
        model.partial_fit(batch)


Predict = Callable[[np.ndarray], np.ndarray]


def predictions(predict: Predict, samples: Samples, parts: Parts) -> np.ndarray:
    return predict(samples.X[np.concatenate([parts.first, parts.second])])


def told(name: str, samples: Samples, parts: Parts, before: np.ndarray, predict: Predict) -> Record:
    """Return what is told of numbers after the third part."""
    after = predictions(predict, samples, parts)
    labels, y = predict(samples.X[parts.third]), samples.y[parts.third]
    is_new = np.isin(y, parts.new)
    is_first = ~np.isin(labels, before)
    return {
        f"{name}: kept": float((after == before).mean()),
        f"{name}: ACC": clustering_accuracy_score(y, labels),
        f"{name}: clusters": len(np.unique(labels)),
        f"{name}: new, new number": float(is_first[is_new].mean()),
        f"{name}: old, new number": float(is_first[~is_new].mean()),
    }
