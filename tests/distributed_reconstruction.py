"""One training on k-space for processes of its own, see test_training_reconstruction.py: `… OUTPUT`."""

from __future__ import annotations

import os
import sys
from functools import partial

import torch
from torch import nn

from course_lib import kspace, metrics
from course_lib.training import fit, fixed_seed, on_magnitude, squared_error, undersampling


class Small(nn.Module):
    """The zero-filled image and a residual of it; real and imaginary part are two channels."""

    def __init__(self, seed: int = 0):
        super().__init__()
        with fixed_seed(seed):
            self.layers = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 2, 3, padding=1))

    def forward(
        self, measured: torch.Tensor, mask: torch.Tensor, sensitivities: torch.Tensor | None = None
    ) -> torch.Tensor:
        image = kspace.zero_filled(measured, sensitivities)  # (N, 1, H, W)
        channels = torch.cat([image.real, image.imag], dim=1)  # (N, 2, H, W)
        real, imaginary = (channels + self.layers(channels)).chunk(2, dim=1)
        return torch.complex(real, imaginary)


def brains(count: int, seed: int = 1, size: tuple[int, int] = (9, 12)) -> torch.Tensor:
    """Complex, smooth enough to be learned from little k-space."""
    generator = torch.Generator().manual_seed(seed)
    smooth = nn.functional.avg_pool2d(torch.rand(count, 1, *size, generator=generator), 3, 1, 1)
    return kspace.with_phase(smooth, generator=generator)


def train() -> dict:
    """11 images in batches of 5: two processes share them 3 and 2, and the last batch, one image, 1 and 0."""
    model = Small(3)
    history = fit(
        model,
        brains(11),
        brains(5, seed=2),
        loss=squared_error,
        corrupt=undersampling(2, 0.2, sigma=0.01),
        metrics={"psnr": on_magnitude(partial(metrics.psnr, data_range=1.0))},
        epochs=4,
        batch_size=5,
        learning_rate=1e-2,
        seed=5,
        progress=False,
        device="cpu",
    )
    return {"weights": model.state_dict(), "history": history.as_dict()}


if __name__ == "__main__":
    torch.save(train(), f"{sys.argv[1]}.{os.environ.get('RANK', '0')}")
