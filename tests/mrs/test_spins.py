"""Coupled spins: textbook multiplets, and the whole echo against matrix exponentials step by step."""

import numpy as np
import pytest
import scipy.linalg

from course_lib.mrs import spin_echo
from course_lib.mrs.metabolites import SPINS

FIELD = dict(frequency=100.0, reference=4.7)


def lines(found, digits=6):
    """{frequency: amplitude}, equal frequencies added up."""
    summed = {}
    for place, size in zip(found.frequency.round(digits), found.amplitude, strict=True):
        summed[place] = summed.get(place, 0) + size
    return {place: size for place, size in sorted(summed.items()) if abs(size) > 1e-6}


def test_a_single_spin_is_one_line_at_its_shift():
    assert lines(spin_echo([2.0], {}, **FIELD)) == {-270.0: pytest.approx(1)}


def test_far_apart_two_spins_are_two_doublets():
    found = lines(spin_echo([2.0, 6.0], {(0, 1): 7.0}, frequency=1e5, reference=0.0))
    assert np.allclose(np.diff(list(found)), [7, 4e5 - 7, 7], atol=1e-4)
    assert np.allclose(list(found.values()), 0.5, atol=1e-4)


@pytest.mark.parametrize(("gap", "coupling"), [(20.0, 10.0), (5.0, 12.0), (1.0, 15.0)])
def test_close_together_they_are_the_textbook_ab_quartet(gap, coupling):
    found = lines(spin_echo([0, gap / 100], {(0, 1): coupling}, frequency=100.0, reference=gap / 200))
    wide = np.hypot(gap, coupling)
    inner, outer = (wide - coupling) / 2, (wide + coupling) / 2
    assert np.allclose(list(found), [-outer, -inner, inner, outer], atol=1e-5)
    small, large = (1 - coupling / wide) / 2, (1 + coupling / wide) / 2
    assert np.allclose(list(found.values()), [small, large, large, small], atol=1e-6)


@pytest.mark.parametrize("name", SPINS)
def test_without_echo_the_amplitudes_count_the_protons(name):
    for group in SPINS[name]:
        found = spin_echo(group.shifts, group.couplings, **FIELD)
        assert np.isclose(found.amplitude.sum(), len(group.shifts))
        mean = (found.frequency * found.amplitude).sum().real / len(group.shifts)  # couplings leave the centre of mass
        assert np.isclose(mean, (np.mean(group.shifts) - 4.7) * 100, atol=1e-6)


def test_equal_spins_do_not_split_each_other():
    found = lines(spin_echo([1.3, 1.3, 1.3], {(0, 1): 12, (0, 2): 12, (1, 2): 12}, **FIELD))
    assert list(found.values()) == [pytest.approx(3)]


@pytest.mark.parametrize(("coupling", "echo"), [(7.0, 0.03), (7.0, 1 / 7), (12.0, 0.1)])
def test_an_echo_refocuses_shifts_but_not_couplings(coupling, echo):
    """Weakly coupled doublets turn by ±π·J·TE: upside down at TE = 1 / J."""
    found = lines(spin_echo([2.0, 6.0], {(0, 1): coupling}, frequency=1e6, reference=0.0, echo_time=echo), 3)
    first, second = list(found.values())[:2]
    turn = np.exp(1j * np.pi * coupling * echo)
    assert np.allclose([first, second], [turn.conj() / 2, turn / 2], atol=1e-4)


@pytest.mark.parametrize("echo", [0.0, 0.05, 0.144])
def test_the_whole_echo_is_that_of_matrix_exponentials(echo):
    """An oracle that shares nothing: spin matrices by Kronecker products, propagators by SciPy, point by point."""
    group = SPINS["NAA"][1]
    half = [np.array([[0, 1], [1, 0]]) / 2, np.array([[0, -1j], [1j, 0]]) / 2, np.array([[1, 0], [0, -1]]) / 2]
    one, count = np.eye(2), len(group.shifts)
    spins = [[np.eye(1)] * 3 for _ in range(count)]
    for i in range(count):
        for k in range(3):
            for j in range(count):
                spins[i][k] = np.kron(spins[i][k], half[k] if j == i else one)
    energy = sum((shift - 4.7) * 123.25 * spins[i][2] for i, shift in enumerate(group.shifts))
    for (i, j), coupling in group.couplings.items():
        energy = energy + coupling * sum(spins[i][k] @ spins[j][k] for k in range(3))
    wait, step = (scipy.linalg.expm(-2j * np.pi * energy * time) for time in (echo / 2, 1 / 1250))
    pulse = scipy.linalg.expm(-1j * np.pi * sum(spin[0] for spin in spins))
    density = sum(spin[0] for spin in spins)
    for move in (wait, pulse, wait):
        density = move @ density @ move.conj().T
    raised, expected = sum(spin[0] + 1j * spin[1] for spin in spins), []
    for _ in range(40):
        expected.append(np.trace(density @ raised) / 2)  # one proton of three gives 2³ / 4
        density = step @ density @ step.conj().T
    found = spin_echo(group.shifts, group.couplings, frequency=123.25, reference=4.7, echo_time=echo)
    assert np.allclose(found.fid(np.arange(40) / 1250), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("shifts", "couplings", "options", "words"),
    [
        ([], {}, {}, "1 to 8"),
        ([1.0] * 9, {}, {}, "1 to 8"),
        ([1.0, 2.0], {(0, 2): 7}, {}, "pairs"),
        ([1.0, 2.0], {(1, 1): 7}, {}, "pairs"),
        ([1.0], {}, {"frequency": 0}, "frequency"),
        ([1.0], {}, {"echo_time": -1}, "echo_time"),
    ],
)
def test_bad_input_is_refused_in_words(shifts, couplings, options, words):
    with pytest.raises(ValueError, match=words):
        spin_echo(shifts, couplings, **(FIELD | options))
