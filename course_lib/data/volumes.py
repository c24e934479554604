"""Volumes from NIfTI files, whatever way they lie: canonical RAS axes, voxel sizes in mm, and a clear no to bad files.

Medical files come in all conditions. :func:`read_volume` checks what a file promises before it believes it, and
:func:`read_volumes` goes through many: the good ones are yielded, the others named in a report. Lab 03.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
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
        doubtful: good ones in which something is odd, with what it is.
    """

    read: list[Path] = field(default_factory=list)
    refused: dict[Path, str] = field(default_factory=dict)
    doubtful: dict[Path, str] = field(default_factory=dict)

    def __str__(self) -> str:
        total = len(self.read) + len(self.refused)
        lines = [f"{total} files: {len(self.read)} read, {len(self.refused)} refused"]
        return "\n".join(lines + [f"  {reason}" for reason in (*self.refused.values(), *self.doubtful.values())])

    def refuse(self, path: Path, error: Exception) -> None:
        """Note a file and why it was refused.

        Args:
            path: the file.
            error: the reason; it names the file.
        """
        reason = str(error)
        self.refused[path] = reason if str(path) in reason else f"{path}: {reason}"

    def doubt(self, path: Path, words: str) -> None:
        """Note a file that was read although something in it is odd.

        Args:
            path: the file.
            words: what is odd.
        """
        self.doubtful[path] = f"{path}: {words}"

    def warn(self, stacklevel: int = 3) -> None:
        """One warning for all refused and doubtful files, if there are any.

        Args:
            stacklevel: as in `warnings.warn`.
        """
        if self.refused or self.doubtful:
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


def read_mask(path: str | Path, scan: Scan) -> np.ndarray:
    """A mask of a scan, from a file on the same grid; its axes may lie in another order.

    Args:
        path: of the mask; what is above half of its largest value counts as inside (0 and 1, 0 and 255, a probability).
        scan: the scan.

    Returns:
        bool, the shape of the scan's data.

    Raises:
        FileNotFoundError, ValueError: as `read_volume`, and a mask that lies elsewhere.

    Lab: 03.
    """
    mask = read_volume(path)
    if mask.data.shape != scan.data.shape:
        raise ValueError(f"{path}: expected a mask of the scan's shape {scan.data.shape}, got {mask.data.shape}")
    # a voxel's side is what a mask may be off by: headers of other programs round
    apart = np.abs(mask.affine - scan.affine).max() / min(scan.voxel_size)
    if apart > 1:
        raise ValueError(f"{path}: expected a mask that lies where the scan lies, got one {apart:.1f} voxels apart")
    return mask.data > 0.5 * mask.data.max()


def find_masks(source: str | Path | Iterable[str | Path], paths: Sequence[Path]) -> list[Path | None]:
    """The masks of scans, in their order.

    Args:
        source: a list of files, one for each scan; or a folder, in which the mask of `NAME.nii.gz` is called `NAME` or
            begins with it: `NAME_mask.nii`, `NAME_brain.nii.gz`.
        paths: of the scans.

    Returns:
        Their files; None where a folder has none, or several, for a scan.

    Raises:
        FileNotFoundError: a folder that is not there.
        ValueError: a list of another length.
    """
    if not isinstance(source, (str, Path)):
        given = [Path(path) for path in source]
        if len(given) != len(paths):
            raise ValueError(f"masks: expected {len(paths)} files, one for each scan, got {len(given)}")
        return list(given)
    found = find_volumes(source)
    masks: list[Path | None] = []
    for path in paths:
        stem = _stem(path)
        # the scan itself is no mask of itself
        others = [other for other in found if other.absolute() != path.absolute()]
        same = [other for other in others if _stem(other) == stem]
        fitting = same or [other for other in others if re.match(re.escape(stem) + "[^0-9A-Za-z]", _stem(other))]
        masks.append(fitting[0] if len(fitting) == 1 else None)
    return masks


def _stem(path: Path) -> str:
    return re.sub(r"\.nii(\.gz)?$", "", path.name, flags=re.IGNORECASE)


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
