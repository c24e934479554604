"""One random patch of an image, and how it is varied: the parts of `photographs` and `mixture`."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from course_lib._checks import check_number


def cut(image: torch.Tensor, size: int, generator: torch.Generator, smallest: float = 1.0) -> torch.Tensor:
    """A square of `size` pixels, anywhere in an image (C, H, W); where `smallest` is below 1, at times made smaller.

    Half of the squares are then cut larger and averaged down: by a factor drawn from [smallest, 1], as far as the image
    is large enough. A photograph of 512 pixels is smooth at the scale of one pixel; made smaller, its edges are sharp.
    """
    height, width = image.shape[-2:]
    side = size
    if smallest < 1:
        chosen, share = torch.rand(2, generator=generator, device=generator.device).tolist()
        if chosen < 0.5:
            side = min(round(size / (smallest + (1 - smallest) * share)), height, width)
    top = _below(height - side + 1, generator)
    left = _below(width - side + 1, generator)
    patch = image[..., top : top + side, left : left + side].float()
    if side == size:
        return patch.clone()
    # not mode="area": at 1.25 it averages pixels 1 and 2, 2 and 3, 3 and 4, but then 4 and 5, 6 and 7: jagged edges
    smaller = F.interpolate(patch[None], (size, size), mode="bilinear", antialias=True)[0]
    return smaller.clamp(0, 1)


def vary(
    image: torch.Tensor,
    gamma: tuple[float, float],
    brightness: tuple[float, float],
    generator: torch.Generator,
    *,
    turned: bool = True,
) -> torch.Tensor:
    """Each with probability one half: mirrored up and down, left and right, transposed (if `turned`), gamma, light.

    image: square, (C, H, W), in [0, 1]; so is the result, what becomes brighter than 1 is cut off.
    """
    draws = torch.rand(7, generator=generator, device=generator.device).tolist()
    for axes, draw in (((-2,), draws[0]), ((-1,), draws[1])):
        if turned and draw < 0.5:
            image = image.flip(axes)
    if turned and draws[2] < 0.5:
        image = image.transpose(-2, -1)
    if draws[3] < 0.5:
        image = image ** (gamma[0] + (gamma[1] - gamma[0]) * draws[4])
    if draws[5] < 0.5:
        image = image * (brightness[0] + (brightness[1] - brightness[0]) * draws[6])
    return image.clamp(0, 1).contiguous()


def check_range(limits: tuple[float, float], name: str) -> tuple[float, float]:
    if not isinstance(limits, (tuple, list)) or len(limits) != 2:
        raise ValueError(f"{name}: expected (low, high), got {limits!r}")
    low, high = (check_number(limit, name, low=0, above=True) for limit in limits)
    if low > high:
        raise ValueError(f"{name}: expected (low, high) with low <= high, got {limits!r}")
    return low, high


def check_smallest(smallest: float, name: str = "smallest") -> float:
    return check_number(smallest, name, low=0.05, high=1)


def _below(count: int, generator: torch.Generator) -> int:
    return int(torch.randint(count, (), generator=generator, device=generator.device))
