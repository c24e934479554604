"""A trained model at work: `denoise` for noisy images, `reconstruct` for measured k-space. Public in `training`."""

from __future__ import annotations

import torch
from torch import nn

from course_lib._checks import check_count
from course_lib.kspace.checks import check_complex, check_sampling, check_sensitivities
from course_lib.profiles import check_device
from course_lib.training.batches import Batches
from course_lib.training.engine import placed


def denoise(model: nn.Module, images: torch.Tensor, *, batch_size: int = 16, device: str | None = None) -> torch.Tensor:
    """Apply a trained model to noisy images: eval mode, no gradients, batch after batch. Nothing is clipped.

    The model, its device and its training flags are left as they were.

    Args:
        model: `model(images)` denoises a batch.
        images: (N, C, H, W), floating point.
        batch_size: how many images the model gets at once.
        device: as in `fit`.

    Returns:
        What the model makes of them, on the CPU.

    Raises:
        TypeError, ValueError: bad input.

    Lab: 01.
    """
    check_count(batch_size, "batch_size")
    batches = Batches(images, "images", None, None, 0)
    batches.check_model(model)
    device = check_device(device)
    indices = range(len(batches))
    with torch.no_grad(), placed(model, device):
        model.eval()
        parts = [indices[start : start + batch_size] for start in indices[::batch_size]]
        return torch.cat([model(batches(part)[0].to(device)).cpu() for part in parts])


def reconstruct(
    model: nn.Module,
    measured: torch.Tensor,
    mask: torch.Tensor,
    sensitivities: torch.Tensor | None = None,
    *,
    batch_size: int = 16,
    device: str | None = None,
) -> torch.Tensor:
    """Apply a trained model to measured k-space: eval mode, no gradients, batch after batch. Nothing is clipped.

    The model, its device and its training flags are left as they were.

    Args:
        model: `model(measured, mask)`, or `model(measured, mask, sensitivities)`, reconstructs a batch.
        measured: complex, (N, C, H, W): one channel, coils, or frames.
        mask: bool, for all images (H, W) or, of 2D+t, (T, H, W), or one for each, (N, 1, H, W) or (N, T, H, W).
        sensitivities: complex, (coils, H, W) or (N, coils, H, W); None: the model is called with `measured` and `mask`
            alone.
        batch_size: how many images the model gets at once.
        device: as in `fit`.

    Returns:
        What the model makes of them, on the CPU.

    Raises:
        TypeError, ValueError: bad input.

    Lab: 09.
    """
    check_count(batch_size, "batch_size")
    if not isinstance(measured, torch.Tensor):
        raise TypeError(f"measured: expected a tensor (N, C, H, W), got {type(measured).__name__}")
    check_complex(measured, "measured")
    Batches(measured, "measured", None, None, 0).check_model(model)
    check_sampling(mask, measured, "measured")
    check_sensitivities(sensitivities, measured, "measured", coils=True)
    rest = [mask] if sensitivities is None else [mask, sensitivities]
    device = check_device(device)
    found = []
    with torch.no_grad(), placed(model, device):
        model.eval()
        for start in range(0, len(measured), batch_size):
            some = slice(start, start + batch_size)
            # what serves all images goes to the model as it is: it broadcasts
            given = [part[some] if part.ndim == 4 and len(part) > 1 else part for part in rest]
            found.append(model(*(part.to(device) for part in (measured[some], *given))).cpu())
    return torch.cat(found)
