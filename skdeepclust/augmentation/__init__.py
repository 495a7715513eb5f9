"""Random changes of a whole batch that leave the meaning of its samples as it is.

An augmentation is any callable that takes a batch and returns one of the same shape. Those
here run on the batch's device and draw from torch's default generator of that device. They
are described by their parameters alone: equal parameters make equal augmentations.

One that draws first, and then changes each sample by itself, is a `RowwiseAugmentation`: of
several processes each changes its share of the samples.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from torch import Tensor

from skdeepclust.augmentation._image_changes import recoloured, sampling_grid

__all__ = [
    "FeatureAugmentation",
    "ImageAugmentation",
    "RowwiseAugmentation",
    "SequenceAugmentation",
    "check_augmentation",
    "in_two_steps",
    "resolve_augmentation",
]

Augmentation = Callable[[Tensor], Tensor]


@runtime_checkable
class RowwiseAugmentation(Protocol):
    """What has these two methods, one after the other, changes a batch.

    All processes of a fit draw the same numbers, and each applies them to its rows alone.
    """

    def draw(self, x: Tensor, /) -> tuple[Tensor, ...]:
        """Draw all random numbers that a batch takes.

        Parameters
        ----------
        x : Tensor of shape (n, ...)
            The samples.

        Returns
        -------
        tuple of Tensor of shape (n, ...)
            Any number of tensors with a row for each sample.
        """
        ...

    def apply_drawn(self, x: Tensor, /, *drawn: Tensor) -> Tensor:
        """Return a changed copy of some samples; what becomes of one depends on no other.

        Parameters
        ----------
        x : Tensor of shape (n, ...)
            Samples.
        *drawn : Tensor of shape (n, ...)
            Their rows of what was drawn.

        Returns
        -------
        Tensor of shape (n, ...)
            Changed samples.
        """
        ...


@dataclass(frozen=True)
class _AtOnce:
    """Any function of a batch as an augmentation of two steps, the second of which does nothing."""

    function: Augmentation

    def draw(self, x: Tensor, /) -> tuple[Tensor, ...]:
        return (self.function(x),)

    def apply_drawn(self, x: Tensor, /, *drawn: Tensor) -> Tensor:
        return drawn[0]


def in_two_steps(augmentation: Augmentation) -> RowwiseAugmentation:
    """Return an augmentation as one that draws first and then changes each sample by itself.

    Parameters
    ----------
    augmentation : callable
        The augmentation. One without the methods of a `RowwiseAugmentation` does all of its work
        when it draws.

    Returns
    -------
    RowwiseAugmentation
        What does the same.

    Examples
    --------
    >>> import torch
    >>> from skdeepclust.augmentation import in_two_steps
    >>> augment = in_two_steps(torch.neg)
    >>> x = torch.ones(2, 3)
    >>> augment.apply_drawn(x, *augment.draw(x))
    tensor([[-1., -1., -1.],
            [-1., -1., -1.]])
    """
    return augmentation if isinstance(augmentation, RowwiseAugmentation) else _AtOnce(augmentation)


def _check_range(owner: object, upper: float, *names: str) -> None:
    for name in names:
        value = getattr(owner, name)
        if not 0 <= value < upper:
            raise ValueError(
                f"{name} of {type(owner).__name__} must lie in [0, {upper}), got {value!r}."
            )


def _check_batch(owner: object, x: Tensor, n_axes: int, takes: str, instead: str) -> None:
    name = type(owner).__name__
    if x.ndim != n_axes:
        raise ValueError(f"{name} takes {takes}, got {tuple(x.shape)}; use {instead}.")
    if not x.is_floating_point():
        raise TypeError(f"{name} takes floating-point numbers, got {x.dtype}: pass x.float().")


def _uniform(batch: Tensor, bound: float) -> Tensor:
    """Draw one number in [-bound, bound] for each sample."""
    return (torch.rand(len(batch), device=batch.device, dtype=batch.dtype) * 2 - 1) * bound


@dataclass(frozen=True, kw_only=True)
class ImageAugmentation:
    r"""Move and brighten each image of a batch at random, ``x'(u) = (1 + b) x(A u + t)``.

    ``u`` are pixel coordinates about the centre of the image and ``A`` rotates by an angle
    ``r``, shears by ``h`` and scales by ``s``:

    .. math::

        A = \begin{pmatrix} s \cos r & h s \cos r - s \sin r \\
        s \sin r & s \cos r + h s \sin r \end{pmatrix}

    Every quantity is drawn for each image from a uniform distribution about zero (about one
    for ``s``); what lies outside the image is zero. A parameter of 0 leaves its change out.
    Pixels are square: the image is rotated truly even if it is wider than high.

    Parameters
    ----------
    degrees : float, default=25.0
        Largest angle of rotation to either side, in degrees.
    translate : float, default=0.15
        Largest shift as a share of the image's height and width.
    scale : float, default=0.25
        Largest relative change of size, below 1.
    shear : float, default=0.2
        Largest shear: horizontal shift in pixels for each pixel of height.
    elastic : float, default=0.04
        Largest displacement, as a share of the image's height and width, of a field that is
        drawn on a grid of 3 x 3 points and smooth in between.
    brightness : float, default=0.4
        Largest relative change of the pixel values, below 1. Zero stays zero.
    contrast : float, default=0.0
        Largest relative change of the deviations from the mean grey of the image, below 1.
    saturation : float, default=0.0
        Largest relative change of the deviations of a pixel's colours from its grey, below 1.
        Three channels are red, green and blue, whose grey is weighted as the eye does (ITU-R
        BT.601); any other number of channels counts equally. One channel has no colours.
    grey : float, default=0.0
        Probability that an image loses its colours, below 1.

    Notes
    -----
    Colours change by one affine map for each image, before it is moved:
    ``y = c (s x + (1 - s) g) + (1 - c) m`` with the grey ``g`` of a pixel, its mean ``m``, and
    ``c`` and ``s`` about one. They are off unless you ask for them: where the colours say what an
    image shows, a copy in other colours shows something else.

    Examples
    --------
    >>> import torch
    >>> from skdeepclust.augmentation import ImageAugmentation
    >>> augment = ImageAugmentation(degrees=10, shear=0)
    >>> augment
    ImageAugmentation(degrees=10, shear=0)
    >>> augment(torch.zeros(8, 1, 28, 28)).shape
    torch.Size([8, 1, 28, 28])
    """

    degrees: float = 25.0
    translate: float = 0.15
    scale: float = 0.25
    shear: float = 0.2
    elastic: float = 0.04
    brightness: float = 0.4
    contrast: float = 0.0
    saturation: float = 0.0
    grey: float = 0.0

    def __post_init__(self) -> None:
        """Check the ranges."""
        _check_range(self, math.inf, "degrees", "translate", "shear", "elastic")
        _check_range(self, 1, "scale", "brightness", "contrast", "saturation", "grey")

    def __repr__(self) -> str:
        """Write the parameters that differ from their default."""
        return _changed_parameters(self)

    def __call__(self, x: Tensor) -> Tensor:
        """Return a changed copy of a batch.

        Parameters
        ----------
        x : Tensor of shape (n, C, H, W)
            Images.

        Returns
        -------
        Tensor of shape (n, C, H, W)
            Changed images.
        """
        return self.apply_drawn(x, *self.draw(x))

    def draw(self, x: Tensor, /) -> tuple[Tensor, ...]:
        """Draw how each image is to be changed.

        Parameters
        ----------
        x : Tensor of shape (n, C, H, W)
            Images.

        Returns
        -------
        tuple of Tensor of shape (n, ...)
            For `apply_drawn`: of the affine maps, the displacements at 3 x 3 points, the factors
            of the pixel values, and those of contrast and saturation, those that there are.
        """
        takes = "images of shape (n, C, H, W)"
        _check_batch(self, x, 4, takes, "FeatureAugmentation for rows of features")
        drawn = [self._maps(x)] if self._moves else []
        if self.elastic:
            # [-1, 1] is the whole side: a share of it counts twice
            coarse = (torch.rand(len(x), 2, 3, 3, device=x.device, dtype=x.dtype) * 2 - 1) * 2
            drawn.append(self.elastic * coarse)
        if self.brightness:
            drawn.append(1 + _uniform(x, self.brightness))
        if self._recolours:
            drawn.append(self._colours(x))
        return tuple(drawn)

    def apply_drawn(self, x: Tensor, /, *drawn: Tensor) -> Tensor:
        """Return a changed copy of images by what was drawn for them.

        Parameters
        ----------
        x : Tensor of shape (n, C, H, W)
            Images.
        *drawn : Tensor of shape (n, ...)
            What `draw` has drawn for these images.

        Returns
        -------
        Tensor of shape (n, C, H, W)
            Changed images.
        """
        following = iter(drawn)
        if self._recolours:  # first: what lies outside an image is zero in any colours
            x = recoloured(x, drawn[-1])
        # interpolation at the very pixels would still cost rounding
        if self._moves:
            grid = sampling_grid([next(following) for _ in range(2 if self.elastic else 1)], x)
            x = F.grid_sample(x, grid, padding_mode="zeros", align_corners=False)
        if self.brightness:
            x = x * next(following).view(-1, 1, 1, 1)
        return x

    @property
    def _moves(self) -> bool:
        return any((self.degrees, self.translate, self.scale, self.shear, self.elastic))

    @property
    def _recolours(self) -> bool:
        return any((self.contrast, self.saturation, self.grey))

    def _colours(self, x: Tensor) -> Tensor:
        """Draw the factors of contrast and of saturation, (n, 2)."""
        contrast, saturation = 1 + _uniform(x, self.contrast), 1 + _uniform(x, self.saturation)
        if self.grey:
            saturation = torch.where(torch.rand_like(saturation) < self.grey, 0, saturation)
        return torch.stack([contrast, saturation], 1)

    def _maps(self, x: Tensor) -> Tensor:
        """Draw the affine maps from output to input coordinates in [-1, 1]."""
        height, width = x.shape[-2:]
        angle = _uniform(x, math.radians(self.degrees))
        size = 1 + _uniform(x, self.scale)
        shear = _uniform(x, self.shear)
        cos, sin = torch.cos(angle) * size, torch.sin(angle) * size
        # [-1, 1] is `width` pixels across and `height` pixels down
        rows = [
            [cos, (shear * cos - sin) * (height / width), _uniform(x, 2 * self.translate)],
            [sin * (width / height), cos + shear * sin, _uniform(x, 2 * self.translate)],
        ]
        return torch.stack([torch.stack(row, 1) for row in rows], 1)  # (n, 2, 3)


@dataclass(frozen=True, kw_only=True)
class FeatureAugmentation:
    """Perturb rows of features at random, ``x' = m x + (1 - m) mean + noise std e``.

    ``e`` is standard Gaussian, ``m`` is 0 with probability `dropout` for each entry, mean and
    std are those of each feature in the batch. Both changes are relative to the feature's own
    distribution, so that they do not depend on its unit: a dropped entry becomes the value
    that says nothing, the mean, whereas 0 would be an outlier for a feature far from 0.

    Parameters
    ----------
    noise : float, default=0.1
        Standard deviation of the noise in units of the feature's standard deviation.
    dropout : float, default=0.1
        Probability that an entry is dropped, below 1.

    Examples
    --------
    >>> import torch
    >>> from skdeepclust.augmentation import FeatureAugmentation
    >>> augment = FeatureAugmentation(noise=0.2)
    >>> augment
    FeatureAugmentation(noise=0.2)
    >>> augment(torch.zeros(8, 5)).shape
    torch.Size([8, 5])
    """

    noise: float = 0.1
    dropout: float = 0.1

    def __post_init__(self) -> None:
        """Check the ranges."""
        _check_range(self, math.inf, "noise")
        _check_range(self, 1, "dropout")

    def __repr__(self) -> str:
        """Write the parameters that differ from their default."""
        return _changed_parameters(self)

    def __call__(self, x: Tensor) -> Tensor:
        """Return a changed copy of a batch.

        Parameters
        ----------
        x : Tensor of shape (n, n_features)
            Rows of features.

        Returns
        -------
        Tensor of shape (n, n_features)
            Changed rows.
        """
        takes = "rows of shape (n, n_features)"
        _check_batch(self, x, 2, takes, "ImageAugmentation for images")
        std, mean = torch.std_mean(x, dim=0, correction=0)
        if self.dropout:
            x = torch.where(torch.rand_like(x) < self.dropout, mean, x)
        if self.noise:
            x = x + self.noise * std * torch.randn_like(x)
        return x


@dataclass(frozen=True, kw_only=True)
class SequenceAugmentation:
    r"""Bend, stretch and shake sequences, ``x'(t) = m + (1 + b) (x(w(t)) - m) + jitter std e``.

    ``m`` is the mean of the sequence, ``b`` uniform about zero, ``e`` standard Gaussian and std the
    deviation of each feature in the batch. The time is warped, ``w(t) = t + d(t)``, by a piecewise
    linear ``d`` that is drawn at three points between the ends, which stay where they are. A
    parameter of 0 leaves its change out.

    Parameters
    ----------
    jitter : float, default=0.05
        Standard deviation of the noise in units of the feature's.
    scale : float, default=0.2
        Largest relative change of the deviations from the mean, below 1.
    warp : float, default=0.05
        Largest displacement as a share of the sequence's duration, below 0.125, from where time
        could run backwards.

    References
    ----------
    T. T. Um et al. (2017). Data Augmentation of Wearable Sensor Data for Parkinson's Disease
    Monitoring using Convolutional Neural Networks. ICMI. Jittering, scaling and time-warping.

    Examples
    --------
    >>> import torch
    >>> from skdeepclust.augmentation import SequenceAugmentation
    >>> augment = SequenceAugmentation(warp=0.1)
    >>> augment
    SequenceAugmentation(warp=0.1)
    >>> augment(torch.zeros(8, 20, 3)).shape
    torch.Size([8, 20, 3])
    """

    jitter: float = 0.05
    scale: float = 0.2
    warp: float = 0.05

    def __post_init__(self) -> None:
        """Check the ranges."""
        _check_range(self, math.inf, "jitter")
        _check_range(self, 1, "scale")
        _check_range(self, 0.125, "warp")

    def __repr__(self) -> str:
        """Write the parameters that differ from their default."""
        return _changed_parameters(self)

    def __call__(self, x: Tensor) -> Tensor:
        """Return a changed copy of a batch.

        Parameters
        ----------
        x : Tensor of shape (n, steps, features)
            Sequences.

        Returns
        -------
        Tensor of shape (n, steps, features)
            Changed sequences.
        """
        return self.apply_drawn(x, *self.draw(x))

    def draw(self, x: Tensor, /) -> tuple[Tensor, ...]:
        """Draw how each sequence is to be changed.

        Parameters
        ----------
        x : Tensor of shape (n, steps, features)
            Sequences.

        Returns
        -------
        tuple of Tensor of shape (n, ...)
            For `apply_drawn`: of the displacements at three points, the factors and the noise
            those that there are.
        """
        takes = "sequences of shape (n, steps, features)"
        _check_batch(self, x, 3, takes, "FeatureAugmentation for rows of features")
        drawn = []
        if self.warp:
            points = torch.rand(len(x), 1, 3, device=x.device, dtype=x.dtype)
            drawn.append(self.warp * (2 * points - 1))
        if self.scale:
            drawn.append(1 + _uniform(x, self.scale))
        if self.jitter:
            drawn.append(self.jitter * x.std((0, 1), correction=0) * torch.randn_like(x))
        return tuple(drawn)

    def apply_drawn(self, x: Tensor, /, *drawn: Tensor) -> Tensor:
        """Return a changed copy of sequences by what was drawn for them.

        Parameters
        ----------
        x : Tensor of shape (n, steps, features)
            Sequences.
        *drawn : Tensor of shape (n, ...)
            What `draw` has drawn for these.

        Returns
        -------
        Tensor of shape (n, steps, features)
            Changed sequences.
        """
        following = iter(drawn)
        if self.warp:
            x = _warped(x, next(following))
        if self.scale:
            mean = x.mean(1, keepdim=True)
            x = torch.lerp(mean, x, next(following).view(-1, 1, 1))
        return x + next(following) if self.jitter else x


def _warped(x: Tensor, points: Tensor) -> Tensor:
    """Return sequences (n, T, F) at times displaced by what is between `points` (n, 1, 3)."""
    n_steps = x.shape[1]
    ends = F.pad(points, (1, 1))  # the first and the last step stay
    shift = F.interpolate(ends, size=n_steps, mode="linear", align_corners=True)[:, 0]
    last = n_steps - 1
    time = torch.arange(n_steps, device=x.device, dtype=x.dtype) + last * shift
    before = time.floor().clamp(0, last)
    after = (before + 1).clamp(max=last)
    here, there = (x.take_along_dim(each.long()[:, :, None], 1) for each in (before, after))
    return torch.lerp(here, there, (time - before)[:, :, None])


def _changed_parameters(augmentation: Any) -> str:
    """Write a constructor call with the parameters that differ from their default."""
    changed = ", ".join(
        f"{name}={getattr(augmentation, name)!r}"
        for name, field in augmentation.__dataclass_fields__.items()
        if getattr(augmentation, name) != field.default
    )
    return f"{type(augmentation).__name__}({changed})"


def resolve_augmentation(
    augmentation: Augmentation | str | None, input_shape: tuple[int, ...]
) -> Augmentation | None:
    """Turn an estimator's `augmentation` parameter into a callable or None.

    Parameters
    ----------
    augmentation : "auto", None or callable
        "auto" takes `ImageAugmentation` for images, `SequenceAugmentation` for sequences and
        `FeatureAugmentation` for rows.
    input_shape : tuple of int
        Shape of one sample: (C, H, W), (steps, features) or (features,).

    Returns
    -------
    callable or None
        The augmentation.

    Raises
    ------
    ValueError
        If `augmentation` is a string other than "auto".
    TypeError
        If `augmentation` is neither a string nor None nor callable.

    Examples
    --------
    >>> from skdeepclust.augmentation import resolve_augmentation
    >>> resolve_augmentation("auto", (1, 28, 28))
    ImageAugmentation()
    >>> resolve_augmentation("auto", (20,))
    FeatureAugmentation()
    """
    if isinstance(augmentation, str):
        if augmentation != "auto":
            raise ValueError(
                f'augmentation must be "auto", None or callable, got {augmentation!r}.'
            )
        kinds = {1: FeatureAugmentation, 2: SequenceAugmentation, 3: ImageAugmentation}
        return kinds[len(input_shape)]()
    # a class is callable, too, but would be built from the batch
    if augmentation is None or (callable(augmentation) and not isinstance(augmentation, type)):
        return augmentation
    raise TypeError(
        f'augmentation must be "auto", None or a callable on batches, got {augmentation!r}; '
        "pass an instance, for example ImageAugmentation()."
    )


def check_augmentation(augmentation: Augmentation | None, sample: Tensor) -> None:
    """Try an augmentation on a small batch and refuse what training could not use.

    Parameters
    ----------
    augmentation : callable or None
        The augmentation; None passes.
    sample : Tensor of shape (n, ...)
        A few samples; the augmentation gets a copy.

    Raises
    ------
    ValueError
        If the result is not a tensor, has another shape or is not finite, or if what is drawn
        for a `RowwiseAugmentation` doesn't have a row for each sample.

    Examples
    --------
    >>> import torch
    >>> from skdeepclust.augmentation import check_augmentation
    >>> check_augmentation(lambda x: x[:, 1:], torch.zeros(8, 5))
    Traceback (most recent call last):
        ...
    ValueError: augmentation must keep the shape of the batch: it made (8, 4) of (8, 5).
    """
    if augmentation is None:
        return
    steps = in_two_steps(augmentation)
    drawn = steps.draw(sample.clone())
    result = steps.apply_drawn(sample.clone(), *drawn)
    if not isinstance(result, Tensor):
        raise ValueError(
            f"augmentation must return a tensor of shape {tuple(sample.shape)}, "
            f"got {type(result).__name__}."
        )
    if result.shape != sample.shape:
        raise ValueError(
            "augmentation must keep the shape of the batch: "
            f"it made {tuple(result.shape)} of {tuple(sample.shape)}."
        )
    if not torch.isfinite(result).all():
        raise ValueError(
            f"augmentation made NaN or infinite values of a batch of shape {tuple(sample.shape)}."
        )
    if not all(isinstance(each, Tensor) and each.shape[:1] == sample.shape[:1] for each in drawn):
        raise ValueError(
            "draw of an augmentation must return tensors with a row for each sample: "
            f"of {len(sample)} samples it made {[getattr(each, 'shape', each) for each in drawn]}."
        )
