"""Which memory layout a model is trained in: the one choice for all of this package."""

from __future__ import annotations

import warnings

import torch
from torch import nn


def memory_format(model: nn.Module, device: str, channels_last: bool | None = None) -> torch.memory_format:
    """channels_last for models with 2D convolutions, unless one of them is not safe in it on a CPU: then contiguous.

    Args:
        model: the one to train.
        device: "cpu", "cuda" or "mps".
        channels_last: what the caller asks for, None for nothing. True, but not safe: a warning, and contiguous.

    Returns:
        The memory format.
    """
    modules = dict(model.named_modules())
    asked = (
        any(isinstance(module, nn.Conv2d) for module in modules.values()) if channels_last is None else channels_last
    )
    if not asked:
        return torch.contiguous_format
    unsafe = [name for name, module in modules.items() if not safe_in_channels_last(module)]
    if device != "cpu" or not unsafe:
        return torch.channels_last
    if channels_last:
        warnings.warn(
            f"channels_last=True, but on a CPU PyTorch may crash in the backward pass of {unsafe[0] or 'the model'}:"
            f" {modules[unsafe[0]]} in that layout. The model is trained in the contiguous one",
            stacklevel=2,
        )
    return torch.contiguous_format


def safe_in_channels_last(module: nn.Module) -> bool:
    """False for 2D convolutions whose weight gradients oneDNN gets wrong in that layout, on some CPU at least.

    With kernel 1 and a stride it writes past its memory, up to 7 input channels with AVX2 and up to 15 with AVX-512
    (oneDNN issue 6035; torch 2.15.0 has it). In bfloat16 it reads memory that nobody wrote for some convolutions in
    groups with a dilation. scripts/fuzz_layouts.py looks for more.
    """
    if not isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        return True
    # a transposed convolution is the backward pass of a plain one, with inputs and outputs exchanged
    fine = module.out_channels if isinstance(module, nn.ConvTranspose2d) else module.in_channels
    strided_point = max(module.kernel_size) == 1 and max(module.stride) > 1 and fine // module.groups < 16
    return not strided_point and (module.groups == 1 or max(module.dilation) == 1)
