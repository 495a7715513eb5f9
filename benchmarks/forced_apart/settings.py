"""What the benchmark of Forced Apart compares: losses, normalisation, margins and weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product

from benchmarks.common.selection import Candidates, Parameters, Settings

RAW = "raw"  # K-means on the input itself
BASELINE = "none"


def network(loss: str | None, *, layer_norm: bool = False) -> Callable[[Parameters], Parameters]:
    return lambda strength: {"loss": loss, "module__layer_norm": layer_norm, **strength}


SETTINGS: Settings = {
    RAW: lambda _: {RAW: True},
    BASELINE: network(None),
    "LayerNorm": network(None, layer_norm=True),
    "DeCov": network("decov"),
    "XCov": network("xcov"),
    "single": network("single"),
    "multi": network("multi"),
    "multi + LayerNorm": network("multi", layer_norm=True),
    "DeCov + LayerNorm": network("decov", layer_norm=True),
    "XCov + LayerNorm": network("xcov", layer_norm=True),
}
# Recurrent networks are slow: without the last two, which only tell what LayerNorm adds.
RECURRENT = tuple(SETTINGS)[:-2]


def weights(*lams: float) -> Sequence[Parameters]:
    return [{"lam": lam} for lam in lams]


def margins_and_weights(margins: Sequence[float], lams: Sequence[float]) -> Sequence[Parameters]:
    return [{"margin": margin, "lam": lam} for margin, lam in product(margins, lams)]


def candidates(multi_lams: Sequence[float]) -> Candidates:
    """Return as many candidates for each loss, since more candidates are an advantage."""
    decov = weights(1e-4, 1e-3, 1e-2, 0.03, 0.1, 1)
    xcov = weights(0.03, 0.1, 1, 3, 10, 30)
    multi = margins_and_weights((0.3, 1, 3), multi_lams)
    nothing: Sequence[Parameters] = [{}]
    return {
        RAW: nothing,
        BASELINE: nothing,
        "LayerNorm": nothing,
        "DeCov": decov,
        "XCov": xcov,
        "single": margins_and_weights((0.3, 1, 5), (1, 10)),
        "multi": multi,
        "multi + LayerNorm": multi,
        "DeCov + LayerNorm": decov,
        "XCov + LayerNorm": xcov,
    }


CANDIDATES = candidates((0.1, 0.3))
# The error of a reconstruction is smaller than the cross entropy, and there's no label to lose.
AUTOENCODER_CANDIDATES = candidates((0.1, 1.0))
