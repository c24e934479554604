"""Sigma of white and of correlated noise, and which of the two it is: on noise alone, on heads, at several levels."""

import numpy as np
import pytest
import torch

from course_lib import noise
from course_lib.data.brains import brain_slices

FILTERS = {
    "white": ("smoothed", 0.0),
    "smoothed": ("smoothed", 0.6),
    "interpolated": ("interpolated", 0.5),
    "zero-filled": ("zero-filled", 0.5),
}


def made(image, sigma, kind, seed=0):
    filter, strength = FILTERS[kind]
    generator = torch.Generator().manual_seed(seed)
    return noise.correlated(image, sigma, filter=filter, strength=strength, magnitude=True, generator=generator)


@pytest.fixture(scope="module")
def heads():
    test, made = brain_slices("colin27", slices=4), brain_slices("cohort", subjects=1, slices=4, seed=5)
    return {
        "colin27": (test.images[:, 0], test.brain_masks[:, 0]),
        "cohort": (made.images[:, 0], made.brain_masks[:, 0]),
    }


@pytest.mark.parametrize("head", ["colin27", "cohort"])
@pytest.mark.parametrize("sigma", [0.02, 0.05, 0.1])
@pytest.mark.parametrize("kind", list(FILTERS))
def test_on_heads(heads, head, sigma, kind):
    image, mask = heads[head]
    found = noise.estimate_noise(made(image, sigma, kind), mask=mask)
    assert 0.85 < found.sigma / sigma < 1.35
    assert (found.whiteness >= 0.8) is (kind == "white")
    if kind != "white":  # who looks at the finest differences alone finds half of it
        assert found.finest / sigma < 0.65


@pytest.mark.parametrize("kind", list(FILTERS))
def test_on_noise_alone(kind):
    flat = torch.full((3, 180, 211), 10.0)
    found = noise.estimate_noise(made(flat, 0.3, kind))
    assert found.sigma == pytest.approx(0.3, rel=0.15)
    assert (found.whiteness > 0.95) is (kind == "white")


def test_finest_is_the_median_rule_of_every_place():
    """Within the scatter of `estimate_sigma_mad`, which looks at every fourth place."""
    image = np.random.default_rng(0).normal(0, 2, (300, 301))
    assert noise.estimate_noise(image).finest == pytest.approx(noise.estimate_sigma_mad(image), rel=0.02)


def test_units_offsets_kinds():
    image = np.random.default_rng(1).normal(0, 1, (60, 71))
    plain = noise.estimate_noise(image)
    assert noise.estimate_noise(1000 * image - 300).sigma == pytest.approx(1000 * plain.sigma, rel=1e-9)
    assert noise.estimate_noise(torch.from_numpy(image)) == plain
    assert noise.estimate_noise(image[None]) == plain


def test_the_mask_counts():
    rng = np.random.default_rng(2)
    image = np.concatenate([rng.normal(0, 1, (80, 60)), rng.normal(0, 5, (80, 60))], axis=1)
    mask = np.zeros((80, 120), bool)
    mask[:, :60] = True
    assert noise.estimate_noise(image, mask=mask).sigma == pytest.approx(1, rel=0.06)
    assert noise.estimate_noise(image, mask=~mask).sigma == pytest.approx(5, rel=0.06)


def test_bad_input():
    image = np.random.default_rng(3).normal(size=(40, 40))
    with pytest.raises(ValueError, match="10×10"):
        noise.estimate_noise(image[:9])
    with pytest.raises(ValueError, match="block"):
        noise.estimate_noise(image, mask=np.zeros((40, 40), bool))
    with pytest.raises(ValueError, match="booleans"):
        noise.estimate_noise(image, mask=np.ones((40, 40)))
    with pytest.raises(ValueError, match="shape"):
        noise.estimate_noise(image[None, None])
    with pytest.raises(ValueError, match="flat"):
        noise.estimate_noise(np.ones((40, 40)))
