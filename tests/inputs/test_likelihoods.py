"""Which likelihood suits values, and which one goes on."""

from __future__ import annotations

import pytest

from skdeepclust._inputs.likelihoods import going_on, likelihood_of


@pytest.mark.parametrize(
    ("least", "largest", "found"),
    [(0, 1, "bernoulli"), (0.2, 0.3, "bernoulli"), (-0.1, 1, "gaussian"), (0, 1.1, "gaussian")],
)
def test_shares_are_values_from_0_to_1(least, largest, found):
    assert likelihood_of("auto", least, largest) == found
    if found == "gaussian":
        with pytest.raises(ValueError, match=rf"some from {least} to {largest}: scale X"):
            likelihood_of("bernoulli", least, largest)
    else:
        assert likelihood_of("bernoulli", least, largest) == "bernoulli"


def test_shares_may_be_taken_for_numbers_but_not_numbers_for_shares():
    assert going_on(None, "gaussian") == "gaussian"
    assert going_on("gaussian", "bernoulli") == "gaussian"
    assert going_on("bernoulli", "bernoulli") == "bernoulli"
    with pytest.raises(ValueError, match=r"as in the first fit, or set warm_start=False"):
        going_on("bernoulli", "gaussian")
