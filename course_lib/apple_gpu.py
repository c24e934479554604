"""Does the GPU of an Apple computer (PyTorch calls it "mps") train a network as the CPU does? Asked once a process.

PyTorch's kernels for it are younger than those for CUDA, and some versions gave wrong numbers. So a tiny network learns
on both before any lab trusts it.
"""

from __future__ import annotations

import functools

import torch
from torch import nn

DEVICE = "mps"
STEPS = 5
TOLERANCE = 1e-3  # of the largest number; single precision in another order differs by far less


def usable() -> bool:
    """Is there such a GPU, and did it pass?"""
    return available() and problem() is None


def available() -> bool:
    """Is there such a GPU at all?"""
    return torch.backends.mps.is_available()


@functools.cache
def problem() -> str | None:
    """What went wrong in the self-test, in words; None where it passed."""
    try:
        expected, found = _trained("cpu"), _trained(DEVICE)
    except Exception as error:  # an operation that is missing there raises one of many kinds
        return f"{type(error).__name__}: {error}"
    if not torch.isfinite(found).all():
        return "a tiny network learned to infinite numbers"
    difference = ((found - expected).abs().max() / expected.abs().max()).item()
    if difference > TOLERANCE:
        return f"a tiny network learned other numbers than on the CPU, by {difference:.1g} of the largest"
    return None


class _Tiny(nn.Module):
    """What the networks of the labs are made of, one of each."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2))
        self.decoder = nn.ConvTranspose2d(4, 1, 2, stride=2)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        code = self.encoder(image)
        wide = nn.functional.interpolate(code.mean(1, keepdim=True), scale_factor=2, mode="bilinear")
        denoised = image - self.decoder(code) + wide
        spectrum = torch.fft.fft2(denoised, norm="ortho")  # data consistency works in k-space
        return torch.fft.ifft2(0.5 * spectrum, norm="ortho").real


def _trained(device: str) -> torch.Tensor:
    """The losses of a few steps and the last image, as one row of numbers on the CPU."""
    images = torch.rand(8, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(1))
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        model = _Tiny().to(device)
    clean, noisy = images.to(device), (images + 0.1 * noise).to(device)
    optimizer, losses = torch.optim.Adam(model.parameters(), lr=1e-2), []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = (model(noisy) - clean).square().mean()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.detach().reshape(1))
    with torch.inference_mode():
        image = model.eval()(noisy)
    return torch.cat([*losses, image.flatten()]).cpu()
