"""Region statistics and noise power: white noise is flat, the power adds up to the variance, FBP's rises."""

import math

import numpy as np
import pytest
import torch

from course_lib import ct


def white(number=50, size=(32, 32), sigma=3.0):
    return sigma * torch.randn(number, 1, *size, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def test_region_statistics_are_numpys():
    image = torch.arange(20, dtype=torch.float64).view(1, 1, 4, 5)
    mask = image > 11
    mean, deviation = ct.roi_statistics(image, mask)
    inside = np.arange(12, 20)
    assert mean == pytest.approx(inside.mean()) and deviation == pytest.approx(inside.std(ddof=1))


@pytest.mark.parametrize("pixel", [0.5, 2.0])
@pytest.mark.parametrize("size", [(32, 32), (33, 21)])
def test_white_noise_has_the_same_power_everywhere(pixel, size):
    frequencies, power = ct.noise_power_spectrum(white(size=size), pixel, rings=6)
    assert frequencies.shape == power.shape == (6,)
    assert float(frequencies[-1]) == pytest.approx(11 / 12 * 0.5 / pixel)
    assert torch.allclose(power, torch.full_like(power, 9 * pixel**2), rtol=0.15)


def test_power_adds_up_to_the_variance():
    noise = white(4, (16, 16))
    noise -= noise.mean((-2, -1), keepdim=True)
    # within the circle of the highest frequency: everything, if nothing lies beyond
    spectrum = torch.fft.fft2(noise)
    frequency = torch.fft.fftfreq(16, dtype=torch.float64)
    radius = (frequency[:, None] ** 2 + frequency[None] ** 2).sqrt()
    smooth = torch.fft.ifft2(spectrum * (radius < 0.45)).real
    _, power = ct.noise_power_spectrum(smooth, 1.0, rings=400)
    rings = (radius * 800).long().flatten()
    counts = torch.bincount(rings[(rings < 400) & (rings > 0)], minlength=400)
    assert float((power * counts).sum() / 256) == pytest.approx(float(smooth.square().mean()), rel=1e-9)


def test_the_noise_of_backprojection_rises_with_the_frequency():
    sinogram = torch.randn(4, 1, 90, 64, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    image = ct.fbp(sinogram, ct.parallel_angles(90))[..., 16:48, 16:48]
    _, power = ct.noise_power_spectrum(image, 1.0, rings=8)
    assert float(power[0]) < 0.5 * float(power[3]) and math.isfinite(float(power.sum()))


def test_bad_input_is_refused_in_words():
    image = torch.zeros(1, 1, 4, 4)
    for call, words in [
        (lambda: ct.roi_statistics(image, torch.ones(4, 4, dtype=torch.bool)), "mask: expected booleans"),
        (lambda: ct.roi_statistics(image, torch.zeros_like(image, dtype=torch.bool)), "at least two pixels"),
        (lambda: ct.noise_power_spectrum(image[0, 0], 1), "patches"),
        (lambda: ct.noise_power_spectrum(image, 0), "pixel"),
    ]:
        with pytest.raises(ValueError, match=words):
            call()
