"""Hearts with their labels, drawn by formula, in stacks of thick short-axis slices: shapes for a prior (lab 12).

Cavity and wall of the left ventricle and the cavity of the right one, in an image like balanced cine MRI. These are
phantoms, not people, and their diseases are an imitation of shapes: always call them synthetic. `dynamic` has hearts
that beat.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from course_lib._checks import check_count, check_image, check_number
from course_lib._random import generator_for
from course_lib.data._heart_shapes import KINDS, LABELS, heart

#: Side of the picture, in mm.
FIELD = 128.0
#: Distance of two slices, in mm.
THICKNESS = 8.0


@dataclass(frozen=True)
class Hearts:
    """N stacks of D slices, from the base to the apex.

    Attributes:
        images: (N, 1, D, H, W), float32, in [0, 1], noise-free.
        labels: (N, D, H, W), uint8: 0 is background, `LABELS` names the others.
        kinds: of each subject, from `KINDS`.
        spacing: mm along D, H and W, for `metrics.hausdorff_distance`.
        seed: of the subjects.
    """

    images: torch.Tensor
    labels: torch.Tensor
    kinds: tuple[str, ...]
    spacing: tuple[float, float, float]
    seed: int

    def __len__(self) -> int:
        return len(self.images)

    def slices(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """All slices that show wall of the left ventricle, for a network in two dimensions.

        Slices of one subject are alike: split by subject, never by slice.

        Returns:
            Images (M, 1, H, W), labels (M, H, W), and the number of each slice's subject (M,).
        """
        subjects, places = (self.labels == LABELS["wall"]).flatten(2).any(2).nonzero(as_tuple=True)
        return self.images[subjects, :, places], self.labels[subjects, places], subjects


def synthetic_hearts(
    n: int, seed: int, *, slices: int = 12, size: int = 64, kinds: Sequence[str] = ("normal", "dilated", "thickened")
) -> Hearts:
    """`n` synthetic subjects of different shapes, the kinds in turn.

    Subject k of a seed has the same kind and shape whatever `n` and `size`. An image is the mean over the thickness of
    its slice; its labels are those of the plane in the middle. Papillary muscles are dark in the image and count as
    cavity in the labels. The global random state is untouched.

    Args:
        n: how many subjects.
        seed: of the subjects.
        slices: of a stack, each `THICKNESS` mm; 12 hold any of these hearts, with slices beyond base and apex.
        size: pixels a side, >= 32, of `FIELD` mm.
        kinds: of `KINDS`. "normal"; "dilated": a wide cavity with a thin wall; "thickened": a narrow one with a thick
            wall; "aneurysm": the thin wall bulges at one place. The last is for a test: shapes that no training saw.

    Returns:
        The stacks with their labels.

    Raises:
        TypeError, ValueError: bad input.

    Source: the shapes are ours, in sizes of the usual order.
    Lab: 12.
    """
    n, slices, size = check_count(n, "n"), check_count(slices, "slices"), check_count(size, "size", low=32)
    seed = check_count(seed, "seed", low=0)
    if isinstance(kinds, str) or not kinds or not set(kinds) <= set(KINDS):
        raise ValueError(f"kinds: expected a list from {', '.join(map(repr, KINDS))}, got {kinds!r}")
    chosen = tuple(kinds[number % len(kinds)] for number in range(n))
    planes = (np.arange(slices) - (slices - 1) / 2) * THICKNESS
    pixel = FIELD / size
    drawn = [heart([seed, number], kind, planes, THICKNESS, size, pixel) for number, kind in enumerate(chosen)]
    images, labels = (torch.from_numpy(np.stack(parts)) for parts in zip(*drawn, strict=True))
    return Hearts(images[:, None], labels, chosen, (THICKNESS, pixel, pixel), seed)  # (N, D, H, W) -> (N, 1, D, H, W)


def one_hot(labels: torch.Tensor) -> torch.Tensor:
    """Labels as one map for each class, the background first: what a prior of shape and cross-entropy compare with.

    Args:
        labels: whole numbers (N, …), 0 to 3 as in `Hearts`.

    Returns:
        (N, 4, …), float32, 0 and 1.

    Raises:
        RuntimeError: numbers above 3.

    Lab: 12.
    """
    return torch.nn.functional.one_hot(labels.long(), 1 + max(LABELS.values())).movedim(-1, 1).float()


def lose_signal(image: torch.Tensor, losses: float = 2.0, *, generator: torch.Generator | None = None) -> torch.Tensor:
    """Blot out round places of each slice, as flow and an uneven field do: there a network has to guess the shape.

    How many a slice has is drawn from a Poisson distribution. Each has a soft rim, one brightness from .05 to .8 and a
    radius of 5 to 10 % of a side, and lies near the middle, where the heart is.

    Args:
        image: floating point (…, H, W), in [0, 1].
        losses: how many a slice has on average, >= 0.
        generator: of all of it; without one, fresh entropy.

    Returns:
        A corrupted copy, the image's shape.

    Raises:
        TypeError, ValueError: bad input.

    Lab: 12.
    """
    check_image(image)
    losses = check_number(losses, "losses", low=0)
    if not isinstance(image, torch.Tensor) or image.ndim < 2:
        raise TypeError(f"image: expected a tensor (…, H, W), got {type(image).__name__} {tuple(image.shape)}")
    generator = generator_for(image, generator)
    height, width = image.shape[-2:]
    y, x = (torch.linspace(-0.5, 0.5, side, dtype=image.dtype, device=image.device) for side in (height, width))
    found = image.reshape(-1, height, width).clone()  # (…, H, W) -> (slices, H, W)
    numbers = torch.poisson(torch.full((len(found),), losses, device=image.device), generator=generator)
    for slice_, number in zip(found, numbers.int().tolist(), strict=True):
        for _ in range(number):
            down, right = (0.17 * torch.randn(2, generator=generator, device=image.device)).tolist()
            radius, level = torch.rand(2, generator=generator, device=image.device).tolist()
            squares = ((y[:, None] - down) ** 2 + (x - right) ** 2) / (0.05 + 0.05 * radius) ** 2
            share = torch.exp(-(squares**2) / 4)
            slice_.copy_(slice_ + share * (0.05 + 0.75 * level - slice_))
    return found.reshape(image.shape)
