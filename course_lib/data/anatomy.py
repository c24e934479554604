"""The real anatomy that ships with the course: Colin27 (the test head) and the ICBM152 template.

Colin27 is one person, scanned 27 times and averaged: nearly noise-free, and **never used in training**.
The ICBM152 template is an average of 152 people, without skull; the synthetic subjects of
:mod:`course_lib.data.cohort` are built from it. Lab 03 opens both by hand.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path

import numpy as np

#: Slices with less brain than this share of their pixels are left out: the rule of the healthy-brain
#: thesis whose autoencoders labs 03 and 06 rebuild.
MINIMUM_BRAIN_SHARE = 0.045


@dataclass(frozen=True)
class Volume:
    """A head in canonical RAS axes: x runs to the right, y to the front, z to the top.

    Attributes:
        data: float32 (X, Y, Z) in [0, 1].
        brain_mask: bool (X, Y, Z).
        voxel_size: mm along x, y, z.
        name: of the head.
    """

    data: np.ndarray
    brain_mask: np.ndarray
    voxel_size: tuple[float, float, float]
    name: str


@dataclass(frozen=True)
class Template:
    """The ICBM152 maps, all float32 (X, Y, Z) in [0, 1], canonical RAS, 1 mm.

    Attributes:
        t1: skull-stripped T1 intensity.
        gray_matter: tissue probability.
        white_matter: tissue probability.
        brain_mask: bool (X, Y, Z).
        origin: position in mm (MNI space) of voxel (0, 0, 0).
    """

    t1: np.ndarray
    gray_matter: np.ndarray
    white_matter: np.ndarray
    brain_mask: np.ndarray
    origin: tuple[float, float, float]


def _load_canonical(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Array and affine of a NIfTI file, its axes turned to RAS."""
    import nibabel

    image = nibabel.as_closest_canonical(nibabel.load(path))
    return np.asarray(image.dataobj), np.asarray(image.affine)


@lru_cache(maxsize=1)
def colin27() -> Volume:
    """The Colin27 T1 head, scaled by its maximum; brain mask included.

    The course's test head: no training data hold it.

    Returns:
        float32 (181, 217, 181), 1 mm. The arrays are shared between calls and read-only.

    Source: Holmes et al. 1998, J Comput Assist Tomogr 22(2), 324-333; file and licence in samples/README.md.
    """
    samples = resources.files("course_lib.data") / "samples"
    with resources.as_file(samples / "colin27_t1.nii.gz") as path:
        data, affine = _load_canonical(path)
    with resources.as_file(samples / "colin27_brain_mask.nii.gz") as path:
        mask, _ = _load_canonical(path)
    data = data.astype(np.float32)
    data /= data.max()
    mask = mask > 0
    for array in (data, mask):
        array.setflags(write=False)
    return Volume(data, mask, tuple(np.abs(np.diag(affine)[:3]).tolist()), "colin27")


def _nilearn_file(kind: str) -> Path:
    # nilearn itself takes seconds to import; only the folder it lives in is needed.
    specification = importlib.util.find_spec("nilearn")
    if specification is None or specification.origin is None:
        raise ModuleNotFoundError(
            "the ICBM152 template comes inside the nilearn package, which is not installed; "
            "run `pip install nilearn` and try again"
        )
    name = f"mni_icbm152_{kind}_tal_nlin_sym_09a_converted.nii.gz"
    path = Path(specification.origin).parent / "datasets" / "data" / name
    if not path.is_file():
        raise FileNotFoundError(
            f"nilearn is installed, but its file {name} is missing; expected nilearn >= 0.11 "
            "from PyPI or conda-forge: run `pip install --upgrade nilearn`"
        )
    return path


@lru_cache(maxsize=1)
def icbm152() -> Template:
    """The ICBM152 2009a nonlinear symmetric template, 1 mm, from nilearn's wheel (nilearn is not imported).

    Returns:
        Maps of shape (197, 233, 189); the arrays are shared between calls and read-only.

    Raises:
        ModuleNotFoundError: without nilearn.

    Source: Fonov et al. 2011, NeuroImage 54(1), 313-327.
    """
    maps, affine = [], np.eye(4)
    for kind in ("t1", "gm", "wm"):
        array, affine = _load_canonical(_nilearn_file(kind))
        maps.append(array.astype(np.float32) / 255)
    t1, gray, white = maps
    brain = t1 > 0
    for array in (t1, gray, white, brain):
        array.setflags(write=False)
    return Template(t1, gray, white, brain, origin=tuple(affine[:3, 3].tolist()))


def upright(planes: np.ndarray) -> np.ndarray:
    """Axial planes in RAS as pictures: front up, subject's left on the left.

    Args:
        planes: (X, Y, N).

    Returns:
        Pictures (N, Y, X).
    """
    return np.ascontiguousarray(planes.transpose(2, 1, 0)[:, ::-1])


def plane_numbers(brain_area: np.ndarray, pixels: int, slices: int) -> np.ndarray:
    """Numbers of `slices` evenly spaced axial planes over the range that holds the brain.

    The range runs from the first to the last plane with at least 4.5 % brain.

    Args:
        brain_area: brain pixels of each plane, (Z,).
        pixels: pixels of a plane.
        slices: how many planes.

    Returns:
        int64 (slices,).

    Raises:
        ValueError: the range has fewer planes than asked for.
    """
    inside = np.flatnonzero(brain_area >= MINIMUM_BRAIN_SHARE * pixels)
    first, last = inside[0], inside[-1]
    if slices > last - first + 1:
        raise ValueError(
            f"slices: at most {last - first + 1} planes of this head hold at least "
            f"{MINIMUM_BRAIN_SHARE:.1%} brain, got {slices}"
        )
    if slices == 1:
        return np.array([(first + last) // 2])
    return np.round(np.linspace(first, last, slices)).astype(np.int64)
