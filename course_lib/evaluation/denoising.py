"""A trial of denoisers: noise from a seed, every method told its level, the noisy image as the first row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch

from course_lib._checks import check_image
from course_lib.evaluation.results import NOISY, Comparison
from course_lib.evaluation.trial import Method, Trial, check_methods, name_of
from course_lib.profiles import seeded


class DenoisingTrial:
    """The checked arguments of `evaluation.compare`; `run` does the work at one noise level."""

    def __init__(
        self, methods: Mapping[str, Method], images: torch.Tensor, corrupt: Callable[..., torch.Tensor], *options: Any
    ):
        self.methods, self.corrupt = check_methods(methods, (NOISY, "clean", "noisy"), "f(noisy, sigma)"), corrupt
        self.trial = Trial(check_images(images), clipped, *options)
        self.steps = self.trial.steps(self.methods)

    def run(self, sigma: float, bar: Any, **options: Any) -> Comparison:
        """Every method is told sigma."""
        return self.trial.run(
            lambda seed: (corrupted(self.trial.images, self.corrupt, sigma, seed),),
            {name: partial(_told, method, sigma) for name, method in self.methods.items()},
            lambda _: (
                f"Noise: {name_of(self.corrupt)}, sigma {sigma:g}, {self.trial.seeds}."
                " Outputs clipped to [0, 1] before scoring, the noisy image not."
            ),
            bar,
            untouched=NOISY,
            **options,
        )


def _told(method: Method, sigma: float, noisy: torch.Tensor) -> torch.Tensor:
    return method(noisy, sigma)


def clipped(output: torch.Tensor) -> torch.Tensor:
    """What is scored of a denoised image."""
    return output.clamp(0, 1)


def corrupted(images: torch.Tensor, corrupt: Callable[..., torch.Tensor], sigma: float, seed: int) -> torch.Tensor:
    """Noisy images; the noise of image i depends on (seed, i) alone."""
    generator, each = torch.Generator(device=images.device), []
    for index in range(len(images)):
        generator.manual_seed(seeded(seed, "noise", index))
        each.append(corrupt(images[index : index + 1].clone(), sigma, generator=generator))
    noisy = torch.cat(each)
    if noisy.shape != images.shape:
        raise ValueError(f"corrupt: expected it to keep the shape {tuple(images.shape)}, got {tuple(noisy.shape)}")
    return check_image(noisy, "what corrupt returned")


def check_images(images: torch.Tensor) -> torch.Tensor:
    if not isinstance(images, torch.Tensor):
        raise TypeError(f"images: expected a tensor (N, C, H, W), got {type(images).__name__}")
    check_image(images, "images")
    if images.ndim != 4:
        raise ValueError(f"images: expected shape (N, C, H, W), got {tuple(images.shape)}")
    if float(images.min()) < 0 or float(images.max()) > 1:
        low, high = float(images.min()), float(images.max())
        raise ValueError(f"images: expected clean images in [0, 1], got values from {low:g} to {high:g}")
    return images.detach()
