"""What callbacks are told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from skorch.callbacks import Callback

from same.models import MODELS
from same.seen import fitted, of_model
from same.small import Scenario


class Watcher(Callback):
    """A callback of skorch that notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def __deepcopy__(self, memo: Any) -> Watcher:
        return self

    def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        self.told.append(f"train {type(X).__name__} {type(y).__name__} {net.max_epochs}")

    def on_epoch_end(self, net: Any, dataset_train: Any = None, **kwargs: Any) -> None:
        names = [name for name in net.history[-1] if name != "dur"]
        self.told.append(f"epoch {len(net.history)} {names} {len(dataset_train)}")

    def on_batch_end(self, net: Any, batch: Any = None, training: bool = False, **kw: Any) -> None:
        row = {k: v for k, v in net.history[-1, "batches", -1].items() if k != "dur"}
        self.told.append(f"batch {training} {len(batch[0])} {row}")

    def on_grad_computed(self, net: Any, named_parameters: Any = (), **kwargs: Any) -> None:
        self.told.append(f"gradients of {[name for name, _ in named_parameters]}")


class Tasks:
    """A callback of scikit-learn that notes what it is told, and ends a fit."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.counts: Counter[str] = Counter()

    def setup(self, estimator: Any, context: Any) -> None:
        self.told.append("setup")

    def teardown(self, estimator: Any, context: Any) -> None:
        self.told.append("teardown")

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        self.told.append(f"begin {context.task_name} of {context.max_subtasks}")

    def on_fit_task_end(self, estimator: Any, context: Any) -> bool:
        self.told.append(f"end {context.task_name}")
        self.counts[context.task_name] += 1
        return self.counts["epoch"] == 3


def watched(name: str, folder: Path) -> Iterator[tuple[str, Any]]:
    make, arguments, new = MODELS[name]
    model, watcher, tasks = make(), Watcher(), Tasks()
    own = model.get_params()["callbacks"] or []
    fitted(model.set_params(callbacks=[("watcher", watcher), *own]), *arguments)
    yield "told by skorch", "\n".join(watcher.told)
    model = make().set_callbacks(tasks)
    fitted(model, *arguments)
    yield "told by scikit-learn", "\n".join(tasks.told)
    yield from of_model(model, new=new)


SCENARIOS: dict[str, Scenario] = {f"callbacks, {name}": partial(watched, name) for name in MODELS}
