"""A normative model without a network: at each pixel the mean and the spread of healthy people."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from course_lib._checks import check_image, check_number
from course_lib.normative.maps import smooth_inside


@dataclass(frozen=True)
class NormalRange:
    """Mean and standard deviation of healthy images, for each level of the head.

    Attributes:
        mean: (L, 1, H, W), one image a level.
        sd: the same shape, above 0.
    """

    mean: torch.Tensor
    sd: torch.Tensor

    def z(self, image: torch.Tensor, levels: torch.Tensor) -> torch.Tensor:
        """By how many standard deviations an image lies above the mean of its level.

        Args:
            image: (N, 1, H, W).
            levels: (N,), which level each image shows.

        Returns:
            The image's shape, without unit, signed.

        Raises:
            TypeError, ValueError: bad input.
        """
        check_image(image)
        levels = _levels(levels, image)
        if image.shape[1:] != self.mean.shape[1:] or int(levels.max()) >= len(self.mean):
            wanted = tuple(self.mean.shape[1:])
            raise ValueError(f"image: expected (N, …) of {wanted} in {len(self.mean)} levels, got {tuple(image.shape)}")
        return (image - self.mean[levels]) / self.sd[levels]


def normal_range(images: torch.Tensor, levels: torch.Tensor, *, width: float = 1.0, floor: float = 0.03) -> NormalRange:
    """Learn the normal range of healthy images, level by level.

    Both maps are smoothed: with a dozen people a pixel's own mean and spread are mostly chance, and anatomies do not
    lie on one another to the pixel.

    Args:
        images: (N, 1, H, W), healthy, in one frame.
        levels: (N,) whole numbers from 0: which level of the head each image shows; at least two images each.
        width: of the smoothing, pixels; 0 for none.
        floor: added to the standard deviation, above 0: without it a pixel where nobody varied makes any z it likes.

    Returns:
        Mean and standard deviation.

    Raises:
        TypeError, ValueError: bad input.

    Lab: 13.
    """
    check_image(images)
    levels, floor = _levels(levels, images), check_number(floor, "floor", low=0, above=True)
    counts = torch.bincount(levels)
    if int(counts.min()) < 2:
        raise ValueError(f"levels: expected at least two images of each level, got {counts.tolist()}")
    groups = [images[levels == level] for level in range(len(counts))]
    everywhere = torch.ones_like(images[: len(groups)], dtype=torch.bool)
    mean = smooth_inside(torch.stack([group.mean(0) for group in groups]), everywhere, width)
    squares = torch.stack([((group - one) ** 2).mean(0) for group, one in zip(groups, mean, strict=True)])
    return NormalRange(mean, smooth_inside(squares, everywhere, width).sqrt() + floor)


def _levels(levels: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    if not isinstance(levels, torch.Tensor) or levels.is_floating_point() or levels.shape != (len(images),):
        got = tuple(levels.shape) if isinstance(levels, torch.Tensor) else type(levels).__name__
        raise ValueError(f"levels: expected one whole number for each of {len(images)} images, got {got}")
    if int(levels.min()) < 0:
        raise ValueError(f"levels: expected numbers from 0, got {int(levels.min())}")
    return levels
