"""What became of the attempts: one more, where all fell short of the start, and a remark."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

import numpy as np

from skdeepclust._engine.reports import current_report
from skdeepclust._training.session import Session

# That is, to less than this share of it.
LEAST_SHARE = 0.98
# Where more of the samples than these are in their initial clusters, these could be had for less.
ADDS_LITTLE = 0.97


Start = TypeVar("Start")


def best_attempt(
    session: Session,
    train: Callable[..., object],
    starts: Sequence[Start],
    worth: Callable[[], float],
    share: Callable[[Start], float] | None,
    n_attempts: int,
) -> tuple[int, Start]:
    """Train once from each start and keep the best; once more if all fell short of the first one.

    Parameters
    ----------
    session : Session
        The fit.
    train : callable
        Trains phases from a start; with `is_fixed=True` the targets stay those of the start.
    starts : sequence
        The best one first.
    worth : callable
        Returns what the network is worth, the larger the better.
    share : callable or None
        Returns what share of a start's worth the network has kept; `None`: nobody knows.
    n_attempts : int
        Number of attempts, at most.

    Returns
    -------
    number : int
        That of the attempt which is kept; rows of the history have it.
    start : object
        From where it has started.
    """
    number = session.keep_best((partial(train, each) for each in starts), worth)
    if share is None or len(starts) == n_attempts or share(starts[0]) >= LEAST_SHARE:
        return number, starts[number]
    n_before, last = len(session.history), session.history[-1]["attempt"] + 1
    again = partial(train, starts[0], is_fixed=True)
    is_kept = session.keep_best([lambda: None, again], criterion=lambda: share(starts[0]))
    for row in session.history[n_before:]:
        row["attempt"] = last
    return (last, starts[0]) if is_kept else (number, starts[number])


def say_what_was_added(initial: np.ndarray, labels: Callable[[], np.ndarray]) -> None:
    """Report how many samples have stayed in the clusters from which a fit has started.

    Parameters
    ----------
    initial : ndarray of int of shape (n_samples,)
        The initial cluster of each sample.
    labels : callable
        Returns those at the end.
    """

    def text() -> str:
        kept = float(np.mean(labels() == initial))
        verdict = " The network adds little to these data." if kept > ADDS_LITTLE else ""
        return f"{kept:.1%} of the samples have stayed in their initial clusters.{verdict}"

    current_report().say(text)
