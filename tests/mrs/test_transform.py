"""From FID to spectrum: Parseval, the axis, the first point, odd sizes, and both ways to the spectrum agree."""

import numpy as np
import pytest

from course_lib.mrs import PPM, SCANNER, Scanner, compressed, spectrum, spectrum_at

DWELL, FIELD, WATER = 1 / 1250, 123.25, 4.7


def random_fid(*shape, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=shape) + 1j * rng.normal(size=shape)


def wave(ppm, points):
    return np.exp(2j * np.pi * (ppm - WATER) * FIELD * np.arange(points) * DWELL)


@pytest.mark.parametrize("points", [512, 511, 64, 9])
def test_a_wave_stands_at_its_ppm_and_the_axis_rises(points):
    ppm, _ = spectrum(random_fid(points), DWELL, FIELD, WATER)
    assert np.all(np.diff(ppm) > 0) and ppm[points // 2] == WATER
    for place in (1, points // 2, points - 1):
        _, real = spectrum(wave(ppm[place], points), DWELL, FIELD, WATER)
        assert real.argmax() == place and real[place] == pytest.approx((points - 0.5) / np.sqrt(points))


@pytest.mark.parametrize("points", [512, 63])
def test_energy_is_kept(points):
    """Parseval: real and imaginary part of the spectrum, and the FID with half its first point."""
    fid = random_fid(3, points)
    _, real = spectrum(fid, DWELL, FIELD, WATER)
    _, imaginary = spectrum(-1j * fid, DWELL, FIELD, WATER)
    weighted = np.abs(fid) ** 2
    weighted[:, 0] /= 4
    assert np.allclose((real**2 + imaginary**2).sum(-1), weighted.sum(-1))


def test_noise_keeps_its_size():
    _, real = spectrum(3 * random_fid(200, 512), DWELL, FIELD, WATER)
    assert real.std() == pytest.approx(3, rel=0.02)


def test_half_the_first_point_leaves_no_offset():
    """A line that decays slowly, far from its peak: the true spectrum is nearly 0 there."""
    fid = np.exp(-np.arange(4096) * DWELL * 20) * wave(WATER, 4096)
    _, real = spectrum(fid, DWELL, FIELD, WATER)
    fid[0] *= 2
    _, whole = spectrum(fid, DWELL, FIELD, WATER)
    assert abs(real[0]) < 1e-3 * real.max() and abs(whole[0]) > 5e-3 * real.max()


def test_it_is_linear_and_leaves_the_fid_alone():
    first, second = random_fid(4, 33), random_fid(4, 33, seed=1)
    kept = first.copy()
    total = spectrum(2 * first - second, DWELL, FIELD, WATER)[1]
    assert np.allclose(total, 2 * spectrum(first, DWELL, FIELD, WATER)[1] - spectrum(second, DWELL, FIELD, WATER)[1])
    assert np.array_equal(first, kept)


@pytest.mark.parametrize("points", [512, 101])
def test_at_the_places_of_the_axis_both_ways_agree(points):
    scanner, fid = Scanner(points=points), random_fid(2, points)
    ppm, real = spectrum(fid, scanner.dwell, scanner.frequency, scanner.reference)
    assert np.allclose(spectrum_at(fid, ppm, scanner=scanner), real, atol=1e-4)


def test_single_precision_stays():
    fid = random_fid(2, 512).astype(np.complex64)
    assert spectrum(fid, DWELL, FIELD, WATER)[1].dtype == spectrum_at(fid).dtype == np.float32


def test_compression_keeps_size_and_order_and_ignores_an_offset():
    spectra = np.random.default_rng(0).normal(0, 30, (5, len(PPM)))
    small = compressed(spectra)
    assert small.dtype == np.float32 and np.allclose(small, compressed(spectra + 100), atol=1e-5)
    assert np.array_equal(small.argsort(-1), spectra.argsort(-1)), "monotone"
    assert (compressed(2 * spectra).std(-1) > 1.2 * small.std(-1)).all(), "a strong spectrum stays strong"


@pytest.mark.parametrize(
    ("fid", "error", "words"),
    [
        (np.ones(8), TypeError, "complex"),
        ([1j, 2j], TypeError, "complex"),
        (np.ones((3, 1), complex), ValueError, "two points"),
    ],
)
def test_what_is_no_fid_is_refused(fid, error, words):
    with pytest.raises(error, match=words):
        spectrum(fid, DWELL, FIELD, WATER)


def test_other_bad_input_is_refused():
    with pytest.raises(ValueError, match="dwell"):
        spectrum(random_fid(8), 0, FIELD, WATER)
    with pytest.raises(ValueError, match=f"{SCANNER.points} points"):
        spectrum_at(random_fid(8))
