"""Slices that wait on the disk until they are asked for: hundreds of heads in the memory of one.

Each volume is read, prepared once, and kept as one file: a record for each slice, so that slice i is one short read.
Records are read, not memory-mapped: mapped pages count as resident memory once touched.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from course_lib._progress import progress_bar
from course_lib.data.anatomy import MINIMUM_BRAIN_SHARE, plane_numbers
from course_lib.data.extraction import find_brain, implausible
from course_lib.data.fetch import data_folder
from course_lib.data.intensity import from_zero, unit_range
from course_lib.data.planes import PROFILES, crop_or_pad, cut, resample
from course_lib.data.volumes import Report, Scan, read_mask, read_volume
from course_lib.files import whole_file

#: Part of every file's name: raise it whenever preparation changes, so that no old file is taken for a new one.
CACHE_VERSION = 2
#: Bytes at the end of a file that say how many records it has.
_END = 8


@dataclass(frozen=True)
class Preparation:
    """What is done to a scan.

    Attributes:
        profile: as in `planes`.
        slices: how many at most, evenly spaced; None: all with brain.
        pixel_size: mm.
        size: (H, W) of the pictures.
    """

    profile: str
    slices: int | None
    pixel_size: float
    size: tuple[int, int]

    def record(self) -> np.dtype:
        """One slice on the disk: picture in 16 bits, mask in one bit a pixel, number of its plane in the volume."""
        height, width = self.size
        return np.dtype([("image", "<u2", self.size), ("mask", "u1", ((height * width + 7) // 8,)), ("plane", "<i4")])


def prepare(scan: Scan, preparation: Preparation, brain: np.ndarray | None = None) -> np.ndarray:
    """The scan's slices with at least 4.5 % brain: found, scaled to [0, 1], resampled, made to fit.

    Intensities are scaled by the percentiles of the whole volume, so that slices keep their relation.

    Args:
        scan: in canonical RAS.
        preparation: what is done to it.
        brain: its mask, bool (X, Y, Z); None: it is searched for.

    Returns:
        Records (S,).

    Raises:
        ValueError: there is no brain, or no plane with enough of it.
    """
    data = from_zero(scan.data)
    if brain is None:
        brain = find_brain(data, scan.voxel_size)
    axis = PROFILES.index(preparation.profile)
    area = brain.sum(axis=tuple(k for k in range(3) if k != axis))
    pixels = brain.size // brain.shape[axis]
    planes = np.flatnonzero(area >= MINIMUM_BRAIN_SHARE * pixels)
    if not len(planes):
        raise ValueError(f"expected a plane with at least {MINIMUM_BRAIN_SHARE:.1%} brain, found none")
    # of a slab, all there are
    if preparation.slices is not None and preparation.slices < planes[-1] - planes[0] + 1:
        planes = plane_numbers(area, pixels, preparation.slices)
    width, height = (side for k, side in enumerate(scan.voxel_size) if k != axis)
    pictures = cut(unit_range(data), planes, preparation.profile)
    masks = cut(brain, planes, preparation.profile).astype(np.float32)
    # (2S, H, W): pictures and masks are resampled alike
    both = resample(np.concatenate([pictures, masks]), (height, width), preparation.pixel_size)
    both = crop_or_pad(both, preparation.size)
    records = np.zeros(len(planes), preparation.record())
    records["image"] = np.round(both[: len(planes)] * 65535)
    records["mask"] = np.packbits((both[len(planes) :] > 0.5).reshape(len(planes), -1), axis=1)
    records["plane"] = planes
    return records


def store(
    paths: Sequence[Path],
    preparation: Preparation,
    *,
    masks: Sequence[Path | None] | None = None,
    folder: Path | None = None,
    progress: bool = True,
) -> tuple[list[Path], list[int], Report]:
    """Prepare scans and keep their records in files; what is kept from before is not read again.

    A file is known by its path, size and time of change. A volume that cannot be read or holds no brain is left out and
    reported; so is a brain that was found but cannot be one by its volume, though it is kept.

    Args:
        paths: of the volumes.
        preparation: what is done to each.
        masks: files of their brain masks, in the same order, None where there is none; then the volume is refused.
            Default: the brains are searched for.
        folder: default `slices` in the data folder.
        progress: show a progress bar.

    Returns:
        Files of records, how many each holds, and the report.

    Raises:
        OSError: nothing can be written.
    """
    folder = data_folder() / "slices" if folder is None else folder
    folder.mkdir(parents=True, exist_ok=True)
    files, counts, report = [], [], Report()
    pairs = list(zip(paths, [None] * len(paths) if masks is None else masks, strict=True))
    for path, mask in progress_bar(pairs, desc="volumes", unit="volume", disable=not progress):
        try:
            if masks is not None and mask is None:
                raise ValueError(f"{path}: there is no mask for it")
            kept = folder / _name(path, preparation, mask)
            count = _kept_count(kept, preparation)
            if count is None:
                scan = read_volume(path)
                brain = find_brain(from_zero(scan.data), scan.voxel_size) if mask is None else read_mask(mask, scan)
                records = prepare(scan, preparation, brain)
                with whole_file(kept) as file:
                    records.tofile(file)
                    file.write(len(records).to_bytes(_END, "little"))
                count = len(records)
                if doubt := implausible(brain, scan.voxel_size):
                    report.doubt(path, doubt)
        except (ValueError, FileNotFoundError) as error:
            report.refuse(path, error)
            continue
        report.read.append(path)
        files.append(kept)
        counts.append(count)
    return files, counts, report


def _name(path: Path, preparation: Preparation, mask: Path | None = None) -> str:
    facts: list[Any] = [CACHE_VERSION, asdict(preparation)]
    for file in (path,) if mask is None else (path, mask):
        if not file.is_file():
            raise FileNotFoundError(f"{file}: there is no such file")
        facts += [str(file.absolute()), file.stat().st_size, file.stat().st_mtime_ns]
    key = repr(facts)
    return f"{path.name.partition('.')[0]}_{hashlib.sha256(key.encode()).hexdigest()[:16]}.slices"


def _kept_count(kept: Path, preparation: Preparation) -> int | None:
    """How many whole records a kept file has; None if there is no such file, or it is damaged."""
    if not kept.is_file():
        return None
    count, rest = divmod(kept.stat().st_size - _END, preparation.record().itemsize)
    with kept.open("rb") as file:
        file.seek(max(0, kept.stat().st_size - _END))
        said = int.from_bytes(file.read(), "little")
    if rest or count < 1 or count != said:
        warnings.warn(f"damaged cache file {kept}: the volume is prepared again", stacklevel=4)
        return None
    return count


class StoredSlices(torch.utils.data.Dataset):
    """Pictures or masks on the disk that behave like a tensor (N, 1, H, W) where a lab looks at one.

    `stack[i]` is (1, H, W); `stack[2:5]`, `stack[[0, 7]]`, `stack[mask]` are tensors (n, 1, H, W), read now;
    `stack.subset(rows)` is another stack, not read yet. `training.fit` takes it as a Dataset. It can be pickled
    for the workers of a DataLoader.

    Args:
        files: of records, as `store` gives them.
        counts: how many records each file holds.
        preparation: what was done to the scans.
        part: "image", float32 in [0, 1], or "mask", bool.
        keep: lives as long as this stack, as a temporary folder that is read from.
    """

    def __init__(
        self, files: Sequence[Path], counts: Sequence[int], preparation: Preparation, part: str, *, keep: Any = None
    ):
        self.files, self.record, self.part, self.size = list(files), preparation.record(), part, preparation.size
        volume = np.repeat(np.arange(len(self.files)), counts)
        inside = np.concatenate([np.arange(count) for count in counts])
        self._places = np.stack([volume, inside], axis=1)  # (N, 2): which file, which record of it
        self._keep = keep  # a temporary folder lives as long as what reads from it

    def __len__(self) -> int:
        return len(self._places)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, 1, H, W), as a tensor's."""
        return (len(self), 1, *self.size)

    @property
    def dtype(self) -> torch.dtype:
        """What reading gives: torch.float32, or torch.bool for masks."""
        return torch.float32 if self.part == "image" else torch.bool

    def __getitem__(self, index: Any) -> torch.Tensor:
        if isinstance(index, (int, np.integer)) or (isinstance(index, torch.Tensor) and index.ndim == 0):
            row = int(index)
            if not -len(self) <= row < len(self):
                raise IndexError(f"slice {row} of {len(self)}")
            return self._read(row)
        rows = self._rows(index)
        batch = torch.empty((len(rows), 1, *self.size), dtype=self.dtype)
        for place, row in enumerate(rows):
            batch[place] = self._read(row)
        return batch

    def subset(self, index: Any) -> StoredSlices:
        """Some rows, as a stack that is read when asked.

        Args:
            index: a slice, a list of numbers or a boolean mask.

        Returns:
            Another stack.
        """
        other = object.__new__(type(self))
        other.__dict__ |= self.__dict__ | {"_places": self._places[self._rows(index)]}
        return other

    def __getstate__(self) -> dict[str, Any]:
        # a worker must not remove the temporary folder that its parent still reads from
        return self.__dict__ | {"_keep": None}

    def _rows(self, index: Any) -> np.ndarray:
        if not isinstance(index, slice):
            index = np.asarray(index)
            index = index.astype(np.int64) if index.size == 0 else index
        return np.arange(len(self))[index]

    def _read(self, row: int) -> torch.Tensor:
        """(1, H, W)"""
        volume, inside = self._places[row]
        fields = self.record.fields
        assert fields is not None, "a record has fields"
        field, offset = fields[self.part][:2]
        file = self.files[volume]
        values = np.fromfile(file, np.uint8, field.itemsize, offset=int(inside) * self.record.itemsize + offset)
        if len(values) < field.itemsize:
            raise OSError(f"{file}: record {inside} is missing; was the cache cleared meanwhile? Make the slices again")
        if self.part == "image":
            picture = values.view("<u2").astype(np.float32)
            picture *= np.float32(1 / 65535)
        else:
            picture = np.unpackbits(values, count=self.size[0] * self.size[1]).astype(bool)
        return torch.from_numpy(picture.reshape(1, *self.size))
