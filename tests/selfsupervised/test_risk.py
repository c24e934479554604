"""SURE and its relatives: exact where calculus is exact, and the true error in the mean."""

import pytest
import torch
import torch.nn.functional as F

from course_lib import noise
from course_lib.selfsupervised import UnsureLoss, monte_carlo_divergence, noise2noise_loss, sure


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def scene(number=6, size=64):
    """Smooth images in [0, 1]."""
    rough = torch.rand(number, 1, 8, 8, generator=seeded(3), dtype=torch.float64)
    return F.interpolate(rough, size=(size, size), mode="bicubic").clamp(0, 1)


def mean_of_nine(image):
    return F.avg_pool2d(F.pad(image, (1, 1, 1, 1), mode="circular"), 3, 1)


def test_the_divergence_of_linear_filters_is_their_trace():
    noisy = torch.randn(3, 1, 64, 64, generator=seeded(), dtype=torch.float64)
    pixels = 64 * 64
    for denoise, trace in ((lambda z: 0.3 * z, 0.3 * pixels), (mean_of_nine, pixels / 9), (torch.zeros_like, 0)):
        found = monte_carlo_divergence(denoise, noisy, epsilon=1e-3, generator=seeded(1))
        assert found.shape == (3,)
        assert torch.allclose(found, torch.full_like(found, trace), atol=6 * (2 * pixels / 9) ** 0.5)


def test_the_divergence_of_a_soft_threshold_counts_what_is_left():
    noisy = torch.randn(2, 1, 80, 80, generator=seeded(2), dtype=torch.float64)
    found = monte_carlo_divergence(lambda z: F.softshrink(z, 0.5), noisy, epsilon=1e-6, generator=seeded(1))
    exact = (noisy.abs() > 0.5).flatten(1).sum(1).double()
    assert torch.allclose(found, exact, rtol=0.08)


@pytest.mark.parametrize(
    "denoise", [mean_of_nine, lambda z: 0.6 * z + 0.1, lambda z: F.softshrink(z - 0.5, 0.05) + 0.5]
)
@pytest.mark.parametrize("sigma", [0.05, 0.2])
def test_it_estimates_the_true_error(denoise, sigma):
    clean = scene(24)
    noisy = noise.gaussian(clean, sigma, generator=seeded(5))
    estimate = sure(denoise, noisy, sigma, generator=seeded(6))
    truth = ((denoise(noisy) - clean) ** 2).flatten(1).mean(1)
    # an estimate is off by about (2σ² + 2σ·|f(z) - x|) / sqrt(pixels), 24 of them by a fifth of that
    error = (2 * sigma**2 + 2 * sigma * float(truth.mean()) ** 0.5) / 64 / 24**0.5
    assert float(estimate.mean()) == pytest.approx(float(truth.mean()), abs=4 * error)


def test_doing_nothing_costs_the_noise_and_answering_nothing_the_image():
    clean = scene(4)
    noisy = noise.gaussian(clean, 0.1, generator=seeded(5))
    assert torch.allclose(sure(lambda z: z, noisy, 0.1, generator=seeded()), torch.full((4,), 0.01).double(), rtol=0.1)
    zero = sure(torch.zeros_like, noisy, 0.1)
    assert torch.allclose(zero, (noisy**2).flatten(1).mean(1) - 0.01)


def test_it_is_far_too_low_under_rician_noise():
    dark = torch.zeros(4, 1, 64, 64, dtype=torch.float64)
    noisy = noise.rician(dark, 0.1, generator=seeded(1))
    truth = float(((mean_of_nine(noisy) - dark) ** 2).mean())
    assert float(sure(mean_of_nine, noisy, 0.1, generator=seeded()).mean()) < 0.2 * truth


def test_each_image_may_have_its_own_sigma_and_it_is_a_loss():
    noisy = torch.rand(2, 1, 16, 16, dtype=torch.float64)
    both = sure(mean_of_nine, noisy, torch.tensor([0.1, 0.3]), generator=seeded())
    assert both.shape == (2,)
    weight = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    sure(lambda z: weight * z, noisy, 0.1, epsilon=1e-4, generator=seeded()).mean().backward()
    # d/dw of (w - 1)² mean z² - σ² + 2σ² w
    expected = 2 * (0.7 - 1) * float((noisy**2).mean()) + 2 * 0.01
    assert float(weight.grad) == pytest.approx(expected, abs=5e-3)


def test_noise2noise_has_the_losses_of_the_identity_and_of_the_truth():
    clean = scene(16)
    noisy, other = (noise.gaussian(clean, 0.1, generator=seeded(seed)) for seed in (1, 2))
    assert float(noise2noise_loss(lambda z: z, noisy, other)) == pytest.approx(0.02, rel=0.03)
    assert float(noise2noise_loss(lambda z: clean, noisy, other)) == pytest.approx(0.01, rel=0.03)


def test_unsure_finds_a_level_and_a_network_that_ignores_its_own_pixel():
    flat = torch.full((8, 1, 48, 48), 0.5, dtype=torch.float64)
    noisy = noise.gaussian(flat, 0.1, generator=seeded(9))
    own, around = (torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in (0.9, 0.1))
    ring = torch.ones(1, 1, 3, 3, dtype=torch.float64) / 8
    ring[0, 0, 1, 1] = 0

    def denoise(z):
        return own * z + around * F.conv2d(F.pad(z, (1, 1, 1, 1), mode="circular"), ring)

    loss, generator = UnsureLoss(0.001, rate=0.02, momentum=0.5, epsilon=1e-4), seeded(2)
    optimizer = torch.optim.SGD([own, around], 0.2)
    for _ in range(600):
        optimizer.zero_grad()
        loss(denoise, noisy, generator=generator).backward()
        optimizer.step()
    assert abs(float(own)) < 0.1, "its own pixel tells the network nothing that it may use"
    assert float(around) == pytest.approx(1, abs=0.1) and loss.eta == pytest.approx(0.01, rel=0.25)


def test_bad_input_is_refused_in_words():
    noisy = torch.rand(1, 1, 4, 4)
    for call, words in [
        (lambda: sure(mean_of_nine, noisy, 0), "sigma"),
        (lambda: sure(mean_of_nine, noisy, 0.1, epsilon=0), "epsilon"),
        (lambda: monte_carlo_divergence(mean_of_nine, noisy, epsilon=-1), "epsilon"),
        (lambda: noise2noise_loss(mean_of_nine, noisy, noisy[:, :, :2]), "same shape"),
        (lambda: UnsureLoss(rate=0), "rate"),
    ]:
        with pytest.raises(ValueError, match=words):
            call()
