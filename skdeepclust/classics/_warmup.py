"""The contrastive warm-up of Triplet DEC, before the clusters of a classic are looked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional

from skdeepclust._clusters.negatives import RunningRadius
from skdeepclust._clusters.positives import Positives, positives_of, two_views
from skdeepclust._engine.runner import Runner
from skdeepclust.losses import masked_info_nce_loss
from skdeepclust.losses._reconstruction import leading_rows

# Triplet DEC's default.
CONTRAST_WEIGHT = 0.2


@dataclass(frozen=True)
class ContrastiveWarmup:
    """Draws a sample to its positive and away from other samples, while it is reconstructed.

    Directions are contrasted: the embeddings of the classics have any length.

    Parameters
    ----------
    runner : Runner
        Runs the network.
    positives : Positives
        Make the positive of a sample.
    radius : RunningRadius
        Says which samples may be negatives.
    n_samples : int
        Number of training samples.
    """

    runner: Runner
    positives: Positives
    radius: RunningRadius
    n_samples: int

    @classmethod
    def of(cls, runner: Runner, X, neighbors: Tensor | None) -> ContrastiveWarmup:
        """Find what makes positives.

        Raises
        ------
        ValueError
            If rows are too many to be held, so that no neighbours of theirs can be fetched.
        """
        positives = positives_of("auto", runner, X, neighbors)
        if positives is None:
            raise ValueError(
                'warmup="contrastive" puts points between rows and their neighbours, for which all '
                "rows are held: up to 256 MiB of those on a disk, and 2 GB on a GPU. Say "
                "image_shape= if these rows are images, pass a part of them, or leave the warm-up "
                "out with warmup=None."
            )
        return cls(runner, positives, RunningRadius(X.shape[0], runner.device), X.shape[0])

    def loss(
        self,
        embed: Callable[[Tensor], Tensor],
        reconstruct: Callable[[Tensor, Tensor, Tensor | None], Tensor],
        x: Tensor,
        idx: Tensor,
        sample_weight: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Return the objective of a batch, and its parts.

        Parameters
        ----------
        embed : callable
            Returns the embedding (n, n_components) of a batch.
        reconstruct : callable
            Returns the mean error of samples that are decoded from an embedding.
        x : Tensor of shape (n, ...)
            Samples.
        idx : Tensor of int64 of shape (n,)
            Which these are.
        sample_weight : Tensor of shape (n,), default=None
            Weights of the samples.
        """
        views = two_views(self.runner, embed, self.positives, x, idx)
        anchor, positive = (functional.normalize(view, dim=1) for view in views)
        admissible = self.radius.admissible(anchor, positive, idx)
        contrast = masked_info_nce_loss(anchor, positive, admissible, sample_weight=sample_weight)
        error = reconstruct(*leading_rows(self.n_samples, x, views[0], sample_weight))
        loss = error + CONTRAST_WEIGHT * contrast
        return {"loss": loss, "reconstruction": error, "contrast": contrast}
