"""From thin slices to thick ones, the adjoint, and the nearest image that fits what was measured."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from course_lib._checks import Array, check_count, check_image
from course_lib.resolution.profiles import PROFILES, pseudo_inverse, slice_matrix


def thick_slices(image: Array, factor: int, *, profile: str = "box", axis: int = -1) -> Array:
    """What a scanner with thick slices measures: y = A image, one slice for every `factor` thin ones.

    A slice is not every k-th thin one: that would alias, and a scanner measures no such thing. Beyond both ends of the
    image lies its last slice, repeated.

    Args:
        image: floating point, any shape; its length along the axis a multiple of `factor`.
        factor: how many thin slices lie in the distance of two thick ones; 1 leaves the image as it is with a box.
        profile: one of `PROFILES`. "box": their mean. "gaussian": as wide at half its height as the distance of two
            slices. "fir": a low-pass filter of 49 taps, then every k-th sample, as DeepResolve's authors do.
        axis: the axis of the slices.

    Returns:
        The image, `factor` times shorter along the axis.

    Raises:
        TypeError, ValueError: bad input.

    Source: DeepResolve's group, arXiv 1808.04447 (fir); the others are common models of a slice.
    Lab: 12.
    """
    check_image(image)
    matrix = slice_matrix(check_thin(image, factor, axis), check_count(factor, "factor"), check_profile(profile))
    return along(matrix, image, axis)


def thick_slices_adjoint(thick: Array, factor: int, *, profile: str = "box", axis: int = -1) -> Array:
    """The transpose of `thick_slices`: Aᵀ thick, so that <A x, y> = <x, Aᵀ y>. It is no inverse.

    Args:
        thick: floating point, any shape, the thick slices along the axis.
        factor, profile, axis: as for `thick_slices`.

    Returns:
        The same shape, `factor` times longer along the axis.

    Raises:
        TypeError, ValueError: bad input.

    Lab: 12.
    """
    check_image(thick, "thick")
    number = check_count(factor, "factor") * _length(thick, axis, "thick")
    return along(slice_matrix(number, factor, check_profile(profile)).T, thick, axis)


def keep_measured(guess: Array, thick: Array, factor: int, *, profile: str = "box", axis: int = -1) -> Array:
    """The image nearest to a guess that would give exactly the measured slices: guess + A⁺(thick - A guess).

    Its mean over each thick slice is what was measured, whatever an interpolation or a network had put there; what lies
    within a slice comes from the guess. For a box A⁺ repeats each difference over its slice. It is lab 09's data
    consistency, for slices. An orthogonal projection: no image that fits the measurement is further away than before.

    Args:
        guess: floating point, any shape: thin slices along the axis.
        thick: what was measured, `factor` times shorter along the axis; without noise, or the noise is kept too.
        factor, profile, axis: as for `thick_slices`, those of the measurement.

    Returns:
        The guess's shape. Not clipped: clip for the score, not before.

    Raises:
        TypeError, ValueError: bad input.

    Source: the projection onto all x with A x = y, as in Gerchberg 1974 and Papoulis 1975.
    Lab: 12.
    """
    check_image(guess, "guess")
    check_image(thick, "thick")
    if isinstance(guess, torch.Tensor) != isinstance(thick, torch.Tensor):
        raise TypeError(
            "guess and thick: expected two numpy arrays or two torch tensors, got"
            f" {type(guess).__name__} and {type(thick).__name__}"
        )
    number = check_thin(guess, factor, axis, "guess")
    expected = list(guess.shape)
    expected[axis] = number // factor
    if list(thick.shape) != expected:
        raise ValueError(
            f"thick: expected the shape {tuple(expected)} for a guess {tuple(guess.shape)}, got {tuple(thick.shape)}"
        )
    missing = thick - along(slice_matrix(number, factor, check_profile(profile)), guess, axis)
    return guess + along(pseudo_inverse(number, factor, profile), missing, axis)


def along(matrix: np.ndarray, image: Array, axis: int) -> Array:
    """The matrix (new, old) times the image along an axis, in the image's dtype and on its device."""
    if isinstance(image, torch.Tensor):
        weights = torch.tensor(matrix, dtype=image.dtype, device=image.device)
        return (image.movedim(axis, -1) @ weights.T).movedim(-1, axis)
    return np.moveaxis(np.moveaxis(image, axis, -1) @ matrix.T.astype(image.dtype), -1, axis)


def check_profile(profile: Any) -> str:
    """Refuse what is no name of a profile."""
    if profile not in PROFILES:
        raise ValueError(f"profile: expected one of {', '.join(map(repr, PROFILES))}, got {profile!r}")
    return profile


def check_thin(image: Array, factor: Any, axis: int, name: str = "image") -> int:
    """Refuse a length that the factor does not divide; returns the length."""
    number = _length(image, axis, name)
    if number % check_count(factor, "factor"):
        raise ValueError(
            f"{name}: expected a multiple of {factor} along axis {axis}, got {number} in {tuple(image.shape)};"
            f" crop it to {number - number % factor}"
        )
    return number


def _length(image: Array, axis: int, name: str) -> int:
    if not -image.ndim <= axis < image.ndim:
        raise ValueError(f"axis: expected one of the {image.ndim} axes of {name}, got {axis}")
    return image.shape[axis]
