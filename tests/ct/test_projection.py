"""Projections: the adjoint is exact, and closed forms, Fourier's slice and scikit-image agree."""

import math

import numpy as np
import pytest
import torch
from skimage.transform import radon

from course_lib import ct

SIZES = [1, 2, 9, 16, 33]
ANGLES = torch.tensor([0.0, 0.3, math.pi / 4, 1.2, math.pi / 2, 2.0, 3 * math.pi / 4, 3.1, -0.7, 4.0])


def random(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def blob(size, x, y, sigma):
    """A Gaussian at (x, y), y upwards; float64 (1, 1, size, size)."""
    step = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    return torch.exp(-((step[None] - x) ** 2 + (-step[:, None] - y) ** 2) / (2 * sigma**2))[None, None]


@pytest.mark.parametrize("images", [1, 3, 5])  # few are read in another way than many
@pytest.mark.parametrize("size", SIZES)
def test_backproject_is_the_exact_adjoint(size, images):
    image, sinogram = random(images, 2, size, size), random(images, 2, len(ANGLES), size, seed=1)
    forward = (ct.project(image, ANGLES) * sinogram).sum()
    back = (image * ct.backproject(sinogram, ANGLES)).sum()
    assert float(forward) == pytest.approx(float(back), rel=1e-10, abs=1e-10)


@pytest.mark.parametrize("images", [2, 6])
def test_it_is_linear_and_images_do_not_mix(images):
    a, b = random(images, 1, 17, 17), random(images, 1, 17, 17, seed=1)
    together = ct.project(2 * a - b, ANGLES)
    assert torch.allclose(together, 2 * ct.project(a, ANGLES) - ct.project(b, ANGLES), atol=1e-12)
    alone = torch.cat([ct.project(image[None], ANGLES) for image in a])
    assert torch.allclose(ct.project(a, ANGLES), alone, atol=1e-12)


@pytest.mark.parametrize("size", [8, 9])
def test_right_angles_are_sums(size):
    image = random(1, 1, size, size)
    views = ct.project(image, torch.tensor([0, math.pi / 2, math.pi], dtype=torch.float64))[0, 0]
    assert torch.allclose(views[0], image[0, 0].sum(0), atol=1e-12)
    assert torch.allclose(views[1], image[0, 0].sum(1).flip(0), atol=1e-9), "seen from the side, up is to the right"
    assert torch.allclose(views[2], views[0].flip(0), atol=1e-9), "from behind, left and right change places"


def test_a_view_is_a_slice_of_the_spectrum():
    image = random(1, 1, 32, 32)
    view = ct.project(image, torch.zeros(1, dtype=torch.float64))[0, 0, 0]
    assert torch.allclose(torch.fft.fft(view), torch.fft.fft2(image[0, 0])[0], atol=1e-10)


@pytest.mark.parametrize(("size", "x", "y"), [(128, 15.0, -20.0), (127, -8.0, 30.0)])
def test_the_shadow_of_a_blob_is_the_one_that_calculus_gives(size, x, y):
    angles, step = ct.parallel_angles(90), torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    place = x * angles.cos() + y * angles.sin()
    expected = 6 * math.sqrt(2 * math.pi) * torch.exp(-((step - place[:, None]) ** 2) / (2 * 6**2))
    views = ct.project(blob(size, x, y, 6.0), angles)[0, 0]
    assert float((views - expected).abs().max() / expected.max()) < 5e-3


def test_every_view_holds_the_whole_mass():
    image = blob(65, 5.0, 9.0, 4.0)
    mass = ct.project(image, ct.parallel_angles(45)).sum(-1)
    assert torch.allclose(mass, image.sum(), rtol=1e-4)


def test_scikit_image_agrees():
    image, angles = blob(65, 8.0, -10.0, 4.0) + 0.5 * blob(65, -12.0, 3.0, 2.5), ct.parallel_angles(60)
    oracle = radon(image[0, 0].numpy(), np.rad2deg(angles.numpy()), circle=True).T
    assert np.abs(ct.project(image, angles)[0, 0].numpy() - oracle).max() < 0.01 * oracle.max()


@pytest.mark.parametrize("images", [1, 5])
def test_its_derivatives_are_exact_to_the_second_order(images):
    angles = ct.parallel_angles(3)
    image = random(images, 1, 5, 5).requires_grad_()
    assert torch.autograd.gradcheck(lambda values: ct.project(values, angles), image)
    assert torch.autograd.gradgradcheck(lambda values: ct.project(values, angles) ** 2, image)
    sinogram = random(images, 1, 3, 5, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(lambda values: ct.backproject(values, angles), sinogram)


def test_float32_is_close_to_float64_and_stays_float32():
    image = random(2, 1, 100, 100)
    single = ct.project(image.float(), ct.parallel_angles(20))
    assert single.dtype == torch.float32
    assert torch.allclose(single.double(), ct.project(image, ct.parallel_angles(20)), atol=2e-3)


@pytest.mark.parametrize(
    ("image", "angles", "words"),
    [
        (torch.zeros(1, 1, 4, 5), ANGLES, "square"),
        (torch.zeros(4, 4), ANGLES, "square"),
        (torch.zeros(1, 1, 4, 4), ANGLES[None], "angles"),
        (torch.full((1, 1, 4, 4), math.nan), ANGLES, "finite"),
        (torch.zeros(1, 1, 4, 4, dtype=torch.int64), ANGLES, "floating"),
    ],
)
def test_bad_input_is_refused_in_words(image, angles, words):
    with pytest.raises((TypeError, ValueError), match=words):
        ct.project(image, angles)


def test_a_sinogram_has_a_view_for_each_angle():
    with pytest.raises(ValueError, match="a view for each angle"):
        ct.backproject(torch.zeros(1, 1, 3, 8), ANGLES)
