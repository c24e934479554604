"""Brain slices for the labs: real ones of Colin27 for testing, synthetic ones for training and validation.

**Colin27 is the test head.** No training set of the course holds it: `brain_slices("cohort")` is made from
the ICBM152 template alone, so a network that is tested on Colin27 meets a head that it has never seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from course_lib._checks import check_count
from course_lib.data.anatomy import Template, Volume, colin27, icbm152, plane_numbers, upright
from course_lib.data.cohort import SyntheticSubject, brain_cohort

__all__ = [
    "BrainSlices", "SyntheticSubject", "Template", "Volume", "brain_cohort", "brain_slices", "colin27",
    "crop_or_pad", "icbm152",
]  # fmt: skip


@dataclass(frozen=True)
class BrainSlices:
    """N axial slices as tensors.

    images: float32 (N, 1, H, W) in [0, 1].   brain_masks: bool (N, 1, H, W).   subjects: int64 (N,), the
    subject that each slice comes from: split by it, never by slice (lab 03 shows why).
    """

    images: torch.Tensor
    brain_masks: torch.Tensor
    subjects: torch.Tensor

    def __len__(self) -> int:
        return len(self.images)


def crop_or_pad(array: np.ndarray, size: int | tuple[int, int]) -> np.ndarray:
    """Cut or zero-pad the last two axes about their centre to `size` (H, W), or a square; no resampling.

    Where the difference is odd, the bottom and right sides get (or lose) the extra pixel.
    """
    try:
        height, width = (size, size) if np.ndim(size) == 0 else size
    except ValueError:
        raise ValueError(f"size: expected one number or (height, width), got {size!r}") from None
    wanted = check_count(height, "size"), check_count(width, "size")
    padding, window = [(0, 0)] * (array.ndim - 2), [slice(None)] * (array.ndim - 2)
    for have, want in zip(array.shape[-2:], wanted, strict=True):
        before = abs(want - have) // 2
        padding.append((before, want - have - before) if want > have else (0, 0))
        window.append(slice(before, before + want) if want < have else slice(None))
    return np.pad(array[tuple(window)], padding)


def brain_slices(
    source: str = "cohort",
    *,
    subjects: int = 20,
    slices: int = 30,
    seed: int = 0,
    size: int | tuple[int, int] | None = None,
    cache: bool = True,
    progress: bool = True,
) -> BrainSlices:
    """Axial slices, evenly spaced over the planes with at least 4.5 % brain; 1 mm pixels.

    The front of the head is up, the subject's left is on the left of the picture, for both sources.

    source: "cohort", `subjects` *synthetic* heads of `seed` (:func:`brain_cohort`), for training and
        validation; or "colin27", one real head for testing (no other number but `slices` plays a part).
    size: None keeps 217 × 181; a number or (height, width) crops or zero-pads about the centre.

    Raises ValueError/TypeError for an unknown source and for counts below 1. Labs 00, 02 and later.
    """
    slices = check_count(slices, "slices")
    if source == "cohort":
        subjects = check_count(subjects, "subjects")
        heads = brain_cohort(subjects, seed, slices=slices, cache=cache, progress=progress)
        images = np.concatenate([head.images for head in heads])
        masks = np.concatenate([head.brain_masks for head in heads])
    elif source == "colin27":
        head = colin27()
        area = head.brain_mask.sum(axis=(0, 1))
        planes = plane_numbers(area, head.data[..., 0].size, slices)
        images, masks = upright(head.data[..., planes]), upright(head.brain_mask[..., planes])
    else:
        raise ValueError(f'source: expected "cohort" or "colin27", got {source!r}')
    if size is not None:
        images, masks = crop_or_pad(images, size), crop_or_pad(masks, size)
    return BrainSlices(
        torch.from_numpy(images)[:, None],  # (N, H, W) -> (N, 1, H, W)
        torch.from_numpy(masks)[:, None],
        torch.arange(len(images)) // slices,
    )
