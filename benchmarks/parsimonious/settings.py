"""What the benchmark of parsimonious representations compares: regularisers and their strengths."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.common.selection import Candidates, Parameters, Settings
from skdeepclust.regularizers import ActivationRegularizer, DeCovRegularizer

N_CLUSTERS = 50  # half of a batch
CONVOLUTIONS = ("conv1", "conv2", "conv3")
# The grid of a convolution's `lam` is that of the fully connected layer over so much.
CONVOLUTION_SHARE = 100


def clustered(n_clusters: int) -> Callable[[float], Parameters]:
    return lambda lam: {"lam": lam, "n_clusters": n_clusters}


def clustered_convolutions(clustering: str) -> Callable[[float], Parameters]:
    """Cluster the convolutions' output in a given way and samples in the layer behind them."""

    def parameters(lam: float) -> Parameters:
        convolution = {"clustering": clustering, "lam": lam / CONVOLUTION_SHARE}
        layers = dict.fromkeys(CONVOLUTIONS, convolution)
        fully_connected = {"clustering": "sample", "lam": lam}
        return {"n_clusters": N_CLUSTERS, "layers": {**layers, "fc1": fully_connected}}

    return parameters


SETTINGS: Settings = {
    "baseline": lambda _: {"lam": 0},
    "weight decay": lambda decay: {
        "lam": 0,
        "optimizer": "adamw",
        "optimizer__weight_decay": decay,
    },
    "dropout": lambda rate: {"lam": 0, "module__dropout": rate},
    "DeCov": lambda lam: {"lam": 0, "regularizers": [DeCovRegularizer(lam=lam)]},
    "activation L2": lambda lam: {"lam": 0, "regularizers": [ActivationRegularizer(lam=lam)]},
    "one cluster": clustered(1),
    "sample, 10 clusters": clustered(10),
    f"sample, {N_CLUSTERS} clusters": clustered(N_CLUSTERS),
    f"spatial, {N_CLUSTERS} clusters": clustered_convolutions("spatial"),
    f"channel, {N_CLUSTERS} clusters": clustered_convolutions("channel"),
}
CONVOLUTIONAL = tuple(name for name in SETTINGS if name.startswith(("spatial", "channel")))
SHRINKAGE_AND_CLUSTERS = (
    "baseline",
    "activation L2",
    "one cluster",
    f"sample, {N_CLUSTERS} clusters",
)

# Candidates by setting, with "lam" for all others. As many for each, since more candidates are an
# advantage; the baseline has nothing to choose.
FULLY_CONNECTED_CANDIDATES: Candidates = {
    "baseline": (0.0,),
    "weight decay": (0.1, 0.3, 1.0, 3.0, 10.0, 30.0),
    "dropout": (0.1, 0.2, 0.3, 0.4, 0.55, 0.7),
    "DeCov": (1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2),
    "lam": (1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0),
}
CONVOLUTIONAL_CANDIDATES: Candidates = {
    "baseline": (0.0,),
    "weight decay": (0.1, 1.0, 3.0, 10.0, 30.0),
    "dropout": (0.1, 0.2, 0.3, 0.5, 0.7),
    "DeCov": (1e-5, 1e-4, 1e-3, 1e-2, 0.1),
    "lam": (0.04, 0.16, 0.63, 2.5, 10.0),
}
# The penalty stands beside an error of a few hundredths; 0.00013 is the paper's `lam` here.
AUTOENCODER_CANDIDATES: Candidates = {
    "baseline": (0.0,),
    "weight decay": (0.01, 0.1, 1.0, 10.0),
    "lam": (0.00013, 0.0013, 0.013, 0.13),
}
