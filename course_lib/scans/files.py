"""A NIfTI file in and the like out: header, extensions, grid, units and number type as they were, byte for byte."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from course_lib.data.nifti import parse_nifti, scaled
from course_lib.files import whole_file


@dataclass(frozen=True)
class StoredImage:
    """What a file holds, not yet scaled.

    Attributes:
        stored: (X, Y, Z) or (X, Y, Z, T), as the file orders the axes, its number type and byte order.
        slope, intercept: value = slope · stored + intercept.
        affine: float64 (4, 4), voxel to mm.
        start: the file's bytes before the voxels.
        path: of the file.
    """

    stored: np.ndarray
    slope: float
    intercept: float
    affine: np.ndarray
    start: bytes
    path: Path

    @property
    def volumes(self) -> int:
        """How many in the series; 1 for a 3D file."""
        return 1 if self.stored.ndim == 3 else self.stored.shape[3]

    @property
    def voxel_size(self) -> tuple[float, float, float]:
        """mm along the three axes of the file."""
        x, y, z = np.linalg.norm(self.affine[:3, :3], axis=0).tolist()
        return x, y, z

    def volume(self, number: int = 0) -> np.ndarray:
        """One volume in the scanner's units.

        Args:
            number: in the series.

        Returns:
            float32 (X, Y, Z).
        """
        part = self.stored if self.stored.ndim == 3 else self.stored[..., number]
        return scaled(part.reshape(-1, order="F"), self.slope, self.intercept).reshape(part.shape, order="F")

    def to_stored(self, values: np.ndarray) -> np.ndarray:
        """Values as the file would hold them: whole numbers rounded, and cut off at the ends of their type.

        Args:
            values: float32, in the scanner's units.

        Returns:
            The file's number type.
        """
        kind = self.stored.dtype
        raw = (values.astype(np.float64) - self.intercept) / self.slope
        if kind.kind == "f":
            return raw.astype(kind)
        low, high = float(np.iinfo(kind).min), float(np.iinfo(kind).max)
        if high > 2**53:  # float64 would round the largest number up to one that is none
            high = float(np.nextafter(high, 0))
        return np.clip(np.rint(raw), low, high).astype(kind)


def read_stored(path: str | Path) -> StoredImage:
    """Read a .nii or .nii.gz file of one volume or a series, and keep all that is needed to write the like.

    Args:
        path: of the file.

    Returns:
        Voxels as they are stored, and the rest.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: names the file and what is wrong with it, as `data.volumes.read_volume` does.

    Lab: 14.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file")
    try:
        parsed = parse_nifti(path.read_bytes(), series=True)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return StoredImage(parsed.stored, parsed.slope, parsed.intercept, parsed.affine, parsed.start, path)


def write_stored(path: str | Path, like: StoredImage, stored: np.ndarray) -> None:
    """Write voxels with the header of another file; packed where the name ends in .gz. Whole or not at all.

    Args:
        path: ends in .nii or .nii.gz.
        like: whose header and number type the file gets.
        stored: of the same shape and type as `like.stored`.

    Raises:
        ValueError: another name, shape or type.

    Lab: 14.
    """
    path = Path(path)
    if not path.name.lower().endswith((".nii", ".nii.gz")):
        raise ValueError(f"{path}: expected a name that ends in .nii or .nii.gz")
    if stored.shape != like.stored.shape or stored.dtype != like.stored.dtype:
        raise ValueError(f"stored: expected {like.stored.dtype} {like.stored.shape}, got {stored.dtype} {stored.shape}")
    with whole_file(path) as file:
        if path.name.lower().endswith(".gz"):
            with gzip.GzipFile(filename="", mode="wb", fileobj=file, compresslevel=6, mtime=0) as packed:
                _write(packed, like.start, stored)
        else:
            _write(file, like.start, stored)


def _write(file: IO[bytes] | gzip.GzipFile, start: bytes, stored: np.ndarray) -> None:
    file.write(start)
    # plane by plane: a copy of the whole in the file's order would double the memory
    for plane in np.moveaxis(stored.reshape(*stored.shape[:2], -1, order="F"), -1, 0):
        file.write(plane.tobytes(order="F"))
