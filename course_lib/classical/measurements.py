"""Random measurements of an image for compressed sensing: `y = A x`, far fewer numbers than pixels (lab 11)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch

from course_lib._checks import check_count, check_number


@dataclass(frozen=True)
class Measurement:
    """A linear map from images to measurements, and its exact adjoint; columns have norm 1, in the mean.

    Attributes:
        forward: (N, 1, H, W) -> (N, count).
        adjoint: (N, count) -> (N, 1, H, W).
        shape: (H, W).
        count: M, the number of measurements.
    """

    forward: Callable[[torch.Tensor], torch.Tensor]
    adjoint: Callable[[torch.Tensor], torch.Tensor]
    shape: tuple[int, int]
    count: int


def gaussian_measurement(
    shape: tuple[int, int], ratio: float, *, generator: torch.Generator | None = None
) -> Measurement:
    """Each measurement is a sum of all pixels with random weights N(0, 1/M): what AMP's theory is about.

    The matrix lies in memory: 16 MB for 64×64 pixels and a quarter of them, 268 MB for 128×128.

    Args:
        shape: of the images, (H, W).
        ratio: M / N, above 0, at most 1.
        generator: without one, fresh entropy.

    Returns:
        The measurement, for float32.

    Raises:
        TypeError, ValueError: bad input.

    Source: Donoho, Maleki, Montanari 2009.
    Lab: 11.
    """
    shape, count = _sizes(shape, ratio)
    matrix = torch.randn(count, shape[0] * shape[1], generator=_seeded(generator)) / math.sqrt(count)
    return Measurement(
        lambda image: image.flatten(1) @ matrix.to(image).T,  # (N, 1, H, W) -> (N, H·W) -> (N, M)
        lambda values: (values @ matrix.to(values)).view(-1, 1, *shape),
        shape,
        count,
    )


def dct_measurement(
    shape: tuple[int, int], ratio: float, *, signs: bool = True, generator: torch.Generator | None = None
) -> Measurement:
    """Random coefficients of the cosine transform of an image whose pixels have got random signs: no matrix to store.

    The signs spread every picture over all frequencies, so that what is missing looks like white noise, as for Gaussian
    weights. Without them the measurements are those of MRI in kind: a picture's energy lies at low frequencies, what
    is missing is no white noise, and D-AMP diverges.

    Rows are orthogonal, and see nothing twice: D-AMP's σ, made for Gaussian weights, is too high at first, by
    `1 / sqrt(1 - ratio)`.

    Args:
        shape: of the images, (H, W).
        ratio: M / N, above 0, at most 1.
        signs: whether pixels get random signs; without, the mean is always measured.
        generator: without one, fresh entropy.

    Returns:
        The measurement, of any floating-point dtype.

    Raises:
        TypeError, ValueError: bad input.

    Source: Metzler et al. 2016, whose code calls it a fast Johnson-Lindenstrauss transform.
    Lab: 11.
    """
    shape, count = _sizes(shape, ratio)
    pixels, generator = shape[0] * shape[1], _seeded(generator)
    sign = torch.randint(0, 2, shape, generator=generator) * 2.0 - 1 if signs else torch.ones(shape)
    chosen = torch.randperm(pixels, generator=generator)[:count]
    if not signs and not bool((chosen == 0).any()):
        chosen[0] = 0
    rows, columns = _cosines(shape[0]), _cosines(shape[1])
    scale = math.sqrt(pixels / count)

    def forward(image: torch.Tensor) -> torch.Tensor:
        spectrum = rows.to(image) @ (sign.to(image) * image) @ columns.to(image).T
        return scale * spectrum.flatten(1)[:, chosen.to(image.device)]  # (N, 1, H, W) -> (N, H·W) -> (N, M)

    def adjoint(values: torch.Tensor) -> torch.Tensor:
        whole = values.new_zeros(len(values), pixels).index_add(1, chosen.to(values.device), values)
        spectrum = whole.view(-1, 1, *shape)  # (N, H·W) -> (N, 1, H, W)
        return scale * sign.to(values) * (rows.to(values).T @ spectrum @ columns.to(values))

    return Measurement(forward, adjoint, shape, count)


def _sizes(shape: tuple[int, int], ratio: float) -> tuple[tuple[int, int], int]:
    height, width = (check_count(side, "shape") for side in shape)
    ratio = check_number(ratio, "ratio", low=0, high=1)
    return (height, width), max(1, round(ratio * height * width))


def _seeded(generator: torch.Generator | None) -> torch.Generator:
    if generator is None:
        generator = torch.Generator()
        generator.seed()
    return generator


def _cosines(size: int) -> torch.Tensor:
    """The orthonormal matrix of the cosine transform of the second kind: float64 (size, size)."""
    place = torch.arange(size, dtype=torch.float64)
    matrix = torch.cos(math.pi / size * (place[None] + 0.5) * place[:, None]) * math.sqrt(2 / size)
    matrix[0] /= math.sqrt(2)
    return matrix
