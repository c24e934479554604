"""What coupled protons do in a spin echo: the whole Hamiltonian, diagonalised. A part of `mrs`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from course_lib._checks import check_number


@dataclass(frozen=True)
class Transitions:
    """The lines of a group of spins.

    Attributes:
        frequency: in Hz from the reference, (lines,).
        amplitude: complex, at the top of the echo, (lines,); without echo they add up to the number of protons.

    Lab: 13.
    """

    frequency: np.ndarray
    amplitude: np.ndarray

    def fid(self, time: np.ndarray) -> np.ndarray:
        """The signal without relaxation.

        Args:
            time: from the top of the echo, in s, (points,).

        Returns:
            complex128 (points,).
        """
        return self.amplitude @ np.exp(2j * np.pi * self.frequency[:, None] * time)  # (lines,) @ (lines, points)


def spin_echo(
    shifts: Sequence[float],
    couplings: Mapping[tuple[int, int], float],
    *,
    frequency: float,
    reference: float,
    echo_time: float = 0.0,
) -> Transitions:
    """The lines of coupled spins ½ after 90° - TE/2 - 180° - TE/2, with ideal pulses.

    No approximation of weak coupling: multiplets lean towards their partners, and their shape changes with the echo
    time. Slices, pulses of finite length and relaxation are left out.

    Args:
        shifts: chemical shift of each spin, in ppm.
        couplings: {(i, j): J in Hz} between spins, numbered from 0.
        frequency: of protons in the scanner's field, in MHz.
        reference: the ppm that stands at 0 Hz.
        echo_time: TE in s.

    Returns:
        The lines.

    Raises:
        TypeError, ValueError: bad input.

    Source: Govindaraju et al. 2000; Simpson et al. 2017 (FID-A) computes the same.
    Lab: 13.
    """
    field = check_number(frequency, "frequency", low=0, above=True)
    half = check_number(echo_time, "echo_time", low=0) / 2
    count = len(shifts)
    if not 1 <= count <= 8:
        raise ValueError(f"shifts: expected 1 to 8 spins, got {count}: a group of n spins needs matrices of 2ⁿ")
    if any(not 0 <= i < count or not 0 <= j < count or i == j for i, j in couplings):
        raise ValueError(f"couplings: expected pairs of two spins from 0 to {count - 1}, got {list(couplings)}")
    x, y, z = _operators(count)
    energy = sum((shift - reference) * field * z[i] for i, shift in enumerate(shifts)) + sum(
        coupling * (x[i] @ x[j] + y[i] @ y[j] + z[i] @ z[j]) for (i, j), coupling in couplings.items()
    )  # in Hz
    levels, states = np.linalg.eigh(energy)
    gap = levels[:, None] - levels  # (2ⁿ, 2ⁿ)

    def waited(density: np.ndarray) -> np.ndarray:
        return density * np.exp(-2j * np.pi * gap * half)

    def turned(matrix: np.ndarray) -> np.ndarray:
        return states.conj().T @ matrix @ states

    along_x, along_y = np.sum(x, 0), np.sum(y, 0)
    density = waited(turned(along_x))  # the 90° pulse has laid all spins along x
    density = states @ density @ states.conj().T
    density = density[::-1, ::-1]  # 180° about x turns every spin over: the product states in reverse order
    density = waited(turned(density))
    seen = density * turned(along_x + 1j * along_y).T * (4 / 2**count)  # the trace of density and I₊, line by line
    there = np.abs(seen) > 1e-7
    return Transitions(-gap[there], seen[there])


def _operators(count: int) -> tuple[list[np.ndarray], ...]:
    """Ix, Iy and Iz of each of `count` spins, (2ⁿ, 2ⁿ) each."""
    single = (
        np.array([[0, 0.5], [0.5, 0]], complex),
        np.array([[0, -0.5j], [0.5j, 0]]),
        np.array([[0.5, 0], [0, -0.5]], complex),
    )
    return tuple(
        [np.kron(np.kron(np.eye(2**i), part), np.eye(2 ** (count - 1 - i))) for i in range(count)] for part in single
    )
