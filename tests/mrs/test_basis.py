"""The FIDs of the molecules: peaks where the literature has them, T2, lactate upside down, linear mixtures."""

import numpy as np
import pytest

from course_lib import mrs
from course_lib.mrs import COMPONENTS, SCANNER, Scanner, basis, signals, spectrum_at

FINE = np.arange(0.5, 4.6, 0.002)
BIN = 1 / (SCANNER.points * SCANNER.dwell * SCANNER.frequency)  # ppm: 0.0198
ONE = np.eye(len(COMPONENTS))


def amount(name):
    return ONE[COMPONENTS.index(name)]


@pytest.mark.parametrize(
    ("name", "places"),
    # where textbooks draw the peaks of a brain at 3 T; lactate's two lines are 6.93 Hz apart
    [
        ("NAA", [2.01]), ("Cr", [3.03, 3.91]), ("Cho", [3.21]), ("Glu", [2.35]), ("Gln", [2.44]),
        ("Lac", [1.314 - 3.4665 / 123.25, 1.314 + 3.4665 / 123.25]), ("lipids", [0.9, 1.3]), ("macromolecules", [0.94]),
    ],
)  # fmt: skip
def test_peaks_stand_within_a_bin_of_the_literature(name, places):
    drawn = spectrum_at(signals(amount(name), width=2.0, scanner=Scanner(echo_time=0.0)), FINE)
    for place in places:
        near = np.abs(FINE - place) < 0.1 if len(places) == 1 else np.abs(FINE - place) < 0.025
        assert abs(FINE[near][drawn[near].argmax()] - place) < BIN


def test_the_first_point_counts_the_protons():
    protons = dict(NAA=6, Cr=5, Cho=13, Ins=6, Glu=5, Gln=5, Lac=4)
    first = dict(zip(COMPONENTS, basis(Scanner(echo_time=0.0))[:, 0], strict=True))
    assert {name: first[name] for name in protons} == pytest.approx(protons)


def test_lactate_is_upside_down_at_one_over_j():
    late = Scanner(echo_time=1 / 6.933)
    drawn = {
        scanner: spectrum_at(signals(amount("Lac"), scanner=scanner), scanner=scanner)
        for scanner in (Scanner(echo_time=0.0), late)
    }
    methyl = np.abs(mrs.PPM - 1.314) < 0.1
    upright, turned = (found[methyl] for found in drawn.values())
    assert turned.min() < -0.4 * upright.max() and turned.max() < 0.1 * upright.max()


def test_a_singlet_decays_with_its_t2():
    early, late = (basis(Scanner(echo_time=echo))[COMPONENTS.index("Cr"), 0] for echo in (0.0, 0.3))
    assert late / early == pytest.approx(np.exp(-0.3 / 0.15))


def test_mixtures_are_linear():
    first, second = np.random.default_rng(0).uniform(0, 5, (2, 4, len(COMPONENTS)))
    both = signals(2 * first + second, width=5.0, shift=3.0, phase=0.4)
    parts = 2 * signals(first, width=5.0, shift=3.0, phase=0.4) + signals(second, width=5.0, shift=3.0, phase=0.4)
    assert both.shape == (4, SCANNER.points) and both.dtype == np.complex64
    assert np.allclose(both, parts, atol=1e-4 * np.abs(both).max())


@pytest.mark.parametrize("hertz", [-30.0, 12.5])
def test_a_shift_in_hertz_moves_all_peaks(hertz):
    one = amount("NAA") + amount("Cr")
    still, moved = spectrum_at(signals(one), FINE), spectrum_at(signals(one, shift=hertz), FINE + hertz / 123.25)
    assert np.allclose(still, moved, atol=1e-3 * still.max())


def test_a_phase_turns_the_signal():
    assert np.allclose(
        signals(amount("Cr"), phase=np.pi / 3), signals(amount("Cr")) * np.exp(1j * np.pi / 3), atol=1e-5
    )


def test_arrays_of_widths_serve_as_many_voxels():
    widths = np.array([3.0, 9.0])
    both = signals(np.stack([amount("Cr")] * 2), width=widths)
    assert np.allclose(both[1], signals(amount("Cr"), width=9.0)) and not np.allclose(both[0], both[1])


def test_the_basis_cannot_be_written_to():
    with pytest.raises(ValueError, match="read-only"):
        basis()[0, 0] = 1


@pytest.mark.parametrize("wrong", [np.ones(3), np.float64(1.0)])
def test_amounts_of_another_length_are_refused(wrong):
    with pytest.raises(ValueError, match="amounts"):
        signals(wrong)


@pytest.mark.parametrize("wrong", [{"points": 1}, {"dwell": 0}, {"frequency": -1.0}, {"echo_time": -0.1}])
def test_an_impossible_scanner_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Scanner(**wrong)
