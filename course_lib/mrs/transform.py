"""From the FID to the spectrum. A part of `mrs`."""

from __future__ import annotations

import functools

import numpy as np

from course_lib._checks import check_number
from course_lib.mrs.basis import SCANNER, Scanner

#: Where spectra are looked at: 336 places from 0.5 to 4.4 ppm, six tiles of 56.
PPM = np.linspace(0.5, 4.4, 336)
PPM.setflags(write=False)
HEIGHT = 60.0  # about that of creatine's peak in a good spectrum


def spectrum(fid: np.ndarray, dwell: float, frequency: float, reference: float) -> tuple[np.ndarray, np.ndarray]:
    """The ppm axis and the real part of the spectrum.

    The first point counts half: the integral over time begins there, and a sum of whole points would lift the whole
    spectrum. Orthonormal, zero frequency in the middle, at [points // 2].

    Args:
        fid: (…, points), complex, in phase: then the real part shows the peaks, upright.
        dwell: time between two points, in s.
        frequency: of protons in the field, in MHz.
        reference: the ppm that stands at 0 Hz.

    Returns:
        The axis (points,), which rises, and the spectrum (…, points), real.

    Raises:
        TypeError, ValueError: bad input.

    Lab: 13.
    """
    fid = check_fid(fid)
    dwell = check_number(dwell, "dwell", low=0, above=True)
    frequency = check_number(frequency, "frequency", low=0, above=True)
    points = fid.shape[-1]
    weight = np.ones(points, fid.real.dtype)
    weight[0] = 0.5
    ppm = reference + np.fft.fftshift(np.fft.fftfreq(points, dwell)) / frequency  # Hz / MHz: parts per million
    return ppm, np.fft.fftshift(np.fft.fft(fid * weight, norm="ortho"), axes=-1).real.astype(fid.real.dtype, copy=False)


def spectrum_at(fid: np.ndarray, ppm: np.ndarray = PPM, *, scanner: Scanner = SCANNER) -> np.ndarray:
    """The real part of the spectrum at any places, by the sum of the Fourier transform itself.

    Where a place lies on the axis of `spectrum` both agree; between its places this is what endless zero-filling
    would draw.

    Args:
        fid: (…, points), complex.
        ppm: places, (places,).
        scanner: how the FID was recorded.

    Returns:
        float32 (…, places).

    Raises:
        TypeError, ValueError: bad input.

    Lab: 13.
    """
    fid = check_fid(fid)
    if fid.shape[-1] != scanner.points:
        raise ValueError(f"fid: expected {scanner.points} points, as the scanner records, got {fid.shape[-1]}")
    waves = _waves(tuple(np.asarray(ppm, float).tolist()), scanner)
    return (fid.real @ waves.real - fid.imag @ waves.imag).astype(np.float32, copy=False)


def compressed(spectra: np.ndarray) -> np.ndarray:
    """What the networks of lab 13 are given: spectra less their median, large values compressed.

    asinh is linear for small values and a logarithm for large ones. All spectra share one scale: if each were divided
    by its own maximum, the weak ones would look like strong ones with more noise.

    Args:
        spectra: (…, places), from `spectrum_at`.

    Returns:
        float32 (…, places).

    Lab: 13.
    """
    spectra = np.asarray(spectra)
    return np.arcsinh((spectra - np.median(spectra, -1, keepdims=True)) / HEIGHT).astype(np.float32)


def check_fid(fid: np.ndarray) -> np.ndarray:
    """Refuse what is no complex array of at least two points."""
    if not isinstance(fid, np.ndarray) or not np.iscomplexobj(fid):
        got = fid.dtype if isinstance(fid, np.ndarray) else type(fid).__name__
        raise TypeError(f"fid: expected a complex numpy array, got {got}")
    if fid.ndim == 0 or fid.shape[-1] < 2:
        raise ValueError(f"fid: expected (…, points) with at least two points, got {fid.shape}")
    return fid


@functools.lru_cache(maxsize=8)
def _waves(ppm: tuple[float, ...], scanner: Scanner) -> np.ndarray:
    hertz = (np.array(ppm) - scanner.reference) * scanner.frequency
    waves = np.exp(-2j * np.pi * scanner.time[:, None] * hertz) / np.sqrt(scanner.points)  # (points, places)
    waves[0] *= 0.5
    return waves.astype(np.complex64)
