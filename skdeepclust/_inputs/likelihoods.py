"""Which likelihood suits the values of X: that of shares from 0 to 1, or that of real numbers."""

from __future__ import annotations


def likelihood_of(given: str, least: float, largest: float) -> str:
    """Return the likelihood of values in a range, or refuse the one that is given.

    Parameters
    ----------
    given : {"auto", "bernoulli"}
        What the user asks for.
    least, largest : float
        Range of the values.

    Returns
    -------
    {"bernoulli", "gaussian"}
        "bernoulli" for values from 0 to 1; for others "auto" is "gaussian".

    Raises
    ------
    ValueError
        If "bernoulli" is asked for, but not all values are from 0 to 1.
    """
    if least >= 0 and largest <= 1:
        return "bernoulli"
    if given == "auto":
        return "gaussian"
    raise ValueError(
        f'likelihood="bernoulli" takes values from 0 to 1, but X has some from {least:g} to '
        f'{largest:g}: scale X, for instance with MinMaxScaler, or give likelihood="gaussian".'
    )


def going_on(before: str | None, found: str) -> str:
    """Return the likelihood of a fit that goes on from one with `before`, `None` if it doesn't.

    Shares may be taken for real numbers, but not the other way round.
    """
    if (before, found) == ("bernoulli", "gaussian"):
        raise ValueError(
            'X has values that aren\'t from 0 to 1, but likelihood_="bernoulli" goes on: scale X '
            "as in the first fit, or set warm_start=False."
        )
    return before or found
