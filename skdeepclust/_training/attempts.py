"""One more attempt, where the best one has come to less than it could have started from."""

from __future__ import annotations

from collections.abc import Callable

from skdeepclust._training.session import Session

# That is, to less than this share of it.
LEAST_SHARE = 0.98


def one_more_attempt(
    session: Session, attempt: Callable[[], object], share: Callable[[], float]
) -> int | None:
    """Train once more, from where the best attempt has ended, if that is worth too little.

    Parameters
    ----------
    session : Session
        The fit, after `keep_best`.
    attempt : callable
        Trains phases.
    share : callable
        Returns what share of a partition's worth the network has kept.

    Returns
    -------
    int or None
        The number of the attempt, which its rows of the history have, if it is kept; else `None`.
    """
    if share() >= LEAST_SHARE:
        return None
    n_before, number = len(session.history), session.history[-1]["attempt"] + 1
    is_kept = session.keep_best([lambda: None, attempt], criterion=share)
    for row in session.history[n_before:]:
        row["attempt"] = number
    return number if is_kept else None
