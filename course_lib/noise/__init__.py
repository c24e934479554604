"""Noise: what turns a clean image into a noisy one, how strong it is, and how to undo its bias.

`corruption` holds the models, `levels` makes one of them a training's `corrupt`; `estimation` tells how strong the
noise of an image is, `rice` corrects the bias of a magnitude, `stabilisation` stabilises its variance.

The models have one form, `f(image, level, *, generator=None)`: a corrupted copy of any shape, same type, dtype, device.
`generator` is a `numpy.random.Generator` for numpy images and a `torch.Generator` for tensors; without one, fresh
entropy is used. The global random state is never touched, and nothing is clipped to [0, 1] (clipping biases the
background; lab 04 measures by how much). Levels are in units of the data range.
"""

from __future__ import annotations

from course_lib.noise.correlated import FILTERS, correlated
from course_lib.noise.corruption import (
    complex_gaussian,
    gaussian,
    masking,
    noncentral_chi,
    poisson,
    rician,
    rician_from_kspace,
    salt_and_pepper,
    speckle,
)
from course_lib.noise.estimation import estimate_sigma_background, estimate_sigma_local, estimate_sigma_mad
from course_lib.noise.levels import noising
from course_lib.noise.rice import correct_bias, invert_mean, koay_inversion
from course_lib.noise.scales import NoiseEstimate, estimate_noise
from course_lib.noise.stabilisation import stabilise, unstabilise

__all__ = [
    "FILTERS",
    "NoiseEstimate",
    "complex_gaussian",
    "correlated",
    "correct_bias",
    "estimate_noise",
    "estimate_sigma_background",
    "estimate_sigma_local",
    "estimate_sigma_mad",
    "gaussian",
    "invert_mean",
    "koay_inversion",
    "masking",
    "noising",
    "noncentral_chi",
    "poisson",
    "rician",
    "rician_from_kspace",
    "salt_and_pepper",
    "speckle",
    "stabilise",
    "unstabilise",
]
