"""Augmentation: what spoils an image (input of a denoising autoencoder) and what moves it (both input and target).

Every function takes one image (C, H, W) or a batch (N, C, H, W), draws anew for each image of a batch, and returns a
new tensor of the same kind on the same device. All channels of an image share its geometry: a mask or a label can ride
along as a channel. In `training.fit` the first kind is `corrupt=`, the second `transform=`; settings are given with
`functools.partial`. The generator may live on the CPU while the images are on a GPU: the numbers are then the same
everywhere. The global random state is left alone, and nothing is clipped. Labs 03 and 06.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from course_lib._checks import check_image, check_number
from course_lib.data._deform import LARGEST, affine_matrices, displacement_fields, sample

#: The corruptions of the healthy-brain thesis: its deck (blank regions and blur with probability 0.1) and its text
#: (blur with sigma 0.6; blank squares of 10 to 40 pixels in images of 128, here shares of the shorter side). The text
#: gives blank regions a probability of 0.2. Its published code blurs with 3×3 weights, as here.
THESIS: dict[str, Any] = {
    "dropped": 0.05,
    "sigma": 0.04,
    "blur_sigma": 0.6,
    "blur_probability": 0.1,
    "blank_sides": (10 / 128, 40 / 128),
    "blank_probability": 0.1,
}


def thesis_corruption(image: torch.Tensor, *, generator: torch.Generator | None = None) -> torch.Tensor:
    """All corruptions of the healthy-brain thesis, one after the other, each at a level drawn for each image.

    Dropped pixels (0 to 5 %), Gaussian noise (sigma 0 to 0.04), a blank square (p 0.1), blur (p 0.1): see THESIS.
    `fit(..., corrupt=augment.thesis_corruption)`. The thesis then rescales the result to [0, 1] by its extremes, which
    moves all grey values by the noise of two pixels: we leave it as it is.

    Args:
        image: float, in [0, 1]; (C, H, W) or (N, C, H, W).
        generator: of the draws; default a fresh one.

    Returns:
        A new tensor of the same kind on the same device.

    Raises:
        TypeError, ValueError: bad input.

    Lab: 03, 06.
    """
    generator = _generator(generator)
    image = drop_pixels(image, THESIS["dropped"], generator=generator)
    image = add_noise(image, THESIS["sigma"], generator=generator)
    image = blank_square(image, THESIS["blank_sides"], probability=THESIS["blank_probability"], generator=generator)
    return blur(image, THESIS["blur_sigma"], probability=THESIS["blur_probability"], generator=generator)


def drop_pixels(
    image: torch.Tensor, most: float = THESIS["dropped"], *, generator: torch.Generator | None = None
) -> torch.Tensor:
    """Set pixels to zero, each image with a probability of its own, drawn from [0, most]. Others stay as they are.

    A pixel is dropped in all channels.

    Args:
        image: float, (C, H, W) or (N, C, H, W).
        most: largest probability.
        generator: of the draws; default a fresh one.

    Returns:
        A new tensor of the same kind on the same device.

    Raises:
        TypeError, ValueError: bad input.

    Source: thesis (it drops with Keras's dropout, which also brightens what is kept by 1 / (1 - p), undone in its
        rescaling).
    Lab: 03.
    """
    batch, most = _batch(image), check_number(most, "most", low=0, high=1)
    generator = _generator(generator)
    level = most * _uniform(generator, batch, (len(batch), 1, 1, 1))
    kept = _uniform(generator, batch, (len(batch), 1, *batch.shape[-2:])) >= level
    return (batch * kept).view_as(image)


def add_noise(
    image: torch.Tensor, most: float = THESIS["sigma"], *, generator: torch.Generator | None = None
) -> torch.Tensor:
    """Add Gaussian noise, each image with a sigma of its own, drawn from [0, most].

    One sigma for all is `noise.gaussian`.

    Args:
        image: float, (C, H, W) or (N, C, H, W).
        most: largest sigma, in the image's units.
        generator: of the draws; default a fresh one.

    Returns:
        A new tensor of the same kind on the same device; nothing is clipped.

    Raises:
        TypeError, ValueError: bad input.

    Source: thesis.
    Lab: 03.
    """
    batch, most = _batch(image), check_number(most, "most", low=0)
    generator = _generator(generator)
    level = most * _uniform(generator, batch, (len(batch), 1, 1, 1))
    noise = torch.randn(batch.shape, generator=generator, device=generator.device, dtype=batch.dtype)
    return (batch + level * noise.to(batch.device)).view_as(image)


def blank_square(
    image: torch.Tensor,
    sides: tuple[float, float] = THESIS["blank_sides"],
    *,
    probability: float = THESIS["blank_probability"],
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """Set a square of random size and place to zero, in each image with `probability`; it lies inside the image.

    Args:
        image: float, (C, H, W) or (N, C, H, W).
        sides: smallest and largest side, as shares of the image's shorter side, in [0, 1]; every whole number of pixels
            between is equally likely.
        probability: of a square, for each image.
        generator: of the draws; default a fresh one.

    Returns:
        A new tensor of the same kind on the same device.

    Raises:
        TypeError, ValueError: bad input.

    Source: thesis.
    Lab: 03.
    """
    batch, probability = _batch(image), check_number(probability, "probability", low=0, high=1)
    smallest, largest = (check_number(side, "sides", low=0, high=1) for side in sides)
    if smallest > largest:
        raise ValueError(f"sides: expected (smallest, largest), got {sides}")
    generator = _generator(generator)
    height, width = batch.shape[-2:]
    low, high = (round(side * min(height, width)) for side in (smallest, largest))
    draws = _uniform(generator, batch, (4, len(batch), 1, 1))
    side = low + (draws[0] * (high - low + 1)).floor()
    top = (draws[1] * (height - side + 1)).floor()
    left = (draws[2] * (width - side + 1)).floor()
    rows = torch.arange(height, device=batch.device)[:, None]
    columns = torch.arange(width, device=batch.device)
    inside = (rows >= top) & (rows < top + side) & (columns >= left) & (columns < left + side)  # (N, H, W)
    blank = inside & (draws[3] < probability)
    return (batch * ~blank[:, None]).view_as(image)


def blur(
    image: torch.Tensor,
    sigma: float = THESIS["blur_sigma"],
    *,
    probability: float = THESIS["blur_probability"],
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """Blur with a Gaussian of 3×3 weights, each image with `probability`; at the border the image is mirrored.

    Args:
        image: float, (C, H, W) or (N, C, H, W).
        sigma: in pixels, above 0. Three weights hold a Gaussian of 0.6 pixels (98.8 % of it along each axis), not one
            of 2.
        probability: of blur, for each image.
        generator: of the draws; default a fresh one.

    Returns:
        A new tensor of the same kind on the same device.

    Raises:
        TypeError, ValueError: bad input, as images under 2×2.

    Source: thesis.
    Lab: 03.
    """
    batch, probability = _batch(image), check_number(probability, "probability", low=0, high=1)
    sigma = check_number(sigma, "sigma", low=0, above=True)
    if min(batch.shape[-2:]) < 2:
        raise ValueError(f"image: expected at least 2×2 pixels to blur, got {tuple(batch.shape[-2:])}")
    chosen = _uniform(_generator(generator), batch, (len(batch),)) < probability
    offsets = torch.arange(-1, 2, device=batch.device, dtype=batch.dtype)
    weights = torch.exp(-(offsets**2) / (2 * sigma**2))
    side, centre, _ = weights / weights.sum()
    result = batch.clone()
    if not chosen.any():
        return result.view_as(image)
    sharp = F.pad(batch[chosen], (1, 1, 1, 1), mode="reflect")
    smooth = side * (sharp[..., :-2, :] + sharp[..., 2:, :]) + centre * sharp[..., 1:-1, :]
    result[chosen] = side * (smooth[..., :-2] + smooth[..., 2:]) + centre * smooth[..., 1:-1]
    return result.view_as(image)


def flip(image: torch.Tensor, probability: float = 0.5, *, generator: torch.Generator | None = None) -> torch.Tensor:
    """Mirror left and right, each image with `probability`. A brain is nearly symmetric; up and down it is not.

    Args:
        image: float, (C, H, W) or (N, C, H, W).
        probability: of mirroring, for each image.
        generator: of the draws; default a fresh one.

    Returns:
        A new tensor of the same kind on the same device.

    Raises:
        TypeError, ValueError: bad input.

    Lab: 03.
    """
    batch, probability = _batch(image), check_number(probability, "probability", low=0, high=1)
    chosen = _uniform(_generator(generator), batch, (len(batch), 1, 1, 1)) < probability
    return torch.where(chosen, batch.flip(-1), batch).view_as(image)


def deform(
    image: torch.Tensor,
    *,
    rotation: float = 5.0,
    scale: float = 0.05,
    shift: float = 0.02,
    bend: float = 2.0,
    spacing: float = 32.0,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """Turn, scale, shift and bend, all drawn for each image and done in one bilinear interpolation; zero outside.

    0 switches any of them off; with all off the image comes back as it was. Interpolation smooths a little: deform the
    clean image (`transform=`), before noise.

    Args:
        image: float, (C, H, W) or (N, C, H, W).
        rotation: up to so many degrees.
        scale: up to this share larger or smaller.
        shift: up to this share of the sides.
        bend: standard deviation in pixels of an elastic deformation on cubic B-splines.
        spacing: pixels between the B-splines.
        generator: of the draws; default a fresh one.

    Returns:
        A new tensor of the same kind on the same device.

    Raises:
        TypeError, ValueError: bad input, and a bend so strong that the image could fold (above 0.117 of the spacing).

    Source: Rueckert et al. 1999 (B-splines); Choi and Lee 2000 (the bound).
    Lab: 03.
    """
    batch = _batch(image)
    check_number(rotation, "rotation", low=0, high=180)
    check_number(scale, "scale", low=0, high=0.9)
    check_number(shift, "shift", low=0, high=1)
    check_number(spacing, "spacing", low=1)
    check_number(bend, "bend", low=0, high=LARGEST * spacing)
    generator = _generator(generator)
    draws = 2 * _uniform(generator, batch, (4, len(batch))) - 1
    matrices = affine_matrices(rotation * draws[0], 1 + scale * draws[1])
    shifts = shift * draws[2:].T * torch.tensor(batch.shape[-2:], device=batch.device, dtype=batch.dtype)
    fields = displacement_fields(batch, bend, spacing, generator)
    if rotation == scale == shift == bend == 0:
        return image.clone()
    return sample(batch, matrices, shifts, fields).view_as(image)


def _batch(image: torch.Tensor) -> torch.Tensor:
    """(C, H, W) or (N, C, H, W) as (N, C, H, W); other input is refused."""
    if not isinstance(image, torch.Tensor):
        raise TypeError(f"image: expected a torch tensor, got {type(image).__name__}")
    if image.ndim not in (3, 4):
        raise ValueError(f"image: expected shape (C, H, W) or (N, C, H, W), got {tuple(image.shape)}")
    check_image(image)
    return image if image.ndim == 4 else image[None]


def _generator(generator: torch.Generator | None) -> torch.Generator:
    if generator is None:
        generator = torch.Generator()
        generator.seed()
    if not isinstance(generator, torch.Generator):
        raise TypeError(f"generator: expected a torch.Generator, got {type(generator).__name__}")
    return generator


def _uniform(generator: torch.Generator, batch: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    """Numbers in [0, 1), drawn where the generator lives and moved to the images."""
    return torch.rand(shape, generator=generator, device=generator.device, dtype=batch.dtype).to(batch.device)
