"""From a volume to pictures: which profile to cut, how to cut it upright, and how to make its pixels square.

A volume in RAS axes is cut across x (sagittal), y (coronal) or z (axial). Scanners acquire thick slices of fine
pixels: only one profile may show the fine pixels, and a picture of others is stretched until it is resampled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from course_lib._checks import check_count, check_number
from course_lib.data.volumes import Scan

#: Profile by the axis that it cuts across: x, y, z of RAS.
PROFILES = ("sagittal", "coronal", "axial")
#: Pixels whose sides differ by less than this share count as square.
_SQUARE = 0.02


@dataclass(frozen=True)
class SliceProfile:
    """What slices of one profile look like.

    Attributes:
        name: "axial", "coronal" or "sagittal".
        pixel: (height, width) of a pixel in mm.
        thickness: mm between slices.
    """

    name: str
    pixel: tuple[float, float]
    thickness: float

    @property
    def anisotropy(self) -> float:
        """Longer over shorter side of a pixel; 1 is square."""
        return max(self.pixel) / min(self.pixel)


def anisotropy(voxel_size: Sequence[float]) -> float:
    """Longest over shortest side of a voxel.

    Args:
        voxel_size: its sides, in mm.

    Returns:
        1 is isotropic.
    """
    sides = [check_number(side, "voxel_size", low=0, above=True) for side in voxel_size]
    return max(sides) / min(sides)


def slice_profiles(voxel_size: Sequence[float]) -> list[SliceProfile]:
    """The three profiles of a volume; the best one first.

    Best: square pixels before others, then the finest; where they are alike, axial before coronal before sagittal.
    IXI's heads (1.2 × 0.94 × 0.94 mm) are best cut sagittally.

    Args:
        voxel_size: mm along x, y, z.

    Returns:
        The profiles.

    Raises:
        ValueError: sizes that are not positive.

    Source: "Select profile", healthy-brain thesis.
    Lab: 03.
    """
    if len(voxel_size) != 3:
        raise ValueError(f"voxel_size: expected mm along x, y and z, got {voxel_size!r}")
    anisotropy(voxel_size)
    found = []
    for axis, name in reversed(list(enumerate(PROFILES))):
        width, height = (float(side) for k, side in enumerate(voxel_size) if k != axis)
        found.append(SliceProfile(name, (height, width), float(voxel_size[axis])))
    # rounded: differences that only a header's float32 makes are none
    return sorted(
        found,
        key=lambda p: (p.anisotropy > 1 + _SQUARE, round(p.anisotropy, 2), round(p.pixel[0] * p.pixel[1], 3)),
    )


def cut(
    volume: np.ndarray, planes: Sequence[int] | np.ndarray | slice = slice(None), profile: str = "axial"
) -> np.ndarray:
    """Pictures of the planes of a RAS volume, upright.

    Args:
        volume: (X, Y, Z) in RAS axes.
        planes: their numbers along the axis that the profile cuts across; default all.
        profile: "axial": front up, subject's left on the left; "coronal": top up, subject's left on the left;
            "sagittal": top up, front on the right.

    Returns:
        Pictures (N, H, W).

    Raises:
        ValueError: an unknown profile.

    Lab: 03.
    """
    axis = _axis(profile)
    if volume.ndim != 3:
        raise ValueError(f"volume: expected the shape (X, Y, Z), got {volume.shape}")
    chosen = np.moveaxis(volume, axis, 0)[planes]  # (N, A, B), A before B in the order x, y, z
    return np.ascontiguousarray(chosen.transpose(0, 2, 1)[:, ::-1])  # (N, B, A), B runs upwards


def _axis(profile: str) -> int:
    if profile not in PROFILES:
        raise ValueError(f"profile: expected one of {', '.join(PROFILES)}, got {profile!r}")
    return PROFILES.index(profile)


def resample(array: np.ndarray, spacing: Sequence[float], wanted: float | Sequence[float]) -> np.ndarray:
    """The last axes of an array, resampled.

    Linear, and averaged over the new samples' width where they are wider: fine detail does not alias. The first
    sample's outer edge stays where it is. Lengths round down.

    Args:
        array: its last axes are resampled, as many as `spacing` has numbers.
        spacing: mm between samples.
        wanted: mm between the new samples; one number for all axes, or one each.

    Returns:
        float32.

    Raises:
        ValueError: spacings that are not positive.

    Lab: 03.
    """
    import torch
    from torch.nn.functional import interpolate

    have = [check_number(step, "spacing", low=0, above=True) for step in spacing]
    steps: Any = [wanted] * len(have) if np.ndim(wanted) == 0 else wanted
    want = [check_number(step, "wanted", low=0, above=True) for step in steps]
    if len(want) != len(have) or len(have) > array.ndim:
        raise ValueError(f"wanted: expected one number or {len(have)} (axes: {array.ndim}), got {wanted!r}")
    result = np.asarray(array, dtype=np.float32)
    for axis, (old, new) in enumerate(zip(have, want, strict=True), start=result.ndim - len(have)):
        if abs(old / new - 1) < 1e-6:
            continue
        if int(result.shape[axis] * (old / new) + 1e-6) < 1:
            raise ValueError(
                f"wanted: expected at most {old * result.shape[axis]:g} mm, the array's extent, got {new:g}"
            )
        first = np.moveaxis(result, axis, 0)
        lines = torch.from_numpy(np.require(first, requirements=["C", "W"]).reshape(1, 1, len(first), -1))
        # the scale is given, not the length: pixels are `wanted` mm exactly, whatever rounding does to the length
        scale = (old / new * (1 + 1e-9), 1.0)
        lines = interpolate(lines, scale_factor=scale, mode="bilinear", antialias=True)
        result = np.moveaxis(lines[0, 0].numpy().reshape(-1, *first.shape[1:]), 0, axis)
    return np.ascontiguousarray(result)


def isotropic(scan: Scan, size: float = 1.0) -> Scan:
    """The scan with cubic voxels, its affine moved along; see :func:`resample`.

    Args:
        scan: in canonical RAS.
        size: side of the voxels in mm.

    Returns:
        A new scan.

    Lab: 03.
    """
    size = check_number(size, "size", low=0, above=True)
    scale = np.array([size / side for side in scan.voxel_size])
    step = np.diag([*scale, 1.0])
    step[:3, 3] = (scale - 1) / 2  # the centre of the first new voxel, counted in old voxels
    data = resample(scan.data, scan.voxel_size, size)
    return Scan(data, (size,) * 3, scan.affine @ step, scan.path)


def crop_or_pad(array: np.ndarray, size: int | tuple[int, int]) -> np.ndarray:
    """Cut or zero-pad the last two axes about their centre; no resampling.

    Where the difference is odd, the bottom and right sides get (or lose) the extra pixel.

    Args:
        array: its last two axes are H and W.
        size: (H, W), or a number for a square.

    Returns:
        The array with those last two axes.
    """
    sides: Any = (size, size) if np.ndim(size) == 0 else size
    try:
        height, width = sides
    except ValueError:
        raise ValueError(f"size: expected one number or (height, width), got {size!r}") from None
    wanted = check_count(height, "size"), check_count(width, "size")
    padding, window = [(0, 0)] * (array.ndim - 2), [slice(None)] * (array.ndim - 2)
    for have, want in zip(array.shape[-2:], wanted, strict=True):
        before = abs(want - have) // 2
        padding.append((before, want - have - before) if want > have else (0, 0))
        window.append(slice(before, before + want) if want < have else slice(None))
    return np.pad(array[tuple(window)], padding)
