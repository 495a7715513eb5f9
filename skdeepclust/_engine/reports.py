"""What a fit says while it runs: nothing, a line an epoch, or progress bars."""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

import torch

Item = TypeVar("Item")
SECONDS_OF_A_SHORT_STEP = 1.0  # a step that takes less isn't worth a line
SECONDS_BETWEEN_LINES = 10.0  # of a step
SECONDS_BETWEEN_UPDATES = 0.25  # of a notebook


class Task:
    """A phase or a step of a fit: its names from the outside in, and how far it is."""

    def __init__(self, names: tuple[str, ...], attempt: int, total: int | None, is_step: bool):
        self.names, self.attempt, self.total, self.is_step = names, attempt, total, is_step
        self.done = 0
        self.begin = self.last_line = time.perf_counter()

    @property
    def title(self) -> str:
        return self.names[-1] if self.attempt == 1 else f"{self.names[-1]} #{self.attempt}"

    @property
    def count(self) -> str:
        return "" if self.total is None else f"{self.done}/{self.total}"

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.begin


class Report:
    """A report that says nothing; what others say of its tasks, they add in the hooks."""

    def __init__(self, name: str = "") -> None:
        self.name = name
        self._open: list[Task] = []
        self._attempts: dict[tuple[str, ...], int] = {}

    @contextmanager
    def task(
        self, name: str, total: int | None = None, *, is_step: bool = False
    ) -> Generator[None]:
        """Report a phase of `total` epochs, or a step of which little is said, while it lasts."""
        outer = self._open[-1] if self._open else None
        names = (*(outer.names if outer else ()), name)
        self._attempts[names] = attempt = self._attempts.get(names, 0) + 1
        task = Task(names, attempt, total, is_step or (outer is not None and outer.is_step))
        self._open.append(task)
        try:
            self._begin(task)
            yield
            self._end(task)
        finally:
            self._open.remove(task)

    def track(self, name: str, items: Iterable[Item], total: int) -> Iterator[Item]:
        """Yield the items, and count them as parts of the step that is running."""
        with self.task(name, total, is_step=True):
            for done, item in enumerate(items, start=1):
                yield item
                self.advance(done)

    def advance(self, done: int, values: Mapping[str, float] | None = None) -> None:
        """Report that so many parts of the innermost task are done, with what has come out."""
        task = self._open[-1]
        task.done = done
        self._advance(task, values or {})

    def resume(self, done: int) -> None:
        """Report that so many parts of the innermost task were done in a fit that was stopped."""
        task = self._open[-1]
        task.done = done
        self._resume(task)

    def say(self, text: Callable[[], str]) -> None:
        """Report a remark on the fit, which is made only if it is read."""

    # -- the hooks
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def _begin(self, task: Task) -> None: ...
    def _advance(self, task: Task, values: Mapping[str, float]) -> None: ...
    def _resume(self, task: Task) -> None: ...
    def _end(self, task: Task) -> None: ...


class Lines(Report):
    """A line an epoch; of steps, a line when they were long, and now and then if they count."""

    def _advance(self, task: Task, values: Mapping[str, float]) -> None:
        now = time.perf_counter()
        if task.is_step and now - task.last_line < SECONDS_BETWEEN_LINES:
            return
        seconds = now - (task.begin if task.is_step else task.last_line)
        task.last_line = now
        written = ", ".join(write_values(values))
        self._print(task, f"{task.count}{': ' if written else ''}{written}", seconds)

    def say(self, text: Callable[[], str]) -> None:
        print(f"{self.name}: {text()}", flush=True)

    def _end(self, task: Task) -> None:
        if task.is_step and len(self._open) == 1 and task.seconds >= SECONDS_OF_A_SHORT_STEP:
            self._print(task, "done", task.seconds)

    def _print(self, task: Task, text: str, seconds: float) -> None:
        titles = ", ".join([*(each.title for each in self._open)])
        print(f"{self.name}, {titles} {text} ({seconds:.1f} s)", flush=True)


class Bars(Report):
    """A bar for each task, live in a terminal."""

    def __init__(self, name: str, console: Any) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
        from rich.table import Column

        super().__init__(name)
        rest = Column(no_wrap=True, overflow="ellipsis", ratio=1)  # what the others leave
        self.progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[count]}", markup=False, justify="right"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[values]}", markup=False, table_column=rest),
            console=console,
            refresh_per_second=4,
            expand=True,
        )
        self._rows: dict[tuple[str, ...], Any] = {}

    def start(self) -> None:
        self.progress.start()
        self.progress.console.print(self.name, markup=False, highlight=False)

    def stop(self) -> None:
        self.progress.stop()

    def say(self, text: Callable[[], str]) -> None:
        self.progress.console.print(text(), markup=False, highlight=False)

    def _begin(self, task: Task) -> None:
        about = {
            "description": "  " * (len(task.names) - 1) + task.title,
            "total": task.total,
            "count": task.count,
            "values": "",
        }
        if task.names in self._rows:  # another attempt has the place of the one before
            self.progress.reset(self._rows[task.names], **about)
        else:
            self._rows[task.names] = self.progress.add_task(**about)

    def _advance(self, task: Task, values: Mapping[str, float]) -> None:
        self.progress.update(
            self._rows[task.names],
            completed=task.done,
            count=task.count,
            values="  ".join(write_values(values)),
        )

    def _resume(self, task: Task) -> None:
        self._advance(task, {})

    def _end(self, task: Task) -> None:
        """Fill the bar, also where a callback has ended the phase early."""
        parts = max(task.done, 1)
        self.progress.update(self._rows[task.names], total=parts, completed=parts)


class NotebookBars(Bars):
    """The same bars as the output of a notebook's cell, which is replaced as they grow."""

    _handle: Any = None
    _said: str | None = None
    _shown = -SECONDS_BETWEEN_UPDATES

    def start(self) -> None:
        from IPython.display import display  # pyrefly: ignore[missing-import]

        self._handle = display(self._table(), display_id=True)

    def stop(self) -> None:
        self._handle.update(self._table())

    def _table(self) -> Any:
        table = self.progress.make_tasks_table(self.progress.tasks)
        table.title, table.title_justify = self.name, "left"
        table.caption, table.caption_justify = self._said, "left"
        return table

    def say(self, text: Callable[[], str]) -> None:
        self._said = text()

    def _show(self) -> None:
        now = time.perf_counter()
        if now - self._shown >= SECONDS_BETWEEN_UPDATES:
            self._shown = now
            self._handle.update(self._table())

    def _begin(self, task: Task) -> None:
        super()._begin(task)
        self._shown = -SECONDS_BETWEEN_UPDATES  # a long step has to be seen from its start
        self._show()

    def _advance(self, task: Task, values: Mapping[str, float]) -> None:
        super()._advance(task, values)
        self._show()


_current: ContextVar[Report | None] = ContextVar("report", default=None)


def current_report() -> Report:
    """Return the report of the fit that is running, or one that says nothing."""
    return _current.get() or Report()


@contextmanager
def reporting(name: str, verbose: int) -> Generator[Report]:
    """Report the fit of `name`; one within another that reports is a task of the latter."""
    outer = _current.get()
    if verbose and outer is not None and type(outer) is not Report:
        with outer.task(name):
            yield outer
        return
    report = _new_report(name, verbose)
    token = _current.set(report)
    try:
        yield report
    finally:
        _current.reset(token)
        report.stop()


def _new_report(name: str, verbose: int) -> Report:
    """Make and start the report that suits `verbose` and where it is read."""
    if not verbose or (torch.distributed.is_available() and torch.distributed.is_initialized()
                       and torch.distributed.get_rank() > 0):  # fmt: skip
        return Report(name)
    report = _new_bars(name) if verbose == 1 and _is_foreground() else None
    return report or Lines(name)


def _is_foreground() -> bool:
    """Whether nobody else writes to the terminal: neither another process nor another thread."""
    in_main_process = multiprocessing.current_process().name == "MainProcess"
    return in_main_process and threading.current_thread() is threading.main_thread()


def _new_bars(name: str) -> Report | None:
    """Make and start bars, unless `rich` is missing or they can't be drawn."""
    try:
        from rich import get_console
        from rich.errors import LiveError
    except ImportError:
        return None
    console = get_console()
    if not (console.is_interactive or console.is_jupyter):
        return None
    report = (NotebookBars if console.is_jupyter else Bars)(name, console)
    try:
        report.start()
    except LiveError:  # the bars of something else are on the screen
        return None
    return report


def write_values(values: Mapping[str, float]) -> list[str]:
    return [f"{name.replace('_', ' ')} {value:.4g}" for name, value in values.items()]
