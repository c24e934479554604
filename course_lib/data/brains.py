"""Brain slices for the labs: real ones of Colin27 for testing, synthetic ones for training and validation, and scans.

**Colin27 is the test head.** No training set of the course holds it: `brain_slices("cohort")` is made from
the ICBM152 template alone, so a network that is tested on Colin27 meets a head that it has never seen.
Scans of people (IXI, or any folder of NIfTI files) are preferred wherever they are at hand.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from course_lib._checks import check_count, check_number
from course_lib.data.anatomy import Template, Volume, colin27, icbm152, plane_numbers, upright
from course_lib.data.cohort import SyntheticSubject, brain_cohort
from course_lib.data.fetch import DataUnavailable
from course_lib.data.planes import PROFILES, crop_or_pad, slice_profiles
from course_lib.data.stored import Preparation, StoredSlices, store
from course_lib.data.volumes import Report, find_masks, find_volumes, read_volume, read_volumes

__all__ = [
    "BrainSlices", "SyntheticSubject", "Template", "Volume", "brain_cohort", "brain_slices", "colin27",
    "crop_or_pad", "icbm152", "read_volume", "read_volumes", "slice_profiles",
]  # fmt: skip


@dataclass(frozen=True)
class BrainSlices:
    """N slices as tensors, or, of scans, as :class:`~course_lib.data.stored.StoredSlices` that wait on the disk.

    `images[:]` is a tensor in every case; `training.fit` takes `images` as it is.

    Attributes:
        images: float32 (N, 1, H, W) in [0, 1].
        brain_masks: bool (N, 1, H, W).
        subjects: int64 (N,), the subject that each slice comes from: split by it, never by slice (lab 03 shows why).
        names: of the subjects, by number.
        report: which files were read and which were refused; None where there are no files.
    """

    images: torch.Tensor | StoredSlices
    brain_masks: torch.Tensor | StoredSlices
    subjects: torch.Tensor
    names: tuple[str, ...] = ()
    report: Report | None = None

    def __len__(self) -> int:
        return len(self.images)

    def of_subjects(self, numbers: Iterable[int]) -> BrainSlices:
        """The slices of these subjects only, in their old order; numbers and names stay the same.

        What waits on the disk stays there.

        Args:
            numbers: of the subjects.

        Returns:
            Their slices.

        Raises:
            ValueError: a subject has no slice.
        """
        wanted = torch.tensor(sorted({check_count(number, "numbers", low=0) for number in numbers}))
        missing = [number for number in wanted.tolist() if number not in set(self.subjects.tolist())]
        if missing or len(wanted) == 0:
            raise ValueError(f"numbers: expected subjects that have slices, got {missing or 'none'}")
        rows = torch.isin(self.subjects, wanted)
        images, masks = (
            stack[rows] if isinstance(stack, torch.Tensor) else stack.subset(rows)
            for stack in (self.images, self.brain_masks)
        )
        return BrainSlices(images, masks, self.subjects[rows], self.names, self.report)


def brain_slices(
    source: str | Path | Iterable[str | Path] = "cohort",
    *,
    subjects: int | None = None,
    slices: int | None = 30,
    seed: int = 0,
    size: int | tuple[int, int] | None = None,
    profile: str = "axial",
    pixel_size: float = 1.0,
    masks: str | Path | Iterable[str | Path] | None = None,
    cache: bool = True,
    progress: bool = True,
) -> BrainSlices:
    """Slices, evenly spaced over the planes with at least 4.5 % brain; square pixels of 1 mm.

    Axial slices: the front of the head is up, the subject's left is on the left of the picture, for all sources.

    Scans are read one by one, scaled to [0, 1] by percentiles of the volume, searched for the brain
    (:func:`course_lib.data.extraction.brain_mask`; or give `masks`), and stay on the disk until a slice is asked for. A
    file that cannot be used is left out; a warning at the end names it, and a brain of a volume that cannot be, and so
    does `.report`.

    Args:
        source: "cohort", `subjects` *synthetic* heads (default 20) of `seed` (:func:`brain_cohort`), for training and
            validation; "colin27", one real head for testing (no other number but `slices` plays a part); "ixi", the
            scans that `course data fetch ixi` brought; or a folder of NIfTI files, one such file, or a list of paths.
        subjects: how many. Of scans, it takes the first so many files; default all.
        slices: of each subject; of a scan with fewer planes (a slab), all it has. None, for scans: every plane with
            enough brain, as in the thesis.
        seed: of the synthetic heads.
        size: crops or zero-pads about the centre to a number or (height, width); nothing is stretched. None keeps
            217 × 181, and makes scans 256 × 256.
        profile: for scans alone; "axial", "coronal" or "sagittal" (`planes.slice_profiles` tells which is finest).
        pixel_size: for scans alone, mm; they are resampled to it.
        masks: for scans alone, brain masks of your own: a folder (that of the scans will do), where the one of
            `NAME.nii.gz` is called `NAME` or begins with it, as `NAME_mask.nii.gz`; or a list, one for each scan. A
            scan without a mask is left out.
        cache: keep heads and prepared slices in the data folder. Without it, those of scans go to a temporary folder.
        progress: show a progress bar.

    Returns:
        The slices, their brain masks and subjects.

    Raises:
        TypeError, ValueError: an unknown source, counts below 1, and where no file could be used.
        FileNotFoundError: a folder is not there.
        DataUnavailable: "ixi" before it was fetched.

    Lab: 00, 02 and later; scans from 03.
    """
    if source not in ("cohort", "colin27"):
        slices = None if slices is None else check_count(slices, "slices")
        if profile not in PROFILES:
            raise ValueError(f"profile: expected one of {', '.join(PROFILES)}, got {profile!r}")
        pixel_size = check_number(pixel_size, "pixel_size", low=0, above=True)
        # crop_or_pad knows which sizes are good
        shape = crop_or_pad(np.zeros((1, 1)), 256 if size is None else size).shape
        preparation = Preparation(profile, slices, pixel_size, shape)
        if masks is None:
            return _of_scans(_files(source, subjects), None, preparation, cache, progress)
        paths = _files(source, None)
        own = find_masks(masks, paths)
        # masks may lie among the scans
        used = {mask.absolute() for mask in own if mask is not None}
        pairs = [(path, mask) for path, mask in zip(paths, own, strict=True) if path.absolute() not in used]
        pairs = pairs[: None if subjects is None else check_count(subjects, "subjects")]
        return _of_scans([path for path, _ in pairs], [mask for _, mask in pairs], preparation, cache, progress)
    if masks is not None:
        raise ValueError(f"masks: expected none for {source!r}, whose brains are known")
    slices = check_count(slices, "slices")
    if source == "cohort":
        subjects = 20 if subjects is None else check_count(subjects, "subjects")
        heads = brain_cohort(subjects, seed, slices=slices, cache=cache, progress=progress)
        images = np.concatenate([head.images for head in heads])
        masks = np.concatenate([head.brain_masks for head in heads])
        names = tuple(f"synthetic {seed}-{head.number}" for head in heads)
    else:
        head = colin27()
        area = head.brain_mask.sum(axis=(0, 1))
        planes = plane_numbers(area, head.data[..., 0].size, slices)
        images, masks = upright(head.data[..., planes]), upright(head.brain_mask[..., planes])
        names = (head.name,)
    if size is not None:
        images, masks = crop_or_pad(images, size), crop_or_pad(masks, size)
    return BrainSlices(
        torch.from_numpy(images)[:, None],  # (N, H, W) -> (N, 1, H, W)
        torch.from_numpy(masks)[:, None],
        torch.arange(len(images)) // slices,
        names,
    )


def _files(source: Any, subjects: int | None) -> list[Path]:
    if source == "ixi":
        from course_lib.data import ixi

        source = ixi.volumes()
        if not source:
            raise DataUnavailable(
                "IXI is not on this machine.\n  What to do:\n"
                "  - fetch some of it: course data fetch ixi --subjects 40\n"
                '  - offline: brain_slices("cohort"), synthetic heads, stands in for it'
            )
    elif isinstance(source, str) and not Path(source).exists() and Path(source).name == source:
        raise ValueError(f'source: expected "cohort", "colin27", "ixi", a folder or files, got {source!r}')
    elif not isinstance(source, (str, Path)) and not isinstance(source, Iterable):
        raise TypeError(f"source: expected a name, a folder or a list of files, got {type(source).__name__}")
    return find_volumes(source, first=subjects)


def _of_scans(
    paths: list[Path], masks: list[Path | None] | None, preparation: Preparation, cache: bool, progress: bool
) -> BrainSlices:
    temporary = None if cache else tempfile.TemporaryDirectory(prefix="course_slices_")
    folder = Path(temporary.name) if temporary else None
    files, counts, report = store(paths, preparation, masks=masks, folder=folder, progress=progress)
    if not files:
        raise ValueError(f"source: expected at least one scan that can be used\n{report}")
    report.warn(stacklevel=4)
    images, brains = (StoredSlices(files, counts, preparation, part, keep=temporary) for part in ("image", "mask"))
    subjects = torch.repeat_interleave(torch.arange(len(files)), torch.tensor(counts))
    names = tuple(path.name.partition(".")[0] for path in report.read)
    return BrainSlices(images, brains, subjects, names, report)
