"""The FID of each component of a brain spectrum, and of any mixture of them. A part of `mrs`."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from course_lib._checks import check_count, check_number
from course_lib.mrs.metabolites import COMPONENTS, MACROMOLECULE_T2, MACROMOLECULES, SPINS, T2
from course_lib.mrs.spins import spin_echo


@dataclass(frozen=True)
class Scanner:
    """How a spectrum is recorded.

    Attributes:
        points: of a FID.
        dwell: time between two points, in s.
        frequency: of protons in the field, in MHz; 123.25 at 2.89 T, which is sold as 3 T.
        reference: the ppm at 0 Hz; 4.7 is water.
        echo_time: TE in s.

    Raises:
        TypeError, ValueError: bad input.

    Lab: 13.
    """

    points: int = 512
    dwell: float = 1 / 1250
    frequency: float = 123.25
    reference: float = 4.7
    echo_time: float = 0.05

    def __post_init__(self) -> None:
        check_count(self.points, "points", low=2)
        for name in ("dwell", "frequency"):
            check_number(getattr(self, name), name, low=0, above=True)
        check_number(self.reference, "reference")
        check_number(self.echo_time, "echo_time", low=0)

    @property
    def time(self) -> np.ndarray:
        """Of each point, in s, (points,)."""
        return np.arange(self.points) * self.dwell


#: The scanner of lab 13.
SCANNER = Scanner()


@functools.lru_cache(maxsize=8)
def basis(scanner: Scanner = SCANNER) -> np.ndarray:
    """FIDs of the components, each at an amount of 1, with T2 but without broadening by the field.

    Args:
        scanner: how they are recorded.

    Returns:
        complex128 (components, points), not to be written to; rows as in `COMPONENTS`.

    Lab: 13.
    """
    rows = [_metabolite(name, scanner) for name in SPINS] + [_macromolecules(scanner), lipids(scanner)]
    found = np.stack(rows)
    found.setflags(write=False)
    return found


def signals(
    amounts: np.ndarray,
    *,
    width: np.ndarray | float = 4.0,
    shift: np.ndarray | float = 0.0,
    phase: np.ndarray | float = 0.0,
    scanner: Scanner = SCANNER,
) -> np.ndarray:
    """FIDs of mixtures, without noise.

    Args:
        amounts: (…, components), in the order of `COMPONENTS`.
        width: full width at half maximum that the field adds to each line, in Hz; Gaussian. Like shift and phase
            one number, or an array (…).
        shift: of all lines, in Hz.
        phase: of all lines, in rad.
        scanner: how they are recorded.

    Returns:
        complex64 (…, points).

    Raises:
        ValueError: amounts of another length.

    Lab: 13.
    """
    amounts = np.asarray(amounts, float)
    if amounts.ndim == 0 or amounts.shape[-1] != len(COMPONENTS):
        raise ValueError(f"amounts: expected (…, {len(COMPONENTS)}), for {COMPONENTS}, got {amounts.shape}")
    width, shift, phase = (np.asarray(value, float)[..., None] for value in (width, shift, phase))
    turn = np.exp(1j * (2 * np.pi * shift * scanner.time + phase))
    return ((amounts @ basis(scanner)) * gaussian_decay(width, scanner.time) * turn).astype(np.complex64)


def gaussian_decay(width: np.ndarray | float, time: np.ndarray) -> np.ndarray:
    """What makes each line a Gaussian of this full width at half maximum (Hz)."""
    return np.exp(-((np.pi * width * time) ** 2) / (4 * np.log(2)))


def line(ppm: float, scanner: Scanner) -> np.ndarray:
    """A signal of amplitude 1 that does not decay, (points,)."""
    return np.exp(2j * np.pi * (ppm - scanner.reference) * scanner.frequency * scanner.time)


def lipids(scanner: Scanner) -> np.ndarray:
    """Fat, from the scalp or from dead tissue: broad lines at 1.3, 0.9 and 2.05 ppm. Sizes and decay are chosen."""
    peaks = ((1.3, 2.0, 0.022), (0.9, 0.9, 0.022), (2.05, 0.4, 0.018))
    found = sum(size * line(ppm, scanner) * np.exp(-scanner.time / decay) for ppm, size, decay in peaks)
    return found * np.exp(-scanner.echo_time / 0.06)


def _metabolite(name: str, scanner: Scanner) -> np.ndarray:
    options = dict(frequency=scanner.frequency, reference=scanner.reference, echo_time=scanner.echo_time)
    found = sum(
        group.protons * spin_echo(group.shifts, group.couplings, **options).fid(scanner.time) for group in SPINS[name]
    )
    return found * np.exp(-(scanner.echo_time + scanner.time) / T2[name])


def _macromolecules(scanner: Scanner) -> np.ndarray:
    found = sum(size * line(ppm, scanner) * gaussian_decay(width, scanner.time) for ppm, size, width in MACROMOLECULES)
    return found * np.exp(-scanner.echo_time / MACROMOLECULE_T2)
