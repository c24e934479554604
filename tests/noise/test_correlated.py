"""Correlated noise: its standard deviation, its correlation by theory, white where it should be, exact by seed."""

import numpy as np
import pytest
import torch

from course_lib.noise import FILTERS, correlated, rician
from course_lib.noise.correlated import transfer

EMPTY = np.zeros((4, 255, 256))
WHITE = {"smoothed": 0.0, "interpolated": 0.0, "zero-filled": 1.0}
STRONG = {"smoothed": 0.8, "interpolated": 0.5, "zero-filled": 0.5}


def rng(seed=0):
    return np.random.default_rng(seed)


def neighbours(noise):
    """Correlation along rows and along columns."""
    power = (noise**2).mean()
    return (noise[..., 1:] * noise[..., :-1]).mean() / power, (noise[..., 1:, :] * noise[..., :-1, :]).mean() / power


@pytest.mark.parametrize("filter", FILTERS)
def test_the_standard_deviation_is_sigma_whatever_the_filter(filter):
    for strength in (WHITE[filter], STRONG[filter]):
        noise = correlated(EMPTY, 0.3, filter=filter, strength=strength, generator=rng())
        assert noise.std() == pytest.approx(0.3, rel=0.01) and abs(noise.mean()) < 0.01


@pytest.mark.parametrize("filter", FILTERS)
def test_white_noise_has_no_correlation(filter):
    noise = correlated(EMPTY, 1.0, filter=filter, strength=WHITE[filter], generator=rng())
    assert max(map(abs, neighbours(noise))) < 0.01  # one standard deviation is 0.002


@pytest.mark.parametrize(
    ("filter", "strength", "expected"),
    [
        ("smoothed", 0.8, np.exp(-1 / (4 * 0.8**2))),  # of a Gaussian with itself: a Gaussian of twice the variance
        ("interpolated", 0.5, 0.5),  # a (1 - a) / (a² + (1 - a)²)
        ("interpolated", 0.2, 0.16 / 0.68),
        ("zero-filled", 0.5, np.sinc(0.5)),
    ],
)
def test_neighbours_are_alike_as_theory_says(filter, strength, expected):
    noise = correlated(EMPTY, 1.0, filter=filter, strength=strength, generator=rng())
    assert neighbours(noise) == pytest.approx((expected, expected), abs=0.015)


def test_interpolated_is_what_interpolation_does():
    white = rng(3).normal(size=(9, 12))
    shifted = 0.7 * white + 0.3 * np.roll(white, -1, 1)
    shifted = 0.7 * shifted + 0.3 * np.roll(shifted, -1, 0)
    found = np.fft.ifft2(np.fft.fft2(white) * transfer((9, 12), "interpolated", 0.3)).real
    np.testing.assert_allclose(found, shifted / (0.49 + 0.09), atol=1e-12)


def test_zero_filled_has_an_empty_rim_of_k_space():
    noise = correlated(np.zeros((32, 48)), 1.0, filter="zero-filled", strength=0.5, generator=rng())
    spectrum = np.abs(np.fft.fftshift(np.fft.fft2(noise)))
    assert spectrum[:7].max() < 1e-9 and spectrum[:, :11].max() < 1e-9 < spectrum[16, 24]


def test_magnitude_of_white_noise_is_rician():
    clean = np.full((200, 301), 0.2)
    ours = correlated(clean, 0.1, filter="smoothed", strength=0.0, magnitude=True, generator=rng(1))
    oracle = rician(clean, 0.1, generator=rng(2))
    assert ours.mean() == pytest.approx(oracle.mean(), rel=4e-3) and ours.std() == pytest.approx(oracle.std(), rel=0.02)
    air = correlated(EMPTY, 0.1, filter="smoothed", strength=0.7, magnitude=True, generator=rng(4))
    assert air.mean() == pytest.approx(0.1 * np.sqrt(np.pi / 2), rel=0.01)


def test_kinds_dtypes_shapes_seeds():
    for x in (np.zeros((5, 7), np.float32), torch.zeros(2, 1, 5, 8), torch.zeros(3, 3, dtype=torch.float64)):
        one, two = (
            correlated(
                x,
                0.1,
                filter="smoothed",
                strength=0.5,
                generator=rng(0) if isinstance(x, np.ndarray) else torch.Generator().manual_seed(0),
            )
            for _ in range(2)
        )
        assert type(one) is type(x) and one.dtype == x.dtype and one.shape == x.shape and (one == two).all()
    assert (correlated(EMPTY[0], 0.0, filter="smoothed", strength=0.5) == 0).all()


@pytest.mark.parametrize(
    ("filter", "strength"),
    [("smoothed", -1), ("interpolated", 0.6), ("zero-filled", 0), ("zero-filled", 1.1), ("blurred", 1)],
)
def test_bad_filters(filter, strength):
    with pytest.raises(ValueError):
        correlated(EMPTY[0], 0.1, filter=filter, strength=strength)


def test_bad_images():
    with pytest.raises(ValueError, match="magnitude"):
        correlated(EMPTY[0] - 1, 0.1, filter="smoothed", strength=0.5, magnitude=True)
    with pytest.raises(ValueError, match="shape"):
        correlated(np.zeros(4), 0.1, filter="smoothed", strength=0.5)
