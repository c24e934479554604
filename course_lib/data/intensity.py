"""Intensities of a scanner, which mean nothing by themselves, brought to a common scale: [0, 1], or mean 0 and sd 1.

Each image is scaled by its own numbers alone. Numbers taken over several images must come from the training
images: those of the test set would leak. Lab 03.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from course_lib._checks import Array, check_image, check_number

#: Percentiles are taken on at most about so many values, evenly spread: exact for a slice, near enough for a volume.
_SAMPLE = 2**20


def unit_range(image: Array, *, low: float = 0.5, high: float = 99.9) -> Array:
    """Scale to [0, 1] so that the percentiles `low` and `high` become 0 and 1; what lies beyond is clipped.

    A few shining voxels (vessels, spikes) would press everything else towards 0 if the maximum became 1. Where the two
    percentiles fall together (nearly empty images), minimum and maximum take their place. For images that are clean
    already there is `images.rescale`.

    Args:
        image: any shape, floating point; numpy or torch.
        low: percentile that becomes 0.
        high: percentile that becomes 1.

    Returns:
        The same kind and shape, in [0, 1].

    Raises:
        TypeError, ValueError: bad input, and a constant image.

    Lab: 03.
    """
    check_image(image)
    low = check_number(low, "low", low=0, high=100)
    high = check_number(high, "high", low=low, high=100, above=True)
    step = math.ceil((math.prod(image.shape) / _SAMPLE) ** (1 / max(image.ndim, 1)))
    sample = image[(slice(None, None, step),) * image.ndim]
    values = sample.detach().cpu().numpy() if isinstance(sample, torch.Tensor) else sample
    bottom, top = np.percentile(values, [low, high]).tolist()
    if not bottom < top:
        bottom, top = float(image.min()), float(image.max())
    if not bottom < top:
        raise ValueError(f"image: expected different values, got {bottom:g} everywhere")
    if isinstance(image, torch.Tensor):
        return ((image - bottom) / (top - bottom)).clamp(0, 1)
    scaled = image - image.dtype.type(bottom)
    scaled /= image.dtype.type(top - bottom)  # in place: volumes are large
    return np.clip(scaled, 0, 1, out=scaled)


def from_zero(volume: np.ndarray) -> np.ndarray:
    """A volume that reaches below zero, shifted so that its background is 0; any other as it is.

    Resampling pads with -32768, other programs with -1024, and z-scored brains lie in a background of 0 that is
    brighter than half of them. Such padding would take the whole scale, or hide the head in its middle. Padding is the
    most frequent value on the faces of the volume, if it fills whole regions, not single voxels as in noise; it goes to
    0, together with the darkest half per cent of the rest.

    Args:
        volume: (X, Y, Z), floating point.

    Returns:
        The same shape and dtype; a new array where something was changed.

    Raises:
        TypeError, ValueError: bad input.

    Lab: 03.
    """
    check_image(volume, "volume")
    if volume.ndim != 3:
        raise ValueError(f"volume: expected the shape (X, Y, Z), got {volume.shape}")
    if volume.min() >= 0:
        return volume
    padding = _padding(volume)
    rest = volume.ravel() if padding is None else volume[~padding]
    floor = np.percentile(rest[:: max(1, len(rest) // _SAMPLE)], 0.5)
    if floor >= 0 and padding is None:
        return volume
    shifted = np.maximum(volume - volume.dtype.type(floor), 0)
    if padding is not None:
        shifted[padding] = 0
    return shifted


def _padding(volume: np.ndarray) -> np.ndarray | None:
    """Where a volume has the value that fills what was not scanned; None if there is no such value."""
    faces = np.concatenate([np.take(volume, side, axis).ravel() for axis in range(3) for side in (0, -1)])
    values, counts = np.unique(faces, return_counts=True)
    where = volume == values[np.argmax(counts)]
    # in noise, too, one value is the most frequent; but its neighbours are others
    together = np.count_nonzero(where[1:] & where[:-1])
    count = np.count_nonzero(where)
    return where if 0.002 * volume.size < count < volume.size and together > count / 2 else None


def normalise(
    train: np.ndarray, test: np.ndarray, *, low: float = 1.0, high: float = 99.0
) -> tuple[np.ndarray, np.ndarray]:
    """Bring volumes to one scale: each to [0, 1] by its own percentiles, then all by the training mean and deviation.

    Nothing is computed over the test volumes together: what is done to one does not depend on the others.

    Args:
        train: (N, X, Y, Z), of any real kind.
        test: (M, X, Y, Z).
        low, high: percentiles of each volume, as in :func:`unit_range`.

    Returns:
        The training and the test volumes, float64; all training voxels together have mean 0 and standard deviation 1.

    Raises:
        TypeError, ValueError: bad input, and a constant volume.

    Lab: 03.
    """
    scaled = []
    for name, volumes in (("train", train), ("test", test)):
        if not isinstance(volumes, np.ndarray) or volumes.ndim != 4 or not len(volumes):
            raise ValueError(f"{name}: expected an array (N, X, Y, Z) of at least one volume, got {np.shape(volumes)}")
        scaled.append(np.stack([unit_range(volume.astype(np.float64), low=low, high=high) for volume in volumes]))
    mean, deviation = scaled[0].mean(), scaled[0].std()
    return (scaled[0] - mean) / deviation, (scaled[1] - mean) / deviation


def standardise(image: Array, mask: Array | None = None) -> Array:
    """Shift and scale to mean 0 and standard deviation 1 (that of a population: divided by the count).

    Args:
        image: numpy or torch.
        mask: booleans of the image's shape; mean and deviation are taken where it is True (the brain, say), and the
            whole image is scaled by them. None: everywhere.

    Returns:
        The same kind and shape.

    Raises:
        TypeError, ValueError: bad input, and constant values.

    Lab: 03.
    """
    check_image(image)
    if mask is not None and (mask.shape != image.shape or mask.dtype not in (bool, torch.bool)):
        raise ValueError(
            f"mask: expected booleans of the shape {tuple(image.shape)}, got {mask.dtype} {tuple(mask.shape)}"
        )
    values = image if mask is None else image[mask]
    if math.prod(values.shape) == 0:
        raise ValueError("mask: expected at least one voxel, got none")
    if values.min() == values.max():
        raise ValueError(f"image: expected different values, got {float(values.min()):g} everywhere")
    # in float64: float32 sums over millions of voxels lose digits
    if isinstance(image, torch.Tensor):
        mean, deviation = values.double().mean(), values.double().std(correction=0)
        return (image - mean.to(image.dtype)) / deviation.to(image.dtype)
    mean, deviation = values.mean(dtype=np.float64), values.std(dtype=np.float64)
    return (image - image.dtype.type(mean)) / image.dtype.type(deviation)
