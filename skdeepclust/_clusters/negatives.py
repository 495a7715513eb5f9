"""Which samples of a batch may serve as negatives: Algorithm 1 of Das et al. (2019)."""

from __future__ import annotations

import torch
from torch import Tensor

from skdeepclust._clusters.known.links import NOTHING, Links
from skdeepclust.losses import pairwise_squared_distances


class RunningRadius:
    """Algorithm 1's radius of each sample: mean + 2 std of |z - E(T(x))| over augmentations T.

    The moments run over the augmentations of the epochs, so that no extra pass is needed.

    Parameters
    ----------
    n_samples : int
        Number of samples.
    device : torch.device
        Where the moments live.
    momentum : float, default=0.3
        Weight of the newest distance.
    links : Links, default=NOTHING
        What is known of the samples.
    """

    def __init__(
        self,
        n_samples: int,
        device: torch.device,
        momentum: float = 0.3,
        links: Links = NOTHING,
    ):
        self.mean, self.mean_square = torch.zeros(2, n_samples, device=device)
        self.momentum, self.links = momentum, links

    @torch.no_grad()
    def admissible(self, anchor: Tensor, positive: Tensor, idx: Tensor) -> Tensor:
        """Return which samples of the batch lie outside each other's radius, then update it.

        Of linked samples the links say it.

        Parameters
        ----------
        anchor : Tensor of shape (n, n_components)
            Embedded samples.
        positive : Tensor of shape (n, n_components)
            Their embedded augmented copies.
        idx : Tensor of shape (n,)
            Index of each sample in the data.

        Returns
        -------
        Tensor of bool of shape (n, n)
            Whether sample j is an admissible negative of anchor i.
        """
        outside = pairwise_squared_distances(anchor, anchor) > self._squared(idx)[:, None]
        self._update(idx, (anchor - positive).norm(dim=1).to(self.mean.dtype))
        return self.links.admissible(outside, idx)

    def state_dict(self) -> dict[str, Tensor]:
        """Return the moments."""
        return {"mean": self.mean, "mean_square": self.mean_square}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take up moments."""
        self.mean.copy_(state["mean"])
        self.mean_square.copy_(state["mean_square"])

    def _squared(self, idx: Tensor) -> Tensor:
        mean = self.mean[idx]
        std = (self.mean_square[idx] - mean.square()).clamp_min(0).sqrt()
        return (mean + 2 * std).square()

    def _update(self, idx: Tensor, distance: Tensor) -> None:
        self.mean[idx] = self.mean[idx].lerp(distance, self.momentum)
        self.mean_square[idx] = self.mean_square[idx].lerp(distance.square(), self.momentum)
