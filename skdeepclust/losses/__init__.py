"""Losses as pure functions: tensors in, a differentiable scalar or matrix out.

None of them keeps state, knows an estimator or waits for the device, so each can be
used in any training loop.
"""

from skdeepclust.losses._clustering import (
    assignment_kl,
    information_loss,
    pairwise_squared_distances,
    student_t_assignment,
    target_distribution,
)
from skdeepclust.losses._contrastive import (
    masked_info_nce_loss,
    sample_negatives,
    triplet_loss,
    triplet_matrix_loss,
)
from skdeepclust.losses._discriminative import entropy_minimization_loss, max_margin_loss
from skdeepclust.losses._forced_apart import forced_apart_loss, forced_apart_weight_loss
from skdeepclust.losses._kmeans import (
    kmeans_loss,
    running_centers,
    soft_kmeans_loss,
    softmax_assignment,
)
from skdeepclust.losses._mixture import mixture_assignment, mixture_kl
from skdeepclust.losses._reconstruction import reconstruction_loss
from skdeepclust.losses._representations import (
    activation_penalty,
    clustering_penalty,
    decov_loss,
    unfold,
    xcov_loss,
)
from skdeepclust.losses._zero_shot import structured_hinge_loss

__all__ = [
    "activation_penalty",
    "assignment_kl",
    "clustering_penalty",
    "decov_loss",
    "entropy_minimization_loss",
    "forced_apart_loss",
    "forced_apart_weight_loss",
    "information_loss",
    "kmeans_loss",
    "masked_info_nce_loss",
    "max_margin_loss",
    "mixture_assignment",
    "mixture_kl",
    "pairwise_squared_distances",
    "reconstruction_loss",
    "running_centers",
    "sample_negatives",
    "soft_kmeans_loss",
    "softmax_assignment",
    "structured_hinge_loss",
    "student_t_assignment",
    "target_distribution",
    "triplet_loss",
    "triplet_matrix_loss",
    "unfold",
    "xcov_loss",
]
