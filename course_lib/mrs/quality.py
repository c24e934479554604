"""What a spectroscopist looks at: signal-to-noise ratio, line width, residual water and fat. A part of `mrs`."""

from __future__ import annotations

import numpy as np

from course_lib.mrs.basis import SCANNER, Scanner
from course_lib.mrs.transform import PPM, spectrum_at

SINGLETS = ((1.93, 2.10), (2.95, 3.10), (3.13, 3.30))  # ppm: NAA, creatine, choline
EMPTY = np.linspace(7.5, 9.0, 160)  # ppm: nothing but noise, and the far slope of water


def signal_to_noise(fids: np.ndarray, *, scanner: Scanner = SCANNER) -> np.ndarray:
    """Height of the largest of the three singlets over the standard deviation of noise.

    The noise is that of the real part between 7.5 and 9 ppm, a straight line taken away.

    Args:
        fids: (N, points), complex.
        scanner: how they were recorded.

    Returns:
        (N,).

    Raises:
        TypeError, ValueError: bad input.

    Lab: 13.
    """
    empty = spectrum_at(fids, EMPTY, scanner=scanner)
    slope = np.stack([np.ones_like(EMPTY), EMPTY - EMPTY.mean()], -1)  # (places, 2)
    rest = empty - empty @ slope @ np.linalg.inv(slope.T @ slope) @ slope.T
    height, _ = _tallest(spectrum_at(fids, scanner=scanner))
    return height / (rest.std(-1) + 1e-9)


def linewidth(fids: np.ndarray, *, scanner: Scanner = SCANNER) -> np.ndarray:
    """Full width at half maximum of the tallest of the three singlets, in Hz, above the local baseline.

    The baseline is taken 0.1 ppm beside the peak, so a line that is still high there comes out too narrow (by a tenth
    at 15 Hz).

    Args:
        fids: (N, points), complex.
        scanner: how they were recorded.

    Returns:
        (N,); at most the width of the whole window.

    Raises:
        TypeError, ValueError: bad input.

    Lab: 13.
    """
    spectra = spectrum_at(fids, scanner=scanner)
    height, peak = _tallest(spectra)
    top = np.take_along_axis(spectra, peak[:, None], -1)
    below = spectra < top - height[:, None] / 2
    place = np.arange(spectra.shape[-1])
    right = np.where(below & (place > peak[:, None]), place, place[-1]).min(-1)
    left = np.where(below & (place < peak[:, None]), place, 0).max(-1)
    half = top[:, 0] - height / 2

    def beyond(place: np.ndarray, step: int) -> np.ndarray:
        """How far from the last place above half the line through it and the next one falls to half."""
        number, inner = np.arange(len(spectra)), np.clip(place - step, 0, spectra.shape[-1] - 1)
        drop = spectra[number, inner] - spectra[number, place]
        return (spectra[number, inner] - half) / np.where(drop > 0, drop, 1)

    places = right - left - 2 + np.clip(beyond(right, 1), 0, 1) + np.clip(beyond(left, -1), 0, 1)
    return places * (PPM[1] - PPM[0]) * scanner.frequency


def quality_numbers(fids: np.ndarray, *, scanner: Scanner = SCANNER) -> dict[str, np.ndarray]:
    """Four numbers by which a rule can judge a spectrum.

    Args:
        fids: (N, points), complex.
        scanner: how they were recorded.

    Returns:
        "signal to noise", "line width" in Hz, "fat" and "water": what stands from 0.8 to 1.6 ppm and from 4.1 to
        4.4 ppm, over the tallest singlet; (N,) each.

    Raises:
        TypeError, ValueError: bad input.

    Lab: 13.
    """
    spectra = np.abs(spectrum_at(fids, scanner=scanner))
    height, _ = _tallest(spectrum_at(fids, scanner=scanner))
    return {
        "signal to noise": signal_to_noise(fids, scanner=scanner),
        "line width": linewidth(fids, scanner=scanner),
        "fat": spectra[:, _between(0.8, 1.6)].max(-1) / height,
        "water": spectra[:, _between(4.1, 4.4)].mean(-1) / height,
    }


def _between(low: float, high: float) -> np.ndarray:
    return (low <= PPM) & (high >= PPM)


def _tallest(spectra: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Height above the lower of both sides, and place, of the tallest of NAA, creatine and choline, (N,) each."""
    heights, places = [], []
    for low, high in SINGLETS:
        inside = np.flatnonzero(_between(low, high))
        place = inside[spectra[:, inside].argmax(-1)]
        sides = [spectra[:, _between(*side)].mean(-1) for side in ((low - 0.1, low), (high, high + 0.1))]
        heights.append(np.take_along_axis(spectra, place[:, None], -1)[:, 0] - np.minimum(*sides))
        places.append(place)
    best = np.argmax(heights, 0)
    number = np.arange(len(spectra))
    return np.maximum(np.stack(heights)[best, number], 1e-6), np.stack(places)[best, number]
