"""Handwritten digits (MNIST) as tensors: an embedded subset, or all of them where they can be downloaded.

Lab 01 trains on them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:  # torch is imported where it is used, so that the commands of course_lib.data start at once
    import torch

SUBSET = Path(__file__).parent / "samples" / "mnist_subset.npz"


def digits(
    split: str = "train",
    *,
    count: int | None = None,
    full: bool = False,
    seed: int = 0,
    folder: str | Path | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Handwritten digits and their labels.

    They come in rounds of ten, one of each class, 0 to 9; the seed decides which. So the first `count` are
    balanced (to within one), and the first 50 are the beginning of the first 100.

    Args:
        split: "train" or "test" (written by other people).
        count: how many; default all.
        full: False for the embedded subset (6000 and 1000 digits, classes equally many); True for MNIST itself
            (60000 and 10000, classes not quite equally many: the last rounds are incomplete), downloaded once into
            `folder`.
        seed: at least 0.
        folder: default the course's data folder.

    Returns:
        Images, float32 (N, 1, 28, 28) in [0, 1], and their labels, int64 (N,).

    Raises:
        TypeError, ValueError: bad arguments.
        DataUnavailable: MNIST cannot be downloaded.

    Source: LeCun et al. 1998, Proceedings of the IEEE 86(11), 2278-2324; CC BY-SA 3.0.
    Lab: 01.
    """
    import torch

    if split not in ("train", "test"):
        raise ValueError(f"split: expected 'train' or 'test', got {split!r}")
    from course_lib._checks import check_count  # imports torch, which `course data` does without

    seed = check_count(seed, "seed", low=0)
    pixels, labels = _mnist(split, folder) if full else _embedded(split)
    if count is not None:
        count = check_count(count, "count")
        if count > len(labels):
            more = "" if full else "; full=True downloads all of MNIST"
            raise ValueError(f"count: expected at most {len(labels)} {split} digits, got {count}{more}")
    chosen = torch.from_numpy(_in_rounds(labels, seed)[:count])
    images = pixels[chosen][:, None].to(torch.float32) / 255  # (N, 28, 28) -> (N, 1, 28, 28)
    return images, torch.from_numpy(labels)[chosen]


def _embedded(split: str) -> tuple[torch.Tensor, np.ndarray]:
    """uint8 (N, 28, 28) and int64 (N,), from the sample file."""
    import torch

    with np.load(SUBSET) as file:
        return torch.from_numpy(file[f"{split}_images"]), file[f"{split}_labels"].astype(np.int64)


def _mnist(split: str, folder: str | Path | None) -> tuple[torch.Tensor, np.ndarray]:
    """The same from torchvision, which finds the files that `fetch` has put in its place and unpacks them."""
    from torchvision.datasets import MNIST

    from course_lib.data.fetch import DataUnavailable, data_folder, fetch, where

    root = data_folder(folder)
    try:
        return _read(MNIST(root, train=split == "train"))
    except (RuntimeError, ValueError, AssertionError):
        pass  # not there yet, or unpacking was interrupted
    for name in ("mnist_train_images", "mnist_train_labels", "mnist_test_images", "mnist_test_labels"):
        fetch(name, folder=folder)
        where(name, folder=folder).with_suffix("").unlink(missing_ok=True)
    try:
        return _read(MNIST(root, train=split == "train", download=True))
    except (OSError, RuntimeError, ValueError, AssertionError) as error:
        raise DataUnavailable(
            f"MNIST was downloaded into {root} but cannot be unpacked there ({error}).\n"
            "  What to do: make room or choose another folder (environment variable COURSE_DATA),\n"
            "  or take the embedded 6000 train and 1000 test digits: digits(...) without full=True"
        ) from error


def _read(data: Any) -> tuple[torch.Tensor, np.ndarray]:
    if len(data.data) != len(data.targets):
        raise ValueError(f"{len(data.data)} images but {len(data.targets)} labels")
    return data.data, data.targets.numpy().astype(np.int64)


def _in_rounds(labels: np.ndarray, seed: int) -> np.ndarray:
    """Indices such that each class comes once a round, in order; which of its digits first, the seed says."""
    rng = np.random.default_rng(seed)
    rounds = np.empty(len(labels), np.int64)
    for digit in range(10):
        members = np.flatnonzero(labels == digit)
        rounds[members] = rng.permutation(len(members))
    return np.lexsort((labels, rounds))
