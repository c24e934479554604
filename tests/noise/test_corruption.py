"""Noise: the right distribution (Kolmogorov-Smirnov against SciPy), same seed same noise, nothing global touched."""

import functools

import numpy as np
import pytest
import torch
from scipy import stats

from course_lib import noise

MODELS = {
    "gaussian": (noise.gaussian, 0.2),
    "rician": (noise.rician, 0.2),
    "masking": (noise.masking, 0.3),
    "salt_and_pepper": (noise.salt_and_pepper, 0.3),
    "poisson": (noise.poisson, 20.0),
    "speckle": (noise.speckle, 0.2),
    "noncentral_chi": (functools.partial(noise.noncentral_chi, coils=3), 0.2),
}
KINDS = ["numpy", "torch"]


def constant(value, kind, count=20_011, dtype="float64"):
    image = np.full((count, 1), value, dtype=dtype)
    return image if kind == "numpy" else torch.from_numpy(image)


def seeded(kind, seed=0):
    return np.random.default_rng(seed) if kind == "numpy" else torch.Generator().manual_seed(seed)


def values(array):
    return np.asarray(array, dtype=np.float64).ravel()


@pytest.mark.parametrize("kind", KINDS)
def test_gaussian_is_normal_around_the_image(kind):
    noisy = values(noise.gaussian(constant(0.3, kind), 0.1, generator=seeded(kind)))
    assert stats.kstest(noisy, stats.norm(0.3, 0.1).cdf).pvalue > 0.001
    assert abs(np.corrcoef(noisy[:-1], noisy[1:])[0, 1]) < 0.03, "neighbouring pixels are correlated"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("level", [0.0, 0.05, 0.4])
def test_rician_follows_scipy_rice(kind, level):
    sigma = 0.11
    noisy = values(noise.rician(constant(level, kind), sigma, generator=seeded(kind)))
    assert stats.kstest(noisy, stats.rice(level / sigma, scale=sigma).cdf).pvalue > 0.001
    if level == 0:  # Rayleigh: the background of a magnitude image is not dark
        assert noisy.mean() == pytest.approx(sigma * np.sqrt(np.pi / 2), rel=0.02)


@pytest.mark.parametrize("kind", KINDS)
def test_complex_gaussian_is_normal_in_both_channels(kind):
    for image in (constant(0.3, kind), constant(0.3, kind) * (1 - 2j)):
        noisy = np.asarray(noise.complex_gaussian(image, 0.1, generator=seeded(kind))).ravel()
        start = np.asarray(image).ravel()[0]
        assert stats.kstest(noisy.real, stats.norm(start.real, 0.1).cdf).pvalue > 0.001
        assert stats.kstest(noisy.imag, stats.norm(start.imag, 0.1).cdf).pvalue > 0.001
        assert abs(np.corrcoef(noisy.real, noisy.imag)[0, 1]) < 0.03, "the channels are correlated"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(100, 128), (101, 127)])
def test_noise_in_kspace_is_as_white_and_as_strong_in_the_image(kind, size):
    sigma, clean = 0.11, np.random.default_rng(7).random(size)
    clean = clean if kind == "numpy" else torch.from_numpy(clean)
    fft = np.fft if kind == "numpy" else torch.fft
    noisy = noise.complex_gaussian(fft.fft2(clean, norm="ortho"), sigma, generator=seeded(kind))
    left = np.asarray(fft.ifft2(noisy, norm="ortho") - clean)
    for channel in (left.real, left.imag):
        assert stats.kstest(channel.ravel(), stats.norm(0, sigma).cdf).pvalue > 0.001
        for a, b in [
            (channel[1:], channel[:-1]),
            (channel[:, 1:], channel[:, :-1]),
            (left.real, left.imag[::-1, ::-1]),
        ]:
            assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 0.04
    magnitude = noise.rician_from_kspace(clean, sigma, generator=seeded(kind))
    assert np.allclose(values(magnitude), np.abs(left + np.asarray(clean)).ravel()), "not the magnitude of that image"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("level", [0.0, 0.05, 0.4])
def test_rician_from_kspace_follows_scipy_rice(kind, level):
    sigma, flat = 0.11, constant(level, kind, 1).reshape(1, 1)
    image = flat + np.zeros((3, 1, 85, 79)) if kind == "numpy" else flat + torch.zeros(3, 1, 85, 79)
    for phase in (1, 1j):  # the phase of a complex image plays no part
        noisy = values(noise.rician_from_kspace(image * phase, sigma, generator=seeded(kind)))
        assert stats.kstest(noisy, stats.rice(level / sigma, scale=sigma).cdf).pvalue > 0.001


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("coils", [1, 2, 8])
def test_noncentral_chi_follows_scipy(kind, coils):
    sigma = 0.11
    background = values(noise.noncentral_chi(constant(0.0, kind), sigma, coils=coils, generator=seeded(kind)))
    chi = stats.chi(2 * coils, scale=sigma)
    assert stats.kstest(background, chi.cdf).pvalue > 0.001
    assert background.mean() == pytest.approx(chi.mean(), rel=0.01)
    assert background.var() == pytest.approx(chi.var(), rel=0.05)
    noisy = values(noise.noncentral_chi(constant(0.3, kind), sigma, coils=coils, generator=seeded(kind, 1)))
    assert stats.kstest((noisy / sigma) ** 2, stats.ncx2(2 * coils, (0.3 / sigma) ** 2).cdf).pvalue > 0.001
    if coils == 1:  # in law, Rician
        assert stats.kstest(noisy, stats.rice(0.3 / sigma, scale=sigma).cdf).pvalue > 0.001


@pytest.mark.parametrize("kind", KINDS)
def test_noncentral_chi_with_sensitivities(kind):
    rng = np.random.default_rng(3)
    maps = rng.normal(size=(4, 5, 7)) + 1j * rng.normal(size=(4, 5, 7))
    image = rng.random((2, 1, 5, 7)).astype(np.float32)
    expected = image * np.sqrt((abs(maps) ** 2).sum(0))
    if kind == "torch":
        maps, image = torch.from_numpy(maps), torch.from_numpy(image)
    clean = noise.noncentral_chi(image, 0.0, coils=4, sensitivities=maps, generator=seeded(kind))
    assert type(clean) is type(image) and clean.dtype == image.dtype
    assert np.allclose(np.asarray(clean), expected, rtol=1e-5)
    with pytest.raises(ValueError, match=r"\(coils, H, W\) = \(3, 5, 7\), got \(4, 5, 7\)"):
        noise.noncentral_chi(image, 0.1, coils=3, sensitivities=maps)
    with pytest.raises(TypeError, match="sensitivities"):
        other = torch.ones(4, 5, 7) if kind == "numpy" else np.ones((4, 5, 7))
        noise.noncentral_chi(image, 0.1, coils=4, sensitivities=other)


@pytest.mark.parametrize("kind", KINDS)
def test_complex_values_keep_their_precision_and_bad_ones_are_refused(kind):
    image = np.ones((5, 7), np.complex64) if kind == "numpy" else torch.ones(5, 7, dtype=torch.complex64)
    assert noise.complex_gaussian(image, 0.1).dtype == image.dtype == noise.complex_gaussian(image.real, 0.1).dtype
    for magnitude in (noise.rician_from_kspace(image, 0.1), noise.noncentral_chi(image, 0.1, coils=2)):
        assert magnitude.dtype == image.real.dtype
    with pytest.raises(ValueError, match="NaN"):
        noise.complex_gaussian(image * complex(0, np.nan), 0.1)
    with pytest.raises(ValueError, match=r"\(…, H, W\)"):
        noise.rician_from_kspace(image[0], 0.1)
    with pytest.raises(ValueError, match="coils"):
        noise.noncentral_chi(image, 0.1, coils=0)


@pytest.mark.parametrize("kind", KINDS)
def test_masking_drops_that_fraction_and_keeps_the_rest_exactly(kind):
    noisy = values(noise.masking(constant(0.7, kind), 0.3, generator=seeded(kind)))
    assert set(np.unique(noisy)) == {0.0, 0.7}
    assert stats.binomtest(int((noisy == 0).sum()), noisy.size, 0.3).pvalue > 0.001


@pytest.mark.parametrize("kind", KINDS)
def test_salt_and_pepper_is_half_and_half(kind):
    noisy = values(noise.salt_and_pepper(constant(0.4, kind), 0.3, generator=seeded(kind)))
    assert set(np.unique(noisy)) == {0.0, 0.4, 1.0}
    for value in (0.0, 1.0):
        assert stats.binomtest(int((noisy == value).sum()), noisy.size, 0.15).pvalue > 0.001


@pytest.mark.parametrize("kind", KINDS)
def test_poisson_counts(kind):
    peak = 20.0
    counts = values(noise.poisson(constant(0.5, kind), peak, generator=seeded(kind))) * peak
    assert np.allclose(counts, np.round(counts), atol=1e-6)
    ks = np.arange(2, 19)
    observed = np.array([(np.round(counts) == k).sum() for k in ks])
    expected = stats.poisson(0.5 * peak).pmf(ks) * counts.size
    statistic = ((observed - expected) ** 2 / expected).sum()
    assert stats.chi2(len(ks)).sf(statistic) > 0.001


@pytest.mark.parametrize("kind", KINDS)
def test_speckle_is_proportional_to_the_image(kind):
    noisy = values(noise.speckle(constant(0.5, kind), 0.2, generator=seeded(kind)))
    assert stats.kstest(noisy, stats.norm(0.5, 0.1).cdf).pvalue > 0.001
    assert (values(noise.speckle(constant(0.0, kind), 0.2, generator=seeded(kind))) == 0).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("shape", [(5, 7), (3, 1, 6, 9), (11,)])
def test_same_seed_same_noise_same_type_and_nothing_global(name, kind, shape):
    model, level = MODELS[name]
    image = np.random.default_rng(1).random(shape, dtype=np.float32)
    image = image if kind == "numpy" else torch.from_numpy(image)
    before = values(image).copy()
    state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    first = model(image, level, generator=seeded(kind, 3))
    assert type(first) is type(image) and first.shape == image.shape and first.dtype == image.dtype
    assert np.array_equal(values(first), values(model(image, level, generator=seeded(kind, 3))))
    assert not np.array_equal(values(first), values(model(image, level, generator=seeded(kind, 4))))
    model(image, level)  # fresh entropy
    assert torch.equal(state[0], torch.get_rng_state())
    assert np.array_equal(state[1], np.random.get_state()[1])  # noqa: NPY002
    assert np.array_equal(values(image), before), "the caller's image was changed"


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_generator_each_call_differs(kind):
    image = constant(0.5, kind, 101)
    assert not np.array_equal(values(noise.gaussian(image, 0.1)), values(noise.gaussian(image, 0.1)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["gaussian", "masking", "salt_and_pepper", "speckle", "rician", "noncentral_chi"])
def test_level_zero_changes_nothing(name, kind):
    image = constant(0.25, kind, 51)
    assert np.allclose(values(MODELS[name][0](image, 0.0, generator=seeded(kind))), 0.25)


@pytest.mark.parametrize(
    "model", [noise.gaussian, noise.speckle, noise.rician, noise.rician_from_kspace, MODELS["noncentral_chi"][0]]
)
def test_gradients_pass_through(model):
    image = torch.rand(4, 5, dtype=torch.float64, requires_grad=True)
    model(image, 0.1, generator=seeded("torch")).sum().backward()
    assert image.grad.abs().sum() > 0


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(
    ("image", "error", "says"),
    [
        ([[0.1]], TypeError, "got list"),
        (np.zeros((2, 2), np.uint8), TypeError, "got uint8"),
        (torch.zeros(2, 2, dtype=torch.int64), TypeError, "got torch.int64"),
        (np.zeros((0, 3)), ValueError, "empty"),
        (np.array([[np.nan, 1]]), ValueError, "NaN"),
        (torch.tensor([torch.inf]), ValueError, "infinity"),
    ],
)
def test_bad_images_are_refused_in_words(name, image, error, says):
    model, level = MODELS[name]
    with pytest.raises(error, match=says):
        model(image, level)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(
    ("level", "error"), [(-0.1, ValueError), (np.nan, ValueError), ("0.1", TypeError), (None, TypeError)]
)
def test_bad_levels_are_refused_in_words(name, level, error):
    with pytest.raises(error, match="expected"):
        MODELS[name][0](np.ones((2, 2)), level)


def test_refusals_of_one_model_each():
    with pytest.raises(ValueError, match="from 0 to 1"):
        noise.masking(np.ones((2, 2)), 1.5)
    with pytest.raises(ValueError, match="above 0"):
        noise.poisson(np.ones((2, 2)), 0)
    for model in (noise.rician, noise.poisson):
        with pytest.raises(ValueError, match="negative"):
            model(-np.ones((2, 2)), 1.0)
    with pytest.raises(TypeError, match=r"torch\.Generator"):
        noise.gaussian(torch.ones(2), 0.1, generator=np.random.default_rng())
    with pytest.raises(TypeError, match=r"numpy\.random\.Generator"):
        noise.gaussian(np.ones(2), 0.1, generator=torch.Generator())
