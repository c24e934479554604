"""Noise2Void: pixels are hidden, and the network must guess them from what lies around them."""

from __future__ import annotations

import torch

from course_lib._checks import check_count, check_tensors
from course_lib._random import generator_for


def blind_spots(
    noisy: torch.Tensor, *, box: int = 8, radius: int = 5, generator: torch.Generator | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Hide one pixel in each box of an image behind the value of one of its neighbours.

    The boxes tile the image, so that hidden pixels never cluster; boxes at the right and lower rim may be smaller. The
    neighbour is drawn from the square of (2·radius + 1)² pixels around, cut off at the rim, all of it equally likely
    but the pixel itself: that would hide nothing. Its value is that of the noisy image, even where it is hidden itself.

    Args:
        noisy: (N, C, H, W), floating point, at least two pixels; the channels of a pixel are hidden together.
        box: side of the boxes; 8 hides 1.6 % of the pixels.
        radius: how far away a neighbour may lie, in pixels.
        generator: without one, fresh entropy.

    Returns:
        The image with its blind spots, as `noisy`; where they are, a boolean mask (N, 1, H, W).

    Raises:
        TypeError, ValueError: bad input.

    Source: Krull et al. 2019; without the pixel itself, as n2v's variant "uniform_withoutCP".
    Lab: 11.
    """
    check_tensors(noisy, noisy, names=("noisy", "noisy"))
    if noisy.ndim != 4 or noisy.shape[-2] * noisy.shape[-1] < 2:
        raise ValueError(f"noisy: expected images (N, C, H, W) of at least two pixels, got {tuple(noisy.shape)}")
    box, radius = check_count(box, "box"), check_count(radius, "radius")
    generator = generator_for(noisy, generator)
    number, _, height, width = noisy.shape
    row = _one_in_each(number, height, width, box, generator, noisy.device)
    mask = torch.zeros(number, height * width, dtype=torch.bool, device=noisy.device)
    mask.scatter_(1, row, True)
    y, x = row // width, row % width
    # the window of each hidden pixel, cut off at the rim: its first row and column, its rows and columns
    top, left = (y - radius).clamp(min=0), (x - radius).clamp(min=0)
    rows = (y + radius).clamp(max=height - 1) - top + 1
    columns = (x + radius).clamp(max=width - 1) - left + 1
    own = (y - top) * columns + (x - left)
    drawn = torch.rand(row.shape, generator=generator, device=noisy.device, dtype=torch.float64)
    place = (drawn * (rows * columns - 1)).long()  # among all but the pixel itself
    place = place + (place >= own)
    neighbour = (top + place // columns) * width + left + place % columns  # (N, K)
    flat = noisy.flatten(2)  # (N, C, H, W) -> (N, C, H·W)
    channels = flat.shape[1]
    taken = flat.gather(2, neighbour[:, None].expand(-1, channels, -1))
    hidden = flat.scatter(2, row[:, None].expand(-1, channels, -1), taken)
    return hidden.view_as(noisy), mask.view(number, 1, height, width)


def masked_loss(prediction: torch.Tensor, noisy: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Mean squared error where pixels were hidden, against what the noisy image has there.

    Elsewhere the network sees its target: a mean over all pixels would teach it to change nothing.

    Args:
        prediction: of the network, for the image with its blind spots, (N, C, H, W).
        noisy: the image before, same shape.
        mask: boolean (N, 1, H, W), where pixels were hidden.

    Returns:
        A scalar.

    Raises:
        TypeError, ValueError: bad input, or no hidden pixel.

    Source: Krull et al. 2019.
    Lab: 11.
    """
    check_tensors(prediction, noisy, names=("prediction", "noisy"))
    if not isinstance(mask, torch.Tensor) or mask.dtype != torch.bool:
        raise TypeError(f"mask: expected booleans in a tensor, got {getattr(mask, 'dtype', type(mask).__name__)}")
    if mask.shape != (len(noisy), 1, *noisy.shape[2:]):
        raise ValueError(f"mask: expected {(len(noisy), 1, *noisy.shape[2:])}, got {tuple(mask.shape)}")
    if not bool(mask.any()):
        raise ValueError("mask: expected at least one hidden pixel, got none")
    squares = (prediction - noisy) ** 2 * mask
    return squares.sum() / (mask.sum() * noisy.shape[1])


def _one_in_each(
    number: int, height: int, width: int, box: int, generator: torch.Generator, device: torch.device
) -> torch.Tensor:
    """(N, boxes): the flat index of one random pixel of each box, drawn for each image anew."""
    tops = torch.arange(0, height, box, device=device)[:, None]
    lefts = torch.arange(0, width, box, device=device)[None]
    heights, widths = (height - tops).clamp(max=box), (width - lefts).clamp(max=box)
    shape = (2, number, len(tops), lefts.shape[1])
    drawn = torch.rand(shape, generator=generator, device=device, dtype=torch.float64)
    y, x = tops + (drawn[0] * heights).long(), lefts + (drawn[1] * widths).long()
    return (y * width + x).flatten(1)
