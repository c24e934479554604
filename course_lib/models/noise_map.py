"""An attention U-Net that is told the noise: one network for every level, and for Gaussian, Rician and chi noise.

A network that was trained at one sigma smooths every image as if it had that sigma: at a fifth of it, it erases sulci.
This one is given sigma for each pixel, as FFDNet and DRUNet are, and learns all levels at once.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import nn

from course_lib._checks import check_count, check_number
from course_lib.models.attention_unet import AttentionUNet
from course_lib.models.autoencoders import check_batch

__all__ = ["NoiseMapUNet", "noise_floor"]


def noise_floor(kind: str = "gaussian", coils: int = 1) -> float:
    """Mean of pure noise, in units of sigma: 0 for Gaussian noise, √(π/2) for Rician, more for more coils.

    It tells a network which kind of noise it sees: `NoiseMapUNet` takes it beside sigma.

    Args:
        kind: "gaussian", "rician" or "chi" (root sum of squares of `coils` channels).
        coils: how many; 1 makes "chi" the same as "rician".

    Returns:
        √2·Γ(coils + 1/2) / Γ(coils), or 0.

    Raises:
        TypeError, ValueError: bad input.

    Source: Constantinides, Atalar and McVeigh 1997.
    Lab: 14.
    """
    coils = check_count(coils, "coils")
    if kind not in ("gaussian", "rician", "chi"):
        raise ValueError(f"kind: expected 'gaussian', 'rician' or 'chi', got {kind!r}")
    if kind == "gaussian":
        return 0.0
    coils = 1 if kind == "rician" else coils
    return math.sqrt(2) * math.exp(math.lgamma(coils + 0.5) - math.lgamma(coils))


class NoiseMapUNet(nn.Module):
    """`image + sigma·body(image / sigma, floor)`, the body an `AttentionUNet` with the small encoder.

    The body sees the image in units of its noise, so that the same network is as good for a brighter or darker image:
    `f(a·image, a·sigma) = a·f(image, sigma)` for every a > 0, exactly. A network on (image, map of sigma) without any
    bias has that law too (Mohan et al. 2020); dividing keeps it with biases and sigmoids, and a bias then acts as a
    threshold of so many sigma. The second channel of the body is the floor of the noise in units of sigma.

    Where a whole window of 3×3 pixels is exactly 0 the air was cleared by the scanner or by a brain extraction, and
    stays exactly 0.

    With `slices` above 1 it sees the neighbours of a slice in its volume, too (it is then called 2.5D): anatomy goes on
    from slice to slice, and noise does not. A neighbour that is not there, above the top of a volume or of a picture
    that is alone, is all 0.

    Input: images (N, slices, H, W), of which the one in the middle is denoised, or (N, 1, H, W) without neighbours; any
    H and W. sigma and floor are numbers, or tensors that broadcast to one image: (N, 1, 1, 1) for one level an image,
    (N, 1, H, W) for a map. Output: (N, 1, H, W), linear: it may leave [0, 1].

    Args:
        width: of the body's first level; 48 gives 1.9 million parameters.
        slices: how many it sees at once, odd; 1: each on its own.
        dilations, attention, reduction: as for `AttentionUNet`.

    Raises:
        TypeError, ValueError: bad input.

    Source: Zhang et al. 2018 (FFDNet: a map of sigma); Zhang et al. 2022 (DRUNet); Mohan et al. 2020 (levels that were
        never seen).
    Lab: 14.
    """

    def __init__(
        self,
        width: int = 48,
        *,
        slices: int = 1,
        dilations: tuple[int, ...] = (1, 2, 4),
        attention: str | None = "scse",
        reduction: int = 8,
    ):
        super().__init__()
        self.slices = check_count(slices, "slices")
        if slices % 2 == 0:
            raise ValueError(f"slices: expected an odd number, so that one is in the middle, got {slices}")
        self.body = AttentionUNet(
            slices + 1, encoder="small", width=width, dilations=dilations, attention=attention, reduction=reduction,
            residual=False,
        )  # fmt: skip

    def forward(
        self, image: torch.Tensor, sigma: torch.Tensor | float, floor: torch.Tensor | float = 0.0
    ) -> torch.Tensor:
        reach = self.slices // 2
        if image.ndim == 4 and image.shape[1] == 1:
            image = F.pad(image, (0, 0, 0, 0, reach, reach))  # (N, 1, H, W) -> (N, slices, H, W)
        try:
            check_batch(image, self.slices)
        except ValueError as error:
            raise ValueError(f"{error}; or slices alone, (N, 1, H, W)") from None
        middle = image[:, reach : reach + 1]
        level = _level(sigma, middle)
        bottom = torch.as_tensor(floor, dtype=image.dtype, device=image.device).expand(middle.shape)
        # the body has as many channels as it is given: all say noise, so that no weight is idle
        noise = self.body(torch.cat([image / level, bottom], 1)).sum(1, keepdim=True)  # (N, slices + 1, H, W) -> 1
        return (middle + level * noise) * ~cleared(middle)

    def told(self, sigma: float, kind: str = "gaussian", coils: int = 1) -> nn.Module:
        """This network for one noise: a module of the image alone, as `training.denoise` wants it.

        Args:
            sigma: standard deviation of one channel, in the image's units.
            kind, coils: as for `noise_floor`.

        Returns:
            `denoiser(image)` is `self(image, sigma, noise_floor(kind, coils))`, with the same weights, not a copy.

        Raises:
            TypeError, ValueError: bad input.

        Lab: 14.
        """
        return _Told(self, check_number(sigma, "sigma", low=0, above=True), noise_floor(kind, coils))


class _Told(nn.Module):
    """`model` with the rest of its arguments."""

    def __init__(self, model: NoiseMapUNet, sigma: float, floor: float):
        super().__init__()
        self.model, self.sigma, self.floor = model, sigma, floor
        self.training = model.training

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.model(image, self.sigma, self.floor)


def cleared(image: torch.Tensor) -> torch.Tensor:
    """True where a pixel lies in a window of 3×3 that is exactly 0: (N, C, H, W) -> bool, the same shape.

    Single zeros do not count: noise may hit 0, and stored whole numbers do so often.
    """
    zero = (image == 0).to(image.dtype)
    # an opening: windows that are all 0, then all pixels of such windows; outside the image counts as 0
    whole = -F.max_pool2d(-F.pad(zero, (2, 2, 2, 2), value=1.0), 3, stride=1)  # (…, H, W) -> (…, H + 2, W + 2)
    return F.max_pool2d(whole, 3, stride=1) > 0  # -> (…, H, W)


def _level(sigma: torch.Tensor | float, image: torch.Tensor) -> torch.Tensor:
    """Sigma as a tensor that broadcasts to the image; all of it above 0."""
    if not isinstance(sigma, torch.Tensor):
        sigma = torch.tensor(check_number(sigma, "sigma", low=0, above=True), dtype=image.dtype)
    level = sigma.to(dtype=image.dtype, device=image.device)
    try:
        fits = torch.broadcast_shapes(level.shape, image.shape) == image.shape
    except RuntimeError:
        fits = False
    if not fits:
        raise ValueError(
            f"sigma: expected a number, or a tensor that broadcasts to {tuple(image.shape)}, got {tuple(level.shape)}"
        )
    if not bool((level > 0).all()):
        raise ValueError("sigma: expected numbers above 0")
    return level
