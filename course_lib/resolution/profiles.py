"""Slice profiles: how much each thin slice gives to a thick one, as a matrix; and where the thick slices lie."""

from __future__ import annotations

import functools
import math

import numpy as np

#: What a thick slice makes of the thin ones. "box": their mean. "gaussian": as wide at half its height as one thick
#: slice. "fir": a low-pass filter of 49 taps (a windowed sinc, cut off where every k-th sample still holds all), then
#: every k-th sample.
PROFILES = ("box", "gaussian", "fir")
_TAPS = 49  # "48th-order anti-aliasing filter"; source: DeepResolve's group, arXiv 1808.04447


def first_centre(factor: int, profile: str) -> float:
    """Where the centre of the first thick slice lies, in thin slices: half a thick slice in, but for fir."""
    return 0.0 if profile == "fir" else (factor - 1) / 2


@functools.lru_cache(maxsize=32)
def slice_matrix(thin: int, factor: int, profile: str) -> np.ndarray:
    """A, (thin / factor, thin), float64, each row with sum 1; what lies beyond the ends is the end repeated."""
    offsets, weights = _profile(factor, profile)
    thick = thin // factor
    matrix = np.zeros((thick, thin))
    for slice_ in range(thick):
        np.add.at(matrix[slice_], np.clip(slice_ * factor + offsets, 0, thin - 1), weights)
    matrix.flags.writeable = False
    return matrix


@functools.lru_cache(maxsize=32)
def pseudo_inverse(thin: int, factor: int, profile: str) -> np.ndarray:
    """A⁺ = Aᵀ(AAᵀ)⁻¹, (thin, thin / factor): of a box, each thick slice repeated."""
    matrix = slice_matrix(thin, factor, profile)
    inverse = np.linalg.solve(matrix @ matrix.T, matrix).T
    inverse.flags.writeable = False
    return inverse


def _profile(factor: int, profile: str) -> tuple[np.ndarray, np.ndarray]:
    """Thin slices, counted from the first of a thick one, and what each gives; the sum is 1."""
    if profile == "box":
        offsets, weights = np.arange(factor), np.ones(factor)
    elif profile == "gaussian":
        sigma = factor / math.sqrt(8 * math.log(2))
        reach = math.ceil(4 * sigma)
        offsets = np.arange(-reach, factor + reach)
        weights = np.exp(-((offsets - first_centre(factor, profile)) ** 2) / (2 * sigma**2))
    else:
        offsets = np.arange(_TAPS) - _TAPS // 2
        weights = np.sinc(offsets / factor) * np.hamming(_TAPS)
    return offsets, weights / weights.sum()
