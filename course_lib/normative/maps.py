"""Maps of what a model of healthy brains could not rebuild."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F

from course_lib._checks import check_image, check_number, check_tensors

Direction = Literal["both", "brighter", "darker"]


def smooth_inside(image: torch.Tensor, mask: torch.Tensor, width: float) -> torch.Tensor:
    """A Gaussian mean of the pixels inside a mask: `blur(image · mask) / blur(mask)` there, 0 outside.

    A plain blur takes the zeros around the brain for values and darkens its rim; this one leaves a constant alone. It
    is called normalised convolution.

    Args:
        image: (N, C, H, W), floating point.
        mask: bool, the image's shape, or (N, 1, H, W).
        width: standard deviation of the Gaussian in pixels, >= 0; 0 smooths nothing. It is cut off at three of these.

    Returns:
        The image's shape.

    Raises:
        TypeError, ValueError: bad input.

    Source: Knutsson, Westin 1993.
    Lab: 13.
    """
    check_image(image)
    mask = _checked(mask, image)
    width = check_number(width, "width", low=0)
    inside = mask.to(image)
    if width == 0:
        return image * inside
    values, weights = _blur(image * inside, width), _blur(inside, width)
    # where the mask is, its own pixel has weight: nothing is divided by 0
    return torch.where(mask, values / torch.where(mask, weights, 1), 0)


def anomaly_map(
    image: torch.Tensor,
    reconstruction: torch.Tensor,
    mask: torch.Tensor,
    *,
    width: float = 1.0,
    direction: Direction = "both",
) -> torch.Tensor:
    """How far an image lies from what a model of healthy brains made of it, pixel by pixel inside the brain.

    "both" takes the absolute difference *first* and smooths then: the other way round a bright and a dark pixel side by
    side cancel. "brighter" and "darker" keep the sign: they are for whoever knows beforehand what a lesion looks like,
    and are not smaller for being wrong the other way.

    Args:
        image: (N, C, H, W), floating point.
        reconstruction: the same shape.
        mask: bool, the brain, the image's shape or (N, 1, H, W).
        width: as in `smooth_inside`.
        direction: "both": |image - reconstruction|; "brighter": image - reconstruction; "darker": its negative.

    Returns:
        The image's shape, 0 outside the mask.

    Raises:
        TypeError, ValueError: bad input.

    Source: Baur et al. 2021, arXiv 2004.03271, for the residual as a score.
    Lab: 13.
    """
    check_tensors(reconstruction, image, names=("reconstruction", "image"))
    difference = image - reconstruction
    if direction == "both":
        difference = difference.abs()
    elif direction == "darker":
        difference = -difference
    elif direction != "brighter":
        raise ValueError(f'direction: expected "both", "brighter" or "darker", got {direction!r}')
    return smooth_inside(difference, mask, width)


def _checked(mask: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
    if not isinstance(mask, torch.Tensor) or mask.dtype != torch.bool:
        raise TypeError(f"mask: expected booleans in a tensor, got {getattr(mask, 'dtype', type(mask).__name__)}")
    if image.ndim != 4 or mask.shape not in (image.shape, (len(image), 1, *image.shape[-2:])):
        raise ValueError(
            f"mask: expected the shape of the image (N, C, H, W), {tuple(image.shape)}, got {tuple(mask.shape)}"
        )
    return mask.expand(image.shape)


def _blur(image: torch.Tensor, width: float) -> torch.Tensor:
    """A Gaussian blur with zeros around the image."""
    reach = max(1, round(3 * width))
    places = torch.arange(-reach, reach + 1, dtype=image.dtype, device=image.device)
    profile = torch.exp(-(places**2) / (2 * width**2))
    profile = profile / profile.sum()
    planes = image.reshape(-1, 1, *image.shape[-2:])  # (N, C, H, W) -> (N·C, 1, H, W)
    down = F.conv2d(planes, profile.view(1, 1, -1, 1), padding=(reach, 0))
    return F.conv2d(down, profile.view(1, 1, 1, -1), padding=(0, reach)).reshape(image.shape)
