"""The network that is told the noise: golden count, equivariance, maps, cleared air, floors."""

import math

import numpy as np
import pytest
import torch

from course_lib import noise, training
from course_lib.models import noise_map
from course_lib.models.noise_map import NoiseMapUNet, noise_floor


def lively(width=8, seed=0, **settings):
    """Nothing that starts at 0 is 0."""
    with training.fixed_seed(seed):
        model = NoiseMapUNet(width, **settings).double()
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.1)
    return model.eval()


def image(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + 0.05


def test_golden_count():
    assert sum(p.numel() for p in NoiseMapUNet(48).parameters()) == 1_943_116
    assert sum(p.numel() for p in NoiseMapUNet(8, dilations=(), attention=None).parameters()) == 23_920


@pytest.mark.parametrize("factor", [0.01, 0.5, 37.0])
def test_a_brighter_image_with_more_noise_is_the_same_image(factor):
    model, x = lively(), image(2, 1, 21, 18)
    with torch.no_grad():
        plain, scaled = model(x, 0.1, 1.25), model(factor * x, 0.1 * factor, 1.25)
    torch.testing.assert_close(scaled, factor * plain, rtol=1e-9, atol=1e-12)


def test_starts_as_the_identity():
    x = image(1, 1, 24, 30).float()
    torch.testing.assert_close(NoiseMapUNet(8)(x, 0.1), x)


def test_a_map_is_more_than_its_mean_and_one_level_is_a_flat_map():
    model, x = lively(), image(2, 1, 16, 24)
    flat = torch.full((2, 1, 16, 24), 0.1, dtype=torch.float64)
    each = torch.tensor([0.1, 0.3], dtype=torch.float64).view(2, 1, 1, 1)
    with torch.no_grad():
        torch.testing.assert_close(model(x, flat), model(x, 0.1))
        torch.testing.assert_close(model(x, each)[1:], model(x[1:], 0.3))
        tilted = flat * torch.linspace(0.5, 1.5, 24, dtype=torch.float64)
        assert (model(x, tilted) - model(x, 0.1)).abs().max() > 1e-3


@pytest.mark.parametrize(("kind", "coils"), [("gaussian", 1), ("rician", 1), ("chi", 4)])
def test_told_is_the_same_network_with_the_noise_filled_in(kind, coils):
    model, x = lively(), image(3, 1, 17, 22)
    told = model.told(0.07, kind, coils)
    with torch.no_grad():
        expected = model(x, 0.07, noise_floor(kind, coils))
        torch.testing.assert_close(told(x), expected)
        torch.testing.assert_close(training.denoise(told, x, batch_size=2, device="cpu"), expected)
    assert next(told.parameters()) is next(model.parameters()) and not told.training
    with pytest.raises(ValueError, match="sigma"):
        model.told(0.0)
    with pytest.raises(ValueError, match="kind"):
        model.told(0.1, "poisson")


def test_one_slice_alone_is_one_whose_neighbours_are_zero():
    model, x = lively(slices=5), image(2, 1, 21, 18)
    stack = torch.zeros(2, 5, 21, 18, dtype=torch.float64)
    stack[:, 2:3] = x
    with torch.no_grad():
        alone = model(x, 0.1, 1.25)
        assert alone.shape == x.shape
        torch.testing.assert_close(model(stack, 0.1, 1.25), alone)


@pytest.mark.parametrize("slices", [3, 5])
def test_every_neighbour_counts_and_the_laws_hold_with_them(slices):
    model, stack = lively(slices=slices), image(2, slices, 16, 24)
    with torch.no_grad():
        plain = model(stack, 0.1, 1.25)
        assert plain.shape == (2, 1, 16, 24)
        torch.testing.assert_close(model(37 * stack, 3.7, 1.25), 37 * plain, rtol=1e-9, atol=1e-12)
        for number in range(slices):
            other = stack.clone()
            other[:, number] = image(2, 16, 24, seed=9)
            assert (model(other, 0.1, 1.25) - plain).abs().max() > 1e-3, number
        air = stack.clone()
        air[:, slices // 2, :6] = 0  # what is cleared in the slice itself stays so, whatever lies above
        assert (model(air, 0.1)[:, :, :6] == 0).all()
        air = stack.clone()
        air[:, 0, :6] = 0
        assert (model(air, 0.1)[:, :, :6] != 0).any()


def test_golden_count_with_neighbours():
    assert sum(p.numel() for p in NoiseMapUNet(40, slices=5).parameters()) == 1_362_241


@pytest.mark.parametrize("slices", [0, 2, 4])
def test_an_even_number_of_slices_has_no_middle(slices):
    with pytest.raises(ValueError, match="slices"):
        NoiseMapUNet(8, slices=slices)


def test_another_number_of_slices_is_refused():
    with pytest.raises(ValueError, match=r"\(N, 5, H, W\)"):
        NoiseMapUNet(8, slices=5)(torch.rand(1, 3, 16, 16), 0.1)


def test_the_floor_matters():
    model, x = lively(), image(1, 1, 16, 16)
    with torch.no_grad():
        assert (model(x, 0.1, 0.0) - model(x, 0.1, 1.25)).abs().max() > 1e-3


def test_cleared_air_stays_exactly_zero_and_a_single_zero_does_not_count():
    x = image(1, 1, 20, 17)
    x[..., :5, :] = 0
    x[..., 12, 9] = 0
    x[..., 15:17, 3:5] = 0  # 2x2: no window of 3x3
    with torch.no_grad():
        result = lively()(x, 0.1)
    assert (result[..., :5, :] == 0).all()
    assert result[..., 12, 9].abs() > 0 and (result[..., 15:17, 3:5] != 0).all()


def test_cleared_is_an_opening():
    rng = np.random.default_rng(0)
    from scipy import ndimage

    for _ in range(10):
        x = (rng.random((13, 18)) > 0.8).astype(np.float32)
        padded = np.pad(x == 0, 2, constant_values=True)
        expected = ndimage.binary_opening(padded, np.ones((3, 3)))[2:-2, 2:-2]
        found = noise_map.cleared(torch.from_numpy(x)[None, None])[0, 0].numpy()
        np.testing.assert_array_equal(found, expected)


def test_floor_is_the_mean_of_pure_noise():
    assert noise_floor() == 0
    assert noise_floor("rician") == pytest.approx(math.sqrt(math.pi / 2))
    assert noise_floor("chi", 1) == pytest.approx(noise_floor("rician"))
    for coils in (2, 4, 8):
        air = noise.noncentral_chi(np.zeros((400, 400)), 0.3, coils=coils, generator=np.random.default_rng(coils))
        assert noise_floor("chi", coils) == pytest.approx(air.mean() / 0.3, rel=4e-3)


@pytest.mark.parametrize(
    ("sigma", "message"),
    [(0.0, "above 0"), (-1.0, "above 0"), (torch.zeros(1), "above 0"), (torch.ones(3, 1, 1, 1), "broadcasts")],
)
def test_bad_sigma(sigma, message):
    with pytest.raises(ValueError, match=message):
        NoiseMapUNet(8)(torch.rand(2, 1, 16, 16), sigma)


def test_bad_kind():
    with pytest.raises(ValueError, match="kind"):
        noise_floor("poisson")
    with pytest.raises((TypeError, ValueError)):
        noise_floor("chi", 0)


def test_it_learns_to_use_sigma():
    """After a few steps an image is denoised better by who is told its true level."""
    with training.fixed_seed(0):
        model = NoiseMapUNet(8)
    clean = torch.nn.functional.interpolate(
        torch.rand(32, 1, 4, 4, generator=torch.Generator().manual_seed(1)), (32, 32), mode="bilinear"
    )

    def corrupt(x, *, generator):
        sigma = 0.02 if torch.rand((), generator=generator) < 0.5 else 0.2
        return noise.gaussian(x, sigma, generator=generator), torch.full((1, 1, 1), sigma)

    def error(prediction, target):
        return ((prediction - target) ** 2).mean((1, 2, 3)).sqrt()

    training.fit(model, clean, loss=error, corrupt=corrupt, epochs=30, batch_size=8, learning_rate=3e-3, progress=False)
    for sigma, other in ((0.02, 0.2), (0.2, 0.02)):
        noisy = noise.gaussian(clean, sigma, generator=torch.Generator().manual_seed(2))
        with torch.no_grad():
            right, wrong = (float(error(model(noisy, told), clean).mean()) for told in (sigma, other))
        assert right < 0.9 * wrong, (sigma, right, wrong)
