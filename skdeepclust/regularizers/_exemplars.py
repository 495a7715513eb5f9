"""The inputs nearest to a centre, and where in the image a spatial cluster looks."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor, nn

from skdeepclust._engine.runner import Runner
from skdeepclust._engine.sparse import is_sparse
from skdeepclust._engine.stored_arrays import StoredArray, is_stored
from skdeepclust._inputs.samples import InputSpec, check_same_shape, split_samples
from skdeepclust.losses._clustering import at_least_single
from skdeepclust.losses._representations import nearest_centers, unfold
from skdeepclust.networks import receptive_field
from skdeepclust.networks._layers import evaluation_mode, layer_output


@dataclass(frozen=True)
class Exemplars:
    """The members of a cluster that are nearest to its centre, nearest first.

    Parameters
    ----------
    samples : ndarray of shape (m,)
        Index in X of each exemplar's sample.
    distances : ndarray of shape (m,)
        Euclidean distance from the centre in the layer's representation.
    positions : ndarray of shape (m, 2), default=None
        Row and column of the exemplar in the layer, for spatial clustering of images.
    boxes : ndarray of shape (m, 4), default=None
        Its receptive field in the image: top, left, bottom, right in pixels, the last two
        exclusive, cut at the border; for spatial clustering of images.
    channels : ndarray of shape (m,), default=None
        Channel of the exemplar, for channel clustering.
    """

    samples: np.ndarray
    distances: np.ndarray
    positions: np.ndarray | None = None
    boxes: np.ndarray | None = None
    channels: np.ndarray | None = None


def representations(
    module: nn.Module,
    layer: str,
    X,
    *,
    input_shape: tuple[int, ...],
    spec: InputSpec | None,
    batch_size: int = 256,
) -> Iterator[Tensor]:
    """Yield what the layer makes of each batch of X."""
    options = {"input_shape": input_shape, "spec": spec, "batch_size": batch_size}
    with evaluation_mode(module), torch.no_grad(), layer_output(module, layer) as kept:
        for x in batches(module, X, **options):
            module(x)
            yield at_least_single(kept[0])


def batches(
    module: nn.Module,
    X,
    *,
    input_shape: tuple[int, ...],
    spec: InputSpec | None,
    batch_size: int = 256,
) -> Iterator[Tensor]:
    """Yield X by batches, in the form that the network takes."""
    if is_stored(X):
        sample_shape = tuple(X.shape[1:])
        X = StoredArray(X, np.result_type(X.dtype, np.float32))
    else:
        X, sample_shape = split_samples(X)
    if len(sample_shape) > 1:
        check_same_shape(sample_shape, input_shape, input_shape)
    if is_sparse(X):
        X = sparse.csr_array(X)
    elif not isinstance(X, (Tensor, StoredArray)):
        X = np.asarray(X)
    shape = tuple(X.shape or ())
    if len(shape) != 2 or shape[0] == 0 or shape[1] != math.prod(input_shape):
        raise ValueError(
            f"X has the shape {shape} as a matrix; the network takes samples of the shape "
            f"{input_shape}."
        )
    origin = None
    if spec is not None:
        spec.check(X)
        origin = spec.origin
    for x, _ in Runner(module, input_shape, batch_size, origin=origin).batches(X):
        yield x


def nearest_members(
    found: Iterator[Tensor], centers: Tensor, cluster: int, *, clustering: str, n_exemplars: int
) -> tuple[np.ndarray, np.ndarray, tuple[int, ...]]:
    """Return index and distance of the rows of a cluster nearest to its centre, and (C, H, W).

    Rows are counted over all batches, as the unfolding orders them.
    """
    index, distance, n_before, shape = [], [], 0, ()
    for representation in found:
        rows, shape = unfold(representation, clustering), tuple(representation.shape[1:])
        members = (nearest_centers(rows, centers) == cluster).nonzero().flatten()
        distances = torch.linalg.vector_norm(rows[members] - centers[cluster], dim=1)
        nearest = distances.argsort(stable=True)[:n_exemplars]
        index.append((members[nearest] + n_before).cpu().numpy())
        distance.append(distances[nearest].cpu().double().numpy())
        n_before += len(rows)
    indices, all_distances = np.concatenate(index), np.concatenate(distance)
    order = np.argsort(all_distances, kind="stable")[:n_exemplars]
    return indices[order], all_distances[order], shape


def collect_exemplars(
    module: nn.Module,
    layer: str,
    X,
    centers: Tensor,
    cluster: int,
    *,
    clustering: str,
    input_shape: tuple[int, ...],
    spec: InputSpec | None,
    n_exemplars: int,
) -> Exemplars:
    """Run X through the module and find the exemplars of a cluster of a layer."""
    options: dict[str, Any] = {"input_shape": input_shape, "spec": spec}
    rows, distances, (n_channels, *sizes) = nearest_members(
        representations(module, layer, X, **options),
        centers,
        cluster,
        clustering=clustering,
        n_exemplars=n_exemplars,
    )
    if clustering == "sample":
        return Exemplars(rows, distances)
    if clustering == "channel":
        return Exemplars(rows // n_channels, distances, channels=rows % n_channels)
    samples, place = np.divmod(rows, math.prod(sizes))
    if len(sizes) != 2 or len(input_shape) != 3:
        return Exemplars(samples, distances)
    positions = np.stack(np.divmod(place, sizes[1]), axis=1)
    # of which only the shape counts
    first = next(batches(module, X[:1], input_shape=input_shape, spec=None))
    field = receptive_field(module, layer, first)
    return Exemplars(samples, distances, positions, boxes=field.boxes(*positions.T))


def assignments(found: Iterator[Tensor], centers: Tensor, *, clustering: str) -> np.ndarray:
    """Return the cluster of each row: (n,), (n, H, W) or (n, C)."""
    labels = []
    for representation in found:
        shape = {
            "sample": representation.shape[:1],
            "spatial": (len(representation), *representation.shape[2:]),
            "channel": representation.shape[:2],
        }[clustering]
        rows = unfold(representation, clustering)
        labels.append(nearest_centers(rows, centers).reshape(shape).cpu().numpy())
    return np.concatenate(labels)
