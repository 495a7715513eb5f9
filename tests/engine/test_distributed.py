"""Fits by several processes end as those by one."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from helpers import distributed_fits, ranks
from helpers.distributed_fits import FITS, THREE


def run(size: int, names: list[str], folder: Path) -> list[dict]:
    """Make fits by several processes and return what each of them came to."""
    script = distributed_fits.__file__
    ranks.finish(ranks.start(size, script, str(folder), *names), timeout=900)
    return [pickle.loads((folder / f"rank{rank}.pickle").read_bytes()) for rank in range(size)]


@pytest.fixture(scope="module")
def of_two(tmp_path_factory) -> list[dict]:
    return run(2, list(FITS), tmp_path_factory.mktemp("two"))


@pytest.fixture(scope="module")
def of_three(tmp_path_factory) -> list[dict]:
    return run(3, list(THREE), tmp_path_factory.mktemp("three"))


def assert_same(one: dict[str, np.ndarray], several: dict[str, np.ndarray]) -> None:
    assert one.keys() == several.keys()
    for name, value in one.items():
        np.testing.assert_allclose(several[name], value, rtol=1e-9, atol=1e-9, err_msg=name)


@pytest.mark.parametrize("name", FITS)
def test_two_processes_equal_one(name: str, of_two: list[dict]) -> None:
    assert_same(distributed_fits.outcome(FITS[name]()), of_two[0][name])


@pytest.mark.parametrize("name", THREE)
def test_three_processes_equal_one_where_one_has_no_rows(name: str, of_three: list[dict]) -> None:
    assert_same(distributed_fits.outcome(THREE[name]()), of_three[0][name])


@pytest.mark.parametrize("name", [*FITS, *THREE])
def test_all_processes_end_alike(name: str, of_two: list[dict], of_three: list[dict]) -> None:
    first, *others = of_two if name in FITS else of_three
    for other in others:
        for key, value in first[name].items():
            np.testing.assert_array_equal(other[name][key], value, err_msg=key)
