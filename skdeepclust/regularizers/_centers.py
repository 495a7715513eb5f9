"""Algorithm 1 for one layer: running centres, and a penalty that pulls rows to theirs."""

from __future__ import annotations

import math
from functools import reduce
from typing import Any

import torch
from torch import Tensor, nn

from skdeepclust.losses._clustering import add_rows_, at_least_single, normalized, tiny
from skdeepclust.losses._representations import column_blocks, nearest_centers, row_chunks
from skdeepclust.regularizers._rows import Pull, Rows

DEFAULT_N_CLUSTERS = 100
# rows among which centres are drawn, for each centre
ROWS_PER_CENTER = 40
# centres whose mean all is seen from, so that numbers are small: the mean of all takes longer
ORIGIN_CENTERS = 10


class RunningCenters(nn.Module):
    """The centres of one clustering of one layer.

    In training, a call assigns the rows to the centres of the last step, moves the centres
    towards the means of their rows (Algorithm 1, lines 6 to 8) and returns the penalty to the
    new centres. In evaluation the centres stay.

    Buffers: `centers` (k, dims), where k grows to `n_clusters` with the first batches; `counts`
    (k,), the rows of each centre in the epoch; `starved` (k,), whether a centre is to be drawn
    anew.
    """

    centers: Tensor
    counts: Tensor
    starved: Tensor

    def __init__(
        self,
        *,
        n_clusters: int,
        lam: float,
        clustering: str,
        smoothing: float,
        center_gradient: str,
        starved_below: float,
        row_fraction: float,
    ) -> None:
        super().__init__()
        self.n_clusters, self.lam, self.clustering = n_clusters, lam, clustering
        self.smoothing, self.center_gradient = smoothing, center_gradient
        self.starved_below, self.row_fraction = starved_below, row_fraction
        self.register_buffer("centers", torch.empty(0, 0))
        self.register_buffer("counts", torch.empty(0))
        self.register_buffer("starved", torch.empty(0, dtype=torch.bool))
        self._filling, self._reseeding = True, False
        self._shape: tuple[int, ...] | None = None
        self.register_load_state_dict_pre_hook(RunningCenters._take_sizes)

    def forward(self, representation: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        """Return the penalty (Eq. 1, 2, 3) of a batch."""
        rows = Rows(representation, self.clustering, self.row_fraction if self.training else 1.0)
        self._check_shape(representation, rows.n_dims)
        y, weight, share = representation.detach(), None, None
        if sample_weight is not None:
            sample_weight = at_least_single(sample_weight.to(y.dtype))
            weight = rows.of_samples(sample_weight)
            share = rows.of_samples(normalized(sample_weight) * len(sample_weight))
        if self.training and (self._filling or self._reseeding):
            self._draw_missing(rows.of(y), weight)
            if not len(self.centers):  # no row has a weight
                return representation.sum() * 0
        origin = self.centers[:ORIGIN_CENTERS].mean(0)
        points = rows.of(y, origin)  # (rows, dims)
        labels = nearest_centers(points, self.centers, origin=origin)
        if self.training:
            squares = self._update(points, origin, labels, weight)
        else:
            subtract(points, self.centers - origin, labels)
            squares = squared_norm(points)
        if share is not None:
            points *= share[:, None]
            squares *= share
        return Pull.apply(representation, squares, points, rows)

    def _check_shape(self, representation: Tensor, n_dims: int) -> None:
        shape = tuple(representation.shape[2:])
        fixed = self.clustering != "spatial"
        known = self.centers.shape[1] if len(self.centers) else n_dims
        if n_dims != known or (fixed and self._shape not in (None, shape)):
            raise ValueError(
                f"{self.clustering} clustering has centres of {known} numbers, from layers "
                f"of {self._shape or 'another'} positions, but the layer now returns "
                f"{tuple(representation.shape)}: give inputs of one size, or use 'spatial', "
                "which takes any size."
            )
        if not self.training and not len(self.centers):
            raise RuntimeError("There are no centres yet: run a batch in training mode first.")
        if self.training and self._shape != shape:
            self._shape = shape

    # -- Algorithm 1, lines 7 and 8
    @torch.no_grad()
    def _update(
        self, points: Tensor, origin: Tensor, labels: Tensor, weight: Tensor | None
    ) -> Tensor:
        """Move the centres; return the squared distances of the points, which become gradients.

        The gradient is how a point differs from its new centre, and, with
        `center_gradient="exact"`, how it has moved that centre.
        """
        share = points.new_ones(len(points)) if weight is None else weight
        counts = add_rows_(points.new_zeros(len(self.centers)), labels, share)
        self.counts += counts
        move = self._move_some if len(points) <= len(self.centers) else self._move_all
        squares = []
        for rows, centers, at in column_blocks(points, self.centers, origin[None]):
            old = centers.clone() if self.center_gradient == "exact" else None
            move(centers, rows, at, labels, weight, counts)
            squares.append(squared_norm(rows))
            if old is not None:
                subtract(rows, (1 - self.smoothing) * (centers - old), labels)
        return reduce(Tensor.add_, squares)

    def _move_all(
        self,
        centers: Tensor,
        rows: Tensor,
        origin: Tensor,
        labels: Tensor,
        weight: Tensor | None,
        counts: Tensor,
    ) -> None:
        """Move centres towards the means of their rows; subtract them from the rows."""
        weighted = rows if weight is None else rows * weight[:, None]
        # contiguous: of columns of a wider matrix, index_add_ takes several times as long
        sums = add_rows_(torch.zeros_like(centers), labels, weighted.contiguous())
        means = torch.addcdiv(origin, sums, counts.clamp_min(tiny(counts))[:, None])
        # a centre without rows in the batch stays where it is
        rate = self.smoothing * (counts > 0).to(counts.dtype)
        centers.lerp_(means, rate[:, None])
        subtract(rows, centers - origin, labels)

    def _move_some(
        self,
        centers: Tensor,
        rows: Tensor,
        origin: Tensor,
        labels: Tensor,
        weight: Tensor | None,
        counts: Tensor,
    ) -> None:
        """Do the same, without a look at centres that have no rows, where rows are few."""
        rate = self.smoothing / counts.clamp_min(tiny(counts)).index_select(0, labels)
        rate = rate if weight is None else rate * weight
        step = rows - (centers.index_select(0, labels) - origin)
        add_rows_(centers, labels, step.mul_(rate[:, None]))
        rows -= centers.index_select(0, labels) - origin

    # -- first centres, and new ones for those that starve (line 13)
    @torch.no_grad()
    def _draw_missing(self, points: Tensor, weight: Tensor | None) -> None:
        if not len(self.centers):
            self.centers = points.new_empty(0, points.shape[1])
            self.counts = points.new_empty(0)
            self.starved = points.new_empty(0, dtype=torch.bool)
        if weight is not None:
            points = points[weight > 0]
        if not len(points):
            return
        order = torch.randperm(len(points), device=points.device)
        candidates = points[order[: ROWS_PER_CENTER * self.n_clusters]]
        if self._filling:
            self._add_distinct(candidates, self.n_wanted(len(points)))
        if self._reseeding:
            self._replace_starved(candidates)
            self._reseeding = False

    def n_wanted(self, n_rows: int) -> int:
        """Return how many centres a batch gets; the default number follows a small batch."""
        default = self.n_clusters == DEFAULT_N_CLUSTERS
        return max(1, n_rows // 2) if default and self.is_small(n_rows) else self.n_clusters

    def is_small(self, n_rows: int) -> bool:
        """Tell whether most rows of a batch would be alone with their centre."""
        return self.clustering == "sample" and n_rows < 2 * self.n_clusters and self.n_clusters > 1

    def _add_distinct(self, candidates: Tensor, n_wanted: int) -> None:
        """Take distinct rows at random as centres, until there are enough of them."""
        known = len(self.centers)
        both = torch.cat([self.centers, candidates])
        distinct, position = torch.unique(both, dim=0, return_inverse=True)
        is_new = torch.ones(len(distinct), dtype=torch.bool, device=distinct.device)
        is_new[position[:known]] = False
        distinct = distinct[is_new]
        order = torch.randperm(len(distinct), device=distinct.device)
        new = distinct[order[: max(n_wanted - known, 0)]]
        self.centers = torch.cat([self.centers, new])
        self.counts = torch.cat([self.counts, self.counts.new_zeros(len(new))])
        self.starved = torch.cat([self.starved, self.starved.new_zeros(len(new))])
        self._filling = len(self.centers) < n_wanted

    def _replace_starved(self, candidates: Tensor) -> None:
        """Draw rows with probability proportional to d^2, one after another (k-means++)."""
        kept = self.centers[~self.starved]
        distance = candidates.new_ones(len(candidates))
        if len(kept):
            nearest = kept[nearest_centers(candidates, kept)]
            distance = (candidates - nearest).square().sum(1)
        for slot in self.starved.nonzero().flatten():
            total = float(distance.sum())
            if not 0 < total < math.inf:  # every row is a centre already; or the loss, too, is lost
                break
            # on the host, because some devices have no double precision
            row = candidates[torch.multinomial(distance.cpu().double(), 1).to(candidates.device)]
            self.centers[slot] = row[0]
            distance = torch.minimum(distance, (candidates - row).square().sum(1))
        self.starved.zero_()

    def end_epoch(self) -> None:
        """Mark the centres that had too few rows; the next training batch draws new ones."""
        self._filling = not len(self.centers)
        if len(self.centers):
            self.starved = self.counts < self.starved_below * self.counts.mean()
            self._reseeding = bool(self.starved.any())
            self.counts = torch.zeros_like(self.counts)

    # -- saving
    def get_extra_state(self) -> dict[str, Any]:
        """Return what is to be done with the next batch, and the positions that it must have."""
        shape = None if self._shape is None else list(self._shape)
        state = {"filling": self._filling, "reseeding": self._reseeding, "shape": shape}
        return state | {"n_clusters": self.n_clusters, "clustering": self.clustering}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Take up what is to be done with the next batch, and the positions that it must have."""
        for name in ("n_clusters", "clustering"):
            own, saved = getattr(self, name), state.get(name)  # which earlier files don't have
            if saved not in (None, own):
                raise ValueError(
                    f"{name}={own!r} of a clustering regulariser doesn't suit centres of "
                    f"{name}={saved!r}. A warm start and partial_fit go on with the centres of the "
                    f"last fit: set {name} back, or set warm_start=False and call fit."
                )
        self._filling, self._reseeding = state["filling"], state["reseeding"]
        self._shape = None if state["shape"] is None else tuple(state["shape"])

    def _take_sizes(self, state_dict: dict[str, Any], prefix: str, *_: Any) -> None:
        """Make room for saved buffers, whose sizes depend on the batches that there were."""
        for name in ("centers", "counts", "starved"):
            saved = state_dict.get(prefix + name)
            if saved is not None and saved.shape != getattr(self, name).shape:
                self._buffers[name] = torch.empty_like(saved, device=self.centers.device)


def subtract(rows: Tensor, centers: Tensor, labels: Tensor) -> None:
    """Subtract from each row its centre, in place."""
    for chunk, of_chunk in row_chunks(rows, labels):
        chunk -= centers.index_select(0, of_chunk)


def squared_norm(rows: Tensor) -> Tensor:
    """Return the sum of the squares of each row."""
    return torch.linalg.vector_norm(rows, dim=1).square_()
