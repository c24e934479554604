"""What a NIfTI file holds, believed only as far as it can be true: header, place of the voxels, scaling, affine.

Where files on disks depart from the standard and every reader knows what was meant (an offset of 0, a quaternion a hair
too long, a handedness of 0), it is read as nifti1_io.c, the standard's own code, reads it; all else is a ValueError in
words.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

#: More voxels than a head has at 0.5 mm: a header that promises them is taken for a broken one.
MAXIMUM_VOXELS = 512**3
#: Deflate never shrinks data by more (zlib's technical notes): a packed file cannot hold more than this.
_BEST_COMPRESSION = 1032
_GZIP = b"\x1f\x8b"
#: Bytes that may follow the image, which are unpacked for the checksum of the whole.
_BEYOND = 2**20
_HEADER_BYTES = 540  # of NIfTI-2; NIfTI-1 has 348
#: By the unit's code; 0 is unknown, and then they are millimetres, as are codes that the standard does not know.
_MILLIMETRES = {1: 1000.0, 2: 1.0, 3: 0.001}
#: mm: smaller than in a microscope, or larger than a head's tenth, is a wrong unit.
_SIDES = (1e-4, 100.0)
#: Squared length of a quaternion's three numbers: 1 and what rounding (or a few digits of text) makes of it.
_LONGEST = 1.01
#: Grey levels of float32 between the smallest and the largest value, at least: fewer would show as steps.
_LEVELS = 1000
_CHUNK = 2**22

#: How to go on from what is no NIfTI file.
DCM2NIIX = "convert the folder of its series with dcm2niix (https://github.com/rordenlab/dcm2niix) and read the .nii.gz"
_MRI_CONVERT = "convert it with FreeSurfer's mri_convert"
_SAVE = 'nibabel.save(nibabel.load("NAME.hdr"), "NAME.nii.gz") makes one file of both'


@dataclass(frozen=True)
class Parsed:
    """A NIfTI file taken apart.

    Attributes:
        stored: the voxels as they are stored, in the file's number type: (X, Y, Z), of a series (X, Y, Z, T).
        slope, intercept: value = slope · stored + intercept.
        affine: float64 (4, 4), voxel to mm.
        start: all bytes before the voxels; what was mended in the header is mended here.
    """

    stored: np.ndarray
    slope: float
    intercept: float
    affine: np.ndarray
    start: bytes


def parse_nifti(packed: bytes, *, series: bool = False) -> Parsed:
    """Take a file apart, and check that it can be true.

    Args:
        packed: the file's bytes, packed by gzip or not.
        series: several volumes are allowed.

    Returns:
        Its parts.

    Raises:
        ValueError: says what is wrong.
    """
    header = _header(packed)
    shape = _shape(header, series)
    kind = _kind(header)
    count, offset = math.prod(shape), _offset(header)
    slope, intercept = _scaling(header)
    affine = _affine(header)
    raw = _unpacked(packed, offset + count * kind.itemsize)
    stored = np.frombuffer(raw, kind, count, offset).reshape(shape, order="F")
    header["vox_offset"] = offset
    own = header.structarr.tobytes()
    return Parsed(stored, slope, intercept, affine, own + raw[len(own) : offset])


def read_nifti(packed: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Voxels of one volume, scaled as the header says.

    Args:
        packed: the file's bytes, packed by gzip or not.

    Returns:
        float32 (X, Y, Z), axes as in the file; and the affine, float64 (4, 4), voxel to mm.

    Raises:
        ValueError: says what is wrong.
    """
    parsed = parse_nifti(packed)
    values = scaled(parsed.stored.reshape(-1, order="F"), parsed.slope, parsed.intercept)
    return values.reshape(parsed.stored.shape, order="F"), parsed.affine


def _header(packed: bytes) -> Any:
    """The NIfTI header at the start of a file's bytes."""
    from nibabel import Nifti1Header, Nifti2Header

    if not packed:
        raise ValueError("expected a NIfTI file, got an empty one (0 bytes)")
    start = _unpacked(packed, _HEADER_BYTES, whole=False)
    if len(start) >= 348 and start[344:348] == b"n+1\0":
        return Nifti1Header(start[:348], check=False)
    if len(start) >= 540 and start[4:8] == b"n+2\0":
        return Nifti2Header(start[:540], check=False)
    raise ValueError(f"expected a NIfTI file (.nii or .nii.gz), got {_other(start)}")


def is_dicom(start: bytes) -> bool:
    """Whether a file that begins so is DICOM: by its mark, or (old files have none) by a first element of group 8.

    Args:
        start: its first 132 bytes, or more.

    Returns:
        True for DICOM.
    """
    of_group_8 = start[:2] == b"\x08\0" and start[3:4] == b"\0"
    return start[128:132] == b"DICM" or (of_group_8 and (start[4:6].isalpha() or start[6:8] == b"\0\0"))


def _other(start: bytes) -> str:
    """What a file is that is no NIfTI file, and what to do."""
    if is_dicom(start):
        return f"DICOM: {DCM2NIIX}"
    if start[344:347] in (b"ni1", b"ni2") or start[4:7] == b"ni2":
        return f"half of a pair .hdr and .img: {_SAVE}"
    if start[:4] in (b"\x5c\x01\0\0", b"\0\0\x01\x5c"):
        return f"Analyze 7.5, which does not say what is left and right; if you know that it is right: {_SAVE}"
    for beginning, words in (
        (b"\0\0\0\1", f"FreeSurfer's MGH: {_MRI_CONVERT}"),
        (b"NRRD", "NRRD: convert it with SimpleITK (ReadImage, WriteImage)"),
        (b"\x89HDF", f"HDF5, perhaps MINC: {_MRI_CONVERT}"),
        (b"CDF", f"NetCDF, perhaps MINC: {_MRI_CONVERT}"),
        (b"PK\x03\x04", "a zip archive: unpack it first"),
    ):
        if start.startswith(beginning):
            return words
    return f"other content, which begins {start[:8]!r}"


def _shape(header: Any, series: bool) -> tuple[int, ...]:
    axes = int(header["dim"][0])
    if not 1 <= axes <= 7:
        raise ValueError(f"expected a NIfTI header of 1 to 7 axes, got a damaged one with {axes}")
    shape = tuple(int(count) for count in header["dim"][1 : axes + 1])
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) != 3 and not (series and len(shape) == 4):
        split = "" if series else ": split series into files first"
        raise ValueError(f"expected one 3D volume, got the shape {shape}{split}")
    if min(shape) < 1:
        raise ValueError(f"expected at least one voxel along each axis, got the shape {shape}")
    voxels = np.prod([float(count) for count in shape])
    if voxels > MAXIMUM_VOXELS:
        raise ValueError(f"expected at most {MAXIMUM_VOXELS:,} voxels, got a header that promises {voxels:,.0f}")
    return shape


def _kind(header: Any) -> np.dtype:
    code = int(header["datatype"])
    try:
        kind = header.get_data_dtype()
    except KeyError:
        raise ValueError(f"expected a NIfTI header, got a damaged one: no type of voxels has the code {code}") from None
    if kind.kind not in "iuf":
        raise ValueError(f"expected voxels that are real numbers, got {kind}")
    return kind


def _offset(header: Any) -> int:
    """Where the voxels begin, in bytes; 0 stands for behind the header and its four bytes of extension."""
    length = int(header.structarr.dtype.itemsize)
    given = float(header["vox_offset"])
    if given == 0:
        return length + 4
    if not length <= given < 2**40 or given != int(given):
        raise ValueError(f"expected voxels behind the header, at byte {length} or later, got vox_offset {given:g}")
    return int(given)


def _scaling(header: Any) -> tuple[float, float]:
    """Slope and intercept; a slope that is 0 or no number means that values are as they are stored."""
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    if slope == 0 or not np.isfinite(slope):
        return 1.0, 0.0
    if not np.isfinite(intercept):
        raise ValueError(f"expected a finite intercept beside the slope {slope:g}, got scl_inter {intercept:g}")
    return slope, intercept


def scaled(stored: np.ndarray, slope: float, intercept: float) -> np.ndarray:
    """Values of stored voxels; computed in float64, since float32 holds no more than 24 bits of a stored integer.

    Args:
        stored: one axis, any real type.
        slope, intercept: value = slope · stored + intercept.

    Returns:
        float32, as long.

    Raises:
        ValueError: values that are not finite, all the same, or too close to each other for float32.
    """
    data = np.empty(len(stored), np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        for first in range(0, len(stored), _CHUNK):
            part = stored[first : first + _CHUNK]
            if (slope, intercept) != (1.0, 0.0):
                part = part.astype(np.float64) * slope + intercept
            data[first : first + _CHUNK] = part
    if wrong := data.size - int(np.isfinite(data).sum()):
        if stored.dtype.kind != "f" or np.isfinite(stored).sum() > data.size - wrong:
            raise ValueError("expected values that float32 can hold, below 3.4e38; some are larger")
        raise ValueError(f"expected finite values, got NaN or infinity in {wrong:,} of {data.size:,} voxels")
    if stored.min() == stored.max():
        raise ValueError(f"expected an image, got the same value {data[0]:g} in all {data.size:,} voxels")
    _check_steps(data, 0.0 if stored.dtype.kind == "f" else abs(slope))
    return data


def _check_steps(data: np.ndarray, step: float) -> None:
    """Refuse values so far from 0 that float32 loses their differences; step: that of the stored integers."""
    low, high = data.min(), data.max()
    smallest = np.spacing(max(abs(low), abs(high)))
    if smallest > step and high - low < _LEVELS * smallest:
        held = f"it has only about {(high - low) / smallest:.0f} steps between them"
        raise ValueError(f"expected values whose differences float32 can hold, got {low:.9g} to {high:.9g}: {held}")


def _affine(header: Any) -> np.ndarray:
    """Voxel to mm, finite and invertible."""
    if int(header["sform_code"]) == 0 and int(header["qform_code"]) != 0:
        _mend_quaternion(header)
    affine = np.array(header.get_best_affine(), dtype=np.float64)
    if not np.isfinite(affine).all():
        raise ValueError("expected a finite affine (voxel to mm), got NaN or infinity in it")
    code = int(header["xyzt_units"]) % 8
    affine[:3] *= _MILLIMETRES.get(code, 1.0)
    sides = np.linalg.norm(affine[:3, :3], axis=0)
    # of unit vectors: however small the voxels, this is no rounding error
    if min(sides) == 0 or abs(np.linalg.det(affine[:3, :3] / sides)) < 1e-6:
        raise ValueError("expected an affine (voxel to mm) that can be inverted, got a singular one")
    if min(sides) < _SIDES[0] or max(sides) > _SIDES[1]:
        got = " × ".join(f"{side:.3g}" for side in sides)
        why = f": is the unit, code {code}, right?" if code in (1, 3) else ""
        raise ValueError(f"expected voxels of {_SIDES[0]:g} to {_SIDES[1]:g} mm a side, got {got}{why}")
    return affine


def _mend_quaternion(header: Any) -> None:
    """Make the rotation one that nibabel takes, if every reader agrees what was meant."""
    quaternion = np.array([float(header[f"quatern_{letter}"]) for letter in "bcd"])
    sides = np.array(header["pixdim"][:4], dtype=np.float64)
    if not (np.isfinite(quaternion).all() and np.isfinite(sides).all()):
        raise ValueError("expected a finite affine (voxel to mm), got NaN or infinity in its quaternion or voxel sizes")
    squared = float(quaternion @ quaternion)
    if squared > _LONGEST:
        raise ValueError(f"expected an orientation, got a damaged quaternion of squared length {squared:.3g}, not 1")
    if squared > 1:
        for letter, number in zip("bcd", quaternion / np.sqrt(squared), strict=True):
            header[f"quatern_{letter}"] = number
    header["pixdim"][:4] = [-1.0 if sides[0] < 0 else 1.0, *np.abs(sides[1:])]


def _unpacked(packed: bytes, count: int, *, whole: bool = True) -> bytes:
    """The first `count` bytes of a file that may be packed by gzip; no more memory than they need.

    whole: refuse a file that has fewer, and one whose checksum is wrong.
    """
    raw, rest, complete = packed, b"", True
    if packed[:2] == _GZIP:
        if whole and count > _BEST_COMPRESSION * len(packed):
            raise ValueError(f"expected {count:,} bytes of image as the header says, got a file of {len(packed):,}")
        raw, rest = b"", packed
    # a gzip file may have several members; asking for more than needed makes zlib compare the checksum at the end
    most = count + _BEYOND
    while rest[:2] == _GZIP and len(raw) < most:
        member = zlib.decompressobj(wbits=31)
        try:
            part = member.decompress(rest, most - len(raw) if whole else count)
        except zlib.error as error:
            raise ValueError(f"expected a whole .gz file, got a damaged one ({error})") from error
        raw = raw + part if raw else part
        rest, complete = member.unused_data, member.eof or len(raw) == most
    if whole and len(raw) < count:
        raise ValueError(f"expected {count:,} bytes as the header says, got {len(raw):,}: the file is truncated")
    if whole and not complete:
        raise ValueError("expected a whole .gz file, got one without its end: the file is truncated")
    return raw
