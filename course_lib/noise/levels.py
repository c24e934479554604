"""The `corrupt` of denoising, at one noise level or blind."""

from __future__ import annotations

from collections.abc import Callable

import torch

from course_lib._checks import check_number
from course_lib._random import generator_for
from course_lib.noise.corruption import gaussian, rician

Corrupt = Callable[..., torch.Tensor]
KINDS: dict[str, Corrupt] = {"gaussian": gaussian, "rician": rician}


def noising(kind: str, sigma: float | tuple[float, float]) -> Corrupt:
    """Make a `corrupt` for `fit`: noise of one level, or, for blind denoising, of a level drawn anew for each image.

    Under Rician noise the target stays the true amplitude A, not the mean of what is measured. Of all functions of the
    noisy image the conditional mean E[A | noisy] has the least squared error, so that is what MSE trains. Outside the
    head noisy pixels lie around sigma·sqrt(π/2) and A is 0: the network learns to take the floor away together with the
    noise, which no filter that averages can do. It needs no correction afterwards (`noise.correct_bias` on top would
    take the floor away twice), and at a level outside its training it takes away the wrong floor. (L1 trains the
    conditional median in place of the mean: in the background 0 as well.)

    Args:
        kind: "gaussian" or "rician", as in `noise`.
        sigma: one level (then f is `noise.gaussian` itself, number for number), or (low, high): uniform between them. A
            network trained so must find out the level for itself.

    Returns:
        `f(image, generator=g) -> noisy`, image (C, H, W), or a batch (N, C, H, W) with a level for each.

    Raises:
        TypeError, ValueError: bad input.

    Source: Zhang et al. 2017, section III-C (blind: a range of levels); Gudbjartsson and Patz 1995 (the floor).
    Lab: 04 and 14.
    """
    if kind not in KINDS:
        raise ValueError(f"kind: expected 'gaussian' or 'rician', got {kind!r}")
    blind = isinstance(sigma, (tuple, list))
    levels = sigma if isinstance(sigma, (tuple, list)) else (sigma, sigma)
    if len(levels) != 2:
        raise ValueError(f"sigma: expected a number or (low, high), got {sigma!r}")
    low, high = (check_number(level, "sigma", low=0) for level in levels)
    if low > high:
        raise ValueError(f"sigma: expected (low, high) with low <= high, got {sigma!r}")

    def corrupt(image: torch.Tensor, *, generator: torch.Generator | None = None) -> torch.Tensor:
        if not isinstance(image, torch.Tensor) or image.ndim not in (3, 4):
            got = tuple(image.shape) if isinstance(image, torch.Tensor) else type(image).__name__
            raise ValueError(f"image: expected a tensor (C, H, W) or (N, C, H, W), got {got}")
        generator = generator_for(image, generator)
        if not blind:
            return KINDS[kind](image, low, generator=generator)
        if image.ndim == 4:
            return torch.stack([corrupt(one, generator=generator) for one in image])
        # float64: rounded to single precision, a level could come out above `high`
        share = torch.rand((), generator=generator, device=image.device, dtype=torch.float64).item()
        return KINDS[kind](image, low + (high - low) * share, generator=generator)

    corrupt.__name__ = f"{kind} noise, sigma " + (f"{low:g} to {high:g}" if blind else f"{low:g}")
    return corrupt
