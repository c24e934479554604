"""Rician bias and variance stabilisation, against the moments of SciPy's Rice distribution."""

import threading

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from course_lib import noise
from course_lib.noise import stabilisation

# signal in units of sigma: no signal, near the floor, where tables are dense, and beyond where they end (16 and 20)
SNRS = [0.0, 0.05, 0.2, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0, 12.0, 15.9, 16.5, 19.9, 20.5, 30.0]
SIGMAS = [0.02, 0.11, 3.0]
SINGLE = {
    "correct_bias": noise.correct_bias,
    "invert_mean": noise.invert_mean,
    "stabilise": noise.stabilise,
    "unstabilise": noise.unstabilise,
    "koay_signal": lambda image, sigma: noise.koay_inversion(image, image * 0 + sigma)[0],
    "koay_sigma": lambda image, sigma: noise.koay_inversion(image, image * 0 + sigma)[1],
}


def expectation(function, snr, sigma):
    """E[function(m)] for m ~ Rician(snr·sigma, sigma), by Simpson's rule over SciPy's density."""
    z = np.linspace(max(0, snr - 9), snr + 9, 6001)
    density = stats.rice(snr).pdf(z)
    return integrate.simpson(density * function(z * sigma), x=z)


def moments(snr, sigma):
    """Mean and standard deviation of the magnitude. (SciPy's own moments overflow at an SNR of 38.)"""
    mean = expectation(lambda m: m, snr, sigma)
    return mean, np.sqrt(expectation(lambda m: (m - mean) ** 2, snr, sigma))


def test_our_oracle_is_scipy():
    for snr in (0.0, 1.0, 5.0):
        assert moments(snr, 2.0) == pytest.approx((stats.rice(snr, scale=2).mean(), stats.rice(snr, scale=2).std()))


@pytest.mark.parametrize("coils", [1, 4])
@pytest.mark.parametrize("snr", [0.0, 0.3, 2.0, 10.0])
def test_the_squared_magnitude_is_corrected_exactly(snr, coils):
    sigma = 0.11
    # m² / sigma² is noncentral chi-square with 2·coils degrees of freedom
    square = stats.ncx2(2 * coils, max(snr, 1e-9) ** 2).mean() * sigma**2
    root_mean_square = np.array([np.sqrt(square)])
    assert noise.correct_bias(root_mean_square, sigma, coils=coils)[0] == pytest.approx(snr * sigma, abs=1e-8)


def test_correct_bias_has_known_values_and_cuts_at_zero():
    corrected = noise.correct_bias(np.array([0.0, 1.0, 1.4, 3.0]), 1.0)
    assert np.allclose(corrected, [0, 0, 0, np.sqrt(7)])
    assert np.array_equal(noise.correct_bias(np.array([0.2, 0.5]), 0), [0.2, 0.5])


@pytest.mark.parametrize("coils", [1, 4])
@pytest.mark.parametrize("snr", [12.0, 30.0])
def test_a_mean_of_magnitudes_wants_one_sigma_squared_less(snr, coils):
    # the mean of noncentral chi with 2·coils degrees of freedom: E[m] = A + (2·coils - 1)·sigma² / 2A + …
    square = stats.ncx2(2 * coils, snr**2)
    mean = np.array([0.11 * square.expect(np.sqrt, lb=(snr - 9) ** 2, ub=(snr + 12) ** 2)])
    right = noise.correct_bias(mean, 0.11, coils=coils, of="magnitude")[0] / 0.11
    larger = noise.correct_bias(mean, 0.11, coils=coils, of="square")[0] / 0.11
    assert right == pytest.approx(snr, abs=0.005 * coils**2)
    assert snr - larger == pytest.approx(1 / (2 * snr), rel=0.1)


def test_what_the_correction_of_a_mean_of_magnitudes_promises():
    for snr in (2.0, 3.0, 5.0):
        mean = np.array([moments(snr, 1.0)[0]])
        assert noise.correct_bias(mean, 1.0, of="magnitude")[0] == pytest.approx(snr, abs=0.05)
    floor = noise.correct_bias(np.array([np.sqrt(np.pi / 2)]), 1.0, of="magnitude")[0]
    assert floor == pytest.approx(np.sqrt(np.pi / 2 - 1)) and floor > 0.75
    with pytest.raises(ValueError, match="'square' or 'magnitude', got 'mean'"):
        noise.correct_bias(np.ones(3), 1.0, of="mean")


@pytest.mark.parametrize("sigma", SIGMAS)
@pytest.mark.parametrize("snr", SNRS)
def test_invert_mean_inverts_the_mean(snr, sigma):
    mean, _ = moments(snr, sigma)
    assert noise.invert_mean(np.array([mean]), sigma)[0] == pytest.approx(snr * sigma, abs=1e-4 * sigma)


def test_invert_mean_below_the_noise_and_without_noise():
    floor = np.sqrt(np.pi / 2)
    assert np.array_equal(noise.invert_mean(np.array([-0.5, 0.0, 0.9 * floor, floor]), 1.0), np.zeros(4))
    image = np.array([-0.1, 0.3])
    assert np.array_equal(noise.invert_mean(image, 0), image) and noise.invert_mean(image, 0) is not image


@pytest.mark.parametrize("sigma", SIGMAS)
@pytest.mark.parametrize("snr", [s for s in SNRS if s <= 20.5])
def test_koay_inversion_finds_signal_and_sigma(snr, sigma):
    mean, sd = moments(snr, sigma)
    signal, found = noise.koay_inversion(float(mean), float(sd))
    # at the floor the ratio of the moments holds SNR⁴ only: 1e-9 in the moments is 0.01 in the signal
    assert signal == pytest.approx(snr * sigma, abs=(0.02 if snr < 0.1 else 0.005) * sigma)
    assert found == pytest.approx(sigma, rel=1e-3)


def test_koay_inversion_at_its_ends():
    assert noise.koay_inversion(1.0, 0.0) == (1.0, 0.0)  # no noise
    assert noise.koay_inversion(0.0, 0.0) == (0.0, 0.0)
    assert noise.koay_inversion(1e5, 1e-3) == pytest.approx((1e5, 1e-3))
    signal, sigma = noise.koay_inversion(np.float64(1.0), 0.8)  # below the Rayleigh ratio of 1.913
    assert signal == 0 and sigma == pytest.approx(np.sqrt((1 + 0.64) / 2))
    means, sds = torch.full((3, 1, 5, 7), 0.5), torch.full((3, 1, 5, 7), 0.1)
    signals, sigmas = noise.koay_inversion(means, sds)
    expected = noise.koay_inversion(0.5, 0.1)
    assert signals.shape == sigmas.shape == means.shape
    assert torch.allclose(signals, torch.tensor(expected[0])) and torch.allclose(sigmas, torch.tensor(expected[1]))
    # it is a fixed point of the paper's equation
    snr = expected[0] / expected[1]
    xi = (0.1 / expected[1]) ** 2
    assert snr**2 == pytest.approx(xi * (1 + 25) - 2, rel=1e-4)


@pytest.mark.parametrize("sigma", [0.02, 3.0])
@pytest.mark.parametrize("snr", SNRS)
def test_stabilised_noise_has_unit_variance(snr, sigma):
    mean = expectation(lambda m: noise.stabilise(m, sigma), snr, sigma)
    sd = np.sqrt(expectation(lambda m: (noise.stabilise(m, sigma) - mean) ** 2, snr, sigma))
    assert abs(sd - 1) < (0.035 if snr < 9 else 0.001)  # what the docstring promises
    plain = np.sqrt(expectation(lambda m: (m / sigma) ** 2, snr, sigma) - (moments(snr, sigma)[0] / sigma) ** 2)
    assert snr > 1 or abs(sd - 1) < abs(plain - 1) / 8, "hardly better than no transform"


@pytest.mark.parametrize("sigma", [0.02, 3.0])
@pytest.mark.parametrize("snr", SNRS)
def test_unstabilise_is_the_exact_unbiased_inverse(snr, sigma):
    mean = expectation(lambda m: noise.stabilise(m, sigma), snr, sigma)
    assert noise.unstabilise(np.array([mean]), sigma)[0] == pytest.approx(snr * sigma, abs=1e-3 * sigma)


def test_unstabilise_is_zero_below_the_mean_of_noise():
    floor = expectation(lambda m: noise.stabilise(m, 1.0), 0.0, 1.0)
    assert np.array_equal(noise.unstabilise(np.array([-50.0, floor - 1, floor - 1e-3]), 0.3), np.zeros(3))


def test_the_transforms_rise_and_join_what_lies_beyond_their_tables():
    z = np.linspace(0, 60, 16001)
    slope = np.diff(noise.stabilise(z, 1.0)) / np.diff(z)
    assert slope.min() > 0.8 and slope.max() < 2.6
    assert np.allclose(noise.stabilise(z[z > 24], 1.0), np.sqrt(z[z > 24] ** 2 - 0.5))
    for inverse in (noise.unstabilise, noise.invert_mean):
        signal = inverse(z[z > 2], 1.0)
        assert (np.diff(signal) > 0).all() and np.diff(signal).max() < 0.005


@pytest.mark.parametrize("name", SINGLE)
@pytest.mark.parametrize("shape", [(), (7,), (5, 9), (2, 1, 5, 7)])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_numpy_and_torch_agree_and_keep_shape_and_dtype(name, shape, dtype):
    image = np.asarray(np.random.default_rng(0).uniform(0, 3, shape)).astype(dtype)
    before = image.copy()
    result = SINGLE[name](image, 0.11) if shape else None
    tensor = SINGLE[name](torch.from_numpy(image), 0.11)
    assert tensor.shape == shape and str(tensor.dtype) == f"torch.{dtype}"
    if shape:
        assert type(result) is np.ndarray and result.shape == shape and result.dtype == dtype
        assert np.array_equal(result, tensor.numpy())
        assert np.array_equal(SINGLE[name](image[..., ::-1], 0.11), result[..., ::-1])  # negative strides
        exact = SINGLE[name](image.astype("float64"), 0.11)
        assert np.allclose(result, exact, rtol={"float16": 2e-3, "float32": 1e-5, "float64": 0}[dtype], atol=2e-4)
    assert np.array_equal(image, before), "the caller's image was changed"


@pytest.mark.parametrize("name", ["correct_bias", "invert_mean", "unstabilise"])
def test_gradients_are_finite_even_where_the_result_is_zero(name):
    image = torch.linspace(0, 5, 101, dtype=torch.float64, requires_grad=True)
    SINGLE[name](image, 0.7).sum().backward()
    assert torch.isfinite(image.grad).all() and image.grad[0] == 0 and image.grad[-1] != 0


def test_tables_are_built_once_and_by_several_threads_alike():
    stabilisation._tables.cache_clear()
    image, results = np.linspace(0, 5, 101), []
    threads = [threading.Thread(target=lambda: results.append(noise.stabilise(image, 0.5))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4 and all(np.array_equal(r, results[0]) for r in results)
    tables = stabilisation._tables()
    noise.unstabilise(image, 0.5)
    assert stabilisation._tables() is tables


def test_bad_input_is_refused_in_words():
    image = np.ones((3, 3))
    for function in (noise.correct_bias, noise.invert_mean, noise.stabilise, noise.unstabilise):
        with pytest.raises(TypeError, match="got list"):
            function([[1.0]], 0.1)
        with pytest.raises(ValueError, match="NaN"):
            function(image * np.nan, 0.1)
        with pytest.raises(ValueError, match="sigma"):
            function(image, -0.1)
        with pytest.raises(TypeError, match="sigma"):
            function(image, "0.1")
    for function in (noise.correct_bias, noise.stabilise):
        with pytest.raises(ValueError, match="negative"):
            function(-image, 0.1)
    for function in (noise.stabilise, noise.unstabilise):
        with pytest.raises(ValueError, match="above 0"):
            function(image, 0)
    with pytest.raises(ValueError, match="coils"):
        noise.correct_bias(image, 0.1, coils=0)
    for sd in (torch.ones(3, 3), np.ones((3, 4))):
        with pytest.raises(ValueError, match="one kind and shape"):
            noise.koay_inversion(image, sd)
    with pytest.raises(TypeError, match="mean"):
        noise.koay_inversion("1", 0.5)
    with pytest.raises(TypeError, match="sd"):
        noise.koay_inversion(image, 0.5)
    with pytest.raises(ValueError, match="sd.*negative"):
        noise.koay_inversion(1.0, -0.5)
