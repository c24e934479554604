"""Random contrasts: air stays dark, greys stay in range, the curve depends on grey alone."""

import pytest
import torch

from course_lib.data.contrast import random_contrast


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def test_zero_stays_zero_and_all_in_range():
    image = torch.linspace(0, 1, 301).view(1, 7, 43)
    for seed in range(50):
        result = random_contrast(image, probability=1, generator=seeded(seed))
        assert result[0, 0, 0] == 0 and result.min() >= 0 and result.max() <= 1 and result.shape == image.shape


def test_equal_greys_stay_equal_and_small_steps_stay_small():
    image = torch.rand(1, 20, 20, generator=seeded(1))
    for seed in range(20):
        both = random_contrast(torch.cat([image, image.flip(-1)]), probability=1, generator=seeded(seed))
        assert torch.equal(both[0], both[1].flip(-1))
        step = random_contrast(image.clamp(max=0.999) + 0.001, probability=1, generator=seeded(seed))
        same = random_contrast(image.clamp(max=0.999), probability=1, generator=seeded(seed))
        assert (step - same).abs().max() < 0.0051  # 5 knots: a slope of at most 5


def test_some_curves_fall():
    grey = torch.tensor([[[0.4, 0.6]]])
    falling = sum(
        bool((c := random_contrast(grey, probability=1, generator=seeded(s)))[0, 0, 0] > c[0, 0, 1]) for s in range(200)
    )
    assert 10 < falling < 120


def test_probability():
    image = torch.rand(1, 4, 4, generator=seeded(0))
    assert torch.equal(random_contrast(image, probability=0, generator=seeded(3)), image)
    changed = sum(
        not torch.equal(random_contrast(image, probability=0.5, generator=seeded(s)), image) for s in range(200)
    )
    assert 70 < changed < 130  # five standard deviations around 100


def test_seed_exact_and_input_kept():
    image = torch.rand(1, 4, 4, generator=seeded(0))
    before = image.clone()
    assert torch.equal(random_contrast(image, generator=seeded(5)), random_contrast(image, generator=seeded(5)))
    assert torch.equal(image, before)


@pytest.mark.parametrize("bad", [dict(probability=2), dict(knots=1)])
def test_bad_input(bad):
    with pytest.raises((TypeError, ValueError)):
        random_contrast(torch.rand(1, 4, 4), **bad)
    with pytest.raises(ValueError, match="C, H, W"):
        random_contrast(torch.rand(4, 4))
