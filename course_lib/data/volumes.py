"""Volumes from NIfTI files, whatever way they lie: canonical RAS axes, voxel sizes in mm, and a clear no to bad files.

Medical files come in all conditions. :func:`read_volume` checks what a file promises before it believes it, and
:func:`read_volumes` goes through many: the good ones are yielded, the others named in a report. Lab 03.
"""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from course_lib._checks import check_count

#: More voxels than a head has at 0.5 mm: a header that promises them is taken for a broken one.
MAXIMUM_VOXELS = 512**3
#: Deflate never shrinks data by more (zlib's technical notes): a packed file cannot hold more than this.
_BEST_COMPRESSION = 1032
_GZIP = b"\x1f\x8b"
#: Bytes that may follow the image, which are unpacked for the checksum of the whole.
_BEYOND = 2**20
_HEADER_BYTES = 540  # of NIfTI-2; NIfTI-1 has 348
_MILLIMETRES = {"meter": 1000.0, "micron": 0.001}


@dataclass(frozen=True)
class Scan:
    """A volume as its file gives it, axes turned to canonical RAS: x runs to the right, y to the front, z to the top.

    Attributes:
        data: float32 (X, Y, Z), the scanner's units.
        voxel_size: mm along x, y, z.
        affine: float64 (4, 4), voxel to mm.
        path: its file.
    """

    data: np.ndarray
    voxel_size: tuple[float, float, float]
    affine: np.ndarray
    path: Path

    @property
    def name(self) -> str:
        """The file's name without .nii or .nii.gz."""
        return self.path.name.removesuffix(".gz").removesuffix(".nii")


def read_volume(path: str | Path) -> Scan:
    """One volume of a .nii or .nii.gz file (NIfTI-1 or 2, any orientation and number type), in canonical RAS.

    Oblique axes are turned to the nearest of x, y and z; nothing is resampled. Values are scaled as the header says.

    Args:
        path: of the file.

    Returns:
        The volume, float32, with voxel size and affine.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: names the file and what is wrong with it: empty, truncated or damaged, not NIfTI, not one 3D image
            of numbers, too large to be true, a singular or non-finite affine, values that are NaN or infinite, or all
            the same.

    Lab: 03.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file")
    try:
        return _read(path)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _read(path: Path) -> Scan:
    from nibabel import affines, orientations

    packed = path.read_bytes()
    header = _header(packed)
    shape = _shape(header)
    offset, kind = int(header.get_data_offset()), header.get_data_dtype()
    if kind.kind not in "iuf":
        raise ValueError(f"expected voxels that are real numbers, got {kind}")
    raw = _unpacked(packed, offset + int(np.prod(shape)) * kind.itemsize)
    data = np.frombuffer(raw, kind, int(np.prod(shape)), offset).reshape(shape, order="F").astype(np.float32)
    slope, intercept = header.get_slope_inter()
    if slope not in (None, 1.0):
        data *= np.float32(slope)
    if intercept not in (None, 0.0):
        data += np.float32(intercept)
    _check_values(data)

    affine = _affine(header)
    turn = orientations.io_orientation(affine)
    affine = affine @ orientations.inv_ornt_aff(turn, shape)
    data = orientations.apply_orientation(data, turn)
    return Scan(data, tuple(affines.voxel_sizes(affine).tolist()), affine, path)


def _header(packed: bytes) -> Any:
    """The NIfTI header at the start of a file's bytes."""
    from nibabel import Nifti1Header, Nifti2Header
    from nibabel.spatialimages import HeaderDataError
    from nibabel.wrapstruct import WrapStructError

    if not packed:
        raise ValueError("expected a NIfTI file, got an empty one (0 bytes)")
    start = _unpacked(packed, _HEADER_BYTES, whole=False)
    if start[344:348] == b"n+1\0":
        form, length = Nifti1Header, 348
    elif start[4:8] == b"n+2\0":
        form, length = Nifti2Header, 540
    else:
        raise ValueError(f"expected a NIfTI file (.nii or .nii.gz), got other content, which begins {start[:8]!r}")
    try:
        return form(start[:length])
    except (HeaderDataError, WrapStructError) as error:
        raise ValueError(f"expected a NIfTI header, got a damaged one ({error})") from error


def _shape(header: Any) -> tuple[int, int, int]:
    shape = tuple(int(count) for count in header.get_data_shape())
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) != 3:
        raise ValueError(f"expected one 3D volume, got the shape {shape}: split series into files first")
    if min(shape) < 1:
        raise ValueError(f"expected at least one voxel along each axis, got the shape {shape}")
    voxels = np.prod([float(count) for count in shape])
    if voxels > MAXIMUM_VOXELS:
        raise ValueError(f"expected at most {MAXIMUM_VOXELS:,} voxels, got a header that promises {voxels:,.0f}")
    return shape


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


def _affine(header: Any) -> np.ndarray:
    """Voxel to mm, finite and invertible."""
    from nibabel.spatialimages import HeaderDataError

    try:
        affine = np.array(header.get_best_affine(), dtype=np.float64)
    except (HeaderDataError, ValueError) as error:
        raise ValueError(f"expected an orientation, got a damaged quaternion ({error})") from error
    if not np.isfinite(affine).all():
        raise ValueError("expected a finite affine (voxel to mm), got NaN or infinity in it")
    affine[:3] *= _MILLIMETRES.get(header.get_xyzt_units()[0], 1.0)
    if abs(np.linalg.det(affine)) < 1e-9:
        raise ValueError("expected an affine (voxel to mm) that can be inverted, got a singular one")
    return affine


def _check_values(data: np.ndarray) -> None:
    wrong = data.size - int(np.isfinite(data).sum())
    if wrong:
        raise ValueError(f"expected finite values, got NaN or infinity in {wrong:,} of {data.size:,} voxels")
    if data.min() == data.max():
        raise ValueError(f"expected an image, got the same value {data.flat[0]:g} in all {data.size:,} voxels")


@dataclass
class Report:
    """What became of many files.

    Attributes:
        read: the good ones.
        refused: the others, with the reason.
    """

    read: list[Path] = field(default_factory=list)
    refused: dict[Path, str] = field(default_factory=dict)

    def __str__(self) -> str:
        total = len(self.read) + len(self.refused)
        lines = [f"{total} files: {len(self.read)} read, {len(self.refused)} refused"]
        return "\n".join(lines + [f"  {reason}" for reason in self.refused.values()])

    def refuse(self, path: Path, error: Exception) -> None:
        """Note a file and why it was refused.

        Args:
            path: the file.
            error: the reason; it names the file.
        """
        reason = str(error)
        self.refused[path] = reason if str(path) in reason else f"{path}: {reason}"

    def warn(self, stacklevel: int = 3) -> None:
        """One warning for all refused files, if there are any.

        Args:
            stacklevel: as in `warnings.warn`.
        """
        if self.refused:
            warnings.warn(str(self), stacklevel=stacklevel)


class Volumes:
    """Many files, read one at a time as a loop asks for them; made by :func:`read_volumes`.

    `len` counts files, good or not. `report`: of the latest loop, complete at its end.

    Args:
        paths: the files in order.
    """

    def __init__(self, paths: list[Path]):
        self.paths, self.report = paths, Report()

    def __len__(self) -> int:
        return len(self.paths)

    def __iter__(self) -> Iterator[Scan]:
        self.report = report = Report()
        for path in self.paths:
            try:
                scan = read_volume(path)
            except (ValueError, OSError) as error:
                report.refuse(path, error)
                continue
            report.read.append(path)
            yield scan
        report.warn()


def find_volumes(source: str | Path | Iterable[str | Path], *, first: int | None = None) -> list[Path]:
    """The NIfTI files of a folder and of those below it; or the paths of a list.

    Hidden files are passed over.

    Args:
        source: a folder, a file, or a list of paths.
        first: only so many.

    Returns:
        Those of a folder sorted by path; those of a list as they are.

    Raises:
        FileNotFoundError: a folder or file that is not there.
        ValueError: no file is left.
    """
    if isinstance(source, (str, Path)):
        folder = Path(source)
        if not folder.exists():
            raise FileNotFoundError(f"{folder}: there is no such folder")
        found = sorted(folder.rglob("*")) if folder.is_dir() else [folder]
        if folder.is_dir():
            found = [p for p in found if p.name.lower().endswith((".nii", ".nii.gz")) and not p.name.startswith(".")]
    else:
        found = [Path(path) for path in source]
    if not found:
        raise ValueError(f"expected at least one file .nii or .nii.gz, got none in {source}")
    return found if first is None else found[: check_count(first, "first")]


def read_volumes(source: str | Path | Iterable[str | Path], *, first: int | None = None) -> Volumes:
    """Go through a folder of NIfTI files or a list of paths lazily: `for scan in read_volumes("folder"): ...`.

    A file that :func:`read_volume` refuses does not stop the loop. At its end a warning names every refused file
    and why; `.report` holds the same. One volume is in memory at a time.

    Args:
        source: a folder, a file, or a list of paths.
        first: only so many files.

    Returns:
        The volumes, to loop over.

    Raises:
        FileNotFoundError, ValueError: as :func:`find_volumes`.

    Lab: 03.
    """
    return Volumes(find_volumes(source, first=first))
