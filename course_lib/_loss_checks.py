"""What a loss checks: type, shape and size. Values are not looked at in every step: that would make a GPU wait."""

from __future__ import annotations

from typing import Any

import torch


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
