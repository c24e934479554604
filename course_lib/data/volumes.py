"""Volumes from NIfTI files, whatever way they lie: canonical RAS axes, voxel sizes in mm, and a clear no to bad files.

Medical files come in all conditions. :func:`read_volume` checks what a file promises before it believes it, and
:func:`read_volumes` goes through many: the good ones are yielded, the others named in a report. Lab 03.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from course_lib._checks import check_count
from course_lib.data.nifti import DCM2NIIX, is_dicom, read_nifti

#: So many files of a folder without volumes are looked at, to tell what they are.
_LOOKED_AT = 100


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
    """One volume of a .nii or .nii.gz file (NIfTI-1 or 2, any orientation, number type, byte order), in canonical RAS.

    Oblique axes are turned to the nearest of x, y and z; nothing is resampled. Values are scaled as the header says.
    DICOM is not read: the message says how it is converted. What files often get wrong, and every reader understands,
    is put right: a slope of NaN, an offset of 0, a quaternion longer than 1 by rounding, a handedness of 0, no unit.

    Args:
        path: of the file.

    Returns:
        The volume, float32, with voxel size and affine.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: names the file and what is wrong with it: empty, truncated or damaged, not NIfTI, not one 3D image
            of numbers, too large to be true, a singular or non-finite affine, voxels of metres, values that are NaN,
            infinite, all the same, or too close to each other for float32.

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

    data, affine = read_nifti(path.read_bytes())
    turn = orientations.io_orientation(affine)
    affine = affine @ orientations.inv_ornt_aff(turn, data.shape)
    data = orientations.apply_orientation(data, turn)
    return Scan(data, tuple(affines.voxel_sizes(affine).tolist()), affine, path)


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
            files, found = found, [path for path in found if _is_volume(path)]
            if not found and any(_is_dicom(path) for path in files[:_LOOKED_AT]):
                raise ValueError(f"expected .nii or .nii.gz files in {source}, got DICOM: {DCM2NIIX}")
    else:
        found = [Path(path) for path in source]
    if not found:
        raise ValueError(f"expected at least one file .nii or .nii.gz, got none in {source}")
    return found if first is None else found[: check_count(first, "first")]


def _is_volume(path: Path) -> bool:
    return path.name.lower().endswith((".nii", ".nii.gz")) and not path.name.startswith(".")


def _is_dicom(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return is_dicom(file.read(132))


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
