"""X-ray patches for lab 07: of two embedded radiographs, or of MedMNIST+ where it can be downloaded.

**The embedded pictures are two people.** A network trains on patches of one chest and is tested on one lower leg,
another body part of another person from another maker's machine. That is a fair test, and a small one: patches of one
picture resemble each other, so their spread says nothing about other people. For statistics use MedMNIST+.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import IO

import numpy as np
import torch

from course_lib._checks import check_count

RADIOGRAPHS = Path(__file__).parent / "samples" / "radiographs.npz"
SPLITS = ("train", "validation", "test")
#: The names of `xrays` and those of `course data fetch`.
ONLINE = {"chestmnist": "chestmnist_128", "pneumoniamnist": "pneumoniamnist_128"}

# From this column on the chest is for validation: about the outer half of one lung, a fifth of the picture.
_VALIDATION_FROM = 720
# Darker is air beside the body. Half of a patch must be brighter: an empty patch teaches and shows nothing.
_AIR = 25
_DEFAULT_COUNT = {"train": 512, "validation": 64, "test": 64}


def radiograph(name: str = "chest") -> torch.Tensor:
    """One embedded radiograph in full, bone bright.

    Args:
        name: "chest" (953 x 904) or "limb" (880 x 364), a lower leg.

    Returns:
        float32 (1, 1, H, W) in [0, 1].

    Raises:
        ValueError: another name.

    Source: PyPI package pydicom-data 1.0.0, MIT; what was done to it: samples/README.md.
    Lab: 07.
    """
    return torch.from_numpy(_embedded(name)).to(torch.float32)[None, None] / 255  # (H, W) -> (1, 1, H, W)


def xrays(
    split: str = "train",
    *,
    count: int | None = None,
    size: int = 64,
    source: str = "embedded",
    seed: int = 0,
    folder: str | Path | None = None,
) -> torch.Tensor:
    """Square patches of radiographs.

    Args:
        split: "train", "validation" or "test". Embedded: random patches, which may overlap, of the left four fifths of
            one chest; of its right fifth, which no training patch touches but which is the same person; and patches of
            one lower leg that lie side by side, from top to bottom. At least half of each patch is body and not air.
            MedMNIST+: its own splits, a random crop of each picture where `size` is below 128.
        count: default 512, 64, 64, or all where there are fewer.
        size: 8 to 184 for the embedded pictures, 8 to 128 for MedMNIST+.
        source: "embedded"; "chestmnist" (frontal chest radiographs) or "pneumoniamnist" (chests of children), which are
            downloaded once into `folder`.
        seed: which patches, pictures and crops. Embedded, the first patches to train with are those of a smaller count.
        folder: default the course's data folder.

    Returns:
        float32 (count, 1, size, size) in [0, 1].

    Raises:
        TypeError, ValueError: bad arguments.
        DataUnavailable: MedMNIST+ cannot be downloaded.

    Source: samples/README.md; Yang et al., Scientific Data 10, 41, 2023 (CC BY 4.0).
    Lab: 07.
    """
    if split not in SPLITS:
        raise ValueError(f"split: expected one of {', '.join(SPLITS)}, got {split!r}")
    if source != "embedded" and source not in ONLINE:
        raise ValueError(f"source: expected one of embedded, {', '.join(ONLINE)}, got {source!r}")
    count = None if count is None else check_count(count, "count")
    largest = 184 if source == "embedded" else 128
    size, seed = check_count(size, "size", low=8), check_count(seed, "seed", low=0)
    if size > largest:
        raise ValueError(f"size: expected at most {largest} with source={source!r}, got {size}")
    rng = np.random.default_rng(seed)
    if source != "embedded":
        patches = _medmnist(split, count, size, ONLINE[source], rng, folder)
    elif split == "test":
        patches = _tiles(_embedded("limb"), count, size, rng)
    else:
        chest = _embedded("chest")
        part = chest[:, :_VALIDATION_FROM] if split == "train" else chest[:, _VALIDATION_FROM:]
        patches = _random_patches(part, count or _DEFAULT_COUNT[split], size, rng)
    return torch.from_numpy(patches).to(torch.float32)[:, None] / 255  # (N, H, W) -> (N, 1, H, W)


def _embedded(name: str) -> np.ndarray:
    """uint8 (H, W)."""
    with np.load(RADIOGRAPHS) as file:
        if name not in file:
            raise ValueError(f"name: expected one of {', '.join(file)}, got {name!r}")
        return file[name]


def _mostly_body(patch: np.ndarray) -> bool:
    return bool(2 * np.count_nonzero(patch >= _AIR) >= patch.size)


def _random_patches(picture: np.ndarray, count: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """uint8 (count, size, size), every place with enough body equally likely."""
    patches = np.empty((count, size, size), np.uint8)
    filled = 0
    while filled < count:
        top, left = (int(rng.integers(side - size + 1)) for side in picture.shape)
        patch = picture[top : top + size, left : left + size]
        if _mostly_body(patch):
            patches[filled] = patch
            filled += 1
    return patches


def _tiles(picture: np.ndarray, count: int | None, size: int, rng: np.random.Generator) -> np.ndarray:
    """uint8 (N, size, size) side by side, those with enough body; of more than `count` a random choice, in order."""
    rows, columns = (side // size for side in picture.shape)
    top, left = ((side - number * size) // 2 for side, number in zip(picture.shape, (rows, columns), strict=True))
    middle = picture[top : top + rows * size, left : left + columns * size]
    # (rows * size, columns * size) -> (rows, size, columns, size) -> (rows * columns, size, size)
    tiles = middle.reshape(rows, size, columns, size).swapaxes(1, 2).reshape(-1, size, size)
    tiles = tiles[[_mostly_body(tile) for tile in tiles]]
    return tiles[_choose(len(tiles), count, "test", rng, f" of size {size}: they lie side by side on one picture")]


def _choose(there: int, count: int | None, split: str, rng: np.random.Generator, why: str) -> np.ndarray:
    """Sorted places of `count` of so many; the split's default where it is None."""
    if count is not None and count > there:
        raise ValueError(f"count: expected at most {there} {split} patches{why}, got {count}")
    return np.sort(rng.permutation(there)[: count or _DEFAULT_COUNT[split]])


def _medmnist(
    split: str, count: int | None, size: int, name: str, rng: np.random.Generator, folder: str | Path | None
) -> np.ndarray:
    """uint8 (N, size, size) of a MedMNIST+ file, read as a stream: all of it would need 2 GB of memory."""
    from course_lib.data.fetch import fetch

    path = fetch(name, folder=folder)
    member = {"train": "train_images", "validation": "val_images", "test": "test_images"}[split]
    with zipfile.ZipFile(path) as archive, archive.open(f"{member}.npy") as file:
        there, height, width = _shape(file, path)
        places = _choose(there, count, split, rng, f" of {name}")
        corners = rng.integers((height - size + 1, width - size + 1), size=(len(places), 2))
        patches = np.empty((len(places), size, size), np.uint8)
        at = 0
        for patch, place, (top, left) in zip(patches, places, corners, strict=True):
            while at <= place:  # read and drop: what is compressed cannot be jumped over
                pixels = file.read(height * width)
                at += 1
            patch[:] = np.frombuffer(pixels, np.uint8).reshape(height, width)[top : top + size, left : left + size]
    return patches


def _shape(file: IO[bytes], path: Path) -> tuple[int, int, int]:
    """(N, H, W) from the header of an npy file; what follows are the pixels, picture after picture."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, in_columns, dtype = read(file)
    if len(shape) != 3 or in_columns or dtype != np.uint8 or min(shape[1:]) < 128:
        raise ValueError(f"{path}: expected pictures as uint8 (N, 128, 128), got {dtype} {shape}")
    return shape
