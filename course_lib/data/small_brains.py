"""Whole brains on few pixels, for models with a dense code (lab 13)."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F

from course_lib._checks import check_count
from course_lib.data.brains import BrainSlices, brain_slices
from course_lib.data.planes import crop_or_pad


def small_brains(
    source: str | Path = "cohort",
    *,
    subjects: int | None = None,
    slices: int = 15,
    seed: int = 0,
    size: int = 64,
    progress: bool = True,
) -> BrainSlices:
    """`brain_slices` without skull, averaged over boxes to `size` × `size` pixels.

    The square in the middle of the picture is kept, 181 mm for the embedded heads: at 64, a pixel is 2.8 mm wide. A
    pixel belongs to the brain if more than half of it does; outside the image is 0. Slice k of each subject shows the
    k-th of `slices` levels, evenly spaced from the lowest to the highest plane with enough brain.

    Args:
        source: as for `brain_slices`.
        subjects: how many, as for `brain_slices`.
        slices: of each subject.
        seed: of the synthetic heads.
        size: pixels a side.
        progress: show a progress bar.

    Returns:
        The slices, their brain masks and subjects.

    Raises:
        TypeError, ValueError, FileNotFoundError, DataUnavailable: as `brain_slices`.

    Lab: 13.
    """
    size = check_count(size, "size", low=8)
    found = brain_slices(source, subjects=subjects, slices=slices, seed=seed, progress=progress)
    images, masks = found.images[:], found.brain_masks[:].float()
    side = min(images.shape[-2:])
    square = torch.from_numpy(crop_or_pad(torch.cat([images, masks], 1).numpy(), side))  # (N, 2, side, side)
    stack = F.interpolate(square, size=(size, size), mode="area")
    inside = stack[:, 1:] > 0.5
    return BrainSlices(stack[:, :1] * inside, inside, found.subjects, found.names, found.report)
