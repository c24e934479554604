"""Checks of an acquisition: is this k-space, do mask and sensitivities fit it?"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from course_lib._checks import Array, check_image


def check_complex(values: Array, name: str, *, real_too: bool = False) -> Array:
    """Refuse what is no finite complex (…, H, W).

    Args:
        values: (…, H, W), numpy or torch.
        name: what the message calls them.
        real_too: real floating-point values are welcome.

    Returns:
        The values unchanged.

    Raises:
        TypeError: wrong type or dtype.
        ValueError: empty, NaN or infinite, no image.
    """
    if isinstance(values, (np.ndarray, torch.Tensor)) and _is_complex(values):
        if 0 in values.shape or not _sum_is_finite(values):
            check_image(values.real, name)
            check_image(values.imag, name)
    else:
        check_image(values, name)
        if not real_too:
            raise TypeError(
                f"{name}: expected complex values, got {values.dtype}: k-space and its images have two channels"
                " (take no magnitude and no real part on the way)"
            )
    if values.ndim < 2:
        raise ValueError(f"{name}: expected shape (…, H, W), got {tuple(values.shape)}")
    return values


def _sum_is_finite(values: Array) -> bool:
    """False where any value is NaN or infinite: one quick pass; looking at each value takes longer than the FFT."""
    if isinstance(values, torch.Tensor):
        return bool(torch.isfinite(values.detach().sum()))
    with np.errstate(all="ignore"):
        return bool(np.isfinite(values.sum()))


def _is_complex(values: Array) -> bool:
    return values.is_complex() if isinstance(values, torch.Tensor) else np.iscomplexobj(values)


def check_mask_alone(mask: Any) -> None:
    """Refuse what is no boolean (…, H, W) array, or a mask that measures nothing."""
    if not isinstance(mask, (np.ndarray, torch.Tensor)):
        raise TypeError(f"mask: expected booleans in a numpy array or a torch tensor, got {type(mask).__name__}")
    if mask.dtype not in (bool, torch.bool):
        raise TypeError(f"mask: expected booleans, True = measured, got {mask.dtype}; write mask > 0 or mask.bool()")
    if mask.ndim < 2:
        raise ValueError(f"mask: expected shape (…, H, W), got {tuple(mask.shape)}")
    measured = mask.any(-1).any(-1)
    if 0 in mask.shape or not bool(measured.all()):
        raise ValueError("mask: expected at least one measured place (True) in every mask, got one without any")


def check_sampling(mask: Any, kspace: Array, name: str = "kspace") -> None:
    """Refuse a mask that cannot be laid on k-space (or an image) of this shape, kind and device.

    Args:
        mask: it must be boolean, of the last two sides (H, W), may have fewer axes, and further ones are 1 or the
            values' own.
        kspace: the values on which it is laid.
        name: what the message calls them.
    """
    check_kind(mask, "mask", kspace, name)
    check_mask_alone(mask)
    shape, wanted = tuple(mask.shape), tuple(kspace.shape)
    leading = zip(shape[:-2][::-1], wanted[:-2][::-1], strict=False)
    if len(shape) > len(wanted) or shape[-2:] != wanted[-2:] or any(own not in (1, other) for own, other in leading):
        raise ValueError(
            f"mask: expected shape (H, W) = {wanted[-2:]}, or what broadcasts to the {wanted} of {name}, got {shape}"
        )


def check_kind(part: Any, what: str, values: Array, name: str) -> None:
    """Refuse a tensor beside an array, an array beside a tensor, and a tensor on another device."""
    if not isinstance(part, (np.ndarray, torch.Tensor)):
        return
    if isinstance(part, torch.Tensor) != isinstance(values, torch.Tensor):
        raise TypeError(f"{what}: expected the kind of {name}, {type(values).__name__}, got {type(part).__name__}")
    if isinstance(part, torch.Tensor) and part.device != values.device:
        raise ValueError(f"{what}: expected the device of {name}, {values.device}, got {part.device}; use .to(…)")


def check_sensitivities(sensitivities: Any, values: Array, name: str, *, coils: bool) -> None:
    """Refuse sensitivities that do not fit an image, or (with `coils`) the k-space of all coils; None is one coil."""
    if sensitivities is None:
        return
    check_kind(sensitivities, "sensitivities", values, name)
    check_complex(sensitivities, "sensitivities", real_too=True)
    shape, wanted = tuple(sensitivities.shape), tuple(values.shape)
    batched = len(wanted) == 4
    if coils:
        fits = len(wanted) in (3, 4) and len(shape) in (3, len(wanted)) and shape[-3:] == wanted[-3:]
        form = "(coils, H, W) or (N, coils, H, W)"
    else:
        fits = (len(wanted) == 2 or (batched and wanted[1] == 1)) and len(shape) in ((3, 4) if batched else (3,))
        fits = fits and shape[-2:] == wanted[-2:]
        form = "(H, W) or (N, 1, H, W)"
    if not fits or (len(shape) == 4 and shape[0] not in (1, wanted[0])):
        raise ValueError(
            f"sensitivities: expected (coils, H, W), or (N, coils, H, W), that fit {name} of shape {form}, got"
            f" {shape} for {name} of shape {wanted}"
        )


def check_acquisition(measured: Any, mask: Any, sensitivities: Any = None) -> None:
    """Refuse k-space, mask and sensitivities that are no tensors, do not fit each other, or hold nothing to use."""
    check_tensor(measured, "measured")
    check_sampling(mask, measured, "measured")
    check_sensitivities(sensitivities, measured, "measured", coils=True)


def check_tensor(values: Any, name: str) -> None:
    if not isinstance(values, torch.Tensor):
        raise TypeError(f"{name}: expected a complex tensor, got {type(values).__name__}")
    check_complex(values, name)


def as_parts(parts: tuple[Any, ...], name: str) -> tuple[torch.Tensor, ...]:
    """Tensors (C, ..., H, W) of one image, as k-space and its mask; what has no channel axis, (H, W), gets one."""
    for part in parts:
        if not isinstance(part, torch.Tensor) or part.ndim < 2:
            got = tuple(part.shape) if isinstance(part, torch.Tensor) else type(part).__name__
            raise TypeError(f"{name}: expected it to return a tuple of tensors (C, H, W) or (H, W), got {got}")
    if not parts:
        raise TypeError(f"{name}: expected it to return at least one tensor, got an empty tuple")
    return tuple(part[None] if part.ndim == 2 else part for part in parts)
