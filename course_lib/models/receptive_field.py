"""How far a network sees: which pixels of the input can change one pixel of the output."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.overrides import TorchFunctionMode

from course_lib._checks import check_count

LARGEST = 513


def receptive_field(model: nn.Module, *, channels: int = 1) -> tuple[int, int]:
    """Height and width of the receptive field of the pixel in the middle, found by an impulse.

    It is the box around `footprint`; the image grows until the box leaves its border free. What is asked is what the
    architecture can see: weights and normalisation play no part. Where strides or pooling make pixels unlike, those in
    the middle need not see the most. Channel attention sees the whole image.

    Args:
        model: it stays as it is.
        channels: those of the model's input.

    Returns:
        Height and width, in pixels.

    Raises:
        ValueError: more than 512 pixels.

    Lab: 07.
    """
    for size in (33, 65, 129, 257, LARGEST):
        seen = footprint(model, size, channels=channels) > 0
        rows, columns = (seen.any(axis).nonzero().flatten() for axis in (1, 0))
        ends = [int(end) for line in (rows, columns) for end in (line[0], line[-1])]
        if min(ends) > 0 and max(ends) < size - 1:
            return ends[1] - ends[0] + 1, ends[3] - ends[2] + 1
    raise ValueError(
        f"model: expected a receptive field of less than {LARGEST} pixels, got one that fills the image;"
        " channel attention (a mean over the image) makes it so"
    )


def footprint(model: nn.Module, size: int, *, channels: int = 1) -> torch.Tensor:
    """How much each pixel of the input weighs for the middle pixel of the output.

    The gradient of that pixel, with all weights of a layer set to the same positive number, ReLU, sigmoid and
    normalisation left out and maxima replaced by means, so that no two paths cancel: 0 is a pixel that is not seen.
    Dilated layers of one rate leave gaps, a chain such as 1, 2, 3, 4, 3, 2, 1 does not. The model stays as it is.
    Of a residual model's output the pixel itself is a part; `footprint(model.layers, size)` of a `DnCNN` is without.

    Args:
        model: image to image.
        size: of the input, pixels a side.
        channels: those of the model's input.

    Returns:
        (size, size), float64, sum 1.

    Source: Luo et al. 2016 ("effective receptive field").
    Lab: 07.
    """
    check_count(size, "size"), check_count(channels, "channels")
    linear = copy.deepcopy(model).double().cpu().eval()
    for parameter in linear.parameters():
        parameter.requires_grad_(False)
        parameter.fill_(1 / parameter[0].numel() if parameter.ndim > 1 else 0.0)
    image = torch.ones(1, channels, size, size, dtype=torch.float64, requires_grad=True)
    with torch.enable_grad(), _Linear():
        output = linear(image)
        middle = output[..., output.shape[-2] // 2, output.shape[-1] // 2].sum()
        (gradient,) = torch.autograd.grad(middle, image)
    seen = gradient[0].abs().sum(0)
    return seen / seen.sum()


def receptive_field_formula(dilations: Sequence[int], *, kernel: int = 3, strides: Sequence[int] | None = None) -> int:
    """Side of the receptive field of a chain of convolutions: 1 + Σ (kernel − 1) · dilation · (all strides before).

    17 convolutions: 35; IRCNN's 1, 2, 3, 4, 3, 2, 1: 33.

    Args:
        dilations: a number for each convolution, from the image on.
        kernel: side of the kernels.
        strides: a number for each convolution, from the image on; None: all 1.

    Returns:
        Pixels.

    Raises:
        TypeError, ValueError: bad input.

    Lab: 07.
    """
    strides = [1] * len(dilations) if strides is None else strides
    if len(strides) != len(dilations):
        raise ValueError(f"strides: expected {len(dilations)} numbers as dilations, got {len(strides)}")
    before = itertools.accumulate([check_count(s, "strides") for s in strides], lambda a, b: a * b, initial=1)
    steps = zip(dilations, before, strict=False)
    return 1 + sum((check_count(kernel, "kernel") - 1) * check_count(rate, "dilations") * step for rate, step in steps)


# a sigmoid too: its gradient far from 0 is 0, and what a gate depends on would seem unseen
UNSEEN: set[Callable[..., Any]] = {torch.relu, torch.relu_, torch.Tensor.relu, torch.sigmoid, torch.Tensor.sigmoid}
UNSEEN |= {F.relu, F.batch_norm, F.group_norm}


class _Linear(TorchFunctionMode):
    """Inside it networks only sum up and multiply: ReLU, sigmoid and normalisation do nothing, a maximum is a mean."""

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, arguments: Any = (), keywords: dict[str, Any] | None = None
    ) -> Any:
        if function in UNSEEN:
            return arguments[0]
        if function in (F.max_pool2d, torch.max_pool2d):
            keywords = {k: v for k, v in (keywords or {}).items() if k in ("kernel_size", "stride", "padding")}
            return F.avg_pool2d(*arguments[:4], **keywords)
        return function(*arguments, **(keywords or {}))
