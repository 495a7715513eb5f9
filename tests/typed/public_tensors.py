"""Uses the public names for loops of one's own; goes on with `public_names.py`."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from skdeepclust import (
    losses,
    networks,
    regularizers,
)
from skdeepclust.augmentation import (
    Augmentation,
    FeatureAugmentation,
    ImageAugmentation,
    RowwiseAugmentation,
    SequenceAugmentation,
    check_augmentation,
    in_two_steps,
    resolve_augmentation,
)
from skdeepclust.triplet_dec import TripletDECNetwork

X, y = np.zeros((100, 64)), np.zeros(100, dtype=int)
WEIGHT = np.ones(100)
x, LABELS = torch.zeros(100, 64), torch.zeros(100, dtype=torch.long)
IMAGES = torch.zeros(4, 3, 32, 32)


# ---------------------------------------------------------------- functions on tensors


def use_losses() -> Tensor:
    centers, near = torch.zeros(5, 64), torch.zeros(100, 100, dtype=torch.bool)
    q = losses.student_t_assignment(x, centers, degrees_of_freedom=2, scale=1.0)
    negative, _found = losses.sample_negatives(near)
    parts: list[Tensor] = [
        losses.activation_penalty(x, sample_weight=None),
        losses.assignment_kl(losses.target_distribution(q), q),
        losses.clustering_penalty(losses.unfold(IMAGES, "channel"), centers, clustering="sample"),
        losses.decov_loss(x),
        losses.entropy_minimization_loss(x, balance=1.0),
        losses.forced_apart_loss(x, LABELS, margin=3.0, divergence="js"),
        losses.forced_apart_weight_loss(centers, margin=3.0),
        losses.kmeans_loss(x, centers, LABELS),
        losses.mixture_kl(x, x, q, centers[:, 0], centers, centers, sample_weight=x[:, 0]),
        losses.mixture_assignment(x, centers[:, 0], centers, centers).mean(),
        losses.running_centers(centers, centers[:, 0], x, LABELS, sample_weight=None)[0].mean(),
        losses.soft_kmeans_loss(x, centers, alpha=1000.0),
        losses.softmax_assignment(x, centers, alpha=torch.ones(())).mean(),
        losses.information_loss(q, cluster_prior=torch.ones(5) / 5),
        losses.masked_info_nce_loss(x, x, near, temperature=0.1),
        losses.max_margin_loss(x, margin=2),
        losses.pairwise_squared_distances(x, centers).mean(),
        losses.reconstruction_loss(x, x),
        losses.structured_hinge_loss(x, LABELS),
        losses.triplet_loss(x, x, x[negative], margin=1.0),
        losses.triplet_matrix_loss(x, x, near, margin=1.0),
        losses.xcov_loss(x, q),
    ]
    return torch.stack(parts).sum()


def use_networks() -> None:
    autoencoder = networks.ConvAutoencoder((3, 32, 32), 16, channels=[8, 8])
    rows = networks.MLPAutoencoder((64,), n_components=10, hidden=(32,))
    print(autoencoder.decode(autoencoder.encode(IMAGES)).shape, rows.decode(rows.encode(x)))
    print(TripletDECNetwork(rows, 10, 5).centers.shape)
    sequences = networks.SequenceAutoencoder((8, 8), channels=(4,))
    print(sequences(x.view(-1, 8, 8)).shape, SequenceAugmentation(warp=0.1)(x.view(-1, 8, 8)))
    mlp = networks.MLP((64,), 10, dropout=0.5)
    outputs: list[Tensor] = [
        mlp(x),
        networks.CIFARQuick((3, 32, 32), 10)(IMAGES),
        networks.BottleneckMLP((64,), 10, n_components=5)(x),
        networks.BottleneckCNN((3, 32, 32), 10)(IMAGES),
        networks.BottleneckRNN((20,), 10, cell="lstm", vocabulary_size=100)(LABELS[None]),
    ]
    tagnet = networks.TAGnet(input_shape=(64,), n_components=32)
    tagnet.set_dictionary(torch.eye(64)[:32], lam=0.5, graph_weight="auto")
    plain = networks.PlainEncoder(mlp, 10)
    print(outputs, tagnet.codes(tagnet.project(x))[-1].shape, plain.codes(plain.project(x)))
    standardize = networks.Standardize().fit_(x).set_(0.5, 2.0)
    print(standardize.inverse(standardize(x)), networks.shrinkage(x, torch.ones(64)))
    field: networks.ReceptiveField = networks.receptive_field(autoencoder, "encoder.0", IMAGES)
    print(field.boxes([0, 1], [2, 3]).shape, field.size[0] + field.jump[1])


def use_regularizers() -> None:
    network = networks.MLP((64,), 10)
    for regularizer in (
        regularizers.ActivationRegularizer(["fc1"], lam=0.1),
        regularizers.DeCovRegularizer(lam=0.1),
        regularizers.ForcedApartRegularizer({"fc1": {"margin": 2.0}}, divergence="hellinger"),
        regularizers.ForcedApartWeightRegularizer(margin=5),
        regularizers.XCovRegularizer(output=None, softmax=False),
    ):
        regularizer.attach(network, (64,))
        with regularizer.watch(network):
            network(x)
            penalty: Tensor = regularizer.penalty(labels=LABELS)
        regularizer.end_epoch()
        print(penalty.item(), regularizer.watched_layers())
    clustering: regularizers.Regularizer = regularizers.ClusteringRegularizer(n_clusters=5)
    if isinstance(clustering, regularizers.ClusteringRegularizer):
        found: regularizers.Exemplars = clustering.exemplars(X, "fc1", 0, n_exemplars=5)
        print(found.samples.shape, found.distances.max(), clustering.assign(X, "fc1").shape)
        print(clustering.cluster_centers_["fc1"])


def use_augmentation() -> None:
    images = ImageAugmentation(degrees=10, elastic=0.0)
    augmentations: list[Augmentation] = [images, FeatureAugmentation(dropout=0.2), torch.relu]
    two_steps: RowwiseAugmentation = in_two_steps(augmentations[0])
    print(two_steps.apply_drawn(IMAGES, *two_steps.draw(IMAGES)), images(IMAGES).shape)
    check_augmentation(resolve_augmentation("auto", (3, 32, 32)), IMAGES)
