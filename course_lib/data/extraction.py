"""Where is the brain? A small extractor: a threshold that fits the head, and morphology; no network, no weights.

The thesis behind labs 03 and 06 used a trained network (DeepBrain) that no longer installs. In a head the brain is one
large piece of middling brightness, which dark bone parts from the scalp: that is enough to find it. A better mask (of a
network such as deepbet, HD-BET or SynthStrip) can take its place: `brain_slices(..., masks=...)`.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from course_lib import metrics
from course_lib._checks import check_image, check_number
from course_lib.data._brain_search import search
from course_lib.data.intensity import from_zero

#: Litres: below and above, a whole brain is hardly one, with the CSF in folds and around.
_LITRES = (0.7, 2.3)
#: mm: a volume that is shorter along some axis is a slab, and holds a part of the brain.
_WHOLE = 100.0
#: mm²: no plane cuts more brain.
_LARGEST_CUT = 23_000.0
_NONE = "data: found no brain; expected a head in RAS axes, of T1, T2, PD or FLAIR contrast, with or without skull"


def brain_mask(data: np.ndarray, voxel_size: Sequence[float]) -> np.ndarray:
    """Brain of a head with cerebellum, brain stem and the CSF in folds; contrast, skull and neck may be what they are.

    Steps, on about 2 mm voxels: the middle of the head from an Otsu threshold; tissue above a lower threshold; peel it
    by 4.5 mm (more, if what is left is too large for a brain) and keep the piece nearest to the middle; grow it back
    inside the tissue; close folds by 6 mm; fill holes. The threshold is no fixed number: of eleven, one is taken at
    which the volume changes least, since between the brightness of cortex and that of bone all give the same brain.
    Where the background was cleared and hardly more is left than the brain that is found, somebody has taken the skull
    away before, and all that is left is the brain.

    A warning says when the volume cannot be that of a brain (:func:`implausible`). A rough mask: enough to choose
    slices, too rough to measure brains. About a second a head.

    Args:
        data: floating point (X, Y, Z) in RAS axes, any scale (also below zero, see :func:`intensity.from_zero`), with
            or without skull, neck and noise; a whole head or a slab of it.
        voxel_size: mm along x, y, z.

    Returns:
        bool, the shape of `data`.

    Raises:
        TypeError, ValueError: bad input.
        ValueError: no brain is found.

    Source: Otsu 1979; morphological extractors since Brummer 1993, IEEE TMI 12(2); the threshold by stability: Matas et
        al. 2002, "Robust wide baseline stereo from maximally stable extremal regions".
    Lab: 03.
    """
    brain = find_brain(data, voxel_size)
    if doubt := implausible(brain, voxel_size):
        warnings.warn(doubt, stacklevel=2)
    return brain


def find_brain(data: np.ndarray, voxel_size: Sequence[float]) -> np.ndarray:
    """:func:`brain_mask` without its warning.

    Args:
        data: as there.
        voxel_size: as there.

    Returns:
        bool, the shape of `data`.

    Raises:
        TypeError, ValueError: as there.
    """
    check_image(data, "data")
    if data.ndim != 3 or len(voxel_size) != 3:
        raise ValueError(f"data: expected the shape (X, Y, Z) and three voxel sizes, got {data.shape}, {voxel_size}")
    size = np.array([check_number(side, "voxel_size", low=0, above=True) for side in voxel_size])
    brain = search(from_zero(data), size)
    if brain is None or not brain.any():
        raise ValueError(_NONE)
    return brain


def implausible(mask: np.ndarray, voxel_size: Sequence[float]) -> str | None:
    """Why a mask cannot be that of a brain, by its volume.

    Args:
        mask: bool (X, Y, Z).
        voxel_size: mm along x, y, z.

    Returns:
        Words for the user; None where the volume is that of a brain, or of a part of one in a slab.
    """
    size = np.array([check_number(side, "voxel_size", low=0, above=True) for side in voxel_size])
    volume, extent = float(mask.sum() * size.prod()), np.array(mask.shape) * size
    advice = "look at the mask, or give one of your own, masks=..."
    if extent.min() >= _WHOLE:
        if _LITRES[0] <= volume / 1e6 <= _LITRES[1]:
            return None
        return f"found a brain of {volume / 1e6:.2f} litres, expected {_LITRES[0]:g} to {_LITRES[1]:g}: {advice}"
    if volume / extent.min() <= _LARGEST_CUT:
        return None
    cut = volume / extent.min() / 100
    return (
        f"found a brain of {cut:.0f} cm² in the planes of a slab, expected {_LARGEST_CUT / 100:.0f} at most: {advice}"
    )


def dice(first: np.ndarray, second: np.ndarray) -> float:
    """Overlap of two masks, `metrics.dice`; but where no brain was found, two empty masks are a failure, not a match.

    Args:
        first: bool, A.
        second: bool, B.

    Returns:
        1 equal, 0 apart.

    Raises:
        ValueError: two empty masks.
    """
    if first.shape != second.shape or first.dtype != bool or second.dtype != bool:
        raise ValueError(f"expected two boolean masks of one shape, got {first.dtype} {first.shape}, {second.dtype}")
    if not first.any() and not second.any():
        raise ValueError("expected a mask that is not empty: two empty masks have no overlap to measure")
    return float(metrics.dice(first, second))
