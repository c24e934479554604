"""What a scanner measured, as iterations use it, and what they return. A part of `sparse` and `sense`."""

from __future__ import annotations

from typing import Generic, NamedTuple

import numpy as np
import scipy.fft
import torch

from course_lib._checks import Array, as_tensor
from course_lib.kspace.checks import check_complex, check_sampling, check_sensitivities
from course_lib.kspace.coils import combine, spread
from course_lib.kspace.fourier import inverse


class Reconstruction(NamedTuple, Generic[Array]):
    """What a solver found.

    Attributes:
        image: complex.
        objective: what it minimised, after each iteration, summed over a batch.
    """

    image: Array
    objective: list[float]


class Scan:
    """The checked measurement, in the form in which an iteration is cheapest.

    Nothing is shifted in the loop: k-space is kept as the plain FFT of the image has it, which differs from the
    centred one by a shift and a phase, and neither changes a norm. And an axis along which all was measured alike
    needs no FFT: of lines in k-space, one of the two remains. With one coil Aᴴ A is a convolution, which `descent` does
    at a length that suits the FFT: one of 181, a prime number, takes seven times as long as one of 180.
    """

    def __init__(self, measured: Array, mask: Array, sensitivities: Array | None):
        check_complex(measured, "measured")
        check_sampling(mask, measured, "measured")
        check_sensitivities(sensitivities, measured, "measured", coils=True)
        self.is_numpy = isinstance(measured, np.ndarray)
        places = as_tensor(mask)
        height, width = measured.shape[-2:]
        self.size: tuple[int, int] = (height, width)
        self.sensitivities = None if sensitivities is None else as_tensor(sensitivities)
        self.coil_images = inverse(torch.where(places, as_tensor(measured), 0))
        columns, rows = (bool((places != places.narrow(axis, 0, 1)).any()) for axis in (-1, -2))
        self.axes = tuple(axis for axis, varies in ((-2, rows), (-1, columns)) if varies)
        self.mask = torch.fft.ifftshift(places, (-2, -1)).to(self.coil_images.dtype)
        self.data = self._measure(self.coil_images)
        # at least the squared norm of A; exactly 1 for one coil
        self.bound = 1.0
        if self.sensitivities is not None:
            self.bound = float(self.sensitivities.detach().abs().square().sum(-3).max()) or 1.0
        self.kernel: torch.Tensor | None = None
        if self.sensitivities is None and len(self.axes) == 1 and not _is_fast(measured.shape[self.axes[0]]):
            self.kernel = _long_kernel(self.mask, self.axes[0])

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """A: the image as the scanner sees it."""
        return self._measure(spread(image, self.sensitivities))

    def adjoint(self, seen: torch.Tensor) -> torch.Tensor:
        """Aᴴ of what is 0 where nothing was measured."""
        coil_images = torch.fft.ifftn(seen, dim=self.axes, norm="ortho") if self.axes else seen
        return combine(coil_images, self.sensitivities)

    def normal(self, image: torch.Tensor) -> torch.Tensor:
        """Aᴴ A of the image."""
        if self.kernel is None:
            return self.adjoint(self.forward(image))
        axis, side = self.axes[0], image.shape[self.axes[0]]
        long = torch.fft.fft(image, n=self.kernel.shape[axis], dim=axis).mul(self.kernel)
        return torch.fft.ifft(long, dim=axis).narrow(axis, 0, side)

    def descent(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The gradient of ½ ‖A image - measured‖², which is Aᴴ (A image - measured), and ‖A image - measured‖²."""
        if self.sensitivities is None:
            # Aᴴ keeps the length of what is 0 where nothing was measured
            gradient = self.normal(image).sub(self.coil_images)
            return gradient, energy(gradient)
        misfit = self.forward(image) - self.data
        return self.adjoint(misfit), energy(misfit)

    def zero_filled(self) -> torch.Tensor:
        """Where all start; for coils whose squares do not sum to 1 about as bright as the image."""
        return combine(self.coil_images, self.sensitivities) / self.bound

    def result(self, image: torch.Tensor, objective: list[torch.Tensor]) -> Reconstruction:
        values = torch.stack(objective).detach().tolist()  # once: each number waits for the GPU
        return Reconstruction(image.numpy() if self.is_numpy else image, values)

    def _measure(self, coil_images: torch.Tensor) -> torch.Tensor:
        return self.mask * torch.fft.fftn(coil_images, dim=self.axes, norm="ortho") if self.axes else coil_images


def _is_fast(length: int) -> bool:
    return scipy.fft.next_fast_len(length) == length


def _long_kernel(mask: torch.Tensor, axis: int) -> torch.Tensor:
    """The spectrum, of a fast length, of the convolution that keeps the lines of a mask (…, H, W) along an axis."""
    side = mask.shape[axis]
    long = 32 * scipy.fft.next_fast_len(-(-(2 * side - 1) // 32))  # the more factors of 2, the faster
    kernel = torch.fft.ifft(mask.narrow(-1 if axis == -2 else -2, 0, 1), dim=axis)  # circular, of this side
    # continued to both sides, so that a convolution of the longer image sees the shorter circle
    later, earlier = kernel, kernel.narrow(axis, 1, side - 1)
    shape = list(kernel.shape)
    shape[axis] = long - 2 * side + 1
    return torch.fft.fft(torch.cat([later, kernel.new_zeros(shape), earlier], axis), dim=axis)


def energy(values: torch.Tensor) -> torch.Tensor:
    flat = torch.view_as_real(values).flatten() if values.is_complex() else values.flatten()
    return torch.dot(flat, flat)
