"""The loss of the attention U-Net: nearness and what VGG16 sees, as in the deck; structure too, if wanted."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from course_lib._checks import check_number
from course_lib.data.weights import check_pretrained
from course_lib.losses.perceptual import JOHNSON, PerceptualLoss
from course_lib.losses.similarity import SSIMLoss

PIXELS = {"L1": nn.functional.l1_loss, "MSE": nn.functional.mse_loss}


class AttentionLoss(nn.Module):
    """What `attention_loss` makes. It has no parameters, and nothing to save."""

    def __init__(
        self, pixels: str, ssim: float, perceptual: float, pretrained: bool | str, layers: Sequence[str]
    ) -> None:
        super().__init__()
        if pixels not in PIXELS:
            raise ValueError(f"pixels: expected 'L1' or 'MSE', got {pixels!r}")
        self.pixels, self.pretrained = pixels, check_pretrained(pretrained)
        self.layers = (layers,) if isinstance(layers, str) else tuple(layers)
        self.ssim = check_number(ssim, "ssim", low=0)
        self.perceptual = check_number(perceptual, "perceptual", low=0)
        self.structure = SSIMLoss(data_range=1.0)
        self.network: PerceptualLoss | None = None

    def forward(self, prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        value = PIXELS[self.pixels](prediction, target)
        if self.ssim:
            value = value + self.ssim * self.structure(prediction, target)
        if self.perceptual:
            value = value + self.perceptual * self._vgg()(prediction, target)
        return value

    @property
    def init(self) -> str:
        """What VGG16 knows: "imagenet" or "random". Where it may be either, it is read now, if it was not yet."""
        if isinstance(self.pretrained, bool):
            return "imagenet" if self.pretrained else "random"
        return self._vgg().init

    @property
    def label(self) -> str:
        """For a row of a table: "MSE + 0.01·VGG16 (random features, not ImageNet)"."""
        ssim = f" + {self.ssim:g}·(1 - SSIM)" if self.ssim else ""
        if not self.perceptual:
            return self.pixels + ssim
        features = "ImageNet" if self.init == "imagenet" else "random features, not ImageNet"
        return self.pixels + ssim + f" + {self.perceptual:g}·VGG16 ({features})"

    def extra_repr(self) -> str:
        return self.label if isinstance(self.pretrained, bool) or self.network else f"pretrained={self.pretrained!r}"

    def _vgg(self) -> PerceptualLoss:
        if self.network is None:
            self.network = PerceptualLoss(self.layers, pretrained=self.pretrained)
        return self.network


def attention_loss(
    pixels: str = "MSE",
    *,
    ssim: float = 0.0,
    perceptual: float = 0.01,
    pretrained: bool | str = True,
    layers: Sequence[str] = JOHNSON,
) -> AttentionLoss:
    """The final loss of the attention U-Net, `pixels + perceptual · VGG16`; with `ssim`, `ssim · (1 - SSIM)` more.

    Prediction and target: (N, 1 or 3, H, W), in [0, 1], at least 11 pixels a side.

    The deck trains with VGG16's perceptual loss, the mean squared error of features; it names no layers, no loss of
    pixels beside it and no weights. The layers are those of Johnson et al., the rest is ours: VGG16 sees features
    several times as large as pixels, so its share must be small.

    Args:
        pixels: "L1" or "MSE".
        ssim, perceptual: how much `losses.SSIMLoss(1.0)` and `losses.PerceptualLoss` count, at least 0; 0 leaves the
            part out.
        pretrained: as for `PerceptualLoss`. VGG16 is read with the first batch, or when `init` or `label` has to know:
            `loss.init` is "imagenet" or "random", `loss.label` says it for the tables.
        layers: of VGG16, as for `PerceptualLoss`.

    Returns:
        The loss: `loss(prediction, target)` gives a scalar.

    Raises:
        TypeError, ValueError: bad input.
        FileNotFoundError: with the first batch, where `pretrained` is True, without file and network.

    Source: attention U-Net deck (Thomas et al.), slide "VGG perceptual loss"; Johnson et al. 2016; Zhao et al. 2017
        (SSIM with L1).
    Lab: 14.
    """
    return AttentionLoss(pixels, ssim, perceptual, pretrained, layers)
