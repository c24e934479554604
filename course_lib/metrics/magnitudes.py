"""How complex images are compared: squared errors to train by, magnitudes to report. Public in `training`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch


def squared_error(prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """The mean of |prediction - target|²: the MSE for complex images too, which PyTorch's own refuses.

    Of real images it is `mse_loss`; of complex ones the sum of the MSE of both parts.

    Args:
        prediction, target: real or complex, one shape.

    Returns:
        A scalar.

    Source: Schlemper 2017.
    Lab: 09.
    """
    difference = prediction - target
    if not difference.is_complex():
        return difference.square().mean()
    return difference.real.square().mean() + difference.imag.square().mean()  # abs() would divide by 0 where exact


def on_magnitude(metric: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    """A metric of real images, for complex ones: it is given both magnitudes, clipped to [0, 1].

    So the course scores reconstructions: `fit(..., metrics={"PSNR": on_magnitude(partial(metrics.psnr,
    data_range=1.0))})`. Of a real image the magnitude is its absolute value.

    Args:
        metric: `f(prediction, target)` of real images.

    Returns:
        `f(prediction, target)` of complex or real images.

    Lab: 09.
    """

    @functools.wraps(metric, updated=())
    def of_magnitudes(prediction: torch.Tensor, target: torch.Tensor, **options: Any) -> torch.Tensor:
        return metric(magnitude(prediction), magnitude(target), **options)

    return of_magnitudes


def magnitude(image: torch.Tensor) -> torch.Tensor:
    """What is scored of a reconstruction: its magnitude, clipped to [0, 1].

    Args:
        image: real or complex, any shape.

    Returns:
        Real, of the image's shape.
    """
    return image.abs().clamp(max=1)
