"""What the scores of masks check first, and how they go through a batch: structure by structure."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch


def check_masks(prediction: Any, target: Any) -> None:
    """Refuse what is no pair of boolean masks of one shape, kind and device."""
    for name, mask in (("prediction", prediction), ("target", target)):
        if not isinstance(mask, (np.ndarray, torch.Tensor)):
            raise TypeError(f"{name}: expected a numpy array or a torch tensor, got {type(mask).__name__}")
        if mask.dtype not in (bool, torch.bool):
            raise TypeError(
                f"{name}: expected booleans, got {mask.dtype}; a structure of a label map is `labels == number`,"
                " one of probabilities `probabilities > 0.5`"
            )
    if isinstance(prediction, torch.Tensor) != isinstance(target, torch.Tensor):
        raise TypeError(
            "prediction and target: expected two numpy arrays or two torch tensors, got"
            f" {type(prediction).__name__} and {type(target).__name__}"
        )
    shape = tuple(prediction.shape)
    if shape != tuple(target.shape):
        raise ValueError(f"prediction and target: expected the same shape, got {shape} and {tuple(target.shape)}")
    if len(shape) not in (2, 3, 4, 5) or 0 in shape:
        raise ValueError(
            "prediction and target: expected (H, W) or (D, H, W), or a batch (N, C, H, W) or (N, C, D, H, W),"
            f" got {shape}"
        )
    if isinstance(prediction, torch.Tensor) and prediction.device != target.device:
        raise ValueError(f"prediction and target: expected one device, got {prediction.device} and {target.device}")


def axes_of_space(mask: np.ndarray | torch.Tensor) -> tuple[int, ...]:
    """(H, W) -> (0, 1); (D, H, W) -> (0, 1, 2); (N, C, H, W) -> (2, 3); (N, C, D, H, W) -> (2, 3, 4)."""
    return tuple(range(0 if mask.ndim < 4 else 2, mask.ndim))
