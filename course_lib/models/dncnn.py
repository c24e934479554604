"""DnCNN: a straight chain of convolutions that learns the noise, not the image; plain, bias-free, dilated (lab 07)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from course_lib._checks import check_count
from course_lib.models.autoencoders import check_batch
from course_lib.models.receptive_field import footprint, receptive_field, receptive_field_formula

__all__ = ["IRCNN_DILATIONS", "DnCNN", "footprint", "receptive_field", "receptive_field_formula"]

#: Dilations of seven layers that see as far as 16 plain ones: 33×33 pixels. Source: Zhang et al. 2017b (IRCNN),
#: figure 2.
IRCNN_DILATIONS = (1, 2, 3, 4, 3, 2, 1)


class DnCNN(nn.Module):
    """conv-ReLU, then conv-BN-ReLU, then a convolution: all 3×3 of one size; its output, the noise, is subtracted.

    Input and output: (N, channels, H, W), floating point, any H and W. `noise(image)` is what is subtracted. The output
    is linear: clip it to [0, 1] before scoring. The last convolution starts at 0: the network starts as the identity.
    556,097 parameters (the published 556k); with `IRCNN_DILATIONS` 186,177.

    Args:
        depth: number of convolutions, at least 2; default 17, or as many as there are dilations.
        width: features of each convolution but the last.
        channels: of the image.
        batch_norm: False is the BN-free form: every convolution has a bias instead (555,137 parameters).
        dilations: one number for each convolution, as `IRCNN_DILATIONS`; None: all 1. A larger dilation widens the
            view without more weights.
        bias: False, without BN, is the bias-free form: `model(a·x) = a·model(x)` for a ≥ 0, so that a network trained
            at one noise level serves others (Mohan et al. 2020).

    Raises:
        TypeError, ValueError: bad input.

    Source: Zhang et al. 2017 (DnCNN, section III), arXiv:1608.03981, and 2017b (IRCNN), arXiv:1704.03264.
    Lab: 07.
    """

    def __init__(
        self,
        depth: int | None = None,
        width: int = 64,
        channels: int = 1,
        batch_norm: bool = True,
        dilations: Sequence[int] | None = None,
        *,
        bias: bool = True,
    ):
        super().__init__()
        if dilations is None:
            dilations = [1] * check_count(17 if depth is None else depth, "depth", low=2)
        rates = [check_count(rate, "dilations") for rate in dilations]
        if check_count(len(rates) if depth is None else depth, "depth", low=2) != len(rates):
            raise ValueError(f"dilations: expected one number for each of {depth} convolutions, got {tuple(rates)}")
        if batch_norm and not bias:
            raise ValueError("bias=False: expected batch_norm=False as well, for BN adds a number of its own")
        self.channels, self.dilations = check_count(channels, "channels"), tuple(rates)
        w, last = check_count(width, "width"), len(rates) - 1

        layers: list[nn.Module] = []
        for number, rate in enumerate(rates):
            inputs, outputs = (channels if number == 0 else w), (channels if number == last else w)
            normalised = batch_norm and 0 < number < last  # BN has a shift, so its convolution needs no bias
            convolution = nn.Conv2d(inputs, outputs, 3, padding=rate, dilation=rate, bias=bias and not normalised)
            nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
            if convolution.bias is not None:
                nn.init.zeros_(convolution.bias)
            layers.append(convolution)
            if normalised:
                layers.append(nn.BatchNorm2d(w))
            if number < last:
                layers.append(nn.ReLU(inplace=True))
        nn.init.zeros_(convolution.weight)
        self.layers = nn.Sequential(*layers)

    def noise(self, image: torch.Tensor) -> torch.Tensor:
        """The noise that the network sees.

        Args:
            image: images (N, channels, H, W).

        Returns:
            The same shape.
        """
        check_batch(image, self.channels)
        return self.layers(image)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image - self.noise(image)
