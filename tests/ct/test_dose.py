"""Photons: their counts vary as Poisson says, and the logarithm is biased as Jensen says."""

import math

import pytest
import torch

from course_lib import ct


def measured(mean_counts, *, photons=1e5, fraction=1.0, sigma=0.0, seed=0, count=400_000):
    """Errors of the line integrals whose expected count is `mean_counts`."""
    truth = math.log(photons * fraction / mean_counts)
    line = torch.full((count,), truth, dtype=torch.float64)
    generator = torch.Generator().manual_seed(seed)
    found = ct.low_dose(line, photons, fraction=fraction, sigma_electronic=sigma, generator=generator)
    return found - truth


@pytest.mark.parametrize(("counts", "variance"), [(1000, 1.0), (200, 1.009), (100, 1.02), (20, 1.09)])
def test_the_variance_is_one_by_the_counts(counts, variance):
    assert float(measured(counts).var() * counts) == pytest.approx(variance, rel=0.02)


@pytest.mark.parametrize(("counts", "bias"), [(1000, 1 / 2000), (100, 0.0050), (20, 0.0261)])
def test_starved_lines_look_too_dense(counts, bias):
    # 400,000 draws: the mean is good to sqrt(1 / counts / 400,000)
    assert float(measured(counts).mean()) == pytest.approx(bias, abs=5 * math.sqrt(1 / counts / 400_000))


def test_the_fraction_changes_the_beam_and_not_the_answer():
    assert float(measured(100, fraction=0.25, photons=4e5).mean()) == pytest.approx(0.005, abs=1e-3)
    assert float(measured(100, fraction=0.25, photons=4e5).var() * 100) == pytest.approx(1.02, rel=0.02)


def test_the_electronics_add_their_variance():
    expected = (1000 + 30**2) / 1000**2  # of counts, over the square of their mean
    assert float(measured(1000, sigma=30).var()) == pytest.approx(expected, rel=0.03)


def test_where_no_photon_arrives_the_answer_stays_finite():
    found = ct.low_dose(torch.full((1000,), 30.0), 1e4, generator=torch.Generator().manual_seed(0))
    assert torch.isfinite(found).all() and float(found.max()) <= math.log(1e4) + 1e-6


def test_the_seed_decides_and_nothing_else():
    line = torch.rand(2, 1, 5, 7)
    one, two = (ct.low_dose(line, generator=torch.Generator().manual_seed(4)) for _ in range(2))
    assert torch.equal(one, two) and one.dtype == line.dtype and one.shape == line.shape
    assert not torch.equal(ct.low_dose(line), ct.low_dose(line))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"sinogram": -torch.ones(3)}, "at least 0"),
        ({"sinogram": torch.ones(3).numpy()}, "tensor"),
        ({"sinogram": torch.ones(3), "photons": 0}, "photons"),
        ({"sinogram": torch.ones(3), "fraction": 0}, "fraction"),
        ({"sinogram": torch.ones(3), "sigma_electronic": -1}, "sigma_electronic"),
        ({"sinogram": torch.ones(3), "generator": 5}, "generator"),
    ],
)
def test_bad_input_is_refused_in_words(arguments, words):
    with pytest.raises((TypeError, ValueError), match=words):
        ct.low_dose(**arguments)
