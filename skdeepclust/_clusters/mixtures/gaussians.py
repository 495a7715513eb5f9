"""Gaussian mixtures with full covariances, fitted side by side by expectation maximisation.

The logarithm of a normal density is linear in 1, in the coordinates and in their products. So the
E-step of all components of all mixtures is one matrix product, and so is the M-step, which sums the
same quantities weighted by responsibilities. Nothing is made of the size of samples times
components times coordinates, as differences from each mean would be.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

# At most so many numbers are in a block of samples, in the coefficients of mixtures that are fitted
# side by side, and in the blocks that are kept from step to step.
BLOCK_SIZE = {"cpu": 2**18, "cuda": 2**25}
GROUP_SIZE = {"cpu": 2**20, "cuda": 2**25}
KEPT_SIZE = 2**24
# A block has so many samples at least.
LEAST_ROWS = 64
# scikit-learn's: what a component has beside its responsibilities; when the mean log-likelihood
# counts as settled; and after how many steps a mixture is left as it is.
LEAST_SIZE = 10 * torch.finfo(torch.float64).eps
TOLERANCE = 1e-3
MAX_STEPS = 100


def number_of_functions(n_dims: int) -> int:
    """Return 1 + d + p, the number of 1, coordinates and products of coordinates."""
    return 1 + n_dims + n_dims * (n_dims + 1) // 2


@dataclass(frozen=True)
class Samples:
    """Samples as mixtures see them: in float64, around an origin, in blocks.

    Parameters
    ----------
    points : Tensor of shape (n_samples, n_dims)
        The samples.
    origin : Tensor of float64 of shape (n_dims,)
        Where coordinates become 0: products of coordinates far from there would lose digits.
    n_components : int
        Number of those of all mixtures that are fitted side by side.
    """

    points: Tensor
    origin: Tensor
    n_components: int

    def __len__(self) -> int:
        """Return their number."""
        return len(self.points)

    @property
    def pairs(self) -> Tensor:
        """Pairs i <= j of coordinates, p = d (d + 1) / 2 of them, of shape (2, p)."""
        return torch.triu_indices(len(self.origin), len(self.origin), device=self.origin.device)

    @property
    def n_functions(self) -> int:
        """Number of the functions of a sample in which log-densities are linear."""
        return number_of_functions(len(self.origin))

    def blocks(self) -> Iterable[Tensor]:
        """Return 1, coordinates and their products, of shape (1 + d + p, n), block by block."""
        return self._kept or map(self._functions, self._split())

    def _split(self) -> Iterable[Tensor]:
        n_rows = BLOCK_SIZE[self.origin.device.type] // max(self.n_functions, self.n_components)
        return self.points.split(max(n_rows, LEAST_ROWS))

    def _functions(self, rows: Tensor) -> Tensor:
        first, second = self.pairs
        x = (rows.double() - self.origin).T.contiguous()
        return torch.cat([torch.ones_like(x[:1]), x, x[first] * x[second]])

    @cached_property
    def _kept(self) -> list[Tensor]:
        if len(self) * self.n_functions > KEPT_SIZE:
            return []
        return [self._functions(rows) for rows in self._split()]


class Mixtures(NamedTuple):
    """Mixtures of k components in d dimensions, b of them.

    Parameters
    ----------
    weights : Tensor of float64 of shape (b, k)
        Shares of the components; those of a mixture sum to 1.
    means : Tensor of shape (b, k, d)
        Means, from the samples' origin.
    covariances : Tensor of shape (b, k, d, d)
        Covariance matrices.
    """

    weights: Tensor
    means: Tensor
    covariances: Tensor

    @classmethod
    def of_moments(cls, moments: Tensor, ridge: Tensor, pairs: Tensor) -> Mixtures:
        """Take an M-step.

        Parameters
        ----------
        moments : Tensor of shape (b, k, 1 + d + p)
            Sums over samples, weighted by responsibilities, of 1, coordinates and their products.
        ridge : Tensor of shape (b,)
            Is added to variances.
        pairs : Tensor of shape (2, p)
            Which product of coordinates is which.
        """
        first, second = pairs
        n_products = len(first)
        sizes = moments[..., 0] + LEAST_SIZE
        means = moments[..., 1:-n_products] / sizes[..., None]
        products = moments[..., -n_products:] / sizes[..., None]
        products = products - means[..., first] * means[..., second]
        covariances = means.new_empty(*means.shape, means.shape[-1])
        covariances[..., first, second] = products
        covariances[..., second, first] = products
        covariances.diagonal(dim1=-2, dim2=-1).add_(ridge[:, None, None])
        return cls(sizes / sizes.sum(-1, keepdim=True), means, covariances)

    @classmethod
    def of_labels(
        cls, samples: Samples, labels: Tensor, n_components: int, ridge: Tensor
    ) -> Mixtures:
        """Return mixtures of the parts of partitions.

        Parameters
        ----------
        samples : Samples
            What is partitioned.
        labels : Tensor of int64 of shape (b, n_samples)
            Part of each sample; -1: it belongs to none.
        n_components : int
            Number of parts.
        ridge : Tensor of shape (b,)
            Is added to variances.
        """
        moments, start = torch.zeros((), dtype=torch.float64, device=labels.device), 0
        for block in samples.blocks():
            of_block = labels[:, start : start + block.shape[1]]
            member = functional.one_hot(of_block + 1, n_components + 1)[..., 1:].double()
            moments = moments + member.mT @ block.T
            start += block.shape[1]
        return cls.of_moments(moments, ridge, samples.pairs)

    def coefficients(self, pairs: Tensor) -> Tensor:
        r"""Return log-densities as linear functions, of shape (b, k, 1 + d + p).

        .. math:: \log \pi + \log \mathcal N(x; \mu, \Sigma) = \log \pi - \tfrac12 \left(
            d \log 2 \pi + \log |\Sigma| + (x - \mu)^\top \Sigma^{-1} (x - \mu) \right)

        Raises
        ------
        ValueError
            If a covariance isn't positive definite.
        """
        root, info = torch.linalg.cholesky_ex(self.covariances)
        if bool(info.any()):
            raise ValueError(
                "A Gaussian mixture has a covariance that isn't positive definite: scales in the "
                "embedding differ by more than double precision holds. Use init='kmeans', or scale "
                "X, for instance with StandardScaler, if the scales are those of X."
            )
        first, second = pairs
        precision = torch.cholesky_inverse(root)
        linear = (precision @ self.means[..., None])[..., 0]
        constant = self.weights.log() - root.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        constant = constant - self.means.shape[-1] * math.log(2 * math.pi) / 2
        constant = constant - (linear * self.means).sum(-1) / 2
        # a product of two different coordinates stands in the quadratic form twice
        quadratic = precision[..., first, second] * torch.where(first == second, -0.5, -1.0)
        return torch.cat([constant[..., None], linear, quadratic], -1)

    def step(self, samples: Samples, ridge: Tensor) -> tuple[Mixtures, Tensor]:
        """Take a step of expectation maximisation.

        Returns
        -------
        mixtures : Mixtures
            After the step.
        log_likelihood : Tensor of shape (b,)
            Mean over the samples, before it.
        """
        pairs = samples.pairs
        coefficients = self.coefficients(pairs)
        flat = coefficients.flatten(0, 1)
        total, moments = flat.new_zeros(len(self.weights)), torch.zeros_like(flat)
        for block in samples.blocks():
            log_densities = (flat @ block).view(*self.weights.shape, -1)
            largest = log_densities.amax(1, keepdim=True)
            densities = log_densities.sub_(largest).exp_()  # an exponential is what takes time
            norm = densities.sum(1, keepdim=True)
            moments.addmm_(densities.div_(norm).flatten(0, 1), block.T)
            total += (norm.log() + largest).sum((1, 2))
        new = Mixtures.of_moments(moments.view_as(coefficients), ridge, pairs)
        return new, total / len(samples)

    def fitted(self, samples: Samples, ridge: Tensor, tolerance: float) -> Mixtures:
        """Return what `sklearn.mixture.GaussianMixture` finds from the same start.

        Each mixture takes steps until its mean log-likelihood changes by less than the tolerance.
        """
        found = Mixtures(*(part.clone() for part in self))
        left = torch.arange(len(ridge), device=ridge.device)
        before = torch.full_like(ridge, -torch.inf)
        for _ in range(MAX_STEPS):
            now = Mixtures(*(part[left] for part in found))
            new, log_likelihood = now.step(samples, ridge[left])
            for part, of_part in zip(found, new, strict=True):
                part[left] = of_part
            goes_on = (log_likelihood - before[left]).abs() >= tolerance
            before[left] = log_likelihood
            left = left[goes_on]
            if len(left) == 0:
                break
        return found

    def predict(self, samples: Samples) -> Tensor:
        """Return the most probable component of each sample, of shape (b, n_samples)."""
        flat = self.coefficients(samples.pairs).flatten(0, 1)
        likeliest = [
            (flat @ block).view(*self.weights.shape, -1).argmax(1) for block in samples.blocks()
        ]
        return torch.cat(likeliest, 1)


def mixture_partitions(
    points: Tensor,
    rows: Tensor,
    labels: Tensor,
    n_components: int,
    ridge: Tensor,
    tolerance: float = TOLERANCE,
) -> Tensor:
    """Fit a mixture from each of several partitions, and return the partitions that they make.

    Parameters
    ----------
    points : Tensor of shape (n_samples, n_dims)
        What is partitioned.
    rows : Tensor of int64 of shape (n_rows,)
        Samples to which mixtures are fitted.
    labels : Tensor of int64 of shape (b, n_rows)
        Part of each of these samples; -1: it belongs to none.
    n_components : int
        Number of parts.
    ridge : Tensor of float64 of shape (b,)
        Is added to variances of each mixture.
    tolerance : float
        A mixture has settled when its mean log-likelihood changes by less.

    Returns
    -------
    Tensor of int64 of shape (b, n_samples)
        The most probable component of each sample.
    """
    some = points[rows]
    origin = some.double().mean(0)
    size = n_components * number_of_functions(len(origin))
    n_side_by_side = min(max(GROUP_SIZE[points.device.type] // size, 1), len(ridge))
    samples, everyone = (
        Samples(each, origin, n_side_by_side * n_components) for each in (some, points)
    )
    found = []
    for group in torch.arange(len(ridge), device=ridge.device).split(n_side_by_side):
        start = Mixtures.of_labels(samples, labels[group], n_components, ridge[group])
        found.append(start.fitted(samples, ridge[group], tolerance).predict(everyone))
    return torch.cat(found)
