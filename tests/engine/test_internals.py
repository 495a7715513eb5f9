"""The parts below the estimators: batches, seeds, devices."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from skdeepclust._engine.rng import draw_seed, resolve_device, seeded
from skdeepclust._engine.runner import Batches

CPU = torch.device("cpu")

# ---------------------------------------------------------------- batches


def batches(X, extra=None, *, batch_size=4, shuffle=True, order=None, **options):
    generator = torch.Generator().manual_seed(0) if shuffle else None
    return Batches(
        X,
        extra,
        batch_size=batch_size,
        sample_shape=(X.shape[1],),
        dtype=torch.float32,
        device=CPU,
        generator=generator,
        order=order,
        **options,
    )


@given(n_samples=st.integers(1, 60), batch_size=st.integers(2, 20))
def test_every_sample_is_in_one_batch(n_samples, batch_size):
    X = np.arange(n_samples, dtype=np.float32)[:, None]
    loader = batches(X, {"twice": 2 * X[:, 0]}, batch_size=batch_size)
    seen = list(loader)
    assert len(seen) == len(loader)
    rows = torch.cat([extra["idx"] for _, extra in seen])
    assert sorted(rows.tolist()) == list(range(n_samples))
    sizes = [len(x) for x, _ in seen]
    assert max(sizes) - min(sizes) <= 1
    assert max(sizes) <= max(batch_size, 3)
    assert n_samples == 1 or min(sizes) >= 2
    for x, extra in seen:
        torch.testing.assert_close(x[:, 0], extra["idx"].float())
        torch.testing.assert_close(extra["twice"], 2 * x[:, 0])


@pytest.mark.parametrize(("n_drawn", "n_rows"), [(7, 7), (20, 20), (50, 20), (None, 20)])
def test_each_epoch_draws_so_many_samples(n_drawn, n_rows):
    loader = batches(np.arange(20.0)[:, None], n_drawn=n_drawn)
    epochs = [[extra["idx"] for _, extra in loader] for _ in range(40)]
    assert {len(epoch) for epoch in epochs} == {len(loader)} == {-(-n_rows // 4)}
    rows = [torch.cat(epoch).tolist() for epoch in epochs]
    assert all(len(set(each)) == len(each) == n_rows for each in rows)
    assert set().union(*rows) == set(range(20))


def test_inference_draws_nothing():
    seen = batches(np.arange(20.0)[:, None], shuffle=False, n_drawn=7)
    assert torch.cat([extra["idx"] for _, extra in seen]).tolist() == list(range(20))


def test_each_epoch_has_an_order_of_its_own_and_inference_keeps_it():
    X = np.arange(20.0)[:, None]
    loader = batches(X)
    first, second = (torch.cat([x for x, _ in loader]) for _ in range(2))
    assert not torch.equal(first, second)
    kept = torch.cat([x for x, _ in batches(X, shuffle=False)])
    torch.testing.assert_close(kept, torch.from_numpy(X).float())


def test_batches_in_a_given_order():
    X = np.arange(6, dtype=np.float32)[:, None]
    order = torch.tensor([5, 0, 3, 1, 4, 2])
    seen = list(batches(X, {"twice": 2 * X[:, 0]}, shuffle=False, order=order))
    assert torch.cat([x[:, 0] for x, _ in seen]).tolist() == order.tolist()
    assert torch.cat([more["idx"] for _, more in seen]).tolist() == order.tolist()
    assert torch.cat([more["twice"] for _, more in seen]).tolist() == (2 * order).tolist()


def test_batches_of_all_kinds_of_arrays():
    X = np.random.default_rng(0).integers(0, 255, (11, 3)).astype(np.uint8)
    expected = [x for x, _ in batches(X.astype(float))]
    for kind in (
        sparse.csr_array(X),
        sparse.csr_matrix(X),
        torch.from_numpy(X),
        X[:, ::-1][:, ::-1],
    ):
        for x, other in zip(expected, batches(kind), strict=True):
            torch.testing.assert_close(x, other[0], rtol=0, atol=0)
            assert other[0].dtype is torch.float32


# ---------------------------------------------------------------- seeds and devices


def test_seeded_blocks_repeat_and_leave_the_global_state(global_state_untouched):
    draws = []
    for _ in range(2):
        with seeded(3, CPU):
            draws.append(torch.rand(4))
    assert torch.equal(*draws)


def test_seeds_follow_scikit_learn(global_state_untouched):
    assert draw_seed(0) == draw_seed(0)
    assert draw_seed(None) != draw_seed(None)
    state = np.random.RandomState(0)
    assert draw_seed(state) != draw_seed(state)


def test_devices():
    assert resolve_device("cpu") == CPU
    assert resolve_device(CPU) == CPU
    assert resolve_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    with pytest.raises(ValueError, match=r"device='cuda:99' can't be used.*auto, cpu"):
        resolve_device("cuda:99")
