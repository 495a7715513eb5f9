"""Fits by several processes end as those by one."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
from helpers import distributed_fits, ranks
from helpers.distributed_fits import FITS, THREE


@pytest.fixture(scope="module")
def of_ranks(tmp_path_factory) -> dict[int, list[dict]]:
    """Make all fits by two or three processes; return what each of them came to."""
    folder = tmp_path_factory.mktemp("ranks")
    command = [sys.executable, "-W", "error", distributed_fits.__file__, str(folder)]
    shared = {**os.environ, "PYTHONPATH": ranks.PATH, "OMP_NUM_THREADS": "1"}
    subprocess.run(command, env=shared, check=True, timeout=900)
    files = {size: [folder / f"{rank} of {size}.pickle" for rank in range(size)] for size in (2, 3)}
    return {size: [pickle.loads(file.read_bytes()) for file in of] for size, of in files.items()}


def assert_same(one: dict[str, np.ndarray], several: dict[str, np.ndarray]) -> None:
    assert one.keys() == several.keys()
    for name, value in one.items():
        np.testing.assert_allclose(several[name], value, rtol=1e-9, atol=1e-9, err_msg=name)


@pytest.mark.usefixtures("few_head_steps")
@pytest.mark.parametrize("name", FITS)
def test_two_processes_equal_one(name: str, of_ranks: dict[int, list[dict]]) -> None:
    assert_same(distributed_fits.outcome(FITS[name]()), of_ranks[2][0][name])


@pytest.mark.parametrize("name", THREE)
def test_three_processes_equal_one_where_one_has_no_rows(
    name: str, of_ranks: dict[int, list[dict]]
) -> None:
    assert_same(distributed_fits.outcome(THREE[name]()), of_ranks[3][0][name])


@pytest.mark.parametrize("name", [*FITS, *THREE])
def test_all_processes_end_alike(name: str, of_ranks: dict[int, list[dict]]) -> None:
    first, *others = of_ranks[2 if name in FITS else 3]
    for other in others:
        for key, value in first[name].items():
            np.testing.assert_array_equal(other[name][key], value, err_msg=key)
