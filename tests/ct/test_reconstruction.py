"""Filtered backprojection: it gives back what was projected, its noise is as calculated, scikit-image agrees."""

import math

import numpy as np
import pytest
import torch
from skimage.transform import iradon

from course_lib import ct


def disc(size, x, y, radius):
    step = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    return ((step[None] - x) ** 2 + (-step[:, None] - y) ** 2 <= radius**2).double()[None, None]


@pytest.mark.parametrize(("views", "spread"), [(45, 0.035), (180, 0.01), (181, 0.01)])
def test_a_disc_comes_back_with_its_height_at_its_place(views, spread):
    image, angles = disc(127, 10, -12, 30), ct.parallel_angles(views)
    back = ct.fbp(ct.project(image, angles), angles)
    inside = disc(127, 10, -12, 24).bool()
    assert float(back[inside].mean()) == pytest.approx(1, abs=2e-3) and float(back[inside].std()) < spread
    outside = disc(127, 0, 0, 60).bool() & ~disc(127, 10, -12, 36).bool()
    assert abs(float(back[outside].mean())) < 2e-3, "|w| sampled in frequency would leave -0.02 here"


def test_scikit_image_agrees():
    image, angles = disc(65, 3, 5, 14), ct.parallel_angles(60)
    sinogram = ct.project(image, angles)
    for window in ("ramp", "hann"):
        oracle = iradon(sinogram[0, 0].numpy().T, np.rad2deg(angles.numpy()), filter_name=window)
        ours = ct.fbp(sinogram, angles, window=window)[0, 0].numpy()
        tolerance = 1e-12 if window == "ramp" else 2e-3  # its Hann window ends at another frequency
        assert np.abs(ours - oracle)[disc(65, 0, 0, 31)[0, 0].bool().numpy()].max() < tolerance


@pytest.mark.parametrize("width", [1, 2, 31, 64])
def test_the_filter_is_a_straight_convolution_with_its_kernel(width):
    values = np.random.default_rng(0).standard_normal(width)
    n = np.arange(-width, width + 1)
    kernel = np.where(n == 0, 0.25, np.where(n % 2 == 0, 0.0, -1 / (np.pi * np.where(n == 0, 1, n)) ** 2))
    expected = np.convolve(values, kernel)[width : 2 * width]
    assert np.allclose(ct.ramp_filter(torch.from_numpy(values)).numpy(), expected, atol=1e-12)


@pytest.mark.parametrize("window", ["ramp", "hann"])
@pytest.mark.parametrize("views", [90, 180])
def test_white_noise_comes_out_as_strong_as_calculated_and_is_not_white(window, views):
    noise = 0.02 * torch.randn(8, 1, views, 128, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    image = ct.fbp(noise, ct.parallel_angles(views), window=window)[..., 40:88, 40:88]
    # 18,432 pixels that lean on one another: their SD is good to about 2 %
    assert float(image.std()) == pytest.approx(ct.fbp_noise(0.02, views, window=window), rel=0.06)
    power = torch.fft.fft2(image).abs().square().mean((0, 1))
    frequency = torch.fft.fftfreq(48, dtype=torch.float64)
    radius = (frequency[:, None] ** 2 + frequency[None] ** 2).sqrt()
    low, middle = (float(power[(radius > a) & (radius < b)].mean()) for a, b in ((0.02, 0.06), (0.18, 0.25)))
    assert window == "hann" or low < 0.4 * middle, "its power rises with the frequency: it is not white"


def test_it_is_linear_and_its_derivative_is_exact():
    angles = ct.parallel_angles(4)
    sinogram = torch.randn(2, 1, 4, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda values: ct.fbp(values, angles), sinogram)
    assert torch.autograd.gradgradcheck(lambda values: ct.fbp(values, angles) ** 2, sinogram)


def test_bad_input_is_refused_in_words():
    with pytest.raises(ValueError, match="window: expected one of ramp, hann"):
        ct.ramp_filter(torch.zeros(4, 8), window="shepp")
    with pytest.raises(ValueError, match="a view for each angle"):
        ct.fbp(torch.zeros(1, 1, 3, 8), ct.parallel_angles(4))


def test_a_scan_without_noise_gives_the_units_back():
    water = torch.where(disc(129, 4, -6, 40).bool(), 0.0, -1000.0)
    water[0, 0, 50:60, 60:70] = 200.0  # something denser within
    back = ct.scan(water, 1.5, fraction=None)
    assert float(back[0, 0, 52:58, 62:68].mean()) == pytest.approx(200, abs=12)
    inside = disc(129, 4, -6, 30).bool().clone()
    inside[0, 0, 44:66, 54:76] = False
    assert float(back[inside].mean()) == pytest.approx(0, abs=5)
    assert float(back[0, 0, 2:10, 60:70].mean()) == pytest.approx(-1000, abs=8)


def test_a_quarter_of_the_dose_doubles_the_noise_where_photons_are_many():
    water = torch.where(disc(65, 0, 0, 25).bool(), 0.0, -1000.0)
    inside, clean = disc(65, 0, 0, 20).bool(), ct.scan(water, 1.0, fraction=None)

    def noise(fraction, seed):
        generator = torch.Generator().manual_seed(seed)
        return float((ct.scan(water, 1.0, fraction=fraction, photons=1e6, generator=generator) - clean)[inside].std())

    ratio = np.mean([noise(0.25, seed) / noise(1.0, seed + 9) for seed in range(4)])
    assert ratio == pytest.approx(2, rel=0.08)


def test_a_scan_is_the_same_for_the_same_seed_and_leaves_the_global_state_alone():
    slice_ = torch.where(disc(33, 0, 0, 12).bool(), 30.0, -1000.0)
    before = torch.get_rng_state()
    one, two, other = (ct.scan(slice_, 1.0, generator=torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(one, two) and not torch.equal(one, other)
    assert torch.equal(before, torch.get_rng_state())
    assert math.isfinite(float(one.sum()))
