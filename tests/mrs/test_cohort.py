"""Artefacts and cohorts: nothing at severity 0, each does what its name says, seeds, patients that share something."""

import numpy as np
import pytest

from course_lib import mrs
from course_lib.mrs import ARTEFACTS, COMPONENTS, HEALTHY, PPM, TUMOUR, measured, signals, simulate, spectrum_at

MIDDLE = np.array([np.mean(HEALTHY[name]) for name in COMPONENTS])


def seeded(seed=0):
    return np.random.default_rng(seed)


def scans(artefact, severity, count=40, noise=0.0):
    return measured(np.tile(signals(MIDDLE), (count, 1)), artefact, severity, noise=noise, generator=seeded())


def distance(artefact, severity):
    """Of the spectra, from those of the same draws without artefact."""
    return np.sqrt(((spectrum_at(scans(artefact, severity)) - spectrum_at(scans(artefact, 0.0))) ** 2).mean())


@pytest.mark.parametrize("artefact", ARTEFACTS)
def test_severity_0_is_none_and_more_is_more(artefact):
    assert distance(artefact, 0.0) == 0
    sizes = [distance(artefact, severity) for severity in (0.05, 0.1, 0.2, 0.4)]
    assert sizes == sorted(sizes) and sizes[0] > 0.1


def test_artefacts_do_what_their_names_say():
    clean, fat, water = (np.abs(spectrum_at(scans(name, 0.6))).mean(0) for name in (None, "lipid", "water"))
    methylene, edge = np.abs(PPM - 1.3) < 0.1, PPM > 4.2
    assert fat[methylene].mean() > 5 * clean[methylene].mean() and water[edge].mean() > 5 * clean[edge].mean()
    widths = {name: mrs.linewidth(scans(name, 0.6)).mean() for name in (None, "broad lines")}
    assert widths["broad lines"] - widths[None] > 6
    weak, strong = (mrs.signal_to_noise(scans(name, 0.6, noise=1.0)).mean() for name in ("low signal", None))
    assert weak == pytest.approx(strong / 5.8, rel=0.25)
    top = PPM[spectrum_at(scans("frequency shift", 1.0)).argmax(-1)]
    assert np.allclose(np.abs(top - 2.013), 28 / 123.25, atol=0.02)
    turned = scans("eddy current", 0.8) * 1.0
    assert np.allclose(np.abs(turned), np.abs(scans(None, 0.8)), atol=1e-3), "a phase, and nothing but a phase"


def test_noise_is_gaussian_of_the_size_asked_for_and_lies_in_both_parts():
    rest = scans(None, 0.0, noise=2.5) - scans(None, 0.0)
    assert rest.real.std() == pytest.approx(2.5, rel=0.02) and rest.imag.std() == pytest.approx(2.5, rel=0.02)


def test_the_same_seed_draws_the_same_cohort():
    first, again, other = (simulate(5, generator=seeded(seed)) for seed in (3, 3, 4))
    assert np.array_equal(first.fids, again.fids) and np.array_equal(first.kinds, again.kinds)
    assert not np.array_equal(first.fids, other.fids)


def test_a_cohort_has_what_was_asked_for():
    cohort = simulate(300, voxels=4, tumours=0.3, bad=0.4, artefacts=("water", "lipid"), generator=seeded())
    assert len(cohort) == 1200 and cohort.fids.shape == (1200, 512) and cohort.fids.dtype == np.complex64
    assert set(cohort.kinds) == {"good", "water", "lipid"}
    assert cohort.bad.mean() == pytest.approx(0.4, abs=0.06) and cohort.tumour.mean() == pytest.approx(0.3, abs=0.12)
    assert np.array_equal(cohort.bad, cohort.kinds != "good")
    assert np.array_equal(np.bincount(cohort.patients), np.full(300, 4))
    for patient in range(300):
        assert len(set(cohort.tumour[cohort.patients == patient])) == 1, "all voxels of a patient, or none"


@pytest.mark.parametrize(("tumours", "ranges"), [(0.0, HEALTHY), (1.0, TUMOUR)])
def test_amounts_lie_about_their_ranges(tumours, ranges):
    amounts = simulate(100, tumours=tumours, generator=seeded()).amounts
    for name, values in zip(COMPONENTS, amounts.T, strict=True):
        low, high = ranges[name]
        assert low * 0.6 <= values.min() and values.max() <= high * 1.5 and values.std() > 0.15 * (high - low)


def test_two_voxels_of_a_patient_are_more_alike_than_two_patients():
    """Why a split by spectra would leak."""
    cohort = simulate(60, voxels=2, tumours=0.0, bad=0.0, generator=seeded())
    spectra = spectrum_at(cohort.fids)
    own = np.linalg.norm(spectra[::2] - spectra[1::2], axis=-1)
    others = np.linalg.norm(spectra[::2] - np.roll(spectra[1::2], 1, 0), axis=-1)
    assert np.median(own) < 0.75 * np.median(others)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"voxels": 0}, "voxels"),
        ({"tumours": 1.5}, "tumours"),
        ({"bad": -1}, "bad"),
        ({"artefacts": ("hair",)}, "artefacts"),
        ({"artefacts": ()}, "artefacts"),
        ({"severity": (0.8, 0.2)}, "severity"),
    ],
)
def test_impossible_cohorts_are_refused_in_words(options, words):
    with pytest.raises(ValueError, match=words):
        simulate(2, **options)


def test_unknown_artefacts_and_severities_are_refused():
    for artefact, severity, words in (
        ("hair", 0.5, "artefact"),
        ("water", 1.2, "severity"),
        ("water", -0.1, "severity"),
    ):
        with pytest.raises(ValueError, match=words):
            measured(signals(MIDDLE), artefact, severity)
