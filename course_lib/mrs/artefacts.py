"""What goes wrong with a spectrum: eight artefacts, each with a severity from 0 (none) to 1. A part of `mrs`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from course_lib._checks import check_number
from course_lib.mrs.basis import SCANNER, Scanner, gaussian_decay, lipids
from course_lib.mrs.transform import check_fid

Draw = Callable[[float, float], np.ndarray]


def _low_signal(signal: np.ndarray, size: np.ndarray, draw: Draw, scanner: Scanner) -> np.ndarray:
    return signal / (1 + 8 * size)


def _broad_lines(signal: np.ndarray, size: np.ndarray, draw: Draw, scanner: Scanner) -> np.ndarray:
    return signal * gaussian_decay(20 * size, scanner.time)


def _water(signal: np.ndarray, size: np.ndarray, draw: Draw, scanner: Scanner) -> np.ndarray:
    sign = np.where(draw(0, 1) < 0.5, -1, 1)
    return signal + _leftover_water(760 * sign * size**1.5, draw, scanner)


def _lipid(signal: np.ndarray, size: np.ndarray, draw: Draw, scanner: Scanner) -> np.ndarray:
    return signal + 140 * size**1.5 * np.exp(1j * draw(-0.6, 0.6)) * lipids(scanner)


def _spurious_echo(signal: np.ndarray, size: np.ndarray, draw: Draw, scanner: Scanner) -> np.ndarray:
    """Signal from elsewhere that the crushers missed: it comes late, so it ripples through the spectrum."""
    envelope = np.exp(-(((scanner.time - draw(0.02, 0.25)) / draw(0.008, 0.03)) ** 2))
    return signal + 150 * size * envelope * _wave(draw(-460, -60), draw, scanner)


def _baseline(signal: np.ndarray, size: np.ndarray, draw: Draw, scanner: Scanner) -> np.ndarray:
    """Signal that is gone after a few milliseconds: a hump below the peaks."""
    return signal + 300 * size * np.exp(-scanner.time / draw(0.002, 0.005)) * _wave(draw(-300, 50), draw, scanner)


def _shift(signal: np.ndarray, size: np.ndarray, draw: Draw, scanner: Scanner) -> np.ndarray:
    hertz = 28 * size * np.where(draw(0, 1) < 0.5, -1, 1)
    return signal * np.exp(2j * np.pi * hertz * scanner.time)


def _eddy_current(signal: np.ndarray, size: np.ndarray, draw: Draw, scanner: Scanner) -> np.ndarray:
    """The field settles while the signal is recorded: a phase that dies away, and tears every peak."""
    phase = 4 * size * np.where(draw(0, 1) < 0.5, -1, 1) * np.exp(-scanner.time / draw(0.03, 0.1))
    return signal * np.exp(1j * phase)


_ADD: dict[str, Callable[[np.ndarray, np.ndarray, Draw, Scanner], np.ndarray]] = {
    "low signal": _low_signal,
    "broad lines": _broad_lines,
    "water": _water,
    "lipid": _lipid,
    "spurious echo": _spurious_echo,
    "baseline": _baseline,
    "frequency shift": _shift,
    "eddy current": _eddy_current,
}

#: The eight artefacts.
ARTEFACTS = tuple(_ADD)


def measured(
    signal: np.ndarray,
    artefact: str | None = None,
    severity: np.ndarray | float = 0.5,
    *,
    noise: np.ndarray | float = 2.0,
    scanner: Scanner = SCANNER,
    generator: np.random.Generator | None = None,
) -> np.ndarray:
    """What the scanner records of a signal: with a little water left over, one artefact or none, and noise.

    How often and how strongly spectra go wrong in a hospital is another matter: sizes are chosen, so that 0.2 can
    hardly be seen, and 1 not be missed. The draws for one seed are the same for each severity.

    Args:
        signal: (…, points), complex, from `signals`.
        artefact: one of `ARTEFACTS`, or None.
        severity: from 0 to 1; one number, or an array (…).
        noise: standard deviation of real and imaginary part; one number, or an array (…).
        scanner: how the signal was recorded.
        generator: of all that is random.

    Returns:
        complex64, of the signal's shape.

    Raises:
        TypeError, ValueError: bad input.

    Lab: 13.
    """
    signal = check_fid(signal)
    if artefact is not None and artefact not in _ADD:
        raise ValueError(f"artefact: expected None or one of {ARTEFACTS}, got {artefact!r}")
    size = np.broadcast_to(np.asarray(severity, float), signal.shape[:-1])[..., None]
    for end in (size.min(initial=0), size.max(initial=1)):
        check_number(end, "severity", low=0, high=1)
    rng = np.random.default_rng() if generator is None else generator

    def draw(low: float, high: float) -> np.ndarray:
        return rng.uniform(low, high, size.shape)

    spread = np.broadcast_to(np.asarray(noise, float), signal.shape[:-1])[..., None]
    real, imaginary = rng.standard_normal((2, *signal.shape))
    found = signal + _leftover_water(draw(-2, 8), draw, scanner)
    if artefact is not None:
        found = _ADD[artefact](found, size, draw, scanner)
    return (found + spread * (real + 1j * imaginary)).astype(np.complex64)


def _leftover_water(size: np.ndarray, draw: Draw, scanner: Scanner) -> np.ndarray:
    """What water suppression has left: broad, close to 4.7 ppm, out of phase."""
    return (
        size
        * np.exp(-scanner.time / draw(0.012, 0.04))
        * np.exp(2j * np.pi * draw(-5, 5) * scanner.time + 1j * draw(-1, 1))
    )


def _wave(hertz: np.ndarray, draw: Draw, scanner: Scanner) -> np.ndarray:
    return np.exp(2j * np.pi * hertz * scanner.time + 1j * draw(0, 2 * np.pi))
