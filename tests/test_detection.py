"""Matched filter and detectability against formulas, simulation, SciPy and scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from course_lib.detection import (
    Detectability,
    auc_of,
    detectability,
    ideal_detectability,
    matched_filter,
    spot,
    spot_detectability,
)


@pytest.mark.parametrize("width", [0.5, 0.8, 2.0])
def test_spot(width):
    template = spot(width)
    middle = len(template) // 2
    assert template.shape == (2 * middle + 1,) * 2 and template.dtype == np.float32
    assert template[middle, middle] == template.max() == 1
    assert math.isclose(template[middle, middle + 1], math.exp(-1 / (2 * width**2)), rel_tol=1e-6)
    assert template[middle + 1, middle + 2] == template[middle - 2, middle - 1]
    assert template[0].max() < 0.012, "it has faded at its border"


def picture(height: float, ground: float = 0.0, size: tuple[int, int] = (41, 33), at=(20, 13)) -> np.ndarray:
    """A spot of 0.8 pixels by its formula, on a ground."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    return ground + height * np.exp(-((rows - at[0]) ** 2 + (columns - at[1]) ** 2) / (2 * 0.8**2))


@pytest.mark.parametrize(("height", "ground"), [(0.3, 0.0), (0.3, 0.7), (-0.2, 0.5), (1.0, -2.0)])
def test_filter_gives_the_height_whatever_the_ground(height, ground):
    heights = matched_filter(picture(height, ground), spot(0.8))
    assert math.isclose(heights[20, 13], height, rel_tol=1e-5)
    assert np.unravel_index(np.abs(heights).argmax(), heights.shape) == (20, 13)
    assert np.abs(heights[:8, 20:]).max() < 1e-6


def test_filter_does_not_see_flat_ground_or_a_slope():
    rows, columns = np.mgrid[:30, :25].astype(np.float64)
    heights = matched_filter(0.3 + 0.02 * rows - 0.01 * columns, spot(0.8))
    assert np.abs(heights[4:-4, 4:-4]).max() < 1e-12


def test_filter_is_least_squares():
    """Oracle: numpy's own least squares of spot and ground at every fifth pixel."""
    image, template = np.random.default_rng(0).random((23, 31)), spot(1.1).astype(np.float64)
    reach = len(template) // 2
    heights = matched_filter(image, template)
    design = np.stack([template.ravel(), np.ones(template.size)], axis=1)
    for row in range(reach, 23 - reach, 5):
        for column in range(reach, 31 - reach, 5):
            window = image[row - reach : row + reach + 1, column - reach : column + reach + 1]
            assert math.isclose(heights[row, column], np.linalg.lstsq(design, window.ravel())[0][0], rel_tol=1e-9)


def test_filter_agrees_with_scipy_at_borders_and_on_a_template_without_symmetry():
    from scipy.ndimage import correlate

    rng = np.random.default_rng(1)
    image, template = rng.random((2, 3, 17, 12)), rng.random((5, 5))
    g = template - template.mean()
    expected = [correlate(one, g / (g**2).sum(), mode="mirror") for one in image.reshape(6, 17, 12)]
    np.testing.assert_allclose(matched_filter(image, template), np.reshape(expected, image.shape), rtol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_filter_keeps_kind_shape_and_dtype(dtype):
    image = torch.rand((2, 1, 20, 21), generator=torch.Generator().manual_seed(0), dtype=dtype, requires_grad=True)
    heights = matched_filter(image, spot(0.8))
    assert heights.shape == image.shape and heights.dtype == dtype
    heights[0, 0, 10, 10].backward()
    assert image.grad[0, 0, 10, 10] > 0 and image.grad[1].abs().max() == 0
    same = matched_filter(image.detach().numpy(), spot(0.8))
    assert isinstance(same, np.ndarray) and same.dtype == image.detach().numpy().dtype
    np.testing.assert_allclose(same, heights.detach().numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("contrast", "sigma", "width"), [(0.2, 0.1, 0.8), (0.1, 0.05, 1.5), (0.05, 0.2, 0.8)])
def test_formula_against_simulation(contrast, sigma, width):
    rng = np.random.default_rng(2)
    template = spot(width)
    noise = sigma * rng.standard_normal((2, 4000, 1, *template.shape))
    middle = (slice(None), 0, len(template) // 2, len(template) // 2)
    found = detectability(
        matched_filter(0.4 + contrast * template + noise[0], template)[middle],
        matched_filter(0.4 + noise[1], template)[middle],
    )
    expected = ideal_detectability(template, contrast, sigma)
    error = math.sqrt(2 / 4000 + expected**2 / (4 * 4000))  # of d' of 4000 and 4000 Gaussian scores
    assert abs(found.d_prime - expected) < 4 * error
    assert abs(found.contrast - contrast) < 4 * contrast / expected * math.sqrt(2 / 4000)
    assert abs(found.auc - auc_of(expected)) < 4 * found.auc_error + 1e-9


def test_formula_by_hand():
    template = np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]], dtype=np.float32)  # sum(g * g) = 1 - 1/9
    assert math.isclose(ideal_detectability(template, 0.3, 0.1), 3 * math.sqrt(8 / 9))
    assert ideal_detectability(template, 0, 0.1) == 0


def test_auc_of_d_prime_against_scipy():
    from scipy.stats import norm

    for d_prime in (-1.0, 0.0, 0.7, 2.0, 5.0):
        assert math.isclose(auc_of(d_prime), norm.cdf(d_prime / math.sqrt(2)), rel_tol=1e-12)


@pytest.mark.parametrize("ties", [False, True])
def test_auc_and_its_error_against_scikit_learn_and_repetition(ties):
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(3)

    def scores(count, shift):
        values = rng.standard_normal(count) + shift
        return np.round(values) if ties else values

    areas, errors = [], []
    for _ in range(400):
        present, absent = scores(37, 1.0), scores(53, 0.0)
        found = detectability(present, absent)
        areas.append(found.auc)
        errors.append(found.auc_error)
        assert (found.present, found.absent) == (37, 53)
        assert math.isclose(found.contrast, present.mean() - absent.mean())
    truth = np.r_[np.ones(37), np.zeros(53)]
    assert math.isclose(areas[-1], roc_auc_score(truth, np.r_[present, absent]), rel_tol=1e-12)
    # the spread of 400 repetitions is known to 3.5 %
    assert abs(np.mean(errors) / np.std(areas) - 1) < 0.15


def test_d_prime_by_hand():
    found = detectability([1.0, 2.0, 3.0], [0.0, 2.0])  # variances 1 and 2
    assert math.isclose(found.d_prime, 1 / math.sqrt(1.5))
    assert math.isclose(found.auc, (1 + 0 + 1 + 0.5 + 1 + 1) / 6)
    assert str(found) == f"contrast 1.000, d' 0.82, AUC 0.750 ± {found.auc_error:.3f}"


def test_d_prime_at_its_ends():
    assert detectability([0.5, 0.5], [0.5, 0.5]) == Detectability(0.0, 0.0, 0.5, 0.0, 2, 2)
    assert detectability([1.0, 1.0], [0.0, 0.0]).d_prime == math.inf
    assert detectability([0.0, 0.0], [1.0, 1.0]).d_prime == -math.inf
    assert detectability(torch.tensor([[2.0], [3.0]], requires_grad=True), [0.0, 1.0]).auc == 1


def test_swapping_the_heaps_turns_everything_round():
    rng = np.random.default_rng(4)
    one, other = rng.random(20) + 0.3, rng.random(31)
    there, back = detectability(one, other), detectability(other, one)
    assert math.isclose(there.d_prime, -back.d_prime) and math.isclose(there.auc, 1 - back.auc)
    assert math.isclose(there.auc_error, back.auc_error)


def test_spots_in_pictures():
    """Scores are read at the right places: rows are rows, each picture has its own, and pictures may have none."""
    template, places = spot(0.8), [np.array([[20, 13], [9, 25]]), np.zeros((0, 2), np.int64), np.array([[5, 6]])]
    absent = np.random.default_rng(5).normal(0.5, 1e-4, (3, 1, 41, 33))
    present = absent[::-1].copy()
    for image, at in zip(present, places, strict=True):
        for place in at:
            image[0] += picture(0.3, at=place)
    found = spot_detectability(present, absent, places, template)
    assert (found.present, found.absent) == (3, 3)
    assert math.isclose(found.contrast, 0.3, rel_tol=1e-2) and found.auc == 1 and found.d_prime > 100
    same = spot_detectability(*map(torch.from_numpy, (present, absent)), [*map(torch.from_numpy, places)], template)
    assert math.isclose(same.d_prime, found.d_prime, rel_tol=1e-6)
    wrong = [at[:, ::-1] for at in places[:2]] + [places[2]]
    assert spot_detectability(present, absent, wrong, template).contrast < 0.2


def test_blur_keeps_detectability_less_than_an_identity_and_an_eraser_leaves_nothing():
    from scipy.ndimage import gaussian_filter, median_filter

    rng, template = np.random.default_rng(6), spot(0.8)
    places = [np.array([[20, 13], [8, 8], [30, 20]])] * 100
    clean = np.full((100, 1, 41, 33), 0.5)
    spots = clean + sum(picture(0.25, at=at) for at in places[0])
    present, absent = (one + 0.1 * rng.standard_normal(one.shape) for one in (spots, clean))
    noisy = spot_detectability(present, absent, places, template)
    blurred, erased = (
        spot_detectability(smooth(present), smooth(absent), places, template)
        for smooth in (lambda x: gaussian_filter(x, (0, 0, 1.5, 1.5)), lambda x: median_filter(x, (1, 1, 7, 7)))
    )
    assert abs(noisy.d_prime - ideal_detectability(template, 0.25, 0.1)) < 0.5
    assert noisy.d_prime > blurred.d_prime + 0.3 > erased.d_prime + 1
    assert noisy.contrast > 2 * blurred.contrast > 4 * abs(erased.contrast)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: spot(0), ValueError, "width: expected a finite number above 0"),
        (lambda: spot("1"), TypeError, "width: expected a number"),
        (lambda: matched_filter([[1.0]], spot(1)), TypeError, "numpy array or a torch tensor"),
        (lambda: matched_filter(np.zeros((20, 5)), spot(0.8)), ValueError, r"sides of at least 9.*got \(20, 5\)"),
        (lambda: matched_filter(np.zeros((9, 9)), np.ones((3, 3))), ValueError, "the same value everywhere"),
        (lambda: matched_filter(np.zeros((9, 9)), np.eye(4)), ValueError, "K odd, got"),
        (lambda: matched_filter(np.zeros((9, 9)), np.eye(5)[:3]), ValueError, "K odd, got"),
        (lambda: ideal_detectability(spot(1), 0.1, 0), ValueError, "sigma: expected a finite number above 0"),
        (lambda: ideal_detectability(spot(1), math.nan, 1), ValueError, "contrast: expected a finite number"),
        (lambda: auc_of(None), TypeError, "d_prime: expected a number"),
        (lambda: detectability([1.0], [1.0, 2.0]), ValueError, "present: expected at least two"),
        (lambda: detectability([1.0, 2.0], [1.0, math.inf]), ValueError, "absent: expected at least two"),
        (lambda: pictures((2, 1, 9, 9), (2, 1, 9, 8), 2), ValueError, r"same shape .* \(2, 1, 9, 8\)"),
        (lambda: pictures((9, 9), (9, 9), 9), ValueError, "same shape"),
        (lambda: pictures((2, 1, 9, 9), (2, 1, 9, 9), 1), ValueError, "one list for each of 2 pictures, got 1"),
        (lambda: pictures((2, 1, 9, 9), (2, 1, 9, 9), 2, [[9, 0]]), ValueError, r"inside \(9, 9\), got up to \[9, 0\]"),
        (lambda: pictures((2, 1, 9, 9), (2, 1, 9, 9), 2, [[-1, 0]]), ValueError, "inside"),
        (lambda: pictures((2, 1, 9, 9), (2, 1, 9, 9), 2, [[0.5, 0]]), ValueError, "whole numbers"),
        (lambda: pictures((2, 1, 9, 9), (2, 1, 9, 9), 2, [1, 2]), ValueError, "whole numbers"),
    ],
)
def test_bad_arguments(call, error, words):
    with pytest.raises(error, match=words):
        call()


def pictures(present, absent, count, place=((4, 4),)):
    return spot_detectability(np.zeros(present), np.zeros(absent), [np.array(place)] * count, spot(0.8))
