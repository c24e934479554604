"""`training.noising`: noise of one level or of many, and what a model learns to do about the Rician floor."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from course_lib import noise
from course_lib.training import fit, noising


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def picture(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=generator(9))


@pytest.mark.parametrize(("kind", "model"), [("gaussian", noise.gaussian), ("rician", noise.rician)])
@pytest.mark.parametrize("shape", [(1, 5, 8), (3, 1, 5, 8)])
def test_one_level_is_the_noise_itself(kind, model, shape):
    image = picture(*shape)
    corrupt = noising(kind, 0.11)
    assert torch.equal(corrupt(image, generator=generator()), model(image, 0.11, generator=generator()))
    assert corrupt.__name__ == f"{kind} noise, sigma 0.11"


def test_blind_levels_are_uniform():
    """The sigma of 400 images of 60×60 pixels: each known to 1.2 %, and together uniform between 0.02 and 0.2."""
    zeros = torch.zeros(400, 1, 60, 60)
    corrupt = noising("gaussian", (0.02, 0.2))
    levels = corrupt(zeros, generator=generator()).std((1, 2, 3)).sort().values
    assert 0.019 < levels[0] < 0.025 and 0.19 < levels[-1] < 0.21
    expected = torch.linspace(0.02, 0.2, 400)
    assert (levels - expected).abs().max() < 2 * 0.18 / 400**0.5, "Kolmogorov-Smirnov: above 2 once in 1500"
    assert corrupt.__name__ == "gaussian noise, sigma 0.02 to 0.2"


def test_blind_noise_is_noise_of_the_level_that_was_drawn():
    image, one = picture(1, 7, 9), generator(4)
    level = 0.05 + 0.1 * torch.rand((), generator=one, dtype=torch.float64).item()
    real = image + level * torch.randn(image.shape, generator=one)
    expected = torch.hypot(real, level * torch.randn(image.shape, generator=one))
    found = noising("rician", (0.05, 0.15))(image, generator=generator(4))
    assert torch.allclose(found, expected, atol=1e-6) and (found >= 0).all()


def test_each_image_of_a_batch_has_its_own_level():
    batch, corrupt = picture(3, 1, 5, 8), noising("rician", [0.05, 0.15])
    one_by_one = generator(3)
    expected = torch.stack([corrupt(image, generator=one_by_one) for image in batch])
    assert torch.equal(corrupt(batch, generator=generator(3)), expected)


def test_chance_is_left_alone_and_fresh():
    state, corrupt = torch.get_rng_state(), noising("gaussian", (0.1, 0.2))
    assert not torch.equal(corrupt(picture(1, 4, 4)), corrupt(picture(1, 4, 4)))
    assert torch.equal(state, torch.get_rng_state())
    equal = noising("gaussian", (0.1, 0.1))(picture(1, 4, 4), generator=generator())
    assert not torch.equal(equal, picture(1, 4, 4))


class Lowered(nn.Module):
    """Takes one number off: what it learns is the bias that it sees."""

    def __init__(self):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(()))

    def forward(self, noisy: torch.Tensor) -> torch.Tensor:
        return noisy - self.bias


@pytest.mark.parametrize(("kind", "bias"), [("rician", 0.11 * (np.pi / 2) ** 0.5), ("gaussian", 0.0)])
def test_the_target_is_the_true_amplitude_so_the_floor_is_learned_away(kind, bias):
    """Where there is nothing, the mean of Rician noise is sigma·sqrt(π/2) = 0.138: MSE training takes just that off."""
    model = Lowered()
    options = dict(epochs=15, batch_size=8, progress=False, device="cpu", optimizer=lambda p: torch.optim.SGD(p, 0.3))
    fit(model, torch.zeros(8, 1, 40, 40), loss=nn.functional.mse_loss, corrupt=noising(kind, 0.11), **options)
    assert model.bias.item() == pytest.approx(bias, abs=0.003)  # 5 standard deviations of the mean of a batch


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("poisson", 0.1), ValueError, "kind: expected 'gaussian' or 'rician', got 'poisson'"),
        (("gaussian", -0.1), ValueError, "sigma: expected"),
        (("gaussian", "0.1"), TypeError, "sigma: expected a number"),
        (("gaussian", (0.2, 0.1)), ValueError, r"low <= high, got \(0.2, 0.1\)"),
        (("gaussian", (0.1, 0.2, 0.3)), ValueError, r"a number or \(low, high\)"),
        (("gaussian", (0.1, float("inf"))), ValueError, "sigma: expected a finite"),
    ],
)
def test_bad_levels_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        noising(*arguments)


def test_bad_images_are_refused():
    corrupt = noising("rician", (0.1, 0.2))
    for image in (torch.zeros(5, 5), np.zeros((1, 5, 5)), None):
        with pytest.raises(ValueError, match=r"image: expected a tensor \(C, H, W\)"):
            corrupt(image)
    with pytest.raises(ValueError, match="no negative values"):
        corrupt(torch.full((1, 4, 4), -0.5))
