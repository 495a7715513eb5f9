"""Public calls in random sequences; `make sequences` runs many more."""

from __future__ import annotations

import pytest
import torch
from sequences.machine import Sequence
from sequences.models import MODELS

FIRST, N_SEQUENCES = 210, 40  # with all of the estimators among them


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_what_is_promised_holds_after_each_call() -> None:
    sequences = [Sequence(FIRST + number) for number in range(N_SEQUENCES)]
    for sequence in sequences:
        sequence.run()
    assert {sequence.name for sequence in sequences} == set(MODELS)
    outcomes = sum((sequence.outcomes for sequence in sequences[1:]), sequences[0].outcomes)
    assert min(outcomes["answered"], outcomes["refused"]) > N_SEQUENCES
