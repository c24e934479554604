"""Synthetic subjects: smooth, invertible random deformations of the ICBM152 anatomy, with skull and scalp.

They stand in for real scans (IXI) wherever there is no network. They are for training and validation and are
always called *synthetic*: 20 of them hold one anatomy 20 times, and say nothing about how people differ.
The test head, Colin27, has no part in them. Lab 02 trains on them.
How a head is made: :mod:`course_lib.data.heads`.
"""

from __future__ import annotations

import warnings
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from course_lib._checks import check_count
from course_lib._progress import progress_bar
from course_lib.data.fetch import data_folder
from course_lib.data.heads import synthetic_head
from course_lib.files import whole_file

#: Part of every cache file's name: raise it whenever the heads change, so that no
#: old file is taken for a new head.
CACHE_VERSION = 2


@dataclass(frozen=True)
class SyntheticSubject:
    """Axial slices of one synthetic head, from low to high; S slices of H × W pixels of 1 mm.

    Attributes:
        images: float32 (S, H, W) in [0, 1], noise-free, front of the head up.
        brain_masks: bool (S, H, W).
        tissues: uint8 (S, H, W), values as in `heads.TISSUES`.
        planes: int64 (S,), plane numbers of the volume.
        seed: of the cohort.
        number: of the subject within it.
    """

    images: np.ndarray
    brain_masks: np.ndarray
    tissues: np.ndarray
    planes: np.ndarray
    seed: int
    number: int


def cache_folder() -> Path:
    """Where made heads are kept.

    Returns:
        The folder: below $COURSE_DATA, else below the user's cache folder.
    """
    return data_folder() / "synthetic_heads"


def _cache_file(seed: int, number: int, slices: int) -> Path:
    return cache_folder() / f"v{CACHE_VERSION}_seed{seed}_subject{number}_slices{slices}.npz"


def _make(seed: int, number: int, slices: int) -> SyntheticSubject:
    head = synthetic_head(seed, number)
    planes = head.planes(slices)
    return SyntheticSubject(*head.paint(planes), planes, seed, number)


def _read(path: Path, seed: int, number: int, slices: int) -> SyntheticSubject | None:
    """The subject kept at `path`; None if there is no file or it is damaged (then with a warning)."""
    try:
        with np.load(path) as file:
            images, planes = file["images"], file["planes"]
            masks, tissues = file["brain_masks"], file["tissues"]
        if not images.shape == masks.shape == tissues.shape == (slices, *images.shape[1:]):
            raise ValueError(f"shapes {images.shape}, {masks.shape}, {tissues.shape}")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        warnings.warn(f"damaged cache file {path} ({error}): the synthetic head is made again", stacklevel=4)
        return None
    return SyntheticSubject(images.astype(np.float32) / 65535, masks, tissues, planes, seed, number)


def _write(path: Path, subject: SyntheticSubject) -> None:
    """Keep a subject, or say why it cannot be kept and go on."""
    try:
        with whole_file(path) as file:
            np.savez_compressed(
                file,
                # `paint` rounds to 16 bits: nothing is lost here
                images=np.round(subject.images * 65535).astype(np.uint16),
                brain_masks=subject.brain_masks,
                tissues=subject.tissues,
                planes=subject.planes,
            )
    except OSError as error:
        message = f"cannot keep the synthetic head in {path.parent} ({error}): going on without"
        warnings.warn(message, stacklevel=4)


def brain_cohort(
    n: int, seed: int, *, slices: int = 30, cache: bool = True, progress: bool = True
) -> list[SyntheticSubject]:
    """`n` synthetic subjects with `slices` evenly spaced axial slices each.

    Subject k of a seed is the same whatever `n`, and whether it was cached or not; plane z of a subject is
    the same whatever `slices`. Slices span the planes with at least 4.5 % brain. The global random state
    is untouched.

    Args:
        n: how many subjects.
        seed: of the cohort, at least 0.
        slices: of each subject.
        cache: keep each subject as a compressed file in :func:`cache_folder`; a damaged file is made again.
        progress: show a progress bar.

    Returns:
        The subjects, 0 to n - 1.

    Raises:
        TypeError, ValueError: n < 1, slices < 1 or more slices than planes, and a negative seed.
        ModuleNotFoundError: without nilearn, which carries the template.

    Lab: 02.
    """
    n, slices = check_count(n, "n"), check_count(slices, "slices")
    seed = check_count(seed, "seed", low=0)
    subjects = []
    for number in progress_bar(range(n), desc="synthetic heads", unit="head", disable=not progress):
        path = _cache_file(seed, number, slices)
        subject = _read(path, seed, number, slices) if cache else None
        if subject is None:
            subject = _make(seed, number, slices)
            if cache:
                _write(path, subject)
        subjects.append(subject)
    return subjects
