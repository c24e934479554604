"""The autoencoder with which Bermudez et al. denoise brains: skips, added every two convolutions (lab 13)."""

from __future__ import annotations

import torch
from torch import nn

from course_lib._checks import check_count
from course_lib.images import pad_to_multiple
from course_lib.models.autoencoders import check_batch


class SkipDenoiser(nn.Module):
    """Pairs of convolutions down and up again; what went into a pair on the way down is added after its mirror image.

    Input and output: (N, 1, H, W), floating point, any H and W. The paper says that skips are added every two
    convolutions, and that squared error is minimised; sizes of the layers were not found in what is public of it. Ours:
    3×3, the second of a pair with stride 2, ReLU, `width` features all through; 3 pairs with 32 features have 93,089
    parameters. The last skip is the noisy image itself, so the network learns the noise.

    Args:
        pairs: on the way down, as many on the way up.
        width: features.

    Raises:
        TypeError, ValueError: bad input.

    Source: Bermudez et al. 2018, arXiv 1801.01847.
    Lab: 13.
    """

    def __init__(self, pairs: int = 3, width: int = 32):
        super().__init__()
        pairs, width = check_count(pairs, "pairs"), check_count(width, "width")
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        for number in range(pairs):
            image = 1 if number == 0 else width
            self.down.append(nn.Sequential(
                nn.Conv2d(image, width, 3, padding=1), nn.ReLU(),
                nn.Conv2d(width, width, 3, stride=2, padding=1), nn.ReLU(),
            ))  # fmt: skip
            self.up.append(nn.Sequential(
                nn.ConvTranspose2d(width, width, 3, stride=2, padding=1, output_padding=1), nn.ReLU(),
                nn.ConvTranspose2d(width, image, 3, padding=1),
            ))  # fmt: skip

    def forward(self, noisy: torch.Tensor) -> torch.Tensor:
        height, width = check_batch(noisy, 1)
        features, before = pad_to_multiple(noisy, 2 ** len(self.down)), []
        for pair in self.down:
            before.append(features)
            features = pair(features)  # (N, width, H/2, W/2), and so on
        for number in reversed(range(len(self.up))):
            features = self.up[number](features) + before[number]
            if number:
                features = torch.relu(features)
        return features[..., :height, :width]
