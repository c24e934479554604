"""Where a model is trained or applied: device, precision and memory layout, all put back afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from course_lib.profiles import check_device
from course_lib.training.layout import memory_format


@contextmanager
def engine(
    model: nn.Module, device: str | None, mixed_precision: str | None, channels_last: bool | None
) -> Iterator[tuple[Any, Callable[[torch.Tensor], torch.Tensor]]]:
    """An Accelerator for one training, the model on its device, and a function that brings images there."""
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState, GradientState, PartialState

    kind = check_device(device)
    precision = _precision(mixed_precision, kind)
    layout = memory_format(model, kind, channels_last)

    # accelerate keeps its settings in class-level dicts: two trainings, or a training and its caller, must
    # not share them
    shared = [state._shared_state for state in (AcceleratorState, GradientState, PartialState)]
    before = [dict(state) for state in shared]
    try:
        for state in shared:
            state.clear()
        accelerator = Accelerator(cpu=kind == "cpu", mixed_precision=precision)

        def place(images: torch.Tensor) -> torch.Tensor:
            # complex numbers and masks meet Fourier transforms before convolutions: those want whole rows
            convolved = images.is_floating_point() and images.ndim == 4
            images = images.contiguous(memory_format=layout if convolved else torch.contiguous_format)
            if convolved and images.shape[1] == 1:
                images = images[:, 0, None]  # the stride of one channel is free: it must not look channels last
            if accelerator.device.type == "cuda":
                images = images.pin_memory()  # so that the copy runs beside the computation
            return images.to(accelerator.device, non_blocking=True)

        with placed(model, accelerator.device):
            model.to(memory_format=layout)
            yield accelerator, place
    finally:
        # accelerate's marks on the model: with them the next training would not be prepared
        for mark in ("forward", "_original_forward", "_is_accelerate_prepared"):
            vars(model).pop(mark, None)
        model.to(memory_format=torch.contiguous_format)
        for state, old in zip(shared, before, strict=True):
            state.clear()
            state.update(old)


@contextmanager
def placed(model: nn.Module, device: str | torch.device) -> Iterator[None]:
    """The model on a device for a while; then where it was, each module's training flag as it was."""
    home = next((parameter.device for parameter in model.parameters()), None)
    flags = [(module, module.training) for module in model.modules()]
    try:
        model.to(device)
        yield
    finally:
        model.to(home)
        for module, training in flags:
            module.training = training


def _precision(asked: str | None, device: str) -> str:
    if asked not in (None, "no", "bf16", "fp16"):
        raise ValueError(f"mixed_precision: expected 'no', 'bf16', 'fp16' or None, got {asked!r}")
    if asked == "fp16" and device == "cpu":
        raise ValueError("mixed_precision: 'fp16' needs a GPU; on the CPU use 'no' (fast) or 'bf16'")
    if asked is not None or device != "cuda":
        return asked or "no"
    major, _ = torch.cuda.get_device_capability()
    return "bf16" if major >= 8 else "fp16" if major == 7 else "no"
