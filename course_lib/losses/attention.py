"""The loss of the attention U-Net, of up to three parts: nearness, structure, and what VGG16 sees."""

from __future__ import annotations

import torch
from torch import nn

from course_lib._checks import check_number
from course_lib.losses.perceptual import PerceptualLoss
from course_lib.losses.similarity import SSIMLoss

PIXELS = {"L1": nn.functional.l1_loss, "MSE": nn.functional.mse_loss}


class AttentionLoss(nn.Module):
    """What `attention_loss` makes. It has no parameters, and nothing to save."""

    def __init__(self, pixels: str, ssim: float, perceptual: float, weights: str) -> None:
        super().__init__()
        if pixels not in PIXELS:
            raise ValueError(f"pixels: expected 'L1' or 'MSE', got {pixels!r}")
        if weights not in ("imagenet", "random"):
            raise ValueError(f"weights: expected 'imagenet' or 'random', got {weights!r}")
        self.pixels, self.weights = pixels, weights
        self.ssim = check_number(ssim, "ssim", low=0)
        self.perceptual = check_number(perceptual, "perceptual", low=0)
        self.structure = SSIMLoss(data_range=1.0)
        self.network: PerceptualLoss | None = None

    def forward(self, prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        value = PIXELS[self.pixels](prediction, target)
        if self.ssim:
            value = value + self.ssim * self.structure(prediction, target)
        if self.perceptual:
            if self.network is None:
                self.network = PerceptualLoss(weights=self.weights)
            value = value + self.perceptual * self.network(prediction, target)
        return value

    @property
    def label(self) -> str:
        """For a row of a table: "L1 + 0.1·(1 - SSIM) + 0.01·VGG16 (random features, not ImageNet)"."""
        features = "ImageNet" if self.weights == "imagenet" else "random features, not ImageNet"
        ssim = f" + {self.ssim:g}·(1 - SSIM)" if self.ssim else ""
        return self.pixels + ssim + (f" + {self.perceptual:g}·VGG16 ({features})" if self.perceptual else "")

    def extra_repr(self) -> str:
        return self.label


def attention_loss(
    pixels: str = "L1", *, ssim: float = 0.1, perceptual: float = 0.01, weights: str = "imagenet"
) -> AttentionLoss:
    """The loss `pixels + ssim · (1 - SSIM) + perceptual · VGG`: nearness, structure, and what VGG16 sees.

    Prediction and target: (N, 1 or 3, H, W), in [0, 1], at least 11 pixels a side.

    The deck gives no weights for its parts: these are ours. VGG16 sees features several times as large as pixels, so
    its share must be small.

    Args:
        pixels: "L1" or "MSE".
        ssim, perceptual: how much `losses.SSIMLoss(1.0)` and `losses.PerceptualLoss` count, at least 0; 0 leaves the
            part out.
        weights: of VGG16. "imagenet" needs torchvision's file, and nothing is downloaded. VGG16 is read with the first
            batch, which raises FileNotFoundError, with what to do, where the file is not. "random" needs no file: it is
            another loss, of random features, and `loss.label` says so for the tables.

    Returns:
        The loss: `loss(prediction, target)` gives a scalar.

    Raises:
        TypeError, ValueError: bad input.

    Source: attention U-Net deck, slide "VGG perceptual loss" (mean squared error of features); Johnson et al. 2016;
        Zhao et al. 2017 (SSIM with L1).
    Lab: 14.
    """
    return AttentionLoss(pixels, ssim, perceptual, weights)
