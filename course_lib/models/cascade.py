"""Reconstruction by networks: without physics (idea 1), with data consistency in between (idea 2), and over time.

All are called `model(measured, mask, sensitivities=None)`, give the complex image, and begin with the zero-filled one.
What a block of convolutions gives is added to the image; it sees real and imaginary part as two channels. Between image
and k-space everything is float32, also under autocast. Shapes:

- measured: (N, 1, H, W), complex; with sensitivities (coils, H, W) or (N, coils, H, W), the sum of whose squares is 1:
  (N, coils, H, W); T frames (`DynamicCascade`): (N, T, H, W).
- mask: bool, True where measured: (H, W) or (N, 1, H, W); frames: (T, H, W) or (N, T, H, W) too.
- returned: (N, 1, H, W) or (N, T, H, W), complex as `measured`. Scored are magnitudes, clipped to [0, 1].

TypeError/ValueError for what does not fit, is empty or not finite. Source: Schlemper et al. 2017 and 2018; lab 09.
"""

from __future__ import annotations

import torch
from torch import nn

from course_lib._checks import check_count
from course_lib.kspace import DataConsistency
from course_lib.kspace.checks import check_acquisition
from course_lib.kspace.coils import combine
from course_lib.kspace.fourier import inverse, transform
from course_lib.models.unet import UNet


class ReconstructionCNN(nn.Module):
    """Idea 1, no physics: the zero-filled image in, residual blocks, the image out; nothing is held to the data.

    The blocks are those of `DeepCascade` with the same arguments, so that the two differ in data consistency alone.
    565,770 parameters. Shapes and errors: see the module.

    Args:
        cascades: as in `DeepCascade`.
        convolutions: as in `DeepCascade`.
        width: as in `DeepCascade`.
        block: as in `DeepCascade`.
        depth: as in `DeepCascade`.

    Lab: 09.
    """

    def __init__(
        self, cascades: int = 5, convolutions: int = 5, width: int = 64, *, block: str = "cnn", depth: int = 3
    ):
        super().__init__()
        self.blocks = _blocks(block, cascades, convolutions, width, depth)

    def forward(
        self, measured: torch.Tensor, mask: torch.Tensor, sensitivities: torch.Tensor | None = None
    ) -> torch.Tensor:
        image = _zero_filled(measured, mask, sensitivities)
        for block in self.blocks:
            image = image + _complex(block(_channels(image)), image)
        return image


class DeepCascade(nn.Module):
    """Idea 2, physics inside: a residual block, data consistency, and again; each of the cascades has its own weights.

    565,770 parameters (D5C5), 5 more with λ learned. With U-Nets of width 16: 2,416,570.
    Shapes and errors: see the module.

    Args:
        cascades: how many.
        convolutions: 3×3, of each "cnn" block, ReLU between them.
        width: features of each convolution, or of the U-Net (take a small width).
        strength: the λ of every `kspace.DataConsistency`, see there, also for several coils.
        learned: each cascade has its own λ, and learns it.
        block: "cnn" or "unet" (`unet.UNet` of this width and `depth`).
        depth: of the U-Net.

    Lab: 09.
    """

    def __init__(
        self,
        cascades: int = 5,
        convolutions: int = 5,
        width: int = 64,
        *,
        strength: float | None = None,
        learned: bool = False,
        block: str = "cnn",
        depth: int = 3,
    ):
        super().__init__()
        self.blocks = _blocks(block, cascades, convolutions, width, depth)
        self.consistency = nn.ModuleList([DataConsistency(strength, learned=learned) for _ in self.blocks])

    def forward(
        self, measured: torch.Tensor, mask: torch.Tensor, sensitivities: torch.Tensor | None = None
    ) -> torch.Tensor:
        image = _zero_filled(measured, mask, sensitivities)
        for block, consistency in zip(self.blocks, self.consistency, strict=True):
            assert isinstance(consistency, DataConsistency)
            image = image + _complex(block(_channels(image)), image)
            image = consistency.consistent(image, measured, mask, sensitivities)
        return image


class DynamicCascade(nn.Module):
    """The cascade over time: 3D convolutions over (T, H, W), and frames that lend each other what they measured.

    Single coil; any number of frames, periodic at least 2·sharing + 1.
    449,930 parameters. Shapes and errors: see the module.

    Args:
        cascades: how many.
        convolutions: of each block.
        width: features of each convolution.
        sharing: each block also sees the frames filled by `share_frames` with reach 1, …, `sharing`, 2 more channels
            each, and what no frame in reach measured as it is by then; 0: none.
        periodic: the last frame comes before the first, as in a heartbeat.
        strength: as in `DeepCascade`.
        learned: as in `DeepCascade`.

    Source: Schlemper et al. 2018, "data sharing layer".
    Lab: 09.
    """

    def __init__(
        self,
        cascades: int = 5,
        convolutions: int = 5,
        width: int = 32,
        *,
        sharing: int = 2,
        periodic: bool = True,
        strength: float | None = None,
        learned: bool = False,
    ):
        super().__init__()
        self.sharing, self.periodic = check_count(sharing, "sharing", low=0), periodic
        cascades, inputs = check_count(cascades, "cascades"), 2 + 2 * self.sharing
        self.blocks = nn.ModuleList([_BlockInTime(inputs, convolutions, width, periodic) for _ in range(cascades)])
        self.consistency = nn.ModuleList([DataConsistency(strength, learned=learned) for _ in self.blocks])

    def forward(
        self, measured: torch.Tensor, mask: torch.Tensor, sensitivities: torch.Tensor | None = None
    ) -> torch.Tensor:
        if sensitivities is not None:
            raise ValueError("sensitivities: expected None, DynamicCascade knows single-coil sequences only")
        image = _zero_filled(measured, mask, None)
        lent = [share_frames(measured, mask, reach + 1, periodic=self.periodic) for reach in range(self.sharing)]
        for block, consistency in zip(self.blocks, self.consistency, strict=True):
            assert isinstance(consistency, DataConsistency)
            seen = [image]
            if lent:
                kspace = transform(image)
                seen += [inverse(torch.where(known, shared, kspace)) for shared, known in lent]
            features = torch.stack([part for x in seen for part in (x.real, x.imag)], dim=2)  # (N, T, channels, H, W)
            change = block(features.flatten(0, 1), image.shape[1])  # (N·T, channels, H, W) -> (N·T, 2, H, W)
            image = image + _complex(change, image).view_as(image)
            image = consistency.consistent(image, measured, mask)
        return image


def share_frames(
    measured: torch.Tensor, mask: torch.Tensor, reach: int, *, periodic: bool = True
) -> tuple[torch.Tensor, torch.Tensor]:
    """Fill what a frame did not measure with what its neighbours did: the mean over frames at most `reach` away.

    A frame's own samples stay as they are.

    Args:
        measured: (N, T, H, W), complex k-space.
        mask: bool, (T, H, W) or (N, T, H, W), or (H, W), which leaves nothing to lend.
        reach: in frames.
        periodic: frames T - 1 and 0 are neighbours.

    Returns:
        The filled k-space (0 where no frame in reach measured) and a mask (N, T, H, W) of what is filled now.

    Raises:
        TypeError, ValueError: bad input, as too few frames.

    Source: Schlemper et al. 2018, "data sharing layer".
    Lab: 09.
    """
    check_acquisition(measured, mask)
    reach = check_count(reach, "reach")
    if measured.ndim != 4:
        raise ValueError(f"measured: expected frames (N, T, H, W), got {tuple(measured.shape)}")
    frames = measured.shape[1]
    if periodic and frames < 2 * reach + 1:
        raise ValueError(
            f"measured: expected at least {2 * reach + 1} frames for neighbours up to {reach} away, got {frames}"
        )
    own = mask.expand(measured.shape)
    data = torch.where(own, measured, 0)
    total, count = torch.zeros_like(data), torch.zeros_like(own, dtype=data.real.dtype)
    for step in range(1, min(reach, frames - 1) + 1):
        for there in (-step, step):
            lenders, lent = (torch.roll(values, there, dims=1) for values in (own, data))
            if not periodic:  # what was rolled over the end comes from no neighbour
                gone = slice(0, there) if there > 0 else slice(there, None)
                lenders[:, gone], lent[:, gone] = False, 0
            total, count = total + lent, count + lenders
    return torch.where(own, data, total / count.clamp(min=1)), own | (count > 0)


def _zero_filled(measured: torch.Tensor, mask: torch.Tensor, sensitivities: torch.Tensor | None) -> torch.Tensor:
    """Check what was measured, once for all layers, and transform it: (N, coils, H, W) -> (N, 1, H, W)."""
    check_acquisition(measured, mask, sensitivities)
    if measured.ndim != 4:
        raise ValueError(
            f"measured: expected shape (N, 1, H, W), (N, coils, H, W) or (N, T, H, W), got {tuple(measured.shape)}"
        )
    return combine(inverse(torch.where(mask, measured, 0)), sensitivities)


def _channels(image: torch.Tensor) -> torch.Tensor:
    """(N, 1, H, W) complex -> (N, 2, H, W) real."""
    if image.shape[1] != 1:
        raise ValueError(
            f"measured: expected shape (N, 1, H, W), or sensitivities for the coils, got {image.shape[1]} channels;"
            " frames are for DynamicCascade"
        )
    return torch.cat([image.real, image.imag], dim=1)


def _complex(channels: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """(N, 2, H, W) -> (N, 1, H, W), of the image's precision: under autocast convolutions give half of it."""
    channels = channels.to(like.real.dtype)
    return torch.complex(channels[:, :1], channels[:, 1:])


def _blocks(block: str, cascades: int, convolutions: int, width: int, depth: int) -> nn.ModuleList:
    if block == "cnn":
        return nn.ModuleList([_cnn(convolutions, width) for _ in range(check_count(cascades, "cascades"))])
    if block == "unet":
        return nn.ModuleList(
            [UNet(2, width=width, depth=depth, residual=False) for _ in range(check_count(cascades, "cascades"))]
        )
    raise ValueError(f"block: expected 'cnn' or 'unet', got {block!r}")


def _cnn(convolutions: int, width: int) -> nn.Sequential:
    """conv-ReLU, …, conv: (N, 2, H, W) -> (N, 2, H, W)."""
    sizes = _sizes(2, convolutions, width)
    layers = [layer for a, b in sizes for layer in (nn.Conv2d(a, b, 3, padding=1), nn.ReLU())]
    return nn.Sequential(*layers[:-1])


def _sizes(inputs: int, convolutions: int, width: int) -> list[tuple[int, int]]:
    features = [check_count(width, "width")] * (check_count(convolutions, "convolutions", low=2) - 1)
    return list(zip([inputs, *features], [*features, 2], strict=True))


class _BlockInTime(nn.Module):
    """conv-ReLU, …, conv, 3×3×3: (N·T, inputs, H, W), frame after frame, -> (N·T, 2, H, W).

    A 3D convolution is a 2D one that sees three frames at once. Written so it is as fast as any 2D convolution;
    PyTorch's own Conv3d is many times slower on a CPU where features are few.
    """

    def __init__(self, inputs: int, convolutions: int, width: int, periodic: bool):
        super().__init__()
        self.periodic = periodic
        sizes = _sizes(inputs, convolutions, width)
        self.convolutions = nn.ModuleList([nn.Conv2d(3 * a, b, 3, padding=1) for a, b in sizes])

    def forward(self, x: torch.Tensor, frames: int) -> torch.Tensor:
        numbers = torch.arange(len(x), device=x.device).view(-1, frames)  # (N, T)
        before, after = numbers.roll(1, dims=1).flatten(), numbers.roll(-1, dims=1).flatten()
        for number, convolution in enumerate(self.convolutions):
            x = torch.relu(x) if number else x
            earlier, later = x[before], x[after]
            if not self.periodic:  # there is nothing before the first frame, nothing after the last
                earlier[::frames], later[frames - 1 :: frames] = 0, 0
            x = convolution(torch.cat([earlier, x, later], dim=1))  # (N·T, 3·a, H, W) -> (N·T, b, H, W)
        return x
