"""What every public function checks first: the message says what was expected and what came."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import torch

# One kind in a signature: numpy in, numpy out; torch in, torch out. AnyArray is either, whatever stands beside it.
Array = TypeVar("Array", np.ndarray, torch.Tensor)
AnyArray = np.ndarray | torch.Tensor


def as_tensor(image: AnyArray) -> torch.Tensor:
    """A tensor as it is; of an array a copy, since torch takes no negative strides, read-only memory or foreign bytes.

    np.rot90 and np.flip, which turn slices of scans upright, give negative strides, and big-endian files foreign bytes.
    """
    if isinstance(image, torch.Tensor):
        return image
    return torch.from_numpy(np.array(image, dtype=image.dtype.newbyteorder("="), order="C"))


def check_image(image: Array, name: str = "image", *, shapes: bool = False) -> Array:
    """Refuse what is no finite floating-point array; with `shapes`, also what is not (H, W) or (N, C, H, W).

    Returns the image unchanged. Raises TypeError (type, dtype) or ValueError (empty, NaN or infinite, shape).
    """
    finite: Callable[[], bool]
    if isinstance(image, torch.Tensor):
        floating, finite = image.is_floating_point(), lambda: bool(torch.isfinite(image).all())
    elif isinstance(image, np.ndarray):
        floating = np.issubdtype(image.dtype, np.floating)
        finite = lambda: bool(np.isfinite(image).all())  # noqa: E731
    else:
        raise TypeError(f"{name}: expected a numpy array or a torch tensor, got {type(image).__name__}")
    if not floating:
        raise TypeError(
            f"{name}: expected floating-point values (images are float32 in [0, 1]), got {image.dtype};"
            " an 8-bit image is converted by image.astype('float32') / 255"
        )
    if 0 in image.shape:
        raise ValueError(f"{name}: expected at least one pixel, got the empty shape {tuple(image.shape)}")
    if shapes and image.ndim not in (2, 4):
        raise ValueError(f"{name}: expected shape (H, W) or (N, C, H, W), got {tuple(image.shape)}")
    if not finite():
        raise ValueError(f"{name}: expected finite values, got NaN or infinity")
    return image


def check_pair(prediction: Any, target: Any) -> None:
    """Refuse two images that cannot be compared: other kind of array, other shape, other device, or not an image."""
    check_image(prediction, "prediction", shapes=True)
    check_image(target, "target", shapes=True)
    if isinstance(prediction, torch.Tensor) != isinstance(target, torch.Tensor):
        raise TypeError(
            "prediction and target: expected two numpy arrays or two torch tensors, got"
            f" {type(prediction).__name__} and {type(target).__name__}"
        )
    if prediction.shape != target.shape:
        raise ValueError(
            f"prediction and target: expected the same shape, got {tuple(prediction.shape)} and {tuple(target.shape)}"
        )
    if isinstance(prediction, torch.Tensor) and prediction.device != target.device:
        raise ValueError(
            "prediction and target: expected the same device, got"
            f" {prediction.device} and {target.device}; move one with .to(...)"
        )


def check_mask(mask: Any, image: Array) -> None:
    """Refuse a mask that is not boolean, not of the image's kind and shape, or empty in some image; None is no mask."""
    if mask is None:
        return
    if isinstance(mask, torch.Tensor) != isinstance(image, torch.Tensor) or mask.dtype not in (bool, torch.bool):
        raise TypeError(f"mask: expected booleans in a {type(image).__name__} as the image, got {type(mask).__name__}")
    if mask.shape != image.shape:
        raise ValueError(f"mask: expected the image's shape {tuple(image.shape)}, got {tuple(mask.shape)}")
    axes = (0, 1) if mask.ndim == 2 else (1, 2, 3)
    if not bool((mask.sum(axes) > 0).all()):
        raise ValueError("mask: expected at least one pixel in every image (for SSIM: one whole window), got none")


def check_number(
    value: Any, name: str, *, low: float = -math.inf, high: float = math.inf, above: bool = False
) -> float:
    """Refuse what is no finite real number in [low, high] (or above `low`, where `above` is set); returns a float."""
    try:
        if isinstance(value, (bool, str)):
            raise TypeError
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name}: expected a number, got {value!r}") from None
    if above:
        wanted = f"a finite number above {low:g}"
    elif high < math.inf:
        wanted = f"a number from {low:g} to {high:g}"
    else:
        wanted = f"a finite number of at least {low:g}"
    if not math.isfinite(number) or number < low or number > high or (above and number == low):
        raise ValueError(f"{name}: expected {wanted}, got {value!r}")
    return number


def check_count(value: Any, name: str, *, low: int = 1) -> int:
    """Refuse what is no whole number of at least `low`; returns an int (numpy's integers are welcome)."""
    try:
        if isinstance(value, bool):
            raise TypeError
        count = operator.index(value)
    except TypeError:
        raise TypeError(f"{name}: expected a whole number, got {value!r}") from None
    if count < low:
        raise ValueError(f"{name}: expected at least {low}, got {value!r}")
    return count


def check_data_range(data_range: Any, target: Array) -> float:
    """Refuse a data range that is not positive, or that the target's own values overflow."""
    data_range = check_number(data_range, "data_range", low=0, above=True)
    low, high = float(target.min()), float(target.max())
    if high - low > data_range * (1 + 1e-4):
        raise ValueError(
            f"data_range: expected at least the span of the target ({low:g} to {high:g}), got {data_range:g};"
            " for an image in [0, 1] it is 1, for one in [0, 255] it is 255"
        )
    return data_range


def check_tensors(
    prediction: Any,
    target: Any,
    channels: tuple[int, ...] = (),
    smallest: int = 0,
    names: tuple[str, str] = ("prediction", "target"),
) -> None:
    """Refuse what is no pair of floating-point tensors of one shape.

    With `smallest`, the shape must be (N, C, H, W) with so many pixels a side; with `channels`, C one of them.
    """
    for name, value in zip(names, (prediction, target), strict=True):
        if not isinstance(value, torch.Tensor) or not value.is_floating_point():
            got = value.dtype if isinstance(value, torch.Tensor) else type(value).__name__
            raise TypeError(f"{name}: expected a floating-point tensor, got {got}")
    shape = tuple(target.shape)
    if prediction.shape != target.shape:
        raise ValueError(f"{' and '.join(names)}: expected the same shape, got {tuple(prediction.shape)} and {shape}")
    if not smallest:
        return
    if len(shape) != 4 or (channels and shape[1] not in channels):
        wanted = " or ".join(map(str, channels)) or "C"
        raise ValueError(f"prediction and target: expected shape (N, {wanted}, H, W), got {shape}")
    if min(shape[-2:]) < smallest:
        raise ValueError(f"prediction and target: expected at least {smallest}×{smallest} pixels, got {shape[-2:]}")
