"""The centred, orthonormal 2D Fourier transform, and what complex values must be. A part of `kspace`."""

from __future__ import annotations

import numpy as np
import torch

from course_lib._checks import Array
from course_lib.kspace.checks import check_complex

AXES = (-2, -1)


def fft2c(image: Array) -> Array:
    """From the image to its k-space: the zero frequency stands in the middle, at [H // 2, W // 2].

    `fftshift(fft2(ifftshift(image), norm="ortho"))`: the image's middle, too, is at [H // 2, W // 2]. Orthonormal, so
    energy is kept (Parseval) and white noise stays as strong as it was.

    Args:
        image: (…, H, W), real or complex, even or odd sizes; numpy or torch, differentiable.

    Returns:
        The k-space: complex64 (complex128 for double precision), of the image's shape.

    Raises:
        TypeError, ValueError: bad input.

    Source: fastMRI `fft2c`.
    Lab: 08.
    """
    return transform(check_complex(image, "image", real_too=True))


def ifft2c(kspace: Array) -> Array:
    """From centred k-space back to the image: the inverse of `fft2c`, and its adjoint.

    Args:
        kspace: (…, H, W), complex, zero frequency at [H // 2, W // 2].

    Returns:
        The complex image, same shape and dtype.

    Raises:
        TypeError, ValueError: bad input, real values included: half of k-space was then lost on the way.

    Source: fastMRI `ifft2c`.
    Lab: 08.
    """
    return inverse(check_complex(kspace, "kspace"))


def transform(image: Array) -> Array:
    """`fft2c` without its checks, for layers and loops: a check waits for the GPU."""
    if isinstance(image, torch.Tensor):
        image = image.to(torch.promote_types(image.dtype, torch.complex64))
        return torch.fft.fftshift(torch.fft.fft2(torch.fft.ifftshift(image, AXES), norm="ortho"), AXES)
    kspace = np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(image, AXES), norm="ortho"), AXES)
    # NumPy before 2.0 computes every FFT in double precision
    return kspace.astype(np.promote_types(image.dtype, np.complex64), copy=False)


def inverse(kspace: Array) -> Array:
    """`ifft2c` without its checks."""
    if isinstance(kspace, torch.Tensor):
        kspace = kspace.to(torch.promote_types(kspace.dtype, torch.complex64))
        return torch.fft.fftshift(torch.fft.ifft2(torch.fft.ifftshift(kspace, AXES), norm="ortho"), AXES)
    image = np.fft.fftshift(np.fft.ifft2(np.fft.ifftshift(kspace, AXES), norm="ortho"), AXES)
    return image.astype(np.promote_types(kspace.dtype, np.complex64), copy=False)
