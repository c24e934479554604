"""The noise of a scan: by the air, by tissue where the air was cleared, correlated, uneven, given."""

import numpy as np
import pytest

from course_lib import noise
from course_lib.scans import measure_noise
from course_lib.scans.levels import _outside


def stack(volume):
    return np.ascontiguousarray(np.moveaxis(volume, 2, 0)).astype(np.float32)


@pytest.mark.parametrize("sigma", [0.02, 0.05, 0.12])
@pytest.mark.parametrize("units", [1.0, 4000.0])
def test_by_the_air(clean, sigma, units):
    found = measure_noise(stack(units * noise.rician(clean, sigma, generator=np.random.default_rng(1))))
    assert found.kind == "rician" and found.air == "noisy" and found.whiteness > 0.8 and not found.doubts
    np.testing.assert_allclose(found.sigma, units * sigma, rtol=0.06)
    assert len(found.sigma) == clean.shape[2]


@pytest.mark.parametrize("sigma", [0.04, 0.08])
def test_by_tissue_where_the_air_was_cleared(clean, sigma):
    scan = noise.rician(clean, sigma, generator=np.random.default_rng(1)) * (clean > 0.08)
    found = measure_noise(stack(scan))
    assert found.air == "cleared"
    np.testing.assert_allclose(found.sigma, sigma, rtol=0.15)


def test_gaussian_where_values_are_negative(clean):
    found = measure_noise(stack(noise.gaussian(clean, 0.05, generator=np.random.default_rng(1))))
    assert found.kind == "gaussian" and found.air == "none"
    np.testing.assert_allclose(found.sigma, 0.05, rtol=0.15)


def test_the_air_itself_decides_where_it_is_not_quite_rayleigh():
    """Air that is shaded, as that of real scans: the automatic background refuses it."""
    planes = _outside_only(0.05)
    found = _outside(planes, bright=1.0)
    assert found == pytest.approx(0.05, rel=0.1)


def _outside_only(sigma):
    rng = np.random.default_rng(5)
    plane = noise.rician(np.zeros((120, 140)), sigma, generator=rng)
    plane = plane * np.linspace(0.7, 1.3, 140)
    plane[40:80, 50:100] += 0.8
    return plane.astype(np.float32)


@pytest.mark.parametrize("cleared", [False, True])
def test_correlated_noise_is_noticed_and_not_underestimated(clean, cleared):
    planes = noise.correlated(
        stack(clean), 0.06, filter="interpolated", strength=0.5, magnitude=True, generator=np.random.default_rng(2)
    )
    if cleared:
        planes = planes * (stack(clean) > 0.08)
    found = measure_noise(planes.astype(np.float32))
    assert found.whiteness < 0.8 and any("share their noise" in doubt for doubt in found.doubts)
    np.testing.assert_allclose(found.sigma, 0.06, rtol=0.2)


def test_uneven_levels(clean):
    planes = np.repeat(stack(clean), 4, axis=0)
    levels = np.linspace(0.02, 0.1, len(planes))
    rng = np.random.default_rng(3)
    planes = np.stack([noise.rician(p, s, generator=rng) for p, s in zip(planes, levels, strict=True)])
    found = measure_noise(planes.astype(np.float32))
    assert found.sigma[-1] > 2 * found.sigma[0]
    assert np.abs(found.sigma / levels - 1)[3:-3].max() < 0.35


def test_a_level_that_is_given_is_taken_and_doubted(noisy):
    good, bad = measure_noise(stack(noisy), sigma=0.05), measure_noise(stack(noisy), sigma=0.3)
    assert (good.sigma == 0.05).all() and not good.doubts
    assert (bad.sigma == 0.3).all() and "you gave" in bad.doubts[0]


def test_weak_noise_is_doubted_where_there_is_no_air(clean):
    scan = noise.rician(clean, 0.003, generator=np.random.default_rng(1)) * (clean > 0.08)
    found = measure_noise(stack(scan))
    assert any("cannot be told" in doubt for doubt in found.doubts)


def test_bad_input(noisy):
    with pytest.raises(ValueError, match="kind"):
        measure_noise(stack(noisy), kind="poisson")
    with pytest.raises(ValueError, match="float32"):
        measure_noise(noisy.astype(np.float64))
    with pytest.raises(ValueError, match="give sigma|0 nearly"):
        measure_noise(np.zeros((3, 30, 30), np.float32))
    with pytest.raises(ValueError, match="sigma"):
        measure_noise(stack(noisy), sigma=-1.0)


@pytest.mark.parametrize(("share", "doubtful"), [(0.5, True), (0.8, False), (1.0, False), (1.25, False), (1.9, True)])
def test_a_sigma_that_does_not_fit_is_doubted(noisy, share, doubtful):
    measured = float(np.median(measure_noise(stack(noisy)).sigma))
    found = measure_noise(stack(noisy), sigma=share * measured)
    assert any("you gave sigma" in doubt for doubt in found.doubts) is doubtful
