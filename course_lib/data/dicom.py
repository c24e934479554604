"""A CT series of DICOM files as one volume in Hounsfield units, read by pydicom: `read_ct_series(folder)`.

A folder of a scanner's CD holds more than slices: localisers, reports, a second series. A file that is no CT slice is
left out and named; slices that do not fit together are an error, since a volume with a hole in it looks like a volume.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from course_lib.ct import rescale_stored
from course_lib.data._nifti import DCM2NIIX as CONVERT

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_MILLIMETRE = 0.01  # places and spacings that differ by less are the same
_MR = "not CT, but MR"
DCM2NIIX = "dcm2niix (https://github.com/rordenlab/dcm2niix) reads more kinds of files"


@dataclass(frozen=True)
class CTSeries:
    """A volume and where it lies.

    Attributes:
        hounsfield: float32 (slices, H, W), HU, at least -1000; slices go along the normal of the image plane.
        spacing: mm from slice to slice, from row to row, from column to column; the first is 0 for a single slice.
        files: of the slices, in their order.
        left_out: files that are no slice of this series, with the reason.
    """

    hounsfield: np.ndarray
    spacing: tuple[float, float, float]
    files: tuple[Path, ...]
    left_out: tuple[tuple[Path, str], ...] = ()


def read_ct_series(source: str | Path | Sequence[str | Path], *, series: str | None = None) -> CTSeries:
    """Read a folder of DICOM files, or some files, as one CT volume.

    Stored numbers become Hounsfield units by each file's own slope and intercept, padding becomes air, and slices are
    ordered by their place in the scanner, not by their names or numbers.

    Args:
        source: a folder (files in it and below), one file, or several.
        series: the SeriesInstanceUID to read, where there are several.

    Returns:
        The volume, its spacing and its files.

    Raises:
        FileNotFoundError: no such folder or file.
        ValueError: no CT slice, several series, slices of unequal size or spacing, two slices at one place, a gap, or
            pixels that nothing here can decompress. The message names the file.

    Source: DICOM PS3.3, sections C.7.6.2 and C.11.1.
    Lab: 10.
    """
    found: list[tuple[Path, Dataset]] = []
    left_out: list[tuple[Path, str]] = []
    for path in _files(source):
        header, why = _header(path)
        if header is None:
            left_out.append((path, why))
        else:
            found.append((path, header))
    if not found:
        reasons = "; ".join(f"{path.name}: {why}" for path, why in left_out[:3]) or "there is no file"
        mr = "" if not any(why == _MR for _, why in left_out) else f": an MR series is not read here, {CONVERT}"
        raise ValueError(f"{source}: expected DICOM files of a CT series, found none ({reasons}){mr}")
    numbers = Counter(str(header.get("SeriesInstanceUID", "")) for _, header in found)
    if series is None and len(numbers) > 1:
        listed = ", ".join(f"{name} ({count} slices)" for name, count in numbers.most_common(5))
        raise ValueError(f"{source}: expected one series, found {len(numbers)}; name one, series=...: {listed}")
    if series is not None and series not in numbers:
        raise ValueError(f"series: expected one of {', '.join(numbers)}, got {series!r}")
    if series is not None:
        others = [path for path, header in found if str(header.get("SeriesInstanceUID", "")) != series]
        left_out += [(path, "another series") for path in others]
        found = [one for one in found if one[0] not in others]
    ordered, step = _ordered(found)
    rows, columns = (float(side) for side in ordered[0][1].PixelSpacing)
    volume = np.stack([_hounsfield(path, header) for path, header in ordered])
    return CTSeries(volume, (step, rows, columns), tuple(path for path, _ in ordered), tuple(left_out))


def _files(source: str | Path | Sequence[str | Path]) -> list[Path]:
    if not isinstance(source, str | Path):
        return [path for one in source for path in _files(one)]
    path = Path(source)
    if path.is_dir():
        return sorted(one for one in path.rglob("*") if one.is_file() and not one.name.startswith("."))
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file or folder")
    return [path]


def _header(path: Path) -> tuple[Dataset | None, str]:
    """The file's header, or None and why it is no CT slice."""
    import pydicom
    from pydicom.errors import InvalidDicomError

    try:
        header = pydicom.dcmread(path, stop_before_pixels=True)
    except (InvalidDicomError, OSError, ValueError, KeyError, EOFError):
        return None, "no DICOM file"
    if path.name == "DICOMDIR" or header.get("Modality") != "CT":
        return None, f"not CT, but {header.get('Modality') or 'a directory'}"
    if "LOCALIZER" in (header.get("ImageType") or []):
        return None, "a localiser, not a slice"
    if header.get("NumberOfFrames", 1) not in (1, "1", None):
        raise ValueError(f"{path}: expected one slice a file, got {header.NumberOfFrames}: {DCM2NIIX}")
    missing = [name for name in ("Rows", "Columns", "PixelSpacing") if not header.get(name)]
    if missing:
        return None, f"it has no {', '.join(missing)}"
    return header, ""


def _ordered(found: list[tuple[Path, Dataset]]) -> tuple[list[tuple[Path, Dataset]], float]:
    """The slices along the normal of their plane, and how far they lie apart."""
    first_path, first = found[0]
    for name in ("Rows", "Columns", "PixelSpacing", "ImageOrientationPatient"):
        for path, header in found[1:]:
            if not _same(first.get(name), header.get(name)):
                raise ValueError(
                    f"{path}: expected {name} {first.get(name)} as in {first_path.name}, got {header.get(name)}"
                )
    if len(found) == 1:
        return found, 0.0
    without = [path for path, header in found if not header.get("ImagePositionPatient")]
    if without or not first.get("ImageOrientationPatient"):
        raise ValueError(
            f"{(without or [first_path])[0]}: it does not say where it lies (ImagePositionPatient): {DCM2NIIX}"
        )
    across = np.array([float(part) for part in first.ImageOrientationPatient])
    normal = np.cross(across[:3], across[3:])
    place = {
        path: float(np.dot(normal, [float(part) for part in header.ImagePositionPatient])) for path, header in found
    }
    ordered = sorted(found, key=lambda one: place[one[0]])
    steps = np.diff([place[path] for path, _ in ordered])
    step = float(np.median(steps))
    for (before, _), (path, _), distance in zip(ordered, ordered[1:], steps, strict=False):
        if distance < _MILLIMETRE:
            raise ValueError(f"{path}: it lies at the same place as {before.name}")
        if abs(distance - step) > max(_MILLIMETRE, 0.05 * step):
            raise ValueError(
                f"{path}: expected {step:.3g} mm from {before.name}, as between the other slices, got {distance:.3g}:"
                " is a slice missing?"
            )
    return ordered, step


def _same(a: Any, b: Any) -> bool:
    if a is None or b is None:
        return a is b
    return bool(np.allclose(np.atleast_1d(np.asarray(a, float)), np.atleast_1d(np.asarray(b, float)), atol=1e-4))


def _hounsfield(path: Path, header: Dataset) -> np.ndarray:
    import pydicom

    try:
        stored = np.asarray(pydicom.dcmread(path).pixel_array)
    except (AttributeError, RuntimeError, NotImplementedError, ValueError, OSError) as error:
        words = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ValueError(
            f"{path}: its pixels cannot be read ({words}); `pip install pylibjpeg[all]`, or {DCM2NIIX}"
        ) from error
    if stored.shape != (header.Rows, header.Columns):
        raise ValueError(f"{path}: expected {header.Rows}x{header.Columns} pixels, got {stored.shape}")
    padding = header.get("PixelPaddingValue")
    return rescale_stored(
        stored,
        float(header.get("RescaleSlope", 1) or 1),
        float(header.get("RescaleIntercept", 0) or 0),
        padding=None if padding is None else int(padding),
    )
