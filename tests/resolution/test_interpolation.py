"""Between the slices: ramps, sinusoids and oracles hold each method to the right grid."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from scipy import ndimage

from course_lib import resolution

METHODS = resolution.METHODS


def random(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("factor", [2, 3, 4, 5])
def test_a_ramp_comes_back_at_its_place(method, factor):
    ramp = np.arange(40.0 * factor)
    found = resolution.between_slices(resolution.thick_slices(ramp, factor), factor, method=method)
    middle = slice(12 * factor, -12 * factor)
    shift = np.mean(found[middle] - ramp[middle])
    assert abs(shift) < 0.01, "half a slice would be (k - 1)/2"
    if method in ("linear", "cubic", "bspline"):
        assert np.allclose(found[middle], ramp[middle], atol=1e-4)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("profile", resolution.PROFILES)
@pytest.mark.parametrize("factor", [2, 3, 4])
def test_a_sinusoid_keeps_its_phase_whatever_the_profile(method, profile, factor):
    places = np.arange(60.0 * factor)
    wave = np.exp(2j * np.pi * places / (10 * factor))  # ten slices a period
    thick = [resolution.thick_slices(part, factor, profile=profile) for part in (wave.real, wave.imag)]
    found = [resolution.between_slices(part, factor, method=method, profile=profile) for part in thick]
    middle = slice(15 * factor, -15 * factor)
    ratio = np.mean((found[0] + 1j * found[1])[middle] * wave.conj()[middle])
    # nearest after fir is the one that must move it: it has no slice at the middle of the k thin ones around it
    tolerance = 0.06 * np.pi if method == "nearest" and profile == "fir" and factor % 2 == 0 else 1e-3
    assert abs(np.angle(ratio)) < tolerance and 0.8 < abs(ratio) < 1.01
    if method == "bspline":
        gain = np.sum(resolution.thick_slices(wave.real, factor, profile=profile)[10:20] ** 2) / 5
        assert np.allclose(found[0][middle], np.sqrt(gain) * wave.real[middle], atol=4e-3)


@pytest.mark.parametrize("factor", [1, 2, 3, 4])
def test_linear_is_torchs_without_aligned_corners_and_numpys(factor):
    thick = random(4, 9)
    found = resolution.between_slices(thick, factor, method="linear")
    oracle = F.interpolate(torch.from_numpy(thick)[None], scale_factor=factor, mode="linear", align_corners=False)
    assert np.allclose(found, oracle[0].numpy(), atol=1e-12)
    centres = np.arange(9) * factor + (factor - 1) / 2
    expected = [np.interp(np.arange(9 * factor), centres, row) for row in thick]
    assert np.allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("factor", [2, 3, 4])
@pytest.mark.parametrize("number", [1, 2, 5, 12])
@pytest.mark.parametrize("profile", ["box", "fir"])
def test_bspline_is_scipys(factor, number, profile):
    thick = random(number)
    shift = 0 if profile == "fir" else (factor - 1) / 2
    places = (np.arange(number * factor) - shift) / factor
    expected = ndimage.map_coordinates(thick, [places], order=3, mode="mirror")
    found = resolution.between_slices(thick, factor, method="bspline", profile=profile)
    assert np.allclose(found, expected, atol=1e-10)


@pytest.mark.parametrize(
    ("method", "filter_"), [("cubic", Image.Resampling.BICUBIC), ("lanczos", Image.Resampling.LANCZOS)]
)
def test_cubic_and_lanczos_are_pillows_inside(method, filter_):
    thick = random(5, 20).astype(np.float32)
    expected = np.asarray(Image.fromarray(thick).resize((60, 5), filter_))
    found = resolution.between_slices(thick, 3, method=method)
    assert np.allclose(found[:, 9:-9], expected[:, 9:-9], atol=1e-5)  # Pillow cuts the kernel at the ends


@pytest.mark.parametrize("factor", [2, 3])
def test_fourier_is_exact_for_cosines_that_fit_the_mirrored_image(factor):
    number = 11
    slices, thin = np.arange(number), (np.arange(number * factor) - (factor - 1) / 2) / factor
    for m in range(number):
        wave = lambda at, m=m: np.cos(np.pi * m * (at + 0.5) / number)  # noqa: E731
        assert np.allclose(resolution.between_slices(wave(slices), factor, method="fourier"), wave(thin), atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_laws_of_every_method(method):
    thick, other = random(3, 7), random(3, 7, seed=1)
    between = lambda x, factor=3, **more: resolution.between_slices(x, factor, method=method, **more)  # noqa: E731
    assert np.allclose(between(2 * thick - other), 2 * between(thick) - between(other), atol=1e-12)
    assert np.allclose(between(np.full((3, 7), 0.3)), 0.3, atol=1e-12)
    assert np.allclose(between(thick[:, ::-1]), between(thick)[:, ::-1], atol=1e-12), "left is as right"
    assert np.allclose(between(thick)[:, 1::3], thick, atol=1e-12), "at its centre a slice is itself"
    assert np.allclose(between(thick, profile="fir")[:, ::3], thick, atol=1e-12)
    assert np.allclose(between(thick, 1), thick, atol=1e-12)
    assert np.allclose(between(thick.T, axis=0), between(thick).T, atol=1e-14)
    tensor = between(torch.from_numpy(thick).float())
    assert tensor.dtype == torch.float32 and np.allclose(tensor.numpy(), between(thick), atol=1e-5)


def test_keeping_what_was_measured_helps_every_method():
    rows = np.linspace(0, 1, 60)
    truth = np.exp(-(((rows[None] - np.linspace(0.2, 0.8, 9)[:, None]) / 0.04) ** 2))
    thick = resolution.thick_slices(truth, 4)
    for method in METHODS:
        guess = resolution.between_slices(thick, 4, method=method)
        kept = resolution.keep_measured(guess, thick, 4)
        before, after = (np.mean((one - truth) ** 2) for one in (guess, kept))
        assert after < 0.9 * before or method == "nearest" and after == pytest.approx(before)


def test_refusals():
    with pytest.raises(ValueError, match="method: expected one of 'nearest'"):
        resolution.between_slices(random(3, 4), 2, method="sinc")
    with pytest.raises(ValueError, match="profile"):
        resolution.between_slices(random(3, 4), 2, profile="boxcar")
    with pytest.raises(ValueError, match="axis"):
        resolution.between_slices(random(3, 4), 2, axis=5)
    with pytest.raises(TypeError, match="factor"):
        resolution.between_slices(random(3, 4), 1.5)
