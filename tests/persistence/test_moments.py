"""Moments of optimisers that were saved."""

from __future__ import annotations

from helpers.small_fits import FITS, assert_same

from skdeepclust import load, save


def test_fused_moments_lie_as_their_weights_do(tmp_path):
    """Convolutions have theirs channels last; a file knows no such format."""
    model, arguments = FITS["triplet dec"]()
    path = tmp_path / "model.safetensors"
    save(model.set_params(optimizer__fused=True).fit(*arguments), path)
    again = load(path)
    for each in (model, again):
        each.set_params(warm_start=True).fit(*arguments)
    assert_same(again, model)
