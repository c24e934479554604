"""k-space: how MRI samples an image, and what a part of the samples says about it.

A scanner measures not the image but its Fourier transform, line by line. What is measured of it is

    y = M F S x + noise

with x the complex image, S the sensitivities of the coils, F the centred orthonormal FFT and M the mask, True where
measured. `forward` is M F S, `adjoint` its conjugate transpose Sᴴ Fᴴ M; `zero_filled`, the adjoint of what was
measured, is the simplest reconstruction.

Images are (H, W) or (N, 1, H, W), films (N, T, H, W); k-space is complex64 of the same shape, or (coils, H, W),
(N, coils, H, W) with several coils. Masks are boolean, (H, W) or what broadcasts, as (N, 1, H, W). numpy in, numpy out;
torch in, torch out, on the same device and differentiable.

`fourier` holds the transform, `masks` the masks, `coils` the coils, `phase` the phase of magnitude images, `operators`
the measurement and its adjoint, `consistency` the layer that puts the measured values back,
`conjugate_gradients` what it needs with several coils, `acquisition` the measurement that a training draws anew for
each image.
"""

from __future__ import annotations

from course_lib.kspace.acquisition import Acquire, undersampling
from course_lib.kspace.coils import birdcage_sensitivities, root_sum_of_squares
from course_lib.kspace.consistency import DataConsistency
from course_lib.kspace.fourier import fft2c, ifft2c
from course_lib.kspace.masks import (
    acceleration_of,
    cartesian_mask,
    center_fraction_of,
    interleaved_mask,
    radial_mask,
    spiral_mask,
)
from course_lib.kspace.operators import adjoint, forward, incoherence, point_spread, undersample, zero_filled
from course_lib.kspace.phase import with_phase

__all__ = [
    "Acquire",
    "DataConsistency",
    "acceleration_of",
    "adjoint",
    "birdcage_sensitivities",
    "cartesian_mask",
    "center_fraction_of",
    "fft2c",
    "forward",
    "ifft2c",
    "incoherence",
    "interleaved_mask",
    "point_spread",
    "radial_mask",
    "root_sum_of_squares",
    "spiral_mask",
    "undersample",
    "undersampling",
    "with_phase",
    "zero_filled",
]
