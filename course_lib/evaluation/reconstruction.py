"""A trial of reconstructions: k-space measured from a seed, zero filling as the first row, magnitudes scored."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch

from course_lib import kspace
from course_lib.evaluation.results import ZERO_FILLED, Comparison
from course_lib.evaluation.trial import Method, Trial, check_methods, name_of
from course_lib.kspace import Acquire
from course_lib.kspace.checks import as_parts, check_complex, check_sampling
from course_lib.metrics import magnitude
from course_lib.profiles import seeded


class ReconstructionTrial:
    """The checked arguments of `evaluation.compare_reconstructions`; `run` does the work."""

    def __init__(self, methods: Mapping[str, Method], images: torch.Tensor, acquire: Acquire, *options: Any):
        methods = check_methods(methods, (ZERO_FILLED, "clean"), "f(measured, mask)")
        self.methods = {ZERO_FILLED: zero_filled} | {name: partial(image_of, f) for name, f in methods.items()}
        self.acquire = acquire
        self.trial = Trial(check_complex_images(images), magnitude, *options)
        self.steps = self.trial.steps(self.methods)

    def run(self, bar: Any, **options: Any) -> Comparison:
        """Each repeat has masks and noise of its own."""
        given = partial(acquired, self.trial.images, self.acquire)
        return self.trial.run(given, self.methods, self._caption, bar, **options)

    def _caption(self, given: tuple[torch.Tensor, ...]) -> str:
        frames = self.trial.images.shape[1]
        film = f" What is called a slice is a film of {frames} frames." if frames > 1 else ""
        return f"{origin(given, self.acquire, self.trial.seeds)} Scored: magnitudes, clipped to [0, 1].{film}"


def origin(given: tuple[torch.Tensor, ...], acquire: Acquire, seeds: str) -> str:
    """For a caption: how k-space was measured, and what acceleration that came to."""
    return f"Measured: {name_of(acquire)} (1 of {kspace.acceleration_of(given[1]):.3g} samples), {seeds}."


def acquired(images: torch.Tensor, acquire: Acquire, seed: int) -> tuple[torch.Tensor, ...]:
    """Measured k-space, masks and what else `acquire` returns, each (N, ...); of image i from (seed, i) alone."""
    generator, items = torch.Generator(device=images.device), []
    for index, image in enumerate(images):
        generator.manual_seed(seeded(seed, "acquisition", index))
        parts = acquire(image.clone(), generator=generator)
        if not isinstance(parts, tuple) or len(parts) < 2:
            got = f"{len(parts)} part" if isinstance(parts, tuple) else type(parts).__name__
            raise TypeError(f"acquire: expected it to return a tuple (measured, mask), got {got}")
        items.append(as_parts(parts, "acquire"))
        measured, mask = items[-1][:2]
        check_complex(measured, "what acquire returned")
        check_sampling(mask, measured, "what acquire returned")
    shapes = {tuple(tuple(part.shape) for part in parts) for parts in items}
    if len(shapes) > 1:
        raise ValueError(f"acquire: expected the same shapes for every image, got {sorted(shapes)}")
    return tuple(torch.stack(part) for part in zip(*items, strict=True))


def zero_filled(measured: torch.Tensor, mask: torch.Tensor, *rest: torch.Tensor) -> torch.Tensor:
    """The first row of every table."""
    return kspace.zero_filled(measured, *rest)


def image_of(method: Method, *given: torch.Tensor, **parameters: Any) -> Any:
    """What a method returns, or the image in it, as in `classical.sparse.Reconstruction`."""
    found = method(*given, **parameters)
    return getattr(found, "image", found)


def check_complex_images(images: torch.Tensor) -> torch.Tensor:
    """Refuse what are no clean images (N, C, H, W), real in [0, 1] or complex with such a magnitude."""
    if not isinstance(images, torch.Tensor):
        raise TypeError(f"images: expected a tensor (N, C, H, W), got {type(images).__name__}")
    check_complex(images, "images", real_too=True)
    if images.ndim != 4:
        raise ValueError(f"images: expected shape (N, C, H, W), got {tuple(images.shape)}")
    low = 0.0 if images.is_complex() else float(images.min())
    high = float(images.abs().max())
    if low < 0 or high > 1 + 1e-5:  # a phase turns a 1 into 1.0000001
        raise ValueError(f"images: expected clean images of a magnitude in [0, 1], got {low:g} to {high:g}")
    return images.detach()
