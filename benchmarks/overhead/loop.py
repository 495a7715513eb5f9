"""The estimator, and a plain loop that trains what it trains."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from skdeepclust import TripletDECClusterer
from skdeepclust._engine.runner import Batches
from skdeepclust.losses import (
    assignment_kl,
    information_loss,
    masked_info_nce_loss,
    pairwise_squared_distances,
    reconstruction_loss,
    student_t_assignment,
    target_distribution,
)

# The objective that PlainLoop writes out; the estimator's defaults may differ from it.
OBJECTIVE = {
    "reconstruction_weight": 1.0,
    "clustering_weight": 1.0,
    "triplet_weight": 0.2,
    "entropy_weight": 1.0,
    "degrees_of_freedom": 31.0,
    "normalize": True,
    "contrast": "info_nce",
    "negatives": "cluster",
    "target_view": "augmented",
    "cluster_prior": "uniform",
    "n_neighbors": 0,
    "n_starts": 1,
    "batch_size": 256,
    "optimizer": "adam",
    "lr": 0.001,
    "device": "cpu",
}


class PlainLoop:
    """The two phases as one would write them by hand for one data set."""

    def __init__(self, network, batches: list, augment: Callable):
        self.network, self.batches, self.augment = network, batches, augment
        n_samples = sum(len(x) for x, _ in batches)
        self.mean, self.mean_square = torch.zeros(2, n_samples)
        self.target = torch.zeros(n_samples, len(network.centers))

    def start(self, phase: str, epochs: int = 1) -> Callable[[], float]:
        """Return a function that trains one epoch and returns its mean loss."""
        optimizer = torch.optim.Adam(self.network.parameters(), lr=OBJECTIVE["lr"])
        n_steps = epochs * len(self.batches)
        decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, n_steps)
        loss_of = getattr(self, phase)

        def epoch() -> float:
            total, n_seen = torch.zeros(()), 0
            if phase == "clustering":
                self.update_target()
            self.network.train()
            for x, idx in self.batches:
                optimizer.zero_grad()
                loss = loss_of(x, idx)
                loss.backward()
                optimizer.step()
                if phase == "clustering":
                    decay.step()
                total += loss.detach() * len(x)
                n_seen += len(x)
            return float(total) / n_seen

        return epoch

    def warmup(self, x: Tensor, idx: Tensor) -> Tensor:
        anchor, positive = self.views(x)
        contrast = masked_info_nce_loss(anchor, positive, self.outside(anchor, positive, idx))
        return 0.2 * contrast + self.reconstruction(x, anchor)

    def clustering(self, x: Tensor, idx: Tensor) -> Tensor:
        anchor, positive = self.views(x)
        target = self.target[idx]
        q_anchor, q_positive = self.assign(anchor), self.assign(positive)
        divergence = assignment_kl(target, q_positive)
        information = -information_loss(torch.cat([q_anchor, q_positive]))
        label = target.argmax(1)
        contrast = masked_info_nce_loss(anchor, positive, label[:, None] != label)
        return divergence - information + 0.2 * contrast + self.reconstruction(x, anchor)

    @torch.no_grad()
    def update_target(self) -> None:
        self.network.eval()
        for x, idx in self.batches:
            self.target[idx] = self.assign(self.embed(x))
        self.target = target_distribution(self.target)

    @torch.no_grad()
    def outside(self, anchor: Tensor, positive: Tensor, idx: Tensor) -> Tensor:
        """Which samples lie beyond mean + 2 std of the distances to augmented copies."""
        mean, mean_square = self.mean[idx], self.mean_square[idx]
        radius = mean + 2 * (mean_square - mean.square()).clamp_min(0).sqrt()
        distance = (anchor - positive).norm(dim=1)
        self.mean[idx] = mean.lerp(distance, 0.3)
        self.mean_square[idx] = mean_square.lerp(distance.square(), 0.3)
        return pairwise_squared_distances(anchor, anchor) > radius.square()[:, None]

    def views(self, x: Tensor) -> tuple[Tensor, Tensor]:
        anchor, positive = self.embed(torch.cat([x, self.augment(x)])).chunk(2)
        return anchor, positive

    def embed(self, x: Tensor) -> Tensor:
        embedding = self.network.autoencoder.encode(self.network.standardize(x))
        return functional.normalize(embedding, dim=1)

    def reconstruction(self, x: Tensor, embedding: Tensor) -> Tensor:
        decoded = self.network.autoencoder.decode(embedding)
        return reconstruction_loss(decoded, self.network.standardize(x))

    def assign(self, embedding: Tensor) -> Tensor:
        mapped = embedding @ self.network.metric
        return student_t_assignment(mapped, self.network.centers, degrees_of_freedom=31.0)


def make_estimator(image_shape: tuple[int, int], epochs: int, **parameters) -> TripletDECClusterer:
    """Return an estimator that spends `epochs` epochs on each of the two phases."""
    schedule = {"pretrain_epochs": 0, "warmup_epochs": epochs, "max_epochs": epochs}
    start = {"init": "kmeans", "n_init": 1, "image_shape": image_shape}
    return TripletDECClusterer(10, **{**OBJECTIVE, **schedule, **start, **parameters})


def make_plain_loop(estimator: TripletDECClusterer, X: np.ndarray, augment: Callable) -> PlainLoop:
    """Return a plain loop that starts from a fitted estimator's network."""
    gather = Batches(
        X,
        batch_size=estimator.batch_size,
        sample_shape=estimator.image_shape_,
        dtype=torch.float32,
        device=torch.device("cpu"),
        generator=torch.Generator().manual_seed(0),
    )
    batches = [(x, extra["idx"]) for x, extra in gather]
    return PlainLoop(copy.deepcopy(estimator.module_), batches, augment)
