"""Clean slices with their neighbours in the volume, to train a network that sees several slices at once.

A stack is (2·reach + 1, H, W): the slice in the middle is the one to denoise. `images.with_neighbours` makes stacks of
a volume that is at hand; here they come from synthetic heads, and from pictures that have no neighbours.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from course_lib._checks import check_count, check_image, check_number
from course_lib._progress import progress_bar
from course_lib.data.heads import SHAPE, synthetic_head

#: Distances between neighbours in mm, which are pixels of these heads; drawn with equal chances.
DISTANCES = (1, 1, 1, 1, 1, 2, 2, 3, 4, 6)


def head_stacks(
    subjects: int,
    *,
    slices: int = 12,
    reach: int = 2,
    seed: int = 0,
    distances: tuple[int, ...] = DISTANCES,
    progress: bool = True,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Slices of synthetic heads with `reach` neighbours on either side, near or far.

    Args:
        subjects: how many heads.
        slices: of each head, evenly spaced.
        reach: neighbours on either side.
        seed: of the cohort, as for `brain_slices`.
        distances: between neighbours, in mm; one is drawn for each stack. Scans have slices of 1 to 6 mm. Where a
            neighbour would lie outside the head's grid, the grid's last plane stands for it.
        progress: show a bar.

    Returns:
        Stacks, float16 (subjects·slices, 2·reach + 1, H, W) in [0, 1], from low to high, and their brain masks, bool of
        the same shape.

    Raises:
        TypeError, ValueError: bad input.

    Lab: 14.
    """
    reach, slices, pictures, brains = check_count(reach, "reach", low=0), check_count(slices, "slices"), [], []
    distances = tuple(check_count(distance, "distances") for distance in distances)
    for number in progress_bar(range(check_count(subjects, "subjects")), desc="heads", disable=not progress):
        head = synthetic_head(seed, number)
        rng = np.random.default_rng([seed, number, 2])
        steps = rng.choice(distances, size=slices)
        offsets = np.arange(-reach, reach + 1)
        planes = np.clip(head.planes(slices)[:, None] + offsets * steps[:, None], 0, SHAPE[2] - 1)  # (S, 2·reach + 1)
        once, place = np.unique(planes, return_inverse=True)
        images, masks, _ = head.paint(once)
        place = place.reshape(planes.shape)
        pictures.append(torch.from_numpy(images).half()[place])  # (P, H, W) -> (S, 2·reach + 1, H, W)
        brains.append(torch.from_numpy(masks)[place])
    return torch.cat(pictures), torch.cat(brains)


def drifting(
    image: torch.Tensor, reach: int, *, speed: float = 0.8, scale: int = 40, generator: torch.Generator | None = None
) -> torch.Tensor:
    """Neighbours for a picture that has none: its parts move from slice to slice, each on its own straight way.

    Through a volume, an oblique surface wanders in the same manner. The field of velocities is smooth and random.

    Args:
        image: (1, H, W), at least 2 pixels a side.
        reach: neighbours on either side.
        speed: root mean square of a velocity along an axis, in pixels a slice.
        scale: pixels between the random velocities, at most; between them they change smoothly.
        generator: of the field; default a fresh one.

    Returns:
        (2·reach + 1, H, W), the picture itself in the middle, unchanged.

    Raises:
        TypeError, ValueError: bad input.

    Lab: 14.
    """
    check_image(image)
    if image.ndim != 3 or image.shape[0] != 1 or min(image.shape[1:]) < 2:
        raise ValueError(f"image: expected shape (1, H, W), at least 2 pixels a side, got {tuple(image.shape)}")
    reach, scale = check_count(reach, "reach", low=0), check_count(scale, "scale", low=2)
    speed = check_number(speed, "speed", low=0)
    if generator is None:
        generator = torch.Generator()
        generator.seed()
    height, width = image.shape[-2:]
    coarse = torch.randn(1, 2, height // scale + 3, width // scale + 3, generator=generator)
    field = F.interpolate(coarse, (height, width), mode="bicubic", align_corners=True)[0]  # (2, H, W)
    velocity = speed * field / field.square().mean().sqrt().clamp(min=1e-6)
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    stack = []
    for offset in range(-reach, reach + 1):
        if offset == 0:
            stack.append(image[0])
            continue
        y, x = rows + offset * velocity[0], columns + offset * velocity[1]
        grid = torch.stack([2 * x / (width - 1) - 1, 2 * y / (height - 1) - 1], -1)[None]  # (1, H, W, 2)
        # bicubic keeps the fine texture that linear interpolation would take for noise
        moved = F.grid_sample(image[None].float(), grid, mode="bicubic", padding_mode="border", align_corners=True)
        stack.append(moved[0, 0].clamp(0, 1).to(image.dtype))
    return torch.stack(stack)
