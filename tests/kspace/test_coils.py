"""Coils: sensitivities of unit sum of squares that sigpy's formula gives too, and images combined from all of them."""

import numpy as np
import pytest
import torch

from course_lib import kspace


@pytest.mark.parametrize("shape", [(32, 24), (33, 25), (8, 1)])
@pytest.mark.parametrize("coils", [1, 4, 7])
def test_sensitivities_have_unit_sum_of_squares(shape, coils):
    maps = kspace.birdcage_sensitivities(shape, coils)
    assert maps.shape == (coils, *shape) and maps.dtype == np.complex64
    assert np.allclose((abs(maps) ** 2).sum(0), 1, atol=1e-5)


@pytest.mark.parametrize("shape", [(32, 24), (33, 25)])
def test_sensitivities_agree_with_sigpy(shape):
    mri = pytest.importorskip("sigpy.mri")
    for coils in (2, 8):
        assert np.allclose(kspace.birdcage_sensitivities(shape, coils), mri.birdcage_maps((coils, *shape)), atol=1e-5)


def test_each_coil_sees_best_what_is_near_and_all_see_alike():
    maps = abs(kspace.birdcage_sensitivities((41, 41), 4))
    for coil, (row, column) in enumerate([(20, 40), (40, 20), (20, 0), (0, 20)]):  # to the right, below, left, above
        assert maps[:, row, column].argmax() == coil
        assert maps[coil, row, column] > 2 * maps[(coil + 2) % 4, row, column]
    even = abs(kspace.birdcage_sensitivities((40, 40), 4))
    # a quarter turn of the image is the next coil (the pixel in the middle is at [20, 20])
    assert np.allclose(np.rot90(even[0, 1:, 1:], -1), even[1, 1:, 1:], atol=1e-5)


def test_several_coils_make_folding_solvable():
    """Two folded pixels, four coils: least squares with the sensitivities gives both back."""
    rng = np.random.default_rng(0)
    image = rng.normal(size=(8, 16)) + 1j * rng.normal(size=(8, 16))
    maps = kspace.birdcage_sensitivities((8, 16), 4).astype(np.complex128)
    mask = np.zeros((8, 16), dtype=bool)
    mask[:, ::2] = True
    folded = kspace.zero_filled(kspace.forward(image, mask, maps))  # without sensitivities: an image of each coil
    assert folded.shape == (4, 8, 16)
    for row, column in [(0, 0), (3, 5), (7, 7)]:
        system = maps[:, row, [column, column + 8]] / 2
        pair = np.linalg.lstsq(system, folded[:, row, column], rcond=None)[0]
        assert np.allclose(pair, image[row, [column, column + 8]])


@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_root_sum_of_squares(kind):
    rng = np.random.default_rng(0)
    images = (rng.normal(size=(3, 4, 5, 6)) + 1j * rng.normal(size=(3, 4, 5, 6))).astype(np.complex64)
    expected = np.sqrt((images.real**2 + images.imag**2).sum(1))
    given = images if kind == "numpy" else torch.from_numpy(images)
    result = kspace.root_sum_of_squares(given)
    assert type(result) is type(given) and result.shape == (3, 1, 5, 6) and str(result.dtype).endswith("float32")
    assert np.allclose(np.asarray(result)[:, 0], expected, rtol=1e-5)
    assert np.allclose(kspace.root_sum_of_squares(given[1]), expected[1], rtol=1e-5)
    assert kspace.root_sum_of_squares(given[1]).shape == (5, 6)
    assert np.allclose(kspace.root_sum_of_squares(given.real, axis=0)[0], np.sqrt((images.real**2).sum(0)), rtol=1e-5)


def test_root_sum_of_squares_of_all_coils_is_the_magnitude():
    image = kspace.with_phase(torch.rand(2, 1, 9, 11), generator=torch.Generator().manual_seed(0))
    maps = torch.from_numpy(kspace.birdcage_sensitivities((9, 11), 6))
    everything = torch.ones(9, 11, dtype=torch.bool)
    coil_images = kspace.zero_filled(kspace.undersample(image, everything, sensitivities=maps))
    assert coil_images.shape == (2, 6, 9, 11)
    assert torch.allclose(kspace.root_sum_of_squares(coil_images), image.abs(), atol=1e-5)


def test_root_sum_of_squares_has_a_gradient_also_at_zero():
    images = torch.zeros(3, 4, 4, dtype=torch.complex64, requires_grad=True)
    kspace.root_sum_of_squares(images).sum().backward()
    assert not images.grad.isnan().any()
    images = torch.randn(
        2, 3, 2, 2, dtype=torch.complex128, requires_grad=True, generator=torch.Generator().manual_seed(0)
    )
    assert torch.autograd.gradcheck(kspace.root_sum_of_squares, images)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: kspace.birdcage_sensitivities((8, 8), 0), ValueError, "coils: expected at least 1, got 0"),
        (lambda: kspace.birdcage_sensitivities((8, 8), 2.5), TypeError, "coils: expected a whole number, got 2.5"),
        (lambda: kspace.birdcage_sensitivities((8,), 2), ValueError, r"shape: expected \(H, W\)"),
        (
            lambda: kspace.root_sum_of_squares(np.ones((8, 8))),
            ValueError,
            r"images: expected an axis -3 of coils, got shape \(8, 8\)",
        ),
        (lambda: kspace.root_sum_of_squares(np.ones((2, 8, 8)), axis=3), ValueError, "images: expected an axis 3"),
        (lambda: kspace.root_sum_of_squares(np.ones((2, 8, 8), int)), TypeError, "images: expected floating-point"),
        (lambda: kspace.root_sum_of_squares(np.full((2, 8, 8), np.nan)), ValueError, "images: expected finite values"),
    ],
)
def test_bad_input_gets_a_clear_error(call, error, message):
    with pytest.raises(error, match=message):
        call()
