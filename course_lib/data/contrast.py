"""Contrasts that no scanner has: a random curve over the grey values, so that a network learns none by heart."""

from __future__ import annotations

import torch

from course_lib._checks import check_count, check_number


def random_contrast(
    image: torch.Tensor, *, probability: float = 0.5, knots: int = 5, generator: torch.Generator | None = None
) -> torch.Tensor:
    """Send the greys of one clean image through a random curve; 0 stays 0, so air stays dark.

    The curve is piecewise linear, through random heights at equal distances. It need not rise: white matter may come
    out darker than grey, and fluid bright, as under T2 weighting.

    Args:
        image: (C, H, W) in [0, 1].
        probability: of a curve; otherwise the image comes back as it was.
        knots: pieces of the curve.
        generator: of the draws; default a fresh one.

    Returns:
        A new tensor in [0, 1], same shape.

    Raises:
        TypeError, ValueError: bad input.

    Source: Billot et al. 2023 (SynthSeg: training over contrasts drawn at random).
    Lab: 14.
    """
    probability, knots = check_number(probability, "probability", low=0, high=1), check_count(knots, "knots", low=2)
    if not isinstance(image, torch.Tensor) or image.ndim != 3:
        raise ValueError(f"image: expected a tensor (C, H, W), got {tuple(getattr(image, 'shape', ()))}")
    if generator is None:
        generator = torch.Generator()
        generator.seed()
    draws = torch.rand(knots + 2, generator=generator)
    if float(draws[-1]) >= probability:
        return image.clone()
    straight = torch.linspace(0, 1, knots + 1)
    share = float(draws[-2])  # of the random curve; the rest is the straight line
    heights = torch.cat([torch.zeros(1), draws[:knots]]) * share + straight * (1 - share)
    place = image.clamp(0, 1) * knots
    below = place.floor().clamp(max=knots - 1).long()
    heights = heights.to(image.dtype).to(image.device)
    return heights[below] + (place - below) * (heights[below + 1] - heights[below])
