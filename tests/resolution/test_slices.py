"""Thick slices: means that can be counted, SciPy's filters, the adjoint, and the projection onto what was measured."""

import numpy as np
import pytest
import torch
from scipy import ndimage, signal

from course_lib import resolution

PROFILES = resolution.PROFILES


def image(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def matrix(number, factor, profile):
    """A, column by column."""
    return resolution.thick_slices(np.eye(number), factor, profile=profile).T


@pytest.mark.parametrize("factor", [1, 2, 3, 4])
def test_a_box_is_the_mean_of_its_thin_slices(factor):
    given = image(5, 12)
    expected = np.stack([given[:, i : i + factor].mean(1) for i in range(0, 12, factor)], 1)
    assert np.allclose(resolution.thick_slices(given, factor), expected, atol=1e-14)


@pytest.mark.parametrize("factor", [2, 3, 5])
def test_fir_is_scipys_filter_and_every_kth_sample(factor):
    given = image(3, 30 * factor)
    taps = signal.firwin(49, 1 / factor)  # Hamming's window by default
    expected = ndimage.convolve1d(given, taps, axis=-1, mode="nearest")[:, ::factor]
    assert np.allclose(resolution.thick_slices(given, factor, profile="fir"), expected, atol=1e-12)


@pytest.mark.parametrize("factor", [3, 5])
def test_gaussian_is_scipys_filter_at_the_centres_with_half_its_height_at_half_a_slice(factor):
    given = image(3, 20 * factor)
    sigma = factor / (2 * np.sqrt(2 * np.log(2)))
    blurred = ndimage.gaussian_filter1d(given, sigma, axis=-1, mode="nearest", truncate=6)
    expected = blurred[:, factor // 2 :: factor]
    assert np.allclose(resolution.thick_slices(given, factor, profile="gaussian"), expected, atol=1e-3)
    row = matrix(20 * 4, 4, "gaussian")[10]  # the centre lies between two thin slices
    assert row[40:44] == pytest.approx(row[43:39:-1]) and row.argmax() in (41, 42)
    wide = matrix(9 * 10, 10, "gaussian")[4]
    middle = 4 * 10 + 4.5
    heights = np.interp([middle - 5, middle, middle + 5], np.arange(90), wide)
    assert heights[[0, 2]] / heights[1] == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("factor", [1, 2, 3])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_the_adjoint_is_exact_along_every_axis(profile, factor, axis):
    shape = [5, 7, 11]
    shape[axis] *= factor
    x = image(*shape)
    options = {"profile": profile, "axis": axis}
    forward = resolution.thick_slices(x, factor, **options)
    y = image(*forward.shape, seed=1)
    back = resolution.thick_slices_adjoint(y, factor, **options)
    assert back.shape == x.shape
    assert (forward * y).sum() == pytest.approx((x * back).sum(), rel=1e-12)


@pytest.mark.parametrize("profile", PROFILES)
def test_linear_and_a_constant_stays_up_to_the_ends(profile):
    a, b = image(3, 24), image(3, 24, seed=1)
    thick = lambda x: resolution.thick_slices(x, 4, profile=profile)  # noqa: E731
    assert np.allclose(thick(2 * a - b), 2 * thick(a) - thick(b), atol=1e-13)
    assert np.allclose(thick(np.full((3, 24), 0.7)), 0.7, atol=1e-14)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize(("factor", "number"), [(2, 9), (3, 7), (4, 11)])
def test_keep_measured_is_the_orthogonal_projection(profile, factor, number):
    options = {"profile": profile}
    truth, guess = image(4, factor * number), image(4, factor * number, seed=1)
    measured = resolution.thick_slices(truth, factor, **options)
    kept = resolution.keep_measured(guess, measured, factor, **options)
    assert np.allclose(resolution.thick_slices(kept, factor, **options), measured, atol=1e-10), (
        "what was measured stays"
    )
    assert np.allclose(resolution.keep_measured(kept, measured, factor, **options), kept, atol=1e-10), "twice is once"
    a = matrix(factor * number, factor, profile)
    expected = guess + (measured - guess @ a.T) @ np.linalg.pinv(a).T
    assert np.allclose(kept, expected, atol=1e-9)
    # Pythagoras: what it changes stands upright on what is left
    before, change, after = (np.sum(x**2) for x in (guess - truth, kept - guess, kept - truth))
    assert before == pytest.approx(change + after) and after < before


def test_keep_measured_repeats_the_difference_over_a_box():
    guess, thick = np.array([1.0, 3, 5, 5, 5, 8]), np.array([4.0, 6])
    assert np.allclose(resolution.keep_measured(guess, thick, 3), [2, 4, 6, 5, 5, 8])
    assert np.allclose(resolution.keep_measured(guess[None, :, None], thick[None, :, None], 3, axis=1)[0, :, 0],
                       [2, 4, 6, 5, 5, 8])  # fmt: skip


def test_torch_is_numpy_with_a_gradient():
    given = torch.from_numpy(image(2, 1, 6, 12)).float().requires_grad_()
    for profile in PROFILES:
        thick = resolution.thick_slices(given, 3, profile=profile, axis=2)
        expected = resolution.thick_slices(given.detach().double().numpy(), 3, profile=profile, axis=2)
        assert thick.dtype == torch.float32 and np.allclose(thick.detach().numpy(), expected, atol=1e-5)
        (gradient,) = torch.autograd.grad(thick.sum(), given)
        adjoint = resolution.thick_slices_adjoint(torch.ones_like(thick), 3, profile=profile, axis=2)
        assert torch.allclose(gradient, adjoint, atol=1e-6)
    kept = resolution.keep_measured(given, torch.zeros(2, 1, 2, 12), 3, axis=2)
    assert kept.requires_grad and resolution.thick_slices(kept, 3, axis=2).abs().max() < 1e-6
    assert resolution.thick_slices(image(2, 6).astype(np.float32), 3).dtype == np.float32


def test_refusals():
    with pytest.raises(ValueError, match="multiple of 4 along axis -1, got 10 .* crop it to 8"):
        resolution.thick_slices(image(3, 10), 4)
    with pytest.raises(ValueError, match="profile: expected one of 'box'"):
        resolution.thick_slices(image(3, 12), 4, profile="triangle")
    with pytest.raises(ValueError, match="factor"):
        resolution.thick_slices(image(3, 12), 0)
    with pytest.raises(ValueError, match="one of the 2 axes"):
        resolution.thick_slices(image(3, 12), 3, axis=2)
    with pytest.raises(ValueError, match=r"expected the shape \(3, 4\)"):
        resolution.keep_measured(image(3, 12), image(3, 6), 3)
    with pytest.raises(TypeError, match="two numpy arrays or two torch tensors"):
        resolution.keep_measured(image(3, 12), torch.zeros(3, 4), 3)
    with pytest.raises(TypeError, match="floating-point"):
        resolution.thick_slices_adjoint(np.arange(6), 2)
