"""The `corrupt` of reconstruction: measure an image through a mask that is drawn anew."""

from __future__ import annotations

from collections.abc import Callable

import torch

from course_lib._checks import check_number
from course_lib._random import generator_for
from course_lib.kspace.masks import cartesian_mask, interleaved_mask
from course_lib.kspace.operators import undersample

#: What makes a measurement of an image: `f(image, generator=g) -> (measured, mask)`, or with sensitivities as a third.
Acquire = Callable[..., tuple[torch.Tensor, ...]]


def undersampling(
    acceleration: float,
    center_fraction: float,
    *,
    kind: str = "random",
    sigma: float = 0.0,
    sensitivities: torch.Tensor | None = None,
) -> Acquire:
    """Make a `corrupt` for `fit`, an `acquire` for `compare_reconstructions`: a new mask, and noise, for each image.

    Args:
        acceleration, center_fraction, kind: as for `kspace.cartesian_mask`.
        sigma: of the complex noise, each channel.
        sensitivities: (coils, H, W); with them the result is (measured, mask, sensitivities).

    Returns:
        `f(image, generator=g) -> (measured, mask)`. image: real or complex, (1, H, W), or (T, H, W) for 2D+t, whose
        frames get other lines each (`kspace.interleaved_mask`). measured: complex, of the image's shape, or (coils, H,
        W); mask: bool, (1, H, W) or (T, H, W). A batch (N, C, H, W) gives batches, a mask for each image.

    Raises:
        TypeError, ValueError: bad input.

    Source: Schlemper 2017 (masks are drawn on the fly).
    Lab: 09.
    """
    check_number(acceleration, "acceleration", low=1)
    check_number(center_fraction, "center_fraction", low=0, high=1)
    sigma = check_number(sigma, "sigma", low=0)

    def acquire(image: torch.Tensor, *, generator: torch.Generator | None = None) -> tuple[torch.Tensor, ...]:
        if not isinstance(image, torch.Tensor) or image.ndim not in (3, 4):
            got = tuple(image.shape) if isinstance(image, torch.Tensor) else type(image).__name__
            raise ValueError(f"image: expected a tensor (C, H, W) or (N, C, H, W), got {got}")
        generator = generator_for(image, generator)
        if image.ndim == 4:
            each = [acquire(one, generator=generator) for one in image]
            return tuple(torch.stack(part) for part in zip(*each, strict=True))
        frames, size = len(image), tuple(image.shape[-2:])
        how = (acceleration, center_fraction)
        if frames == 1:
            lines = cartesian_mask(size, *how, kind=kind, generator=generator)[None]  # (1, H, W)
        else:
            lines = interleaved_mask(frames, size, *how, kind=kind, generator=generator)  # (T, H, W)
        mask = torch.as_tensor(lines)
        scan = undersample(image[None], mask[None], sigma=sigma, sensitivities=sensitivities, generator=generator)
        measured = scan[0]
        return (measured, mask) if sensitivities is None else (measured, mask, sensitivities)

    acquire.__name__ = (
        f"{kind} lines, acceleration {acceleration:g}, centre {center_fraction:g}, noise sigma {sigma:g}"
        + ("" if sensitivities is None else f", {len(sensitivities)} coils")
    )
    return acquire
